"""How often does a model draw what it is asked? Measured with diffusers and the checker.

    python tests/meaning/evaluate.py [MODEL ...]              held-out prompts, every sampler
    python tests/meaning/evaluate.py [MODEL ...] --behaviour  negative prompt, guidance, img2img, T5,
                                                              variational bound

MODEL is a diffusers folder (default: those that ship). Weights are computed with in single
precision whatever their type in the files. Needs torch, diffusers, transformers; for samplers that
diffusers' pipeline lacks the program $SD_BINARY (default: build/release/bin/sd).
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import checker  # noqa: E402
import families  # noqa: E402
import prompts  # noqa: E402
from shapes import bound, hunyuan, scenes, training  # noqa: E402

BOUND_STRIDE = 20  # between the times at which the bound is sampled
SD = os.environ.get("SD_BINARY", str(HERE.parents[1] / "build/release/bin/sd"))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", type=Path, nargs="*", default=families.SHIPPED)
    parser.add_argument("--samplers", help="comma-separated names; default: all of the family")
    parser.add_argument("--prompts", choices=("held-out", "bare"), default="held-out")
    parser.add_argument("--language", choices=prompts.LANGUAGES, help="default: all of the family")
    parser.add_argument("--limit", type=int, default=None, help="prompts of each kind")
    parser.add_argument("--steps", type=int, help="default: the family's")
    parser.add_argument("--guidance", type=float, help="default: the family's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--save", type=Path, help="folder to write the pictures to")
    parser.add_argument("--behaviour", action="store_true")
    parser.add_argument("--failures", action="store_true", help="print every failure")
    return parser.parse_args()


def load_pipeline(family, folder, arguments):
    pipeline = family.load(folder, torch_dtype=getattr(torch, arguments.dtype))
    return pipeline.to("cuda" if torch.cuda.is_available() else "cpu")


def generators(seed, first, count):
    """One generator per picture, so that a picture does not depend on the batch it is in."""
    return [torch.Generator().manual_seed(seed + first + index) for index in range(count)]


@torch.inference_mode()
def generate(pipeline, texts, arguments, **options):
    """Pictures for all texts, in batches. List options are cut into the same batches."""
    settings = {"num_inference_steps": arguments.steps, "guidance_scale": arguments.guidance}
    settings |= arguments.call
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


def generate_with_sd(folder, texts, arguments, flags):
    """Pictures for all texts, from the same seeds."""
    settings = {"--steps": arguments.steps, "--scale": arguments.guidance, "--seed": arguments.seed}
    settings |= {"--dtype": {"float32": "fp32", "bfloat16": "bf16"}[arguments.dtype]}
    with tempfile.TemporaryDirectory() as out:
        prompt_file = Path(out) / "prompts.txt"
        prompt_file.write_text("\n".join(texts) + "\n", "utf-8")
        command = [SD, "batch", str(prompt_file), "-m", str(folder), "-o", out, "-q", *flags]
        command += [str(part) for setting in settings.items() for part in setting]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return [Image.open(file).convert("RGB") for file in sorted(Path(out).glob("*.png"))]


def percent(part):
    obeyed, total = part
    return f"{100 * obeyed / total:5.1f} % ({obeyed}/{total})" if total else "-"


def choose_prompts(arguments, limit, language):
    if arguments.prompts == "bare":
        return prompts.bare_prompts(language)[:limit]
    every = prompts.held_out_prompts(language)
    return every[: prompts.SINGLES][:limit] + every[prompts.SINGLES :][:limit]


def smaller(*limits):
    return min((limit for limit in limits if limit is not None), default=None)


def evaluate_samplers(pipeline, family, folder, arguments):
    print(f"{arguments.steps} steps, guidance {arguments.guidance}, seed {arguments.seed}")
    print(f"{'sampler':<12} {'language':<8} {'one object':>20} {'two objects':>20} {'seconds':>8}")
    for name in arguments.samplers.split(",") if arguments.samplers else family.samplers:
        for language in arguments.languages:
            evaluate_sampler(pipeline, family, folder, arguments, name, language)


def evaluate_sampler(pipeline, family, folder, arguments, name, language):
    sampler = family.samplers[name]
    texts = choose_prompts(arguments, smaller(sampler.limit, arguments.limit), language)
    start = time.monotonic()
    if sampler.scheduler:
        config = pipeline.scheduler.config
        pipeline.scheduler = sampler.scheduler.from_config(config, **sampler.options)
        pictures = generate(pipeline, texts, arguments, **sampler.call)
    else:
        pictures = generate_with_sd(folder, texts, arguments, sampler.flags)
    seconds = time.monotonic() - start
    if arguments.save:
        write_pictures(arguments.save / f"{name}-{language}", texts, pictures)
    report = checker.check_folder(zip(texts, pictures, strict=True))
    single, pair = percent(report["single"]), percent(report["pair"])
    print(f"{name:<12} {language:<8} {single:>20} {pair:>20} {seconds:8.0f}", flush=True)
    if arguments.failures:
        for prompt, _, reason in report["failures"]:
            print(f"    {prompt}: {reason}")


def write_pictures(folder, texts, pictures):
    """Numbered pictures, the prompts, and a contact sheet."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, picture in enumerate(pictures):
        picture.save(folder / f"{index:03d}.png")
    (folder / "prompts.txt").write_text("\n".join(texts) + "\n", "utf-8")
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


