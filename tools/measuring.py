"""What the measuring tools share: the full-size models, and a process' time and peak memory."""

import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent


class Run(NamedTuple):
    output: str
    messages: str
    seconds: float
    peak: int  # bytes


def sd_program():
    return os.environ.get("SD_BINARY", str(REPOSITORY / "build/release/bin/sd"))


def find_model(model):
    """The folder of a model; one with random weights is made where it is not there yet."""
    from make_random_model import KINDS, make_model

    if model not in KINDS:
        return Path(model)
    cache = Path(os.environ.get("SD_CACHE", Path.home() / ".cache" / "sd"))
    folder = cache / "full-size" / model
    if not (folder / "model_index.json").exists():
        make_model(model, folder)
    return folder


def run(command):
    """Runs a process to its end. Its peak is what it had resident at a time, as the kernel counts."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    output, messages = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{messages}")
    return Run(output, messages, time.monotonic() - start, usage.ru_maxrss * 1024)
