"""How often does a model draw what it is asked? Measured with diffusers and the checker.

    python tests/meaning/evaluate.py [MODEL]                  held-out prompts, every sampler
    python tests/meaning/evaluate.py [MODEL] --behaviour      negative prompt, guidance, img2img

MODEL is a diffusers folder (default: models/shapes-sd1). Weights are computed with in single
precision whatever their type in the files. Needs torch, diffusers, transformers.
"""

import argparse
import random
import sys
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
)
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import checker  # noqa: E402
import prompts  # noqa: E402
from shapes import scenes  # noqa: E402

# name: (scheduler, its options, eta, how many of each kind of prompt; None for all)
SAMPLERS = {
    "ddim": (DDIMScheduler, {}, 0.0, None),
    "plms": (PNDMScheduler, {"skip_prk_steps": True}, 0.0, None),
    "euler": (EulerDiscreteScheduler, {}, 0.0, None),
    "dpm++2m": (DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++"}, 0.0, None),
    "ddim-eta1": (DDIMScheduler, {}, 1.0, None),
    "ddpm": (DDPMScheduler, {}, 0.0, 20),
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    default = HERE.parents[1] / "models" / "shapes-sd1"
    parser.add_argument("model", type=Path, nargs="?", default=default)
    parser.add_argument("--samplers", default=",".join(SAMPLERS), help="comma-separated names")
    parser.add_argument("--prompts", choices=("held-out", "bare"), default="held-out")
    parser.add_argument("--limit", type=int, default=None, help="prompts of each kind")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--guidance", type=float, default=2.5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--save", type=Path, help="folder to write the pictures to")
    parser.add_argument("--behaviour", action="store_true")
    parser.add_argument("--failures", action="store_true", help="print every failure")
    return parser.parse_args()


def load_pipeline(arguments):
    dtype = getattr(torch, arguments.dtype)
    pipeline = StableDiffusionPipeline.from_pretrained(arguments.model, torch_dtype=dtype)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to("cuda" if torch.cuda.is_available() else "cpu")


def generators(seed, first, count):
    """One generator per picture, so that a picture does not depend on the batch it is in."""
    return [torch.Generator().manual_seed(seed + first + index) for index in range(count)]


@torch.inference_mode()
def generate(pipeline, texts, arguments, **options):
    """Pictures for all texts, in batches. List options are cut into the same batches."""
    settings = {"num_inference_steps": arguments.steps, "guidance_scale": arguments.guidance}
    pictures = []
    for first in range(0, len(texts), arguments.batch):
        part = slice(first, first + arguments.batch)
        cut = {name: v[part] if isinstance(v, list) else v for name, v in options.items()}
        pictures += pipeline(
            prompt=texts[part],
            generator=generators(arguments.seed, first, len(texts[part])),
            **{**settings, **cut},
        ).images
    return pictures


def percent(part):
    obeyed, total = part
    return f"{100 * obeyed / total:5.1f} % ({obeyed}/{total})" if total else "-"


def choose_prompts(arguments, limit):
    if arguments.prompts == "bare":
        return prompts.bare_prompts()[:limit]
    every = prompts.held_out_prompts()
    return every[: prompts.SINGLES][:limit] + every[prompts.SINGLES :][:limit]


def smaller(*limits):
    return min((limit for limit in limits if limit is not None), default=None)


def evaluate_samplers(pipeline, arguments):
    print(f"{arguments.steps} steps, guidance {arguments.guidance}, seed {arguments.seed}")
    print(f"{'sampler':<10} {'one object':>20} {'two objects':>20} {'seconds':>8}", flush=True)
    for name in arguments.samplers.split(","):
        scheduler, options, eta, limit = SAMPLERS[name]
        pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **options)
        texts = choose_prompts(arguments, smaller(limit, arguments.limit))
        start = time.monotonic()
        pictures = generate(pipeline, texts, arguments, eta=eta)
        seconds = time.monotonic() - start
        if arguments.save:
            write_pictures(arguments.save / name, texts, pictures)
        report = checker.check_folder(zip(texts, pictures))
        single, pair = percent(report["single"]), percent(report["pair"])
        print(f"{name:<10} {single:>20} {pair:>20} {seconds:8.0f}", flush=True)
        if arguments.failures:
            for prompt, _, reason in report["failures"]:
                print(f"    {prompt}: {reason}")


