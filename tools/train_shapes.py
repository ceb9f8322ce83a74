#!/usr/bin/env python3
"""Trains and exports the small models in models/shapes-sd1, shapes-sd3 and shapes-hunyuan.

    python tools/train_shapes.py [--family sd3|hunyuan]
    python tools/train_shapes.py [--family sd3|hunyuan] --export     what the last checkpoint holds

Draws its own data, trains the autoencoder or takes that of shapes-sd1, then text encoders and
denoising network, and writes a diffusers folder. Checkpoints go to --work; the same command resumes
an interrupted run. Needs torch, diffusers, transformers, sentencepiece and Pillow.
"""

import argparse
import os
import sys
from pathlib import Path

import torch

from shapes import autoencoder, diffuser as second_stage, export, hunyuan, sd1, sd3, training
from shapes import team as teams

REPOSITORY = Path(__file__).resolve().parent.parent
FAMILIES = {"sd1": sd1, "sd3": sd3, "hunyuan": hunyuan}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--family", choices=FAMILIES, default="sd1")
    parser.add_argument("--out", type=Path, help="default: models/shapes-FAMILY")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path.home() / ".cache" / "sd" / "train-shapes",
        help="folder of checkpoints; delete it to start afresh",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenes", type=int, default=20000)
    parser.add_argument("--vae-steps", type=int, default=2500)
    parser.add_argument("--vae-batch", type=int, default=8)
    parser.add_argument("--steps", type=int, help="of the second stage; default: the family's")
    parser.add_argument("--batch", type=int, help="of the second stage; default: the family's")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        help="processes that share a batch (0: one a core, at most 4; on a GPU one)",
    )
    parser.add_argument(
        "--export",
        action="store_true",
        help="train no further: write the moving average of the last checkpoint",
    )
    arguments = parser.parse_args()
    family = FAMILIES[arguments.family]
    arguments.out = arguments.out or REPOSITORY / "models" / f"shapes-{arguments.family}"
    arguments.steps = arguments.steps or family.STEPS
    arguments.batch = arguments.batch or family.BATCH
    return arguments


def choose_workers(arguments):
    """As many as asked for or as there are cores, but a divisor of both batch sizes."""
    if arguments.device != "cpu":
        return 1
    wanted = arguments.workers or min(4, os.cpu_count() or 1)
    sizes = (arguments.vae_batch, arguments.batch, arguments.scenes)
    while any(size % wanted for size in sizes):
        wanted -= 1
    return wanted


def bf16_is_native(device):
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_avx512_bf16_supported()


def make_settings(arguments, team):
    device = torch.device(arguments.device)
    bf16 = arguments.precision == "bf16"
    if arguments.precision == "auto":
        bf16 = bf16_is_native(device)
    return training.Settings(
        seed=arguments.seed,
        scenes=arguments.scenes,
        vae_steps=arguments.vae_steps,
        vae_batch=arguments.vae_batch,
        steps=arguments.steps,
        batch=arguments.batch,
        device=device,
        bf16=bf16,
        folder=arguments.work / FAMILIES[arguments.family].FOLDER,
        team=team,
    )


def make_vae(settings, family, pixels):
    if family.BORROWED_VAE:
        return autoencoder.borrow(settings, REPOSITORY / "models" / family.BORROWED_VAE / "vae")
    return autoencoder.train(settings, family, pixels)


def train(team, arguments):
    settings, family = make_settings(arguments, team), FAMILIES[arguments.family]
    torch.manual_seed(settings.seed)
    tokenizers = family.make_tokenizers(settings.folder / f"tokenizer-{team.rank}")
    pixels, wordings = training.draw_data(settings, family.LANGUAGES)
    if team.leads:
        print(f"device {settings.device}, {team.size} workers, bfloat16 {settings.bf16}")
        sizes = " + ".join(str(len(tokenizer)) for tokenizer in tokenizers.values())
        print(f"{len(pixels)} scenes, {sizes} tokens", flush=True)

    vae = make_vae(settings, family, pixels)
    latents = autoencoder.encode(settings, vae, pixels)
    measured = family.measure(latents)
    diffuser = second_stage.Diffuser(settings, family, family.build_networks(tokenizers))
    if not arguments.export:
        captions = second_stage.Captions.encode(family, tokenizers, wordings)
        latents = family.normalise(latents, measured)
        second_stage.train(settings, family, diffuser, latents, captions)
    if team.leads:
        write(arguments.out, family, family.fit_vae(vae.cpu(), measured), diffuser, tokenizers)


def write(folder, family, vae, diffuser, tokenizers):
    networks = diffuser.averaged()
    for name, network in {"vae": vae, **networks}.items():
        count = training.parameter_count(network) / 1e6
        print(f"{name.replace('_', ' ')}: {count:.2f} M parameters")
    size = export.export(folder, family, vae, networks, tokenizers)
    print(f"wrote {folder} after {diffuser.step} steps, {size / 1e6:.2f} MB")


def main():
    arguments = parse_arguments()
    folder = arguments.work / FAMILIES[arguments.family].FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / FAMILIES[arguments.family].CHECKPOINT
    if arguments.export and not checkpoint.exists():
        sys.exit(f"{checkpoint}: not there yet, nothing to export")
    teams.run(choose_workers(arguments), train, arguments)


if __name__ == "__main__":
    main()
