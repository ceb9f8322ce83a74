#!/usr/bin/env python3
"""`sd` beside diffusers on the same weights, in one run: time, memory, and the same picture.

    python tools/compare_speed.py [--model sd15|sd21|sd3|hunyuan|FOLDER] [--rounds N] [--steps N]
                                  [--side PIXELS] [--dtype fp32|bf16] [--no-t5]

Random weights (tools/make_random_model.py) are made once, under ~/.cache/sd. Sampled with DDIM, Stable
Diffusion 3 with the Euler of its folder; --no-t5 leaves its third text encoder out. HunyuanDiT paints the
size that is asked for, not its nearest preset. Each round runs both programs in turn as a user would, from
nothing to a PNG. Prints medians: seconds from start to picture, seconds a step, peak memory; their ratios
with the range over the rounds; and how far the pictures are apart. Fails where they differ by more than
1/255 in fp32. $SD_BINARY is the program (default: build/release/bin/sd).
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import measuring

PROMPT = "a red circle above a blue square on a white background"
HUNYUAN = "HunyuanDiTPipeline"
NAMES = {"fp32": "float32", "bf16": "bfloat16"}


def paint_with_diffusers(arguments):
    """What a short script would do; run in a process of its own. Prints its seconds as JSON."""
    import torch
    from diffusers import DDIMScheduler, DiffusionPipeline

    left_out = {"text_encoder_3": None, "tokenizer_3": None} if arguments.no_t5 else {}
    dtype = getattr(torch, NAMES[arguments.dtype])
    pipeline = DiffusionPipeline.from_pretrained(arguments.model, torch_dtype=dtype, **left_out)
    if not is_flow(arguments.model):
        pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    moments = []  # the first call of the network, then the end of every step
    network = getattr(pipeline, "unet", None) or pipeline.transformer
    network.register_forward_pre_hook(lambda *call: None if moments else moments.append(time.monotonic()))
    picture = pipeline(
        PROMPT,
        num_inference_steps=arguments.steps,
        width=arguments.side,
        height=arguments.side,
        generator=torch.Generator().manual_seed(0),
        **({"use_resolution_binning": False} if pipeline_of(arguments.model) == HUNYUAN else {}),
        callback_on_step_end=lambda *call: moments.append(time.monotonic()) or {},
    ).images[0]
    picture.save(arguments.out)
    print(json.dumps({"step": (moments[-1] - moments[0]) / arguments.steps}))


def pipeline_of(model):
    return json.loads((Path(model) / "model_index.json").read_text("utf-8"))["_class_name"]


def is_flow(model):
    return pipeline_of(model) == "StableDiffusion3Pipeline"


def run_sd(arguments, out):
    """Seconds from start to PNG, seconds a step, peak bytes."""
    sampler = "flow_euler" if is_flow(arguments.model) else "ddim"
    flags = ["--no-t5"] if arguments.no_t5 else []
    flags += ["--no-resolution-binning"] if pipeline_of(arguments.model) == HUNYUAN else []
    flags += ["--sampler", sampler, "--steps", str(arguments.steps), "--seed", "0", "--device", "cpu", "--dtype", arguments.dtype]
    flags += ["-W", str(arguments.side), "-H", str(arguments.side), "--on-exist", "overwrite", "-v"]
    run = measuring.run([measuring.sd_program(), "txt2img", "-m", str(arguments.model), "-p", PROMPT, *flags, "-o", str(out)])
    denoised = float(re.search(r"denoised in ([0-9.]+) s", run.messages)[1])
    return run.seconds, denoised / arguments.steps, run.peak


def run_diffusers(arguments, out):
    command = [sys.executable, str(Path(__file__).resolve()), "--steps", str(arguments.steps), "--dtype", arguments.dtype]
    command += ["--side", str(arguments.side), "--model", str(arguments.model), "--out", str(out)]
    command += ["--no-t5"] if arguments.no_t5 else []
    run = measuring.run(command)
    return run.seconds, json.loads(run.output.splitlines()[-1])["step"], run.peak


def describe_ratio(ours, theirs):
    """The ratio of the medians, and the smallest and the largest of a round."""
    rounds = [a / b for a, b in zip(ours, theirs)]
    ratio = statistics.median(ours) / statistics.median(theirs)
    return f"{ratio:.2f} ({min(rounds):.2f} to {max(rounds):.2f})"


def compare(arguments, pictures):
    rows = {name: [] for name in pictures}
    for _ in range(arguments.rounds):
        rows["sd"].append(run_sd(arguments, pictures["sd"]))
        rows["diffusers"].append(run_diffusers(arguments, pictures["diffusers"]))
    columns = {name: list(zip(*runs)) for name, runs in rows.items()}
    steps = f"{arguments.steps} {'Euler' if is_flow(arguments.model) else 'DDIM'} steps"
    without = ", without T5" if arguments.no_t5 else ""
    title = f"{arguments.side}x{arguments.side}, {steps}, {arguments.dtype}{without}, median of {arguments.rounds}"
    print(f"| {title} | start to PNG, s | s a step | peak memory, GB |\n|---|---:|---:|---:|")
    for name, values in columns.items():
        seconds, step, peak = map(statistics.median, values)
        print(f"| {name} | {seconds:.1f} | {step:.2f} | {peak / 1e9:.2f} |")
    print("| ratio (of a round) |", " | ".join(map(describe_ratio, *columns.values())), "|")
    found, expected = (np.asarray(Image.open(path).convert("RGB")).astype(int) for path in pictures.values())
    apart = np.abs(found - expected).max()
    print(f"\nThe pictures differ by at most {apart}/255; grey levels' standard deviation {expected.std():.1f}.")
    return 1 if arguments.dtype == "fp32" and apart > 1 else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--dtype", choices=NAMES, default="fp32")
    parser.add_argument("--model", default="sd15", help="sd15, sd21, sd3, hunyuan or a folder")
    parser.add_argument("--no-t5", action="store_true", help="leaves out the third text encoder of sd3")
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.out:
        paint_with_diffusers(arguments)
        return 0
    arguments.model = measuring.find_model(arguments.model)
    with tempfile.TemporaryDirectory() as folder:
        return compare(arguments, {name: Path(folder) / f"{name}.png" for name in ("sd", "diffusers")})


if __name__ == "__main__":
    sys.exit(main())
