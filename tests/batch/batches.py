"""Runs `sd batch` as a user does, and reads what it leaves: pictures, manifests, nothing else."""

import hashlib
import io
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "inputs"))

from running import MODEL, SD, TIME_LIMIT, InputTest, Outcome  # noqa: E402, F401

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

FAILED, TEMPORARY = 1, 75

ALONE = ["-m", str(MODEL), "--threads", "1", "--device", "cpu", "--dtype", "fp32"]
SMALL = ["-W", "64", "-H", "64", "--steps", "2", "--seed", "1"]
QUICK = [*ALONE, *SMALL]

PAINTED = {}  # jobs to the folder of their run

SHAPES = ("circle", "square", "triangle", "star")
COLORS = ("red", "blue", "green", "yellow", "purple")


def prompts(count):
    """So many different texts."""
    return [f"a {COLORS[i % len(COLORS)]} {SHAPES[i % len(SHAPES)]}, number {i}" for i in range(count)]


def lines(jobs):
    """A file of jobs, each on its line."""
    return "".join(json.dumps(job) + "\n" for job in jobs)


def is_manifest(path):
    return path.name.startswith("manifest") and path.suffix == ".jsonl"


def files_in(folder):
    """Name to bytes of all that is in a folder; manifests and what claims leave aside."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not is_manifest(path)]
    names = {path: str(path.relative_to(folder)) for path in paths}
    return {name: path.read_bytes() for path, name in names.items() if not name.startswith(".sd-claims/")}


def pixels(content):
    """The mode, size and pixels of a picture's bytes."""
    with Image.open(io.BytesIO(content)) as picture:
        return picture.mode, picture.size, picture.tobytes()


def manifest_lines(folder):
    """All lines of all manifests of a folder, by manifest and in their order."""
    return [
        json.loads(line)
        for path in sorted(folder.iterdir())
        if is_manifest(path)
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def made_pictures(folder):
    """Index to the line that counts, which is the last one; failures are left in."""
    return {line["index"]: line for line in manifest_lines(folder) if line["kind"] != "run"}


def check_sound(folder):
    """The files of a folder whose manifests tell of each of them, and of none that is not there or
    is not whole; else an AssertionError."""
    files = files_in(folder)
    made = [line for line in made_pictures(folder).values() if line["kind"] == "image"]
    for line in made:
        name = line["file"]
        assert name in files, f"{name} of picture {line['index']} is missing"
        assert len(files[name]) == line["bytes"], f"{name} has {len(files[name])} bytes, not {line['bytes']}"
        assert hashlib.sha256(files[name]).hexdigest() == line["sha256"], f"{name} is not what was written"
        assert pixels(files[name])[1] == (line["parameters"]["width"] or 64, line["parameters"]["height"] or 64), name
    names = sorted(line["file"] for line in made)
    assert names == sorted(files), f"the manifests name {names}, there are {sorted(files)}"
    return files


class BatchTest(InputTest):
    """A run has its folder, with the job file and out/ in it."""

    def write(self, name, content, file="jobs.jsonl"):
        """Writes a file, jobs as lines, into the folder NAME."""
        path = self.folder(name) / file
        if isinstance(content, list):
            content = lines(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def batch(self, name, *flags, file="jobs.jsonl", out="out", **options):
        """Runs `sd batch` in the folder NAME; later flags go before earlier ones."""
        return self.run_sd(name, ["batch", file, "-o", out, *QUICK, *flags], **options)

    def start_batch(self, name, *flags, file="jobs.jsonl", out="out", **options):
        return self.start(name, ["batch", file, "-o", out, *QUICK, *flags], **options)

    def paint(self, name, content, *flags, file="jobs.jsonl", **options):
        """The pictures of jobs that all are painted, name to bytes."""
        self.write(name, content, file)
        return self.painted(self.batch(name, *flags, file=file, **options))

    def painted(self, outcome):
        """The pictures of a run that went well, and whose manifest says so."""
        self.assertEqual(outcome.code, 0, outcome.err)
        return check_sound(outcome.folder / "out")

    def copy_of_run(self, name, jobs):
        """The folder NAME becomes that of a run of these jobs; its pictures. Painted once for all
        tests of a process."""
        key = lines(jobs)
        if key not in PAINTED:
            self.paint("first", jobs)
            PAINTED[key] = tempfile.TemporaryDirectory()
            self.folder("first").rename(Path(PAINTED[key].name) / "run")
        shutil.copytree(Path(PAINTED[key].name) / "run", self.folder(name), dirs_exist_ok=True)
        return check_sound(self.folder(name) / "out")

    def assert_same(self, ours, theirs):
        """Two folders' files, without pages of bytes where they differ."""
        self.assertEqual(sorted(ours), sorted(theirs))
        self.assertEqual([name for name in ours if ours[name] != theirs[name]], [])

    def assert_same_pixels(self, ours, theirs):
        self.assertEqual(sorted(ours), sorted(theirs))
        self.assertEqual([name for name in ours if pixels(ours[name]) != pixels(theirs[name])], [])

    def wait_until(self, is_so, run):
        """While a process runs."""
        end = time.monotonic() + TIME_LIMIT
        while not is_so():
            self.assertIsNone(run.poll(), "the run ended before")
            self.assertLess(time.monotonic(), end, "nothing happened")
            time.sleep(0.005)
