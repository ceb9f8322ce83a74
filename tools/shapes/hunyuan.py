"""HunyuanDiT 1.2's kinds of networks and of noise, in small: models/shapes-hunyuan.

Li et al. 2024, arXiv:2405.08748: text of a BERT and of mT5 in English and Chinese, beside the
latents; velocities are predicted, and the variance of every step with them.
"""

import random

import torch
from diffusers import DDPMScheduler, HunyuanDiT2DModel, HunyuanDiTPipeline
from diffusers.models.embeddings import get_2d_rotary_pos_embed
from transformers import BertConfig, BertModel, T5Config, T5EncoderModel

from . import bound, chinese, diffuser, hunyuan_text, scenes, t5_tokenizer, wordpiece
from .hunyuan_text import BERT_COLUMNS, BERT_LENGTH, T5_COLUMNS, T5_LENGTH

STEPS, BATCH = 8000, 48
CHECKPOINT = "transformer.pt"
FOLDER = "hunyuan"  # under --work
LANGUAGES = (scenes.captions, chinese.captions)
BORROWED_VAE = "shapes-sd1"
RATES = (3e-3, 1e-3)  # peak learning rates of Muon and of AdamW
# Not for Muon: what reads and writes latents and tokens, tables, and the modulations by time.
ENDS = ("word_embeddings", "position_embeddings", "token_type_embeddings", "shared")
ENDS += ("relative_attention_bias", "text_embedding_padding", "positional_embedding")
ENDS += ("pos_embed.proj", "proj_out", "norm_out.linear", "norm1.linear")

LATENT_CHANNELS = 4
HEADS, HEAD_WIDTH, LAYERS = 5, 32, 6
BERT_WIDTH, T5_WIDTH, POOLED_WIDTH = 128, 96, 64
SCALING_FACTOR = 0.18215  # of the borrowed autoencoder
BASE_SIDE = 64  # latent cells over which positions are spread, whatever the picture's size

TIMESTEPS = 1000
BETAS = dict(beta_start=0.00085, beta_end=0.018)
WRONG_CAPTION_TIMES = (170, 345)  # see diffuser.wrong_caption_share()
# Of the bound's term beside the squared error: in the paper a thousandth, of all terms' sum.
BOUND_WEIGHT = TIMESTEPS / 1000
RANGE_WEIGHT = 1.0

# Words that BERT's tokenizer takes in two pieces, as real vocabularies do with rare ones.
CUT_WORDS = {"background": "back-ground", "triangle": "tri-angle", "drawing": "draw-ing"}


def build_bert(tokenizer):
    """Its pooler is there, as in real folders, but nothing reads it."""
    bert = BertModel(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=BERT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=2 * BERT_WIDTH,
            max_position_embeddings=BERT_LENGTH,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )
    bert.pooler.requires_grad_(False)
    return bert


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
            tie_word_embeddings=False,
            use_cache=False,
        )
    )


def build_transformer():
    """Modulations and output begin at zero."""
    transformer = HunyuanDiT2DModel(
        num_attention_heads=HEADS,
        attention_head_dim=HEAD_WIDTH,
        in_channels=LATENT_CHANNELS,
        patch_size=1,
        sample_size=8,
        hidden_size=HEADS * HEAD_WIDTH,
        num_layers=LAYERS,
        mlp_ratio=4.0,
        cross_attention_dim=BERT_WIDTH,
        cross_attention_dim_t5=T5_WIDTH,
        pooled_projection_dim=POOLED_WIDTH,
        text_len=BERT_LENGTH,
        text_len_t5=T5_LENGTH,
        use_style_cond_and_image_meta_size=False,
    )
    zeroed = [transformer.proj_out, transformer.norm_out.linear]
    zeroed += [block.norm1.linear for block in transformer.blocks]
    for layer in zeroed:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    hunyuan_text.make_paddings_equal(transformer)
    for block in transformer.blocks:
        block.attn2.set_processor(hunyuan_text.CrossAttention())
    return transformer


def build_scheduler():
    return DDPMScheduler(
        **BETAS,
        num_train_timesteps=TIMESTEPS,
        beta_schedule="scaled_linear",
        clip_sample=False,
        prediction_type="v_prediction",
        steps_offset=1,
        timestep_spacing="leading",
    )


def build_networks(tokenizers):
    return {
        "text_encoder": build_bert(tokenizers["tokenizer"]),
        "text_encoder_2": build_t5(tokenizers["tokenizer_2"]),
        "transformer": build_transformer(),
    }


