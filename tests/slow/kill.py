"""Stops `sd` at random moments, by SIGINT, SIGTERM and SIGKILL, and looks at what is left.

    python tests/slow/kill.py [--runs N] [--seed N]

Every PNG in the output folder must be whole; after SIGINT and SIGTERM there is nothing beside them, and
the exit code names the signal. $SD_BINARY is the program.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from PIL import Image

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
COUNT = 6


def check_folder(folder, number):
    """The pictures of a stopped run; an error where something is broken or left over."""
    whole = 0
    for path in sorted(folder.iterdir()) if folder.exists() else ():
        if path.suffix != ".png":
            if number != signal.SIGKILL:
                raise AssertionError(f"{path.name} was left behind after {number.name}")
            continue
        with Image.open(path) as picture:
            picture.load()
            assert picture.size == (64, 64) and "parameters" in picture.info, path
        whole += 1
    return whole


def run_once(rng, number, root, longest):
    folder = root / "out"
    command = [os.environ["SD_BINARY"], "txt2img", "-p", "a red circle", "--seed", "1", "--steps", "10", "--count", str(COUNT)]
    process = subprocess.Popen(
        [*command, "-o", f"{folder}/", "--on-exist", "overwrite"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell's background job ignores SIGINT, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(rng.uniform(0, longest))
    process.send_signal(number)
    printed, messages = process.communicate(timeout=60)
    whole = check_folder(folder, number)
    lines = printed.decode().splitlines()
    assert len(lines) <= whole, f"{len(lines)} paths were printed, {whole} pictures are there"
    for line in lines:
        assert Path(line).is_file(), f"{line} was printed and is not there"
    done = process.returncode == 0
    assert done or process.returncode in (-number, 128 + number), f"exit {process.returncode} after {number.name}: {messages.decode()}"
    if done:
        assert whole == COUNT
    for path in folder.iterdir() if folder.exists() else ():
        path.unlink()
    return "finished first" if done else f"{whole} of {COUNT} pictures"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    outcomes = {number: Counter() for number in SIGNALS}
    with tempfile.TemporaryDirectory() as root:
        start = time.monotonic()
        subprocess.run(
            [os.environ["SD_BINARY"], "txt2img", "-p", "x", "--steps", "10", "--count", str(COUNT), "-q", "-o", f"{root}/warm/"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        longest = time.monotonic() - start
        for run in range(arguments.runs):
            number = SIGNALS[run % len(SIGNALS)]
            outcomes[number][run_once(rng, number, Path(root), longest)] += 1
    print("| signal | runs | what was there |\n|---|---:|---|")
    for number, counts in outcomes.items():
        text = ", ".join(f"{outcome}: {times}" for outcome, times in sorted(counts.items()))
        print(f"| {number.name} | {sum(counts.values())} | {text} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
