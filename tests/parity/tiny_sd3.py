"""Random tiny Stable Diffusion 3 pipelines in diffusers layout, made as those of tiny_pipelines.py."""

from pathlib import Path

import sentencepiece
import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, T5Config, T5EncoderModel, T5TokenizerFast

from tiny_pipelines import WORDS, calibrate, make_tokenizer, roughen

# What the kinds differ in: keys of the transformer, and of the scheduler.
KINDS = {
    "sd3": ({}, {"shift": 3.0}),
    "sd35": ({"qk_norm": "rms_norm", "dual_attention_layers": (0,), "num_layers": 4}, {"shift": 3.0}),
    "dynamic": ({"qk_norm": "rms_norm", "patch_size": 1}, {"use_dynamic_shifting": True}),
}


def make_t5_tokenizer(folder: Path) -> T5TokenizerFast:
    """A SentencePiece model over WORDS; other text becomes letters or unknown."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [" ".join(WORDS[i:] + WORDS[:i]) for i in range(len(WORDS))] + ["abcdefghijklmnopqrstuvwxyz , ."] * 3
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(folder / "spiece"), vocab_size=70, hard_vocab_limit=False,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    return T5TokenizerFast(vocab_file=str(folder / "spiece.model"), extra_ids=4, model_max_length=77)


def make_clip(tokenizer, width: int, projection: int, activation: str) -> CLIPTextModelWithProjection:
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=3,
            num_attention_heads=4,
            hidden_act=activation,
            projection_dim=projection,
            bos_token_id=0,
            eos_token_id=2,
        )
    )


@torch.no_grad()
def make_sd3(kind: str, folder: Path) -> StableDiffusion3Pipeline:
    changes, schedule = KINDS[kind]
    torch.manual_seed(3)
    tokenizers = [make_tokenizer(folder / "tokenizer", "<|endoftext|>"), make_tokenizer(folder / "tokenizer_2", "!")]
    tokenizer_3 = make_t5_tokenizer(folder / "tokenizer_3")
    clips = [make_clip(tokenizers[0], 24, 16, "quick_gelu"), make_clip(tokenizers[1], 32, 20, "gelu")]
    t5 = T5EncoderModel(
        T5Config(vocab_size=len(tokenizer_3), d_model=64, d_kv=8, d_ff=96, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu")
    )
    config = dict(
        sample_size=8, patch_size=2, in_channels=16, out_channels=16, num_layers=3, attention_head_dim=8, num_attention_heads=4,
        joint_attention_dim=64, caption_projection_dim=32, pooled_projection_dim=36, pos_embed_max_size=12,
    )  # fmt: skip
    transformer = SD3Transformer2DModel(**config | changes)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 16, 32, 32),
        norm_num_groups=8,
        latent_channels=16,
        layers_per_block=1,
        sample_size=64,
        scaling_factor=1.5305,
        shift_factor=0.0609,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    for seed, module in enumerate([*clips, t5]):
        roughen(module, 1.5, 20 + seed)
    roughen(transformer, 1.3, 24)
    roughen(vae, 1.2, 25)
    latents = torch.randn(2, 16, 8, 8)
    velocity = transformer(latents, timestep=torch.full((2,), 500.0), encoder_hidden_states=torch.randn(2, 90, 64), pooled_projections=torch.randn(2, 36)).sample
    calibrate(transformer.proj_out, velocity, 1.0)
    calibrate(vae.decoder.conv_out, vae.decode(latents).sample, 0.3)
    pipeline = StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(**schedule),
        vae=vae,
        text_encoder=clips[0],
        tokenizer=tokenizers[0],
        text_encoder_2=clips[1],
        tokenizer_2=tokenizers[1],
        text_encoder_3=t5,
        tokenizer_3=tokenizer_3,
    )
    pipeline.save_pretrained(folder)
    return StableDiffusion3Pipeline.from_pretrained(folder)


def without_t5(pipeline: StableDiffusion3Pipeline, folder: Path) -> StableDiffusion3Pipeline:
    """The same pipeline in a folder whose text_encoder_3 is null."""
    parts = dict(pipeline.components, text_encoder_3=None, tokenizer_3=None)
    StableDiffusion3Pipeline(**parts).save_pretrained(folder)
    return StableDiffusion3Pipeline.from_pretrained(folder, text_encoder_3=None, tokenizer_3=None)
