"""Stable Diffusion 1's kinds of networks and of noise, in small: models/shapes-sd1."""

import functools
import math

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from . import autoencoder, diffuser, scenes, tokenizer as clip_bpe

STEPS, BATCH = 7000, 48
CHECKPOINT = "unet.pt"
FOLDER = ""  # under --work
LANGUAGES = (scenes.captions,)
BORROWED_VAE = None  # it has its own
RATES = (3e-3, 8e-4)  # peak learning rates of Muon and of AdamW
ENDS = ("conv_in", "conv_out", "token_embedding", "position_embedding")
KL_WEIGHT = 2e-6

LATENT_CHANNELS = 4
TEXT_WIDTH = 128
SCALING_FACTOR = 0.18215  # Stable Diffusion 1's; export makes the autoencoder fit it
TIMESTEPS = 1000
MIN_SNR_GAMMA = 5.0
WRONG_CAPTION_TIMES = (200, 400)  # see diffuser.wrong_caption_share()


def build_vae():
    return autoencoder.build(
        (16, 32, 64, 64), LATENT_CHANNELS, scaling_factor=SCALING_FACTOR
    )


def build_text_encoder(tokenizer):
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=2 * TEXT_WIDTH,
            projection_dim=TEXT_WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=tokenizer.model_max_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_unet():
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        layers_per_block=1,
        block_out_channels=(64, 128),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2,
    )


@functools.cache
def build_scheduler():
    return DDIMScheduler(
        num_train_timesteps=TIMESTEPS,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="epsilon",
    )


def build_networks(tokenizers):
    return {
        "text_encoder": build_text_encoder(tokenizers["tokenizer"]),
        "unet": build_unet().to(memory_format=torch.channels_last),
    }


def make_tokenizers(folder):
    return {"tokenizer": clip_bpe.make_tokenizer(folder, scenes.caption_words())}


def encode_captions(tokenizers, captions):
    ids = clip_bpe.encode(tokenizers["tokenizer"], captions)
    return torch.tensor(ids, dtype=torch.int16)


# --- latents -------------------------------------------------------------------------------------


def measure(latents):
    """What normalise() and fit_vae() need to know of the latents as trained: their deviation."""
    return latents.std().item()


def normalise(latents, deviation):
    return latents / deviation


def fit_vae(vae, deviation):
    """Rescales the latents inside the autoencoder so that SD1's scaling factor makes them unit.

    The last convolution before the latents and the first after them absorb the change; pictures
    stay the same.
    """
    gain = 1 / (SCALING_FACTOR * deviation)
    with torch.no_grad():
        vae.quant_conv.weight[:LATENT_CHANNELS] *= gain
        vae.quant_conv.bias[:LATENT_CHANNELS] *= gain
        vae.quant_conv.bias[LATENT_CHANNELS:] += 2 * math.log(gain)
        vae.post_quant_conv.weight /= gain
    return vae


# --- training ------------------------------------------------------------------------------------


def draw_times(count, generator):
    """One timestep drawn from each of `count` equal parts of the schedule, shuffled."""
    drawn, order = diffuser.stratified(count, generator)
    return (drawn * TIMESTEPS / count).long()[order]


def draw_text(tokens, progress, generator):
    return tokens


def timestep_weight(snr):
    """Min-SNR weights where there is little noise; more weight where there is much.

    Colours and places are settled while the latents are mostly noise, where a wrong picture makes
    only a small error in the predicted noise.
    """
    return snr.clamp(max=MIN_SNR_GAMMA) / snr * (1 + 1 / snr) ** 0.25


def loss(networks, settings, latents, tokens, timesteps, noise):
    """Mean squared error of the predicted noise, weighted by timestep."""
    scheduler = build_scheduler()
    noisy = scheduler.add_noise(latents, noise, timesteps)
    noisy = noisy.contiguous(memory_format=torch.channels_last)
    with settings.autocast():
        text = networks["text_encoder"](tokens).last_hidden_state
        predicted = networks["unet"](noisy, timesteps, text).sample
    kept = scheduler.alphas_cumprod.to(latents.device)[timesteps]
    weight = timestep_weight(kept / (1 - kept))[:, None, None, None]
    return (weight * (predicted.float() - noise).square()).mean()


def build_pipeline(vae, networks, tokenizers):
    return StableDiffusionPipeline(
        vae=vae,
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        **networks,
        **tokenizers,
    )