def measure_negative_prompt(pipeline, arguments, language):
    """Bare prompts leave the background open; a negative prompt can forbid the usual one."""
    texts = [
        prompt
        for prompt in prompts.bare_prompts(language)
        if checker.parse_caption(prompt).objects[0].colour != "white"
    ]
    for negative in ("", prompts.WHITE_BACKGROUND[language]):
        pictures = generate(
            pipeline, texts, arguments, negative_prompt=[negative] * len(texts)
        )
        seen = [checker.look_at(picture).background == "white" for picture in pictures]
        kept = [checker.check(picture, text)[0] for picture, text in zip(pictures, texts)]
        print(f"negative prompt {negative!r}: white {share(seen)}, prompt obeyed {share(kept)}")


def both_kinds(count, language):
    """Held-out prompts, so many of each kind."""
    texts = prompts.held_out_prompts(language)
    return texts[:count] + texts[prompts.SINGLES : prompts.SINGLES + count]


def measure_obedience(label, pipeline, arguments, language="english", **options):
    texts = both_kinds(40, language)
    report = checker.check_folder(zip(texts, generate(pipeline, texts, arguments, **options)))
    single, pair = percent(report["single"]), percent(report["pair"])
    print(f"{label}: one object {single}, two objects {pair}", flush=True)


def measure_guidance(pipeline, family, arguments, language):
    for scale in family.guidances:
        label = f"guidance {scale}, {language}"
        measure_obedience(label, pipeline, arguments, language, guidance_scale=scale)


def measure_t5(pipeline, arguments):
    """T5's states are the longest part of the text; the model must do with few, many and none."""
    for length in (32, 77, 256, 512):
        label = f"{length} tokens of T5"
        measure_obedience(label, pipeline, arguments, max_sequence_length=length)
    kept, pipeline.text_encoder_3 = pipeline.text_encoder_3, None
    measure_obedience("without T5", pipeline, arguments)
    pipeline.text_encoder_3 = kept


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


def measure_image_to_image(pipeline, family, arguments):
    """How much of the input and of the prompt a picture keeps, by strength."""
    painter = family.load_image_to_image(pipeline)
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


@torch.inference_mode()
def measure_bound(pipeline):
    """The variational bound of held-out scenes and of noise, in bits per dimension.

    With the variance that the model says it must be lower than with either of the extremes.
    """
    tokenizers = {name: getattr(pipeline, name) for name in ("tokenizer", "tokenizer_2")}
    networks = {
        name: getattr(pipeline, name) for name in ("text_encoder", "text_encoder_2", "transformer")
    }
    scale, device = pipeline.vae.config.scaling_factor, pipeline.device
    schedule = bound.make_schedule(*hunyuan.BETAS.values(), hunyuan.TIMESTEPS)
    for kind in ("held-out scenes", "noise"):
        pixels, texts = bound_cases(kind, 20)
        latents = pipeline.vae.encode(training.as_input(pixels, device)).latent_dist.mean * scale
        tokens = hunyuan.encode_captions(tokenizers, texts).long().to(device)
        totals = {"learned": 0.0, "smallest": 0.0, "largest": 0.0}
        generator = torch.Generator().manual_seed(0)
        for time_here in range(0, hunyuan.TIMESTEPS, BOUND_STRIDE):
            times = torch.full((len(texts),), time_here + BOUND_STRIDE // 2, device=device)
            tables = schedule.at(times, device)
            noise = torch.randn(latents.shape, generator=generator).to(device)
            noisy = tables.signal * latents + tables.noise * noise
            velocity, learned = hunyuan.predict(networks, noisy, tokens, times)
            extremes = (learned, torch.full_like(learned, -1), torch.full_like(learned, 1))
            for name, variance in zip(totals, extremes):
                terms = bound.terms(tables, times, latents, noisy, velocity, variance)
                totals[name] += BOUND_STRIDE * terms.mean().item()
        parts = ", ".join(f"{total:.3f} with the {name} variance" for name, total in totals.items())
        print(f"bound of {kind}, bits per dimension: {parts}", flush=True)


def bound_cases(kind, count):
    """(pictures as bytes [count, 3, side, side], a true caption of each; of noise any caption)."""
    rng = random.Random(0)
    drawn = [scenes.random_scene_where(rng, scenes.is_held_out) for _ in range(count)]
    pixels = np.stack([np.asarray(scenes.draw(scene, rng)) for scene in drawn])
    if kind == "noise":
        pixels = np.random.default_rng(0).integers(0, 256, pixels.shape, np.uint8)
    captions = [rng.choice(prompts.wordings(scene)) for scene in drawn]
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), captions


def measure_behaviour(pipeline, family, folder, arguments):
    for language in arguments.languages:
        measure_negative_prompt(pipeline, arguments, language)
        measure_guidance(pipeline, family, arguments, language)
    if family.image_to_image:
        measure_image_to_image(pipeline, family, arguments)
    if family is families.SD3:
        measure_t5(pipeline, arguments)
    if family is families.HUNYUAN:
        measure_bound(pipeline)


def main():
    given = parse_arguments()
    measure = measure_behaviour if given.behaviour else evaluate_samplers
    for folder in given.models:
        family = families.family_of(folder)
        own = {"steps": given.steps or family.steps, "guidance": given.guidance or family.guidance}
        own["languages"] = (given.language,) if given.language else family.languages
        own["call"] = family.call
        arguments = argparse.Namespace(**{**vars(given), **own})
        print(folder.name, flush=True)
        measure(load_pipeline(family, folder, arguments), family, folder, arguments)


if __name__ == "__main__":
    main()
