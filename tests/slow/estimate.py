"""What `sd batch --dry-run` says of time and memory, beside what painting takes.

    python tests/slow/estimate.py [--dtype fp32|bf16]

With the model that ships and with random weights of Stable Diffusion 1.5's size. The bars: the
estimated time is within a factor of 2, the memory within 25 % of the true one. $SD_BINARY is the
program.
"""

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import measuring  # noqa: E402

SECONDS = {"d": 86400, "h": 3600, "min": 60, "s": 1}
JOBS = 1000  # so that the words of a duration are precise enough
TIME_FACTOR, MEMORY_SHARE = 2, 0.25


def estimated(flags, folder):
    """Seconds a picture, bytes at most, and what saying so took."""
    jobs = folder / "jobs.txt"
    jobs.write_text("a red circle\n" * JOBS)
    run = measuring.run([measuring.sd_program(), "batch", str(jobs), "-o", str(folder / "out"), "--dry-run", *flags])
    words, gigabytes = re.search(r"estimated to take (.*) and ([\d.]+) GB", run.messages).groups()
    seconds = sum(int(count) * SECONDS[unit] for count, unit in re.findall(r"(\d+) (\w+)", words))
    return seconds / JOBS, float(gigabytes) * 1e9, run.seconds


def measured(flags, rounds):
    run = measuring.run([measuring.sd_program(), "bench", "--json", "--rounds", str(rounds), *flags])
    median = json.loads(run.output)["median"]
    return median["denoise"] + median["decode"], run.peak


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dtype", choices=("fp32", "bf16"), default="fp32")
    arguments = parser.parse_args()
    cases = (
        ("shapes-sd1", 64, 30, 5),
        ("shapes-sd1", 128, 30, 3),
        ("shapes-sd1", 512, 10, 2),
        ("sd15", 256, 3, 2),
        ("sd15", 512, 3, 2),
    )
    print(f"| {arguments.dtype} | s a picture | estimated | peak, GB | estimated | s for saying so |\n|---|---:|---:|---:|---:|---:|")
    failed = False
    for model, side, steps, rounds in cases:
        folder = measuring.REPOSITORY / "models" / model if model == "shapes-sd1" else measuring.find_model(model)
        flags = ["-m", str(folder), "-W", str(side), "-H", str(side), "--steps", str(steps), "--sampler", "ddim"]
        flags += ["--dtype", arguments.dtype, "--device", "cpu", "--seed", "0"]
        with tempfile.TemporaryDirectory() as place:
            seconds, memory, said_in = estimated(flags, Path(place))
        true_seconds, peak = measured(flags, rounds)
        row = f"{true_seconds:.2f} | {seconds:.2f} | {peak / 1e9:.2f} | {memory / 1e9:.2f} | {said_in:.1f}"
        print(f"| {model}, {side}x{side}, {steps} steps | {row} |", flush=True)
        failed |= not 1 / TIME_FACTOR < seconds / true_seconds < TIME_FACTOR
        failed |= abs(memory - peak) > MEMORY_SHARE * peak
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
