#!/usr/bin/env python3
"""Writes a full-size model with random weights, for measuring speed and memory.

    python tools/make_random_model.py sd15|sd21|sdxl|sd3|hunyuan FOLDER

The configs are those of the released models, the weights what the constructors fill in with seed 0,
in half precision: 2.1 GB (sd15), 2.6 GB (sd21), 6.9 GB (sdxl), 15.4 GB (sd3: Stable Diffusion 3
medium), 7.2 GB (hunyuan: HunyuanDiT 1.2). The last two are in bfloat16, made and written part by
part. The tokenizers' vocabularies are small ones of their own. Needs diffusers and transformers.
"""

import argparse
import gc
import json
import sys
from pathlib import Path

import diffusers
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    HunyuanDiT2DModel,
    PNDMScheduler,
    SD3Transformer2DModel,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    BertConfig,
    BertModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    T5Config,
    T5EncoderModel,
)

sys.path.insert(0, str(Path(__file__).resolve().parent))

from shapes import hunyuan, scenes, t5_tokenizer, tokenizer as clip_bpe  # noqa: E402

SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)
POSITIONS = 77


def make_tokenizer(folder, pad_token):
    tokenizer = clip_bpe.make_tokenizer(folder, scenes.caption_words())
    tokenizer.model_max_length = POSITIONS
    tokenizer.pad_token = pad_token
    return tokenizer


def text_config(width, layers, heads, activation):
    return CLIPTextConfig(
        vocab_size=49408,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        hidden_act=activation,
        projection_dim=width,
        bos_token_id=0,
        eos_token_id=2,
    )


def make_vae(side, scaling_factor=0.18215, **options):
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=4,
        sample_size=side,
        scaling_factor=scaling_factor,
        **options,
    )


