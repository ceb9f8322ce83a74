"""Training in two stages: the autoencoder, then text encoder and UNet together on its latents.

What a step draws at random depends only on the seed and the step's number, so a run that was
interrupted goes on as if it had not been.
"""

import copy
import math
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from . import networks, scenes, tokenizer as clip_bpe
from .muon import MuonAndAdamW
from .team import Team

CAPTIONS_PER_SCENE = 4
EMPTY_CAPTION_SHARE = 0.1
KL_WEIGHT = 2e-6
EDGE_WEIGHT = 6.0
MIN_SNR_GAMMA = 5.0
# Of the captions, this share belongs to another scene where there is little noise: the whole share
# below the first timestep, none above the second. See wrong_caption_share().
WRONG_CAPTION_SHARE = 0.5
WRONG_CAPTION_TIMESTEPS = (200, 400)
# Peak learning rates of Muon and of AdamW.
VAE_RATES = (3e-3, 1e-3)
UNET_RATES = (3e-3, 8e-4)
WARM_UP_STEPS = 100
EMA_DECAY = 0.999
CHECKPOINT_EVERY = 250
PROGRESS_EVERY = 100


@dataclass(frozen=True)
class Settings:
    seed: int
    scenes: int
    vae_steps: int
    vae_batch: int
    unet_steps: int
    unet_batch: int
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


# --- data ----------------------------------------------------------------------------------------


def draw_data(settings):
    """Pictures as bytes [scenes, 3, side, side], and several captions for each."""
    pictures, wordings = [], []
    for index in range(settings.scenes):
        rng = random.Random(settings.seed * 10_000_000 + index)
        scene = scenes.training_scene(rng)
        pictures.append(np.asarray(scenes.draw(scene, rng, networks.PICTURE_SIDE)))
        wordings += [scenes.random_caption(scene, rng) for _ in range(CAPTIONS_PER_SCENE)]
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    return pixels, wordings


def as_input(pixels, device):
    """Bytes to [-1, 1] on the device."""
    picture = pixels.to(device).float() / 127.5 - 1
    return picture.contiguous(memory_format=torch.channels_last)


# --- stage 1: the autoencoder --------------------------------------------------------------------


def edge_weights(pictures):
    """Weight per pixel [batch, 1, side, side]: more where it differs from its surroundings.

    Most of a scene is plain; what makes a star a star is a few pixels along its outline. Relative
    to the picture's strongest edge, so that faint contrasts count as much as strong ones.
    """
    around = F.avg_pool2d(pictures, 5, stride=1, padding=2, count_include_pad=False)
    contrast = (pictures - around).abs().amax(dim=1, keepdim=True)
    strongest = contrast.amax(dim=(2, 3), keepdim=True).clamp(min=1e-3)
    return 1 + EDGE_WEIGHT * contrast / strongest


def vae_loss(vae, pictures, noise, settings):
    """Weighted error of the decoded pictures plus a little KL; also the plain absolute error."""
    with settings.autocast():
        posterior = vae.encode(pictures).latent_dist
        spread = torch.exp(0.5 * posterior.logvar.clamp(-20, 5))
        decoded = vae.decode(posterior.mean + spread * noise).sample
    error = decoded.float() - pictures
    weighted = edge_weights(pictures) * (error.abs() + 2 * error.square())
    return weighted.mean() + KL_WEIGHT * posterior.kl().float().mean(), error.abs().mean()