def write_pictures(folder, texts, pictures):
    """Numbered pictures, the prompts, and a contact sheet."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, picture in enumerate(pictures):
        picture.save(folder / f"{index:03d}.png")
    (folder / "prompts.txt").write_text("\n".join(texts) + "\n")
    columns = 20
    side = pictures[0].width
    sheet = Image.new("RGB", (columns * side, -(-len(pictures) // columns) * side))
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (index % columns * side, index // columns * side))
    sheet.save(folder / "sheet.png")


# --- behaviour -----------------------------------------------------------------------------------


def share(values):
    values = list(values)
    return f"{100 * sum(values) / len(values):5.1f} % of {len(values)}"


def measure_negative_prompt(pipeline, arguments):
    """Bare prompts leave the background open; a negative prompt can forbid the usual one."""
    texts = [prompt for prompt in prompts.bare_prompts() if "white" not in prompt]
    for negative in ("", "white background"):
        pictures = generate(
            pipeline, texts, arguments, negative_prompt=[negative] * len(texts)
        )
        seen = [checker.look_at(picture).background == "white" for picture in pictures]
        kept = [checker.check(picture, text)[0] for picture, text in zip(pictures, texts)]
        print(f"negative prompt {negative!r}: white {share(seen)}, prompt obeyed {share(kept)}")


def measure_guidance(pipeline, arguments):
    texts = prompts.held_out_prompts()
    texts = texts[:40] + texts[prompts.SINGLES : prompts.SINGLES + 40]
    for scale in (1.0, 2.0, 4.0, 7.5):
        pictures = generate(pipeline, texts, arguments, guidance_scale=scale)
        report = checker.check_folder(zip(texts, pictures))
        single, pair = percent(report["single"]), percent(report["pair"])
        print(f"guidance {scale}: one object {single}, two objects {pair}", flush=True)


def image_to_image_cases(count):
    """(picture, its caption, another prompt): drawn scenes of one object, and what to paint."""
    cases = []
    for prompt in prompts.held_out_prompts()[:count]:
        rng = random.Random(prompt)
        wanted = checker.parse_caption(prompt)
        scene = scenes.random_scene_where(
            rng,
            lambda scene: scene.background != wanted.background
            and scene.things[0].colour != wanted.objects[0].colour,
            things=1,
        )
        caption = rng.choice(prompts.wordings(scene))
        cases.append((scenes.draw(scene, rng), caption, prompt))
    return cases


def pixel_change(before, after):
    return float(np.abs(np.asarray(before, float) - np.asarray(after, float)).mean())


def measure_image_to_image(pipeline, arguments):
    """How much of the input and of the prompt a picture keeps, by strength."""
    painter = StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    painter.set_progress_bar_config(disable=True)
    inputs, captions, texts = map(list, zip(*image_to_image_cases(40)))
    for strength in (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0):
        pictures = generate(painter, texts, arguments, image=inputs, strength=strength)
        changes = [pixel_change(*pair) for pair in zip(inputs, pictures)]
        still = share(checker.check(*pair)[0] for pair in zip(pictures, captions))
        new = share(checker.check(*pair)[0] for pair in zip(pictures, texts))
        print(
            f"strength {strength}: input's caption still true {still}, prompt obeyed {new}, "
            f"mean change {np.mean(changes):.1f} grey levels",
            flush=True,
        )


def main():
    arguments = parse_arguments()
    pipeline = load_pipeline(arguments)
    if not arguments.behaviour:
        evaluate_samplers(pipeline, arguments)
        return
    measure_negative_prompt(pipeline, arguments)
    measure_guidance(pipeline, arguments)
    measure_image_to_image(pipeline, arguments)


if __name__ == "__main__":
    main()
