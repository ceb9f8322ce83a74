"""The most memory that `sd` holds at a time with random weights of the largest models, which must run on a
machine of 24 GiB: two steps at 1024x1024.

    python tests/slow/large_models.py [--dtype bf16|fp32] [--model NAME...] [--side PIXELS]

NAME is sd3 or hunyuan, both without it. The bars are those of bf16; with fp32, for CPUs that have no
bf16, T5 still computes in bf16, and nothing is compared. $SD_BINARY is the program.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import measuring  # noqa: E402

BARS = {"sd3": 18e9, "hunyuan": 16e9}
FLAGS = {"sd3": [], "hunyuan": ["--no-resolution-binning"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dtype", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--model", choices=BARS, nargs="+", default=list(BARS))
    parser.add_argument("--side", type=int, default=1024)
    arguments = parser.parse_args()
    side = str(arguments.side)
    common = ["-p", "a red circle", "--seed", "0", "-W", side, "-H", side, "--steps", "2", "--device", "cpu"]
    common += ["--dtype", arguments.dtype, *(["--t5-dtype", "bf16"] if arguments.dtype == "fp32" else [])]
    has_bars = arguments.dtype == "bf16"
    print(f"| {arguments.dtype}, {side}x{side}, 2 steps | peak, GB | at most, GB | seconds |\n|---|---:|---:|---:|")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.model:
            command = [measuring.sd_program(), "txt2img", "-m", str(measuring.find_model(name)), *common, *FLAGS[name]]
            run = measuring.run([*command, "-o", f"{folder}/out.png"])
            bar = f"{BARS[name] / 1e9:.0f}" if has_bars else "-"
            print(f"| {name} | {run.peak / 1e9:.2f} | {bar} | {run.seconds:.0f} |", flush=True)
            failed |= has_bars and run.peak > BARS[name]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
