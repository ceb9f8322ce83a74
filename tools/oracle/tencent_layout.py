"""Writes HunyuanDiT folders of diffusers in the layout of github.com/Tencent/HunyuanDiT, for tests.

The names are those of its modules (hydit/modules/models.py, attn_layers.py, poolers.py): this makes
Tencent's tensors out of diffusers', the other way round than diffusers'
scripts/convert_hunyuandit_to_diffusers.py. Weights are safetensors, where Tencent publishes pickles.
"""

import re
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

# Regular expressions of diffusers' names, and what Tencent calls the same tensor.
RENAMED = (
    (r"pos_embed\.proj\.", "x_embedder.proj."),
    (r"text_embedder\.linear_1\.", "mlp_t5.0."),
    (r"text_embedder\.linear_2\.", "mlp_t5.2."),
    (r"time_extra_emb\.timestep_embedder\.linear_1\.", "t_embedder.mlp.0."),
    (r"time_extra_emb\.timestep_embedder\.linear_2\.", "t_embedder.mlp.2."),
    (r"time_extra_emb\.extra_embedder\.linear_1\.", "extra_embedder.0."),
    (r"time_extra_emb\.extra_embedder\.linear_2\.", "extra_embedder.2."),
    (r"time_extra_emb\.(pooler|style_embedder)\.", r"\1."),
    (r"proj_out\.", "final_layer.linear."),
    (r"(blocks\.\d+\.)norm1\.norm\.", r"\1norm1."),
    (r"(blocks\.\d+\.)norm1\.linear\.", r"\1default_modulation.1."),
    (r"(blocks\.\d+\.)norm2\.", r"\1norm3."),  # both libraries count three norms of a block, in another order
    (r"(blocks\.\d+\.)norm3\.", r"\1norm2."),
    (r"(blocks\.\d+\.attn[12]\.)norm_([qk])\.", r"\1\2_norm."),
    (r"(blocks\.\d+\.attn[12]\.)to_out\.0\.", r"\1out_proj."),
    (r"(blocks\.\d+\.attn2\.)to_q\.", r"\1q_proj."),
    (r"(blocks\.\d+\.)ff\.net\.0\.proj\.", r"\1mlp.fc1."),
    (r"(blocks\.\d+\.)ff\.net\.2\.", r"\1mlp.fc2."),
)


def tencent_name(name):
    for pattern, replacement in RENAMED:
        renamed, count = re.subn("^" + pattern, replacement, name)
        if count:
            return renamed
    return name


def tencent_tensors(tensors):
    """Tencent's state dict of HunYuanDiT for that of diffusers' HunyuanDiT2DModel."""
    rest, out = dict(tensors), {}
    for kind in ("weight", "bias"):
        scale, shift = rest.pop(f"norm_out.linear.{kind}").chunk(2)
        out[f"final_layer.adaLN_modulation.1.{kind}"] = torch.cat([shift, scale])
        for block in {name.split(".")[1] for name in tensors if name.startswith("blocks.")}:
            attentions = [f"blocks.{block}.attn{i}" for i in (1, 2)]
            fused = [f"{attentions[0]}.to_{part}.{kind}" for part in "qkv"]
            out[f"{attentions[0]}.Wqkv.{kind}"] = torch.cat([rest.pop(name) for name in fused])
            fused = [f"{attentions[1]}.to_{part}.{kind}" for part in "kv"]
            out[f"{attentions[1]}.kv_proj.{kind}"] = torch.cat([rest.pop(name) for name in fused])
    for name, tensor in rest.items():
        out[tencent_name(name)] = tensor
    return {name: tensor.contiguous().clone() for name, tensor in out.items()}


def write_tencent_folder(source: Path, root: Path):
    """All of a diffusers folder but the transformer's weights; `root` is the folder above t2i."""
    inner = root / "t2i"
    for old, new in (("text_encoder", "clip_text_encoder"), ("tokenizer", "tokenizer"), ("text_encoder_2", "mt5"), ("tokenizer_2", "mt5"), ("vae", "sdxl-vae-fp16-fix")):
        shutil.copytree(source / old, inner / new, dirs_exist_ok=True)
    (inner / "model").mkdir()
    shutil.copy(source / "transformer/config.json", inner / "model")


def write_tencent_transformer(source: Path, root: Path, name: str, prefix: str = ""):
    """The transformer of a diffusers folder as pytorch_model_NAME.safetensors."""
    tensors = tencent_tensors(load_file(source / "transformer/diffusion_pytorch_model.safetensors"))
    save_file({prefix + key: tensor for key, tensor in tensors.items()}, root / f"t2i/model/pytorch_model_{name}.safetensors")
