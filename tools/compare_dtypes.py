#!/usr/bin/env python3
"""How far pictures of the model that ships are from those of fp32, and from themselves in a batch.

    python tools/compare_dtypes.py [--device cpu|cuda] [--count N] [--steps N]

For each dtype of the device: peak signal-to-noise ratio (median and lowest of N pictures) against fp32
on the CPU, and of pictures painted alone against the same ones in batches of 4. Equal pictures have an
infinite one. $SD_BINARY is the program (default: build/release/bin/sd).
"""

import argparse
import math
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import measuring

PROMPTS = (
    "a red circle on a blue background",
    "a small yellow star on a purple background",
    "a large green triangle on a white background",
    "a blue square to the left of an orange circle on a black background",
)
DTYPES = {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "fp16", "bf16")}


def paint(folder, arguments, *flags):
    """The pictures of all prompts, in order."""
    prompts = folder / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS) + "\n")
    out = Path(tempfile.mkdtemp(dir=folder))
    command = [measuring.sd_program(), "txt2img", "--from-file", prompts, "--seed", "0", "-q", "--steps", arguments.steps, "--scale", "2.5"]
    command += ["--count", max(1, arguments.count // len(PROMPTS)), *flags, "-o", f"{out}/{{index:05}}.png"]
    measuring.run([str(word) for word in command])
    return [np.asarray(Image.open(path).convert("RGB")).astype(float) for path in sorted(out.glob("*.png"))]


def signal_to_noise(found, expected):
    """In dB, of a peak of 255."""
    error = np.square(found - expected).mean()
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def describe(found, expected):
    ratios = sorted(signal_to_noise(a, b) for a, b in zip(found, expected, strict=True))
    equal = sum(math.isinf(ratio) for ratio in ratios)
    if equal == len(ratios):
        return "equal"
    return f"{statistics.median(ratios):.1f} dB, lowest {ratios[0]:.1f} dB, {equal} of {len(ratios)} equal"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", choices=DTYPES, default="cpu")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    print(f"| {arguments.device}, {arguments.steps} steps | against fp32 on the CPU | alone against in batches of 4 |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = paint(folder, arguments, "--device", "cpu", "--dtype", "fp32")
        for dtype in DTYPES[arguments.device]:
            placement = ("--device", arguments.device, "--dtype", dtype)
            alone = paint(folder, arguments, *placement)
            batched = paint(folder, arguments, *placement, "--batch-size", "4")
            print(f"| {dtype} | {describe(alone, expected)} | {describe(batched, alone)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
