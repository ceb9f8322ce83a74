"""Stable Diffusion 3's kinds of networks and of noise, in small: models/shapes-sd3.

Esser et al. 2024, arXiv:2403.03206: rectified flow, times drawn from a logit-normal distribution,
text of two CLIP encoders and T5 in one sequence with the latents.
"""

import random

import torch
import torch.nn.functional as F
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, T5Config, T5EncoderModel

from . import autoencoder, diffuser, scenes, t5_tokenizer, tokenizer as clip_bpe

STEPS, BATCH = 6000, 48
CHECKPOINT = "transformer.pt"
FOLDER = "sd3"  # under --work
LANGUAGES = (scenes.captions,)
BORROWED_VAE = None  # it has its own
RATES = (3e-3, 1e-3)  # peak learning rates of Muon and of AdamW
# Not for Muon: what reads and writes latents and tokens, tables, and the modulations by time.
ENDS = ("token_embedding", "position_embedding", "shared", "relative_attention_bias")
ENDS += ("pos_embed.proj", "proj_out", "norm_out.linear", "norm1.linear", "norm1_context.linear")
KL_WEIGHT = 1e-5

LATENT_CHANNELS = 16
HEADS, HEAD_WIDTH, LAYERS = 4, 32, 6
LARGEST_SIDE = 16  # in latent cells: pictures up to 128x128
CLIP_WIDTHS = (48, 64)
T5_WIDTH = 128
T5_COLUMNS = 24  # the longest caption has 20 tokens and the end; more are padding

TIMESTEPS = 1000
SHIFT = 1.5  # of times towards noise, in training and in sampling
UNIFORM_SHARE = 0.1  # of times; the others are logit-normal
WRONG_CAPTION_TIMES = (350, 500)  # see diffuser.wrong_caption_share()
NO_T5_SHARE = 0.12
# Padding of T5's tokens, which its encoder and the transformer attend to like words: mostly short,
# at times the pipeline's default length, more often so in the last third.
USUAL_LENGTHS = (T5_COLUMNS, 77)
DEFAULT_LENGTH = 256
DEFAULT_LENGTH_SHARES = (0.03, 0.2)


def build_vae():
    return autoencoder.build(
        (16, 32, 48, 64), LATENT_CHANNELS, use_quant_conv=False, use_post_quant_conv=False
    )


def build_clip(tokenizer, width, layers, activation):
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * width,
            projection_dim=width,
            num_hidden_layers=layers,
            num_attention_heads=width // 16,
            hidden_act=activation,
            max_position_embeddings=tokenizer.model_max_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_t5(tokenizer):
    return T5EncoderModel(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=T5_WIDTH,
            d_kv=32,
            num_heads=3,
            d_ff=192,
            num_layers=2,
            dropout_rate=0.0,
            feed_forward_proj="gated-gelu",
            is_encoder_decoder=False,
            use_cache=False,
        )
    )


def build_transformer():
    """Modulations and output begin at zero, so that every block begins as the identity."""
    transformer = SD3Transformer2DModel(
        sample_size=8,
        patch_size=1,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        num_layers=LAYERS,
        attention_head_dim=HEAD_WIDTH,
        num_attention_heads=HEADS,
        joint_attention_dim=T5_WIDTH,
        caption_projection_dim=HEADS * HEAD_WIDTH,
        pooled_projection_dim=sum(CLIP_WIDTHS),
        pos_embed_max_size=LARGEST_SIDE,
        qk_norm="rms_norm",
    )
    zeroed = [transformer.proj_out, transformer.norm_out.linear]
    for block in transformer.transformer_blocks:
        zeroed += [block.norm1.linear, block.norm1_context.linear]
    for layer in zeroed:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    return transformer


def build_scheduler():
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=TIMESTEPS, shift=SHIFT)


def build_networks(tokenizers):
    first, second = CLIP_WIDTHS
    return {
        "text_encoder": build_clip(tokenizers["tokenizer"], first, 2, "quick_gelu"),
        "text_encoder_2": build_clip(tokenizers["tokenizer_2"], second, 3, "gelu"),
        "text_encoder_3": build_t5(tokenizers["tokenizer_3"]),
        "transformer": build_transformer(),
    }


def sample_captions(count=4000):
    rng = random.Random(0)
    return [scenes.random_caption(scenes.training_scene(rng), rng) for _ in range(count)]


