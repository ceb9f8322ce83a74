"""Stops `sd batch` at random moments by SIGKILL and resumes it, until nothing is missing.

    python tests/slow/kill_batch.py [--kills N] [--seed N]

The files and their bytes must be those of an undisturbed run, with no temporary file beside them and a
manifest that tells of each. $SD_BINARY is the program.
"""

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "batch"))

from batches import QUICK, SD, check_sound, lines, prompts  # noqa: E402
from killing import kill_often  # noqa: E402

JOBS = [{"prompt": text} for text in prompts(60)]
KINDS = {
    "one by one": ["--batch-size", "1"],
    "four at once": ["--batch-size", "4"],
    "--claim": ["--claim"],
}


def folder_with_jobs(root, name):
    folder = Path(root) / name
    folder.mkdir()
    (folder / "jobs.jsonl").write_text(lines(JOBS))
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    command = [SD, "batch", "jobs.jsonl", "-o", "out", *QUICK]
    with tempfile.TemporaryDirectory() as root:
        undisturbed = folder_with_jobs(root, "undisturbed")
        subprocess.run(command, cwd=undisturbed, check=True, capture_output=True)
        whole = check_sound(undisturbed / "out")
        assert len(whole) == len(JOBS), sorted(whole)
        print(f"| {len(JOBS)} pictures | kills | runs made whole | pictures there when killed | left temporaries | pictures without a line |")
        print("|---|---:|---:|---|---:|---:|")
        for name, flags in KINDS.items():
            rng = random.Random(f"{arguments.seed} {name}")
            kills, finished = kill_often([*command, *flags], folder_with_jobs(root, name), whole, arguments.kills, rng)
            pictures = ", ".join(str(kill.pictures) for kill in kills)
            left, untold = (sum(kill[i] for kill in kills) for i in (1, 2))
            print(f"| {name} | {len(kills)} | {finished} | {pictures} | {left} | {untold} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