def make_sd15(folder):
    return StableDiffusionPipeline(
        vae=make_vae(512).half(),
        text_encoder=CLIPTextModel(text_config(768, 12, 12, "quick_gelu")).half(),
        tokenizer=make_tokenizer(folder / "tokenizer", "<|endoftext|>"),
        unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8).half(),
        scheduler=PNDMScheduler(**SCHEDULE, set_alpha_to_one=False, skip_prk_steps=True),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def make_sd21(folder):
    unet = UNet2DConditionModel(
        sample_size=96,
        cross_attention_dim=1024,
        attention_head_dim=[5, 10, 20, 20],
        use_linear_projection=True,
    )
    return StableDiffusionPipeline(
        vae=make_vae(768).half(),
        text_encoder=CLIPTextModel(text_config(1024, 23, 16, "gelu")).half(),
        tokenizer=make_tokenizer(folder / "tokenizer", "!"),
        unet=unet.half(),
        scheduler=DDIMScheduler(
            **SCHEDULE, set_alpha_to_one=False, clip_sample=False, prediction_type="v_prediction"
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def make_sdxl(folder):
    unet = UNet2DConditionModel(
        sample_size=128,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(320, 640, 1280),
        transformer_layers_per_block=[1, 2, 10],
        attention_head_dim=[5, 10, 20],
        cross_attention_dim=2048,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
        use_linear_projection=True,
    )
    second = CLIPTextModelWithProjection(text_config(1280, 32, 20, "gelu"))
    return StableDiffusionXLPipeline(
        vae=make_vae(1024, 0.13025).half(),
        text_encoder=CLIPTextModel(text_config(768, 12, 12, "quick_gelu")).half(),
        text_encoder_2=second.half(),
        tokenizer=make_tokenizer(folder / "tokenizer", "<|endoftext|>"),
        tokenizer_2=make_tokenizer(folder / "tokenizer_2", "!"),
        unet=unet.half(),
        scheduler=EulerDiscreteScheduler(**SCHEDULE),
    )


def make_sd3_vae():
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=16,
        sample_size=1024,
        scaling_factor=1.5305,
        shift_factor=0.0609,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def make_t5():
    config = dict(d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64, feed_forward_proj="gated-gelu")
    return T5EncoderModel(T5Config(**config, tie_word_embeddings=False))


def make_sd3_transformer():
    return SD3Transformer2DModel(
        num_layers=24, num_attention_heads=24, caption_projection_dim=1536, pos_embed_max_size=192
    )


def write_sd3(folder):
    """Part by part: in float32 T5 alone would take 19 GB."""
    words = scenes.caption_words()
    first, second = text_config(768, 12, 12, "quick_gelu"), text_config(1280, 32, 20, "gelu")
    parts = {
        "transformer": make_sd3_transformer,
        "text_encoder": lambda: CLIPTextModelWithProjection(first),
        "text_encoder_2": lambda: CLIPTextModelWithProjection(second),
        "text_encoder_3": make_t5,
        "tokenizer": lambda: make_tokenizer(folder / "tokenizer", "<|endoftext|>"),
        "tokenizer_2": lambda: make_tokenizer(folder / "tokenizer_2", "!"),
        "tokenizer_3": lambda: t5_tokenizer.make_tokenizer(folder / "tokenizer_3", words, words),
        "scheduler": lambda: FlowMatchEulerDiscreteScheduler(shift=3.0),
        "vae": make_sd3_vae,
    }
    write_parts(folder, "StableDiffusion3Pipeline", parts)


def make_mt5():
    """The encoder of mT5 XL."""
    config = dict(d_model=2048, d_kv=64, d_ff=5120, num_layers=24, num_heads=32, feed_forward_proj="gated-gelu")
    return T5EncoderModel(T5Config(**config, vocab_size=250112, tie_word_embeddings=False))


def make_bert():
    config = dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096)
    return BertModel(BertConfig(**config, vocab_size=47020))


def make_hunyuan_transformer():
    return HunyuanDiT2DModel(
        in_channels=4,
        patch_size=2,
        sample_size=128,
        hidden_size=1408,
        num_layers=40,
        mlp_ratio=4.3637,
        use_style_cond_and_image_meta_size=False,
    )


def write_hunyuan(folder):
    """Part by part, as above."""
    tokenizers = hunyuan.make_tokenizers(folder)
    parts = {
        "transformer": make_hunyuan_transformer,
        "text_encoder": make_bert,
        "text_encoder_2": make_mt5,
        "tokenizer": lambda: tokenizers["tokenizer"],
        "tokenizer_2": lambda: tokenizers["tokenizer_2"],
        "scheduler": hunyuan.build_scheduler,
        "vae": lambda: make_vae(1024, 0.13025, force_upcast=False),
    }
    missing = {"safety_checker": [None, None], "feature_extractor": [None, None]}
    write_parts(folder, "HunyuanDiTPipeline", parts, requires_safety_checker=False, **missing)


def write_parts(folder, pipeline, parts, **more):
    """Each part by itself, in bfloat16 from the start, then the index, to which `more` is added."""
    index = {"_class_name": pipeline, "_diffusers_version": diffusers.__version__, **more}
    torch.set_default_dtype(torch.bfloat16)
    for name, make in parts.items():
        part = make()
        part.save_pretrained(folder / name)
        index[name] = [type(part).__module__.split(".")[0], type(part).__name__]
        del part
        gc.collect()
    torch.set_default_dtype(torch.float32)
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def write_whole(make):
    return lambda folder: make(folder).save_pretrained(folder)


KINDS = {
    "sd15": write_whole(make_sd15),
    "sd21": write_whole(make_sd21),
    "sdxl": write_whole(make_sdxl),
    "sd3": write_sd3,
    "hunyuan": write_hunyuan,
}


def make_model(kind, folder):
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    KINDS[kind](folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    make_model(arguments.kind, arguments.folder)
    size = sum(path.stat().st_size for path in arguments.folder.rglob("*.safetensors"))
    print(f"wrote {arguments.folder}, {size / 1e9:.1f} GB of weights")


if __name__ == "__main__":
    main()