def sample_captions(count=4000):
    """Half in English, half in Chinese, of the same scenes."""
    rng = random.Random(0)
    drawn = [scenes.training_scene(rng) for _ in range(count // 2)]
    return [scenes.random_caption(scene, rng, words) for words in LANGUAGES for scene in drawn]


def make_tokenizers(folder):
    words, chinese_words = scenes.caption_words(), chinese.caption_words()
    pieces = [CUT_WORDS.get(word, word) for word in words]
    unspaced = [word for word in chinese_words if word.isalpha()]
    captions = sample_captions()
    return {
        "tokenizer": wordpiece.make_tokenizer(
            folder / "tokenizer", pieces, chinese_words, BERT_LENGTH
        ),
        "tokenizer_2": t5_tokenizer.make_bilingual_tokenizer(
            folder / "tokenizer_2", captions, words, unspaced, T5_LENGTH
        ),
    }


def encode_captions(tokenizers, captions):
    """Ids of both tokenizers side by side [captions, BERT_COLUMNS + T5_COLUMNS]; paddings are 0."""
    parts = []
    for name, columns in (("tokenizer", BERT_COLUMNS), ("tokenizer_2", T5_COLUMNS)):
        distinct = list(dict.fromkeys(captions))
        ids = tokenizers[name](distinct, padding="max_length", max_length=columns).input_ids
        longest = max(map(len, ids))
        assert longest == columns, f"{name}: a caption of {longest} tokens"
        known = dict(zip(distinct, ids))
        parts.append(torch.tensor([known[caption] for caption in captions]))
    return torch.cat(parts, dim=1).to(torch.int16)


# --- latents -------------------------------------------------------------------------------------


def measure(latents):
    """Nothing of the latents: they are scaled as in the model that the autoencoder comes from."""
    return SCALING_FACTOR


def normalise(latents, scaling):
    return latents * scaling


def fit_vae(vae, scaling):
    assert vae.config.scaling_factor == scaling, f"scaling factor {vae.config.scaling_factor}"
    return vae


# --- training ------------------------------------------------------------------------------------


def draw_times(count, generator):
    """One timestep drawn from each of `count` equal parts of the schedule, shuffled."""
    drawn, order = diffuser.stratified(count, generator)
    return (drawn * TIMESTEPS / count).long()[order]


def draw_text(tokens, progress, generator):
    return tokens


def predict(networks, noisy, tokens, timesteps):
    """(velocity, variance) [batch, 4, side, side] each."""
    encoders = (networks["text_encoder"], networks["text_encoder_2"])
    bert, bert_mask, t5, t5_mask = hunyuan_text.encode(*encoders, tokens)
    height, width = noisy.shape[2:]
    spread = ((0, 0), (BASE_SIDE, BASE_SIDE))
    rotary = get_2d_rotary_pos_embed(
        HEAD_WIDTH, spread, (height, width), device=noisy.device, output_type="pt"
    )
    predicted = networks["transformer"](
        noisy,
        timesteps.to(noisy.dtype),
        encoder_hidden_states=bert,
        text_embedding_mask=bert_mask,
        encoder_hidden_states_t5=t5,
        text_embedding_mask_t5=t5_mask,
        image_rotary_emb=rotary,
    ).sample
    return predicted.float().chunk(2, dim=1)


def loss(networks, settings, latents, tokens, timesteps, noise):
    """Mean squared error of the velocity, and the bound, which the variance alone learns from.

    Beyond -1 to 1 a variance costs more: steps as wide as a sampler's stretch what lies there.
    """
    tables = bound.make_schedule(*BETAS.values(), TIMESTEPS).at(timesteps, latents.device)
    noisy = tables.signal * latents + tables.noise * noise
    with settings.autocast():
        velocity, variance = predict(networks, noisy, tokens, timesteps)
    error = (velocity - (tables.signal * noise - tables.noise * latents)).square().mean()
    terms = bound.terms(tables, timesteps, latents, noisy, velocity.detach(), variance)
    beyond = (variance.abs() - 1).clamp(min=0).square().mean()
    return error + BOUND_WEIGHT * terms.mean() + RANGE_WEIGHT * beyond


def build_pipeline(vae, networks, tokenizers):
    return HunyuanDiTPipeline(
        vae=vae,
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        **networks,
        **tokenizers,
    )
