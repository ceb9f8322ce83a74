"""What `sd batch` needs for long files of jobs: peak memory and time of reading, memory of painting.

    python tests/slow/batch_memory.py [--lines N...] [--pictures N]

A run of many pictures must not grow with each of them, and a file of 10 million lines must fit into 1 GB
beyond the model. $SD_BINARY is the program.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "batch"))

from batches import ALONE, SD, check_sound  # noqa: E402

KILOBYTE = 1024
MOST_PER_LINE = 100  # bytes; 1 GB for 10 million
MOST_PER_PICTURE = 2000  # bytes: less than a thousandth of what painting one takes
PICTURE = [*ALONE, "-W", "64", "-H", "64", "--seed", "1"]


def dry_run(path):
    """Seconds and peak bytes of a dry run."""
    command = [SD, "batch", str(path), "-o", str(path.parent / "out"), "--dry-run", "-q", *PICTURE]
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"status {status} of a dry run"
    return time.monotonic() - start, usage.ru_maxrss * KILOBYTE


def write_lines(path, count, texts):
    """So many lines, of so many different texts."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"a red circle on a blue background, number {i % texts}\n" for i in range(count))


def resident(pid):
    """Bytes, of /proc."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * KILOBYTE
    return None  # it has just ended


def paint(path, out):
    """Rows of pictures that are done and bytes resident then; a path is printed for each picture."""
    command = [SD, "batch", str(path), "-o", str(out), "--steps", "1", "-q", *PICTURE]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    rows = []
    for done, _ in enumerate(process.stdout, 1):
        bytes_now = resident(process.pid)
        if bytes_now:
            rows.append((done, bytes_now))
    assert process.wait() == 0, f"exit {process.returncode} of painting"
    return np.array(rows, dtype=float)


def measure_reading(root, counts):
    path = root / "prompts.txt"
    write_lines(path, 1, 1)
    _, base = dry_run(path)
    print("| lines read | seconds | peak, MB | bytes a line beyond the model |\n|---|---:|---:|---:|")
    failed = False
    for count in counts:
        write_lines(path, count, count)
        seconds, peak = dry_run(path)
        per_line = (peak - base) / count
        print(f"| {count:,} | {seconds:.0f} | {peak / 1e6:.0f} | {per_line:.0f} |", flush=True)
        failed |= per_line > MOST_PER_LINE
    path.unlink()
    return failed


def measure_painting(root, count):
    """With texts that come again nothing may grow; different ones fill the cache of prompts first."""
    print(f"\n| {count:,} pictures of | MB after {count // 10} | after {count // 2} | at the end | bytes a picture, second half |")
    print("|---|---:|---:|---:|---:|")
    slopes = []
    for texts in (10, count):
        path, out = root / f"{texts}.txt", root / f"{texts}"
        write_lines(path, count, texts)
        rows = paint(path, out)
        assert len(check_sound(out)) == count
        half = rows[rows[:, 0] > count / 2]
        slopes.append(np.polyfit(half[:, 0], half[:, 1], 1)[0])
        at = [rows[np.searchsorted(rows[:, 0], done)][1] / 1e6 for done in (count // 10, count // 2)]
        print(f"| {texts:,} texts | {at[0]:.1f} | {at[1]:.1f} | {rows[-1][1] / 1e6:.1f} | {slopes[-1]:.0f} |", flush=True)
    return slopes[0] > MOST_PER_PICTURE


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--pictures", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        failed = measure_reading(Path(folder), arguments.lines)
        failed |= measure_painting(Path(folder), arguments.pictures)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
