#!/usr/bin/env python3
"""Trains and exports the small Stable-Diffusion-1-architecture model in models/shapes-sd1.

    python tools/train_shapes.py

Draws its own data, trains the autoencoder, then text encoder and UNet, and writes a diffusers
folder. Checkpoints go to --work; the same command resumes an interrupted run. Needs torch,
diffusers, transformers and Pillow.
"""

import argparse
import os
from pathlib import Path

import torch

from shapes import export, networks, scenes, team as teams, tokenizer as clip_bpe, training

REPOSITORY = Path(__file__).resolve().parent.parent


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=REPOSITORY / "models" / "shapes-sd1")
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
    parser.add_argument("--unet-steps", type=int, default=7000)
    parser.add_argument("--unet-batch", type=int, default=48)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        help="processes that share a batch (0: one a core, at most 4; on a GPU one)",
    )
    return parser.parse_args()


def choose_workers(arguments):
    """As many as asked for or as there are cores, but a divisor of both batch sizes."""
    if arguments.device != "cpu":
        return 1
    wanted = arguments.workers or min(4, os.cpu_count() or 1)
    sizes = (arguments.vae_batch, arguments.unet_batch, arguments.scenes)
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
        unet_steps=arguments.unet_steps,
        unet_batch=arguments.unet_batch,
        device=device,
        bf16=bf16,
        folder=arguments.work,
        team=team,
    )


def train(team, arguments):
    settings = make_settings(arguments, team)
    torch.manual_seed(settings.seed)
    tokenizer = clip_bpe.make_tokenizer(
        arguments.work / f"tokenizer-{team.rank}", scenes.caption_words()
    )
    pixels, wordings = training.draw_data(settings)
    if team.leads:
        print(f"device {settings.device}, {team.size} workers, bfloat16 {settings.bf16}")
        print(f"{len(pixels)} scenes, {len(tokenizer)} tokens", flush=True)

    vae = training.train_vae(settings, pixels)
    latents = training.encode_data(settings, vae, pixels)
    deviation = latents.std().item()
    diffuser = training.train_diffuser(settings, tokenizer, latents / deviation, wordings)
    if not team.leads:
        return
    text_encoder, unet = diffuser.averaged()
    for name, network in (("vae", vae), ("text encoder", text_encoder), ("unet", unet)):
        print(f"{name}: {networks.parameter_count(network) / 1e6:.2f} M parameters")
    vae = export.fit_scaling_factor(vae.cpu(), deviation)
    size = export.export(arguments.out, vae, text_encoder, unet, tokenizer)
    print(f"wrote {arguments.out}, {size / 1e6:.2f} MB")


def main():
    arguments = parse_arguments()
    arguments.work.mkdir(parents=True, exist_ok=True)
    teams.run(choose_workers(arguments), train, arguments)


if __name__ == "__main__":
    main()
