"""Random tiny Stable Diffusion pipelines in diffusers layout: oracles for whole pictures.

Their weights mean nothing, but every input matters: norms and biases are noisy, matrices are scaled
up, and the outputs are calibrated so that pixels do not clip. `test_pipelines.py` checks that another
prompt, scale, step count or seed moves the picture.
"""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WORDS = "a red blue green circle square on of the background photo astronaut".split()


def byte_symbols():
    """The printable stand-ins of CLIP's byte-level BPE, in its order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]


def make_tokenizer(folder: Path, pad_token: str) -> CLIPTokenizer:
    """A CLIP tokenizer whose merges build WORDS, letter by letter; other text becomes bytes."""
    symbols = byte_symbols()
    vocabulary = symbols + [symbol + "</w>" for symbol in symbols]
    merges = []
    for word in WORDS:
        pieces = list(word[:-1]) + [word[-1] + "</w>"]
        while len(pieces) > 1:
            pair = (pieces[0], pieces[1])
            if pair not in merges:
                merges.append(pair)
                vocabulary.append("".join(pair))
            pieces = ["".join(pair), *pieces[2:]]
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    vocab_file, merges_file = folder / "vocab.json", folder / "merges.txt"
    vocab_file.write_text(json.dumps({token: i for i, token in enumerate(vocabulary)}), encoding="utf-8")
    merges_file.write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges) + "\n", encoding="utf-8")
    return CLIPTokenizer(str(vocab_file), str(merges_file), pad_token=pad_token, model_max_length=77)


@torch.no_grad()
def roughen(module: torch.nn.Module, gain: float, seed: int) -> None:
    """Scales matrices up and adds noise to vectors (norms, biases), so that nothing is neutral."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        if parameter.dim() > 1:
            parameter.mul_(gain)
        else:
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))


@torch.no_grad()
def calibrate(layer: torch.nn.Module, output: torch.Tensor, std: float) -> None:
    """Scales a last layer so that what was `output` would have that standard deviation."""
    layer.weight.mul_(std / output.std())
    layer.bias.mul_(std / output.std())


@torch.no_grad()
def make_pipeline(kind: str, folder: Path) -> StableDiffusionPipeline:
    """kind "sd1" (epsilon, PNDM, heads 4) or "sd2" (v prediction, DDIM, linear projections)."""
    is_v2 = kind == "sd2"
    torch.manual_seed(2 if is_v2 else 1)
    tokenizer = make_tokenizer(folder / "tokenizer", "!" if is_v2 else "<|endoftext|>")
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=4,
            hidden_act="gelu" if is_v2 else "quick_gelu",
            bos_token_id=0,
            eos_token_id=2,
        )
    )
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=[2, 4] if is_v2 else 4,
        use_linear_projection=is_v2,
        norm_num_groups=8,
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 32),
        norm_num_groups=8,
        latent_channels=4,
        layers_per_block=1,
        sample_size=64,
    )
    roughen(text_encoder, 2.0, 11)
    roughen(unet, 1.3, 12)
    roughen(vae, 1.2, 13)
    latents = torch.randn(2, 4, 16, 16)
    calibrate(unet.conv_out, unet(latents, 500, torch.randn(2, 77, 32)).sample, 0.7)
    calibrate(vae.decoder.conv_out, vae.decode(5 * latents).sample, 0.3)
    schedule = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", set_alpha_to_one=False, steps_offset=1)
    scheduler = (
        DDIMScheduler(**schedule, clip_sample=False, prediction_type="v_prediction")
        if is_v2
        else PNDMScheduler(**schedule, skip_prk_steps=True)
    )
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return StableDiffusionPipeline.from_pretrained(folder)
