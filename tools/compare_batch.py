#!/usr/bin/env python3
"""`sd batch` beside diffusers: pictures a second on the model that ships, in one run.

    python tools/compare_batch.py [--jobs N] [--steps N] [--batch-size B] [--dtype fp32|bf16] [--rounds N]

Each round runs in turn `sd batch` with a file of N prompts, `sd bench` with the same settings, a
diffusers loop that loads once and makes one prompt at a time, and the same loop with B prompts at a
time. Prints pictures a second and their ratios, medians over the rounds, and the overhead of `sd batch`:
its wall time less what `sd bench` says encoding, denoising and decoding take. Exits with 1 where a bar
is missed: the overhead, or being faster than diffusers one at a time and, in bf16 (where pictures need
not be bit-equal to those made alone), B at a time. $SD_BINARY is the program (default:
build/release/bin/sd).
"""

import argparse
import itertools
import json
import statistics
import sys
import tempfile
from pathlib import Path

import measuring

MODEL = measuring.REPOSITORY / "models/shapes-sd1"
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "white", "black")
SHAPES = ("circle", "square", "triangle", "star")
MOST_OVERHEAD = 0.08
LEAST_RATIO_SINGLE = 1.5
LEAST_RATIO_BATCHED = 1.15
NAMES = {"fp32": "float32", "bf16": "bfloat16"}


def make_prompts(count):
    scenes = ((c, s, b) for b, s, c in itertools.product(COLOURS, SHAPES, COLOURS) if b != c)
    return [f"a {colour} {shape} on a {ground} background" for colour, shape, ground in itertools.islice(scenes, count)]


def paint_with_diffusers(arguments):
    """What a short script would do; run in a process of its own."""
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(MODEL, torch_dtype=getattr(torch, NAMES[arguments.dtype]))
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    prompts = make_prompts(arguments.jobs)
    for begin in range(0, len(prompts), arguments.batch_size):
        batch = prompts[begin : begin + arguments.batch_size]
        generators = [torch.Generator().manual_seed(begin + i) for i in range(len(batch))]
        for i, picture in enumerate(pipeline(batch, num_inference_steps=arguments.steps, generator=generators).images):
            picture.save(arguments.out / f"{begin + i:05}.png")


def run_diffusers(arguments, batch_size, folder):
    folder.mkdir()
    command = [sys.executable, str(Path(__file__).resolve()), "--jobs", arguments.jobs, "--steps", arguments.steps]
    command += ["--dtype", arguments.dtype, "--batch-size", batch_size, "--out", folder]
    return measuring.run(list(map(str, command))).seconds


def run_sd(arguments, folder):
    """Seconds of `sd batch`, and what its work alone takes by `sd bench`."""
    flags = ["--sampler", "ddim", "--steps", str(arguments.steps), "--batch-size", str(arguments.batch_size)]
    flags += ["--dtype", arguments.dtype, "--device", "cpu", "--seed", "0"]
    jobs = folder.parent / "prompts.txt"
    jobs.write_text("\n".join(make_prompts(arguments.jobs)) + "\n")
    run = measuring.run([measuring.sd_program(), "batch", str(jobs), "-o", str(folder), "-q", *flags])
    bench = json.loads(measuring.run([measuring.sd_program(), "bench", "--json", *flags]).output)
    work = sum(bench["median"][part] for part in ("encode", "denoise", "decode"))
    return run.seconds, work * arguments.jobs / arguments.batch_size


def compare(arguments, folder):
    rows = []
    for i in range(arguments.rounds):
        place = folder / str(i)
        place.mkdir()
        ours, work = run_sd(arguments, place / "sd")
        single = run_diffusers(arguments, 1, place / "single")
        batched = run_diffusers(arguments, arguments.batch_size, place / "batched")
        rows.append((ours, work, single, batched))
    ours, work, single, batched = map(statistics.median, zip(*rows))
    title = f"{arguments.jobs} pictures, {arguments.steps} DDIM steps, {arguments.dtype}, median of {arguments.rounds}"
    print(f"| {title} | s | pictures a second | `sd` is faster by |\n|---|---:|---:|---:|")
    names = ("`sd batch`", "diffusers, one at a time", f"diffusers, {arguments.batch_size} at a time")
    for name, seconds in zip(names, (ours, single, batched)):
        print(f"| {name} | {seconds:.1f} | {arguments.jobs / seconds:.2f} | {seconds / ours:.2f} |")
    print(f"\nBatch size {arguments.batch_size}; load included. The overhead of `sd batch` over the work alone", end=" ")
    overhead = (ours - work) / work
    print(f"(`sd bench`: {work:.1f} s) is {100 * overhead:.1f} %.")
    is_level = arguments.dtype == "fp32" or batched / ours >= LEAST_RATIO_BATCHED
    return overhead <= MOST_OVERHEAD and single / ours >= LEAST_RATIO_SINGLE and is_level


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--dtype", choices=NAMES, default="fp32")
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.out:
        paint_with_diffusers(arguments)
    else:
        with tempfile.TemporaryDirectory() as folder:
            return 0 if compare(arguments, Path(folder)) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
