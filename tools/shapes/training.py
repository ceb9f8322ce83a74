"""What both stages of training share: settings, data, progress, checkpoints, learning rates.

What a step draws at random depends only on the seed and the step's number, so a run that was
interrupted goes on as if it had not been.
"""

import math
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from . import scenes
from .team import Team

PICTURE_SIDE = 64
CAPTIONS_PER_SCENE = 4
WARM_UP_STEPS = 100
CHECKPOINT_EVERY = 250
PROGRESS_EVERY = 100


@dataclass(frozen=True)
class Settings:
    seed: int
    scenes: int
    vae_steps: int
    vae_batch: int
    steps: int
    batch: int
    device: torch.device
    bf16: bool
    folder: Path
    team: Team

    def autocast(self):
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def step_generator(self, stage, step):
        """Randomness of one step, on the CPU so that every device draws the same."""
        return torch.Generator().manual_seed((self.seed * 2 + stage) * 10_000_000 + step)


class Progress:
    """Prints a line with the smoothed losses and the time left, every so often."""

    def __init__(self, team, label, first_step, last_step):
        self.team, self.label = team, label
        self.first, self.last = first_step, last_step
        self.start = time.monotonic()
        self.smooth = {}

    def update(self, step, **values):
        for name, value in values.items():
            self.smooth[name] = 0.98 * self.smooth.get(name, value) + 0.02 * value
        if not self.team.leads or (step % PROGRESS_EVERY and step != self.last):
            return
        elapsed = time.monotonic() - self.start
        per_step = elapsed / (step - self.first)
        losses = "  ".join(f"{name} {value:.4f}" for name, value in self.smooth.items())
        print(
            f"{self.label} {step}/{self.last}  {losses}  {per_step:.3f} s/step  "
            f"left {per_step * (self.last - step) / 60:.1f} min",
            flush=True,
        )


def save(path, content):
    """Writes whole or not at all."""
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    os.replace(partial, path)


def load(path, device="cpu"):
    return torch.load(path, map_location=device, weights_only=True) if path.exists() else None


def share_of_peak(step, steps):
    """Of the learning rate: a linear warm-up, then a half cosine down to a thirtieth."""
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return min(1.0, (step + 1) / WARM_UP_STEPS) * max(1 / 30, fall)


def parameter_count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def draw_data(settings, languages):
    """Pictures as bytes [scenes, 3, side, side], and several captions for each.

    `languages` word a scene, as scenes.captions does; a scene's captions take them in turn.
    """
    pictures, wordings = [], []
    for index in range(settings.scenes):
        rng = random.Random(settings.seed * 10_000_000 + index)
        scene = scenes.training_scene(rng)
        pictures.append(np.asarray(scenes.draw(scene, rng, PICTURE_SIDE)))
        for caption in range(CAPTIONS_PER_SCENE):
            language = languages[caption % len(languages)]
            wordings.append(scenes.random_caption(scene, rng, language))
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    return pixels, wordings


def as_input(pixels, device):
    """Bytes to [-1, 1] on the device."""
    picture = pixels.to(device).float() / 127.5 - 1
    return picture.contiguous(memory_format=torch.channels_last)