def train_vae(settings, pixels):
    vae = networks.build_vae().to(settings.device, memory_format=torch.channels_last)
    team = settings.team
    optimizer = MuonAndAdamW(team, vae.named_parameters(), VAE_RATES)
    path = settings.folder / "vae.pt"
    state = load(path, settings.device)
    first = 0
    if state:
        vae.load_state_dict(state["vae"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    progress = Progress(team, "autoencoder", first, settings.vae_steps)
    latent_side = networks.PICTURE_SIDE // 8
    noise_shape = (settings.vae_batch, networks.LATENT_CHANNELS, latent_side, latent_side)
    for step in range(first, settings.vae_steps):
        generator = settings.step_generator(0, step)
        chosen = torch.randint(len(pixels), (settings.vae_batch,), generator=generator)
        noise = team.part(torch.randn(noise_shape, generator=generator)).to(settings.device)
        pictures = as_input(pixels[team.part(chosen)], settings.device)
        loss, absolute = vae_loss(vae, pictures, noise, settings)
        optimizer.descend(loss, share_of_peak(step, settings.vae_steps))
        done = step + 1
        progress.update(done, loss=loss.item(), grey_levels=absolute.item() * 127.5)
        if team.leads and (done % CHECKPOINT_EVERY == 0 or done == settings.vae_steps):
            content = {"vae": vae.state_dict(), "optimizer": optimizer.state_dict(), "step": done}
            save(path, content)
    return vae.eval()


@torch.no_grad()
def encode_data(settings, vae, pixels):
    """Latent means of all pictures, unscaled."""
    parts = [
        vae.encode(as_input(part, settings.device)).latent_dist.mean.cpu()
        for part in settings.team.part(pixels).split(64)
    ]
    return settings.team.gather(torch.cat(parts).contiguous())


# --- stage 2: text encoder and UNet --------------------------------------------------------------


class Diffuser:
    """Text encoder and UNet in training, with the moving average that is exported."""

    def __init__(self, settings, tokenizer):
        self.settings = settings
        self.path = settings.folder / "unet.pt"
        device = settings.device
        self.text_encoder = networks.build_text_encoder(tokenizer).to(device)
        self.unet = networks.build_unet().to(device, memory_format=torch.channels_last)
        self.parameters = [*self.text_encoder.parameters(), *self.unet.parameters()]
        self.average = [parameter.detach().clone() for parameter in self.parameters]
        named = [*self.text_encoder.named_parameters(), *self.unet.named_parameters()]
        self.optimizer = MuonAndAdamW(settings.team, named, UNET_RATES)
        self.step = 0
        self.restore()

    def restore(self):
        state = load(self.path, self.settings.device)
        if not state:
            return
        self.text_encoder.load_state_dict(state["text_encoder"])
        self.unet.load_state_dict(state["unet"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average = state["average"]
        self.step = state["step"]

    def checkpoint(self):
        content = {
            "text_encoder": self.text_encoder.state_dict(),
            "unet": self.unet.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "step": self.step,
        }
        save(self.path, content)

    def follow(self):
        """Moves the average towards the weights; faster while it is young."""
        decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        weights = [parameter.detach() for parameter in self.parameters]
        torch._foreach_lerp_(self.average, weights, 1 - decay)

    def averaged(self):
        """Copies of text encoder and UNet with the averaged weights."""
        networks_copy = copy.deepcopy((self.text_encoder, self.unet))
        targets = [parameter for network in networks_copy for parameter in network.parameters()]
        with torch.no_grad():
            for target, value in zip(targets, self.average):
                target.copy_(value)
        return tuple(network.cpu().eval() for network in networks_copy)


def timestep_weight(snr):
    """Min-SNR weights where there is little noise; more weight where there is much.

    Colours and places are settled while the latents are mostly noise, where a wrong picture makes
    only a small error in the predicted noise.
    """
    return snr.clamp(max=MIN_SNR_GAMMA) / snr * (1 + 1 / snr) ** 0.25


def noise_loss(diffuser, scheduler, latents, tokens, timesteps, noise):
    """Mean squared error of the predicted noise, weighted by timestep."""
    settings = diffuser.settings
    noisy = scheduler.add_noise(latents, noise, timesteps)
    noisy = noisy.contiguous(memory_format=torch.channels_last)
    with settings.autocast():
        text = diffuser.text_encoder(tokens).last_hidden_state
        predicted = diffuser.unet(noisy, timesteps, text).sample
    kept = scheduler.alphas_cumprod.to(latents.device)[timesteps]
    weight = timestep_weight(kept / (1 - kept))[:, None, None, None]
    return (weight * (predicted.float() - noise).square()).mean()


def wrong_caption_share(timesteps):
    """Share of captions that belong to another scene, by timestep.

    Were every caption true, the network would follow it even where the latents already show what
    they are, and paint over any picture it is given. Wrong ones, where there is little noise, teach
    it to trust the picture there: image-to-image keeps its input, errors of strong guidance and of
    multistep samplers are mended in the last steps.
    """
    first, last = WRONG_CAPTION_TIMESTEPS
    return WRONG_CAPTION_SHARE * ((last - timesteps) / (last - first)).clamp(0, 1)


def stratified_timesteps(count, timesteps, generator):
    """One timestep drawn from each of `count` equal parts of the schedule, shuffled."""
    drawn = (torch.arange(count) + torch.rand(count, generator=generator)) * timesteps / count
    return drawn.long()[torch.randperm(count, generator=generator)]


def draw_batch(settings, scheduler, latents, ids, empty, step):
    """(clean latents, token ids, timesteps, noise) of one step: this worker's part of them."""
    batch, generator = settings.unet_batch, settings.step_generator(1, step)
    chosen = torch.randint(len(latents), (batch,), generator=generator)
    wording = torch.randint(CAPTIONS_PER_SCENE, (batch,), generator=generator)
    noise = torch.randn((batch, *latents.shape[1:]), generator=generator)
    timesteps = stratified_timesteps(batch, len(scheduler.alphas_cumprod), generator)
    described = torch.randint(len(latents), (batch,), generator=generator)
    wrong = torch.rand(batch, generator=generator) < wrong_caption_share(timesteps)
    tokens = ids[torch.where(wrong, described, chosen), wording]
    tokens[torch.rand(batch, generator=generator) < EMPTY_CAPTION_SHARE] = empty
    values = (latents[chosen], tokens.long(), timesteps, noise)
    return tuple(settings.team.part(value).to(settings.device) for value in values)


def train_diffuser(settings, tokenizer, latents, wordings):
    diffuser = Diffuser(settings, tokenizer)
    scheduler = networks.build_scheduler()
    ids = torch.tensor(clip_bpe.encode(tokenizer, wordings), dtype=torch.int16)
    ids = ids.view(len(latents), CAPTIONS_PER_SCENE, -1)
    empty = torch.tensor(clip_bpe.encode(tokenizer, [""])[0], dtype=torch.int16)
    progress = Progress(settings.team, "unet", diffuser.step, settings.unet_steps)
    for step in range(diffuser.step, settings.unet_steps):
        inputs = draw_batch(settings, scheduler, latents, ids, empty, step)
        loss = noise_loss(diffuser, scheduler, *inputs)
        diffuser.optimizer.descend(loss, share_of_peak(step, settings.unet_steps))
        diffuser.step = step + 1
        diffuser.follow()
        progress.update(diffuser.step, loss=loss.item())
        last = diffuser.step == settings.unet_steps
        if settings.team.leads and (diffuser.step % CHECKPOINT_EVERY == 0 or last):
            diffuser.checkpoint()
    return diffuser