def make_tokenizers(folder):
    words = scenes.caption_words()
    tokenizers = {
        "tokenizer": clip_bpe.make_tokenizer(folder, words),
        "tokenizer_2": clip_bpe.make_tokenizer(folder, words),
        "tokenizer_3": t5_tokenizer.make_tokenizer(folder, sample_captions(), words),
    }
    tokenizers["tokenizer_2"].pad_token = "!"  # id 0, as Stable Diffusion 3's second one pads
    return tokenizers


def encode_captions(tokenizers, captions):
    """Ids of the three tokenizers side by side [captions, 2 * 32 + T5_COLUMNS]."""
    clip_ids = [
        torch.tensor(clip_bpe.encode(tokenizers[name], captions))
        for name in ("tokenizer", "tokenizer_2")
    ]
    t5_ids = tokenizers["tokenizer_3"](captions, padding="max_length", max_length=T5_COLUMNS)
    longest = max(map(len, t5_ids.input_ids))
    assert longest == T5_COLUMNS, f"a caption of {longest} tokens"
    return torch.cat([*clip_ids, torch.tensor(t5_ids.input_ids)], dim=1).to(torch.int16)


# --- latents -------------------------------------------------------------------------------------


def measure(latents):
    """(mean, 1 / deviation) of the latents as trained: the shift and scaling factor to come."""
    return round(latents.mean().item(), 4), round(1 / latents.std().item(), 4)


def normalise(latents, measured):
    shift, scaling = measured
    return (latents - shift) * scaling


def fit_vae(vae, measured):
    shift, scaling = measured
    vae.register_to_config(shift_factor=shift, scaling_factor=scaling)
    return vae


# --- training ------------------------------------------------------------------------------------


def draw_times(count, generator):
    """Timesteps in [0, 1000]: logit-normal, some uniform; stratified, shifted and shuffled."""
    drawn, order = diffuser.stratified(count, generator)
    uniform = (drawn / count).clamp(1e-4, 1 - 1e-4)[order]
    times = torch.sigmoid(torch.special.ndtri(uniform))
    plain = torch.rand(count, generator=generator) < UNIFORM_SHARE
    times = torch.where(plain, uniform, times)
    return TIMESTEPS * SHIFT * times / (1 + (SHIFT - 1) * times)


def draw_length(progress, generator):
    """How many tokens T5 sees in a step at a share `progress` of the training."""
    default, usual = torch.rand(2, generator=generator).tolist()
    if default < DEFAULT_LENGTH_SHARES[progress >= 2 / 3]:
        return DEFAULT_LENGTH
    shortest, longest = USUAL_LENGTHS
    return shortest + int((longest - shortest + 1) * usual**2)


def draw_text(tokens, progress, generator):
    """The tokens with T5's padded to a drawn length, or all of T5's -1 where it is left out."""
    tokens = F.pad(tokens, (0, draw_length(progress, generator) - T5_COLUMNS))
    left_out = torch.rand(len(tokens), generator=generator) < NO_T5_SHARE
    tokens[left_out, 2 * clip_bpe.MAX_LENGTH :] = -1
    return tokens


def encode_text(networks, tokens):
    """(sequence, pooled) as StableDiffusion3Pipeline.encode_prompt makes them."""
    lengths = (clip_bpe.MAX_LENGTH, clip_bpe.MAX_LENGTH, tokens.shape[1] - 2 * clip_bpe.MAX_LENGTH)
    first, second, third = tokens.split(lengths, dim=1)
    outputs = [
        networks["text_encoder"](first, output_hidden_states=True),
        networks["text_encoder_2"](second, output_hidden_states=True),
    ]
    clip = torch.cat([output.hidden_states[-2] for output in outputs], dim=-1)
    t5 = networks["text_encoder_3"](third.clamp(min=0)).last_hidden_state
    t5 = t5 * (third >= 0)[:, :, None]
    sequence = torch.cat([F.pad(clip, (0, T5_WIDTH - clip.shape[-1])), t5], dim=1)
    return sequence, torch.cat([output.text_embeds for output in outputs], dim=-1)


def loss(networks, settings, latents, tokens, timesteps, noise):
    """Mean squared error of the predicted velocity from picture to noise."""
    share = (timesteps / TIMESTEPS)[:, None, None, None]
    noisy = (1 - share) * latents + share * noise
    with settings.autocast():
        sequence, pooled = encode_text(networks, tokens)
        predicted = networks["transformer"](noisy, sequence, pooled, timesteps).sample
    return (predicted.float() - (noise - latents)).square().mean()


def build_pipeline(vae, networks, tokenizers):
    return StableDiffusion3Pipeline(
        vae=vae, scheduler=build_scheduler(), **networks, **tokenizers
    )
