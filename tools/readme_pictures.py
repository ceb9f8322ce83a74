#!/usr/bin/env python3
"""Paints the pictures of README with the model that ships, into docs/.

    python tools/readme_pictures.py

Each is a row of pictures of 64x64, enlarged twice without smoothing. $SD_BINARY is the program (default:
build/release/bin/sd). Needs Pillow.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

import measuring

DOCS = measuring.REPOSITORY / "docs"
SIDE, GAP = 128, 4
SHARED = ["--steps", "30", "--scale", "2.5", "-q", "--device", "cpu", "--dtype", "fp32"]
PROMPTS = (
    "a large green triangle on a white background",
    "a yellow star on a purple background",
    "a small white circle on a black background",
    "a red square to the left of a blue circle on a yellow background",
    "a blue star above a red square on a white background",
    "a large orange circle on a blue background",
)
INPUT = "a red circle to the left of a blue square on a white background"
WANTED = "a yellow star to the left of a blue square on a green background"
STRENGTHS = ("0.2", "0.4", "0.6", "0.7", "0.8", "0.9")
SAMPLERS = ("ddim", "plms", "ddpm", "euler", "euler_a", "heun", "dpmpp_2m", "unipc", "lcm")


def sd(out, *arguments):
    """The picture that a command paints."""
    measuring.run([measuring.sd_program(), *map(str, arguments), *SHARED, "-o", str(out), "--on-exist", "overwrite"])
    with Image.open(out) as picture:
        return picture.convert("RGB")


def save_row(name, pictures):
    row = Image.new("RGB", (len(pictures) * (SIDE + GAP) - GAP, SIDE), "white")
    for index, picture in enumerate(pictures):
        row.paste(picture.resize((SIDE, SIDE), Image.NEAREST), (index * (SIDE + GAP), 0))
    row.save(DOCS / name, optimize=True)
    print(f"wrote docs/{name}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        out, start = Path(folder) / "out.png", Path(folder) / "start.png"
        shapes = [sd(out, "txt2img", "-p", prompt, "--seed", seed) for seed, prompt in enumerate(PROMPTS, 3)]
        save_row("shapes.png", shapes)
        changed = [sd(start, "txt2img", "-p", INPUT, "--seed", 1)]
        for strength in STRENGTHS:
            changed.append(sd(out, "img2img", "--init-img", start, "-p", WANTED, "--strength", strength, "--seed", 1))
        save_row("img2img.png", changed)
        sampled = [sd(out, "txt2img", "-p", PROMPTS[4], "--seed", 4, "--sampler", name) for name in SAMPLERS]
        save_row("samplers.png", sampled)
    return 0


if __name__ == "__main__":
    sys.exit(main())
