"""Random tiny HunyuanDiT pipelines in diffusers layout, made as those of tiny_pipelines.py."""

from pathlib import Path

import sentencepiece
import torch
from diffusers import AutoencoderKL, DDPMScheduler, HunyuanDiT2DModel, HunyuanDiTPipeline
from diffusers.models.embeddings import get_2d_rotary_pos_embed
from transformers import BertConfig, BertModel, BertTokenizer, T5Config, T5EncoderModel, T5Tokenizer

from tiny_pipelines import WORDS, calibrate, roughen

CHINESE = "蓝色背景上的红色圆形"

# What the versions differ in: keys of the transformer, and of the scheduler.
KINDS = {
    "v11": ({"use_style_cond_and_image_meta_size": True}, {"beta_end": 0.03}),
    "v12": ({"use_style_cond_and_image_meta_size": False}, {"beta_end": 0.018}),
}


def make_bert_tokenizer(folder: Path) -> BertTokenizer:
    folder.mkdir(parents=True, exist_ok=True)
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *sorted(set(CHINESE)), *letters, *("##" + c for c in letters), *",."]
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(pieces)) + "\n", encoding="utf-8")
    return BertTokenizer(folder / "vocab.txt", model_max_length=77)


def make_t5_tokenizer(folder: Path) -> T5Tokenizer:
    """A SentencePiece model over WORDS and CHINESE; other text becomes letters or unknown."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [" ".join(WORDS[i:] + WORDS[:i]) for i in range(len(WORDS))] + ["abcdefghijklmnopqrstuvwxyz , ."] * 3
    lines += [CHINESE[i:] + CHINESE[:i] for i in range(len(CHINESE))]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(folder / "spiece"), vocab_size=100, hard_vocab_limit=False,
        character_coverage=1.0, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    return T5Tokenizer(vocab_file=str(folder / "spiece.model"), extra_ids=0, model_max_length=256, legacy=True)


@torch.no_grad()
def make_hunyuan(kind: str, folder: Path) -> HunyuanDiTPipeline:
    changes, schedule = KINDS[kind]
    torch.manual_seed(5)
    tokenizer = make_bert_tokenizer(folder / "tokenizer")
    tokenizer_2 = make_t5_tokenizer(folder / "tokenizer_2")
    bert = BertModel(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=80,
        )
    )
    t5 = T5EncoderModel(
        T5Config(vocab_size=len(tokenizer_2), d_model=48, d_kv=8, d_ff=96, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu")
    )
    config = dict(
        sample_size=16, patch_size=2, in_channels=4, num_layers=6, attention_head_dim=12, num_attention_heads=4, hidden_size=48,
        mlp_ratio=2.5, cross_attention_dim=32, cross_attention_dim_t5=48, pooled_projection_dim=24, text_len=77, text_len_t5=256,
    )  # fmt: skip
    transformer = HunyuanDiT2DModel(**config | changes)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 16, 32, 32),
        norm_num_groups=8,
        latent_channels=4,
        layers_per_block=1,
        sample_size=128,
        scaling_factor=0.13025,
        force_upcast=False,
    )
    for seed, module in enumerate([bert, t5]):
        roughen(module, 1.5, 30 + seed)
    roughen(transformer, 1.6, 34)
    roughen(vae, 1.2, 35)
    latents = torch.randn(2, 4, 16, 16)
    velocity = transformer(
        latents,
        timestep=torch.full((2,), 500.0),
        encoder_hidden_states=torch.randn(2, 77, 32),
        text_embedding_mask=torch.ones(2, 77),
        encoder_hidden_states_t5=torch.randn(2, 256, 48),
        text_embedding_mask_t5=torch.ones(2, 256),
        image_meta_size=torch.tensor([[1024.0, 1024, 128, 128, 0, 0]] * 2),
        style=torch.tensor([0, 0]),
        image_rotary_emb=get_2d_rotary_pos_embed(12, ((0, 0), (32, 32)), (8, 8), output_type="pt"),
    ).sample
    calibrate(transformer.proj_out, velocity, 1.0)
    calibrate(vae.decoder.conv_out, vae.decode(latents / vae.config.scaling_factor).sample, 0.3)
    scheduler = DDPMScheduler(
        beta_start=0.00085, beta_schedule="scaled_linear", prediction_type="v_prediction", steps_offset=1, clip_sample=False, **schedule
    )
    pipeline = HunyuanDiTPipeline(
        vae=vae,
        text_encoder=bert,
        tokenizer=tokenizer,
        transformer=transformer,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        text_encoder_2=t5,
        tokenizer_2=tokenizer_2,
    )
    pipeline.save_pretrained(folder)
    return HunyuanDiTPipeline.from_pretrained(folder, safety_checker=None, feature_extractor=None, requires_safety_checker=False)
