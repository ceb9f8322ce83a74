"""Writes the trained networks as a diffusers folder that StableDiffusionPipeline loads."""

import json
import math

import torch
from diffusers import StableDiffusionPipeline

from . import networks


def fit_scaling_factor(vae, deviation):
    """Rescales the latents inside the autoencoder so that SD1's scaling factor makes them unit.

    `deviation` is the standard deviation of the latents as trained. The last convolution before
    the latents and the first after them absorb the change; pictures stay the same.
    """
    gain = 1 / (networks.SCALING_FACTOR * deviation)
    channels = networks.LATENT_CHANNELS
    with torch.no_grad():
        vae.quant_conv.weight[:channels] *= gain
        vae.quant_conv.bias[:channels] *= gain
        vae.quant_conv.bias[channels:] += 2 * math.log(gain)
        vae.post_quant_conv.weight /= gain
    return vae


def drop_machine_paths(folder):
    """Configs remember where they were loaded from; the exported ones must not."""
    for config in folder.rglob("*.json"):
        content = json.loads(config.read_text("utf-8"))
        if isinstance(content, dict) and "_name_or_path" in content:
            del content["_name_or_path"]
            config.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def export(folder, vae, text_encoder, unet, tokenizer):
    """All weights in half precision; returns the size of the folder's files in bytes."""
    pipeline = StableDiffusionPipeline(
        vae=vae.half(),
        text_encoder=text_encoder.half(),
        tokenizer=tokenizer,
        unet=unet.half(),
        scheduler=networks.build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    drop_machine_paths(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        path.chmod(0o644)  # safetensors writes files that only their owner can read
    return sum(path.stat().st_size for path in files)
