"""Runs `sd` as a user does, on generated inputs: what it must refuse, and what it must paint.

A run that is refused ends with its exit code and one line on standard error, prints nothing else and
leaves nothing in the folder out/. A run that paints leaves there what it was asked for.
"""

import json
import os
import re
import struct
import subprocess
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SD = os.environ.get("SD_BINARY", str(ROOT / "build/release/bin/sd"))
MODEL = ROOT / "models/shapes-sd1"
TEXT = "text_encoder/model.safetensors"
UNET = "unet/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"

USAGE, BAD_MODEL, BAD_INPUT, BAD_OUTPUT, MEMORY, NUMERIC = 2, 3, 4, 5, 6, 7

QUICK = ["--steps", "1", "-W", "64", "-H", "64", "--seed", "1", "--threads", "1", "--device", "cpu", "--dtype", "fp32", "-q"]
PAINT = ["txt2img", "-p", "a red circle", *QUICK, "-o", "out/a.png"]

TIME_LIMIT = 300  # seconds; for machines that do other things, too
LONGEST_LINE = 12000  # bytes: a hostile name may be quoted, but not without end


class Outcome:
    def __init__(self, folder, code, out, err):
        self.folder = folder
        self.code = code
        self.out = out
        self.err = err
        self.files = sorted(str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*"))


class InputTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.root = Path(self.temporary.name)

    def folder(self, name):
        """A folder to run in, with an empty folder out/ in it."""
        folder = self.root / name
        (folder / "out").mkdir(parents=True, exist_ok=True)
        return folder

    def model(self, name, files):
        """The folder of a model that differs from the one that ships in these files: path to bytes,
        to a function that makes what stands at a path, or to None for a file that is missing."""
        folder = self.folder(name) / "model"
        for path in MODEL.rglob("*.*"):
            place = folder / path.relative_to(MODEL)
            if str(place.relative_to(folder)) not in files:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(path)
        for path, content in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if callable(content):
                content(place)
            elif content is not None:
                place.write_bytes(content)
        return folder

    def run_sd(self, name, arguments, **options):
        """Runs in the folder NAME; `env` adds to the environment, where None takes a variable away."""
        folder = self.folder(name)
        environment = os.environ | {"HF_HUB_OFFLINE": "1"} | options.pop("env", {})
        environment = {key: value for key, value in environment.items() if value is not None}
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        if "input" in options:
            del options["stdin"]
        done = subprocess.run([SD, *map(str, arguments)], cwd=folder, env=environment, timeout=TIME_LIMIT, **options)
        return Outcome(folder, done.returncode, done.stdout or b"", done.stderr or b"")

    def start(self, name, arguments, **options):
        """Starts sd in the folder NAME; its standard error can be waited for."""
        folder = self.folder(name)
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        run = subprocess.Popen([SD, *map(str, arguments)], cwd=folder, **options)
        self.addCleanup(self.end, run)
        run.folder, run.said = folder, b""
        limit = threading.Timer(TIME_LIMIT, run.kill)
        limit.start()
        self.addCleanup(limit.cancel)
        return run

    def end(self, run):
        if run.poll() is None:
            run.kill()
            run.communicate()

    def wait_for(self, run, word):
        """Until the run has said a line with `word`."""
        for line in run.stderr:
            run.said += line
            if word in line:
                return
        self.fail(f"ended without {word}: {run.said}")

    def finish(self, run):
        out, err = run.communicate(timeout=TIME_LIMIT)
        return Outcome(run.folder, run.returncode, out or b"", run.said + (err or b""))

    def run_all(self, cases, check):
        """Runs `cases`, name to a function that returns an Outcome and more, some at a time; then
        calls `check` with what each has returned."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            runs = {name: pool.submit(run) for name, run in cases.items()}
        for name, run in runs.items():
            with self.subTest(name):
                check(*run.result())

    def assert_refused(self, outcome, code, *parts):
        """`parts` are texts that the sentence holds."""
        self.assertEqual(outcome.code, code, outcome.err[:LONGEST_LINE])
        self.assertEqual(outcome.out, b"")
        self.assertRegex(outcome.err[:LONGEST_LINE], rb"\Asd: error: [^\n]+\n\Z")
        sentence = outcome.err.decode(errors="replace")
        for part in parts:
            self.assertIn(part, sentence)
        self.assertEqual(outcome.files, [])

    def assert_painted(self, outcome, *files):
        self.assertEqual(outcome.code, 0, outcome.err[:LONGEST_LINE])
        self.assertEqual(outcome.err, b"")
        self.assertEqual(outcome.files, sorted(files or ["a.png"]))
        for file in outcome.files:
            if (outcome.folder / "out" / file).is_file():
                self.assertTrue((outcome.folder / "out" / file).read_bytes().startswith(b"\x89PNG"), file)

    def refuse_models(self, cases):
        """`cases`: name to the files that differ, the exit code and parts of the sentence."""
        self.run_all(
            {name: lambda name=name, case=case: (self.paint_with(name, case[0]), *case[1:]) for name, case in cases.items()},
            self.assert_refused,
        )

    def paint_models(self, cases):
        """`cases`: name to the files that differ."""
        self.run_all(
            {name: lambda name=name, files=files: (self.paint_with(name, files),) for name, files in cases.items()},
            self.assert_painted,
        )

    def paint_with(self, name, files):
        self.model(name, files)
        return self.run_sd(name, [*PAINT, "-m", "model"])

    def refuse_arguments(self, cases):
        """`cases`: name to the arguments, the exit code and parts of the sentence."""
        self.run_all(
            {name: lambda name=name, case=case: (self.run_sd(name, case[0]), *case[1:]) for name, case in cases.items()},
            self.assert_refused,
        )


def bytes_of(header, data=b""):
    """A safetensors file; `header` is bytes or what becomes JSON."""
    if not isinstance(header, bytes):
        header = json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


class Tensors:
    """The tensors of a safetensors file: name to [dtype, shape, bytes]."""

    def __init__(self, path):
        content = (MODEL / path).read_bytes()
        end = 8 + struct.unpack("<Q", content[:8])[0]
        header = json.loads(content[8:end])
        header.pop("__metadata__", None)
        self.tensors = {}
        for name, info in header.items():
            begin, stop = info["data_offsets"]
            self.tensors[name] = [info["dtype"], info["shape"], content[end + begin : end + stop]]

    def first(self, pattern):
        """The name of the first tensor that the pattern is found in."""
        return next(name for name in self.tensors if re.search(pattern, name))

    def pack(self, names=None, metadata=None):
        header, data, at = {} if metadata is None else {"__metadata__": metadata}, [], 0
        for name in names or self.tensors:
            dtype, shape, content = self.tensors[name]
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(content)]}
            data.append(content)
            at += len(content)
        text = json.dumps(header).encode()
        return bytes_of(text.ljust((len(text) + 7) // 8 * 8), b"".join(data))  # aligned, as everyone writes


def config(path, **changes):
    """A config of the model that ships with other values; None takes a key away."""
    values = json.loads((MODEL / path).read_text()) | changes
    return json.dumps({key: value for key, value in values.items() if value is not None}).encode()
