"""HunyuanDiT folders in Tencent's own layout: the `sd` binary paints the same picture from them as from
diffusers' folder of the same weights, byte for byte, and refuses those that do not hold in one sentence.
The binary is $SD_BINARY.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load, load_file, save_file

from tiny_hunyuan import CHINESE, KINDS, make_hunyuan

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from oracle.tencent_layout import write_tencent_folder, write_tencent_transformer

BAD_MODEL = 3
PROMPT = "a photo of an astronaut on the red square, " + CHINESE
TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"
# The three weights that Tencent publishes, and what stands before each key: "module." is left by parallel training.
WEIGHTS = {"ema": "", "module": "module.", "distill": ""}


def change_json(file, **keys):
    """Other values; None takes a key away."""
    config = json.loads(file.read_text()) | keys
    file.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def change_tensors(file, change):
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)


class Tencent(unittest.TestCase):
    """ROOT/KIND is Tencent's layout, ROOT/KIND-WEIGHTS the same in diffusers'."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.root = Path(cls.temporary.name)
        for kind in KINDS:
            for number, (name, prefix) in enumerate(WEIGHTS.items()):
                folder = cls.root / f"{kind}-{name}"
                if number == 0:
                    make_hunyuan(kind, folder)
                    shutil.copytree(folder, cls.root / f"{kind}-float32")
                    write_tencent_folder(folder, cls.root / kind)
                else:
                    shutil.copytree(cls.root / f"{kind}-ema", folder)
                change_tensors(folder / TRANSFORMER, lambda tensors, number=number: cls.disturb(tensors, number))
                write_tencent_transformer(folder, cls.root / kind, name, prefix)

    @staticmethod
    def disturb(tensors, amount):
        """Float16, because sums of float32 that stay views of the file depend on where in it they lie."""
        generator = torch.Generator().manual_seed(amount)
        for name, tensor in sorted(tensors.items()):
            noise = torch.randn(tensor.shape, generator=generator) * tensor.float().std(correction=0)
            tensors[name] = (tensor.float() + 0.05 * amount * noise).half()

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def paint(self, model, *flags, dtype="fp32"):
        """Pixels, and the bytes of the latents."""
        latents, picture = self.root / "latents.safetensors", self.root / "picture.png"
        arguments = ["-p", PROMPT, "-n", "blue", "--seed", "7", "--steps", "4", "-W", "128", "-H", "96", "--save-latents", latents, *flags]
        arguments += ["--device", "cpu", "--dtype", dtype, "--threads", "1", "-q", "-o", picture, "--on-exist", "overwrite"]
        done = self.run_sd("txt2img", "-m", model, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return np.asarray(Image.open(picture).convert("RGB")).astype(int), latents.read_bytes()

    def assert_same(self, found, expected):
        self.assertTrue(np.array_equal(found[0], expected[0]))
        self.assertEqual(found[1], expected[1])

    def copy(self, kind="v12"):
        model = self.root / "changed"
        shutil.rmtree(model, ignore_errors=True)
        return Path(shutil.copytree(self.root / kind, model))

    def run_sd(self, *arguments):
        return subprocess.run([os.environ["SD_BINARY"], *map(str, arguments)], capture_output=True, text=True)

    def assert_refused(self, model, *parts, flags=()):
        picture = self.root / "none.png"
        done = self.run_sd("txt2img", "-m", model, "-p", "red", "--steps", "1", "--device", "cpu", "--threads", "1", "-q", "-o", picture, *flags)
        self.assertEqual((done.returncode, done.stdout), (BAD_MODEL, ""), done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)
        self.assertFalse(picture.exists())

    def test_each_of_the_three_weights_paints_what_it_paints_in_diffusers_layout(self):
        for kind in KINDS:
            pictures = []
            for name in WEIGHTS:
                with self.subTest(kind=kind, weights=name):
                    expected = self.paint(self.root / f"{kind}-{name}")
                    self.assert_same(self.paint(self.root / kind, "--variant", name), expected)
                    if name == "ema":
                        self.assert_same(self.paint(self.root / kind), expected)
                    pictures.append(expected[0])
            for other in pictures[1:]:
                self.assertGreater(np.abs(other - pictures[0]).max(), 8, "the weights differ too little to be told apart")

    def test_the_folder_t2i_and_links_to_it_will_do(self):
        expected = self.paint(self.root / "v12-ema")
        self.assert_same(self.paint(self.root / "v12/t2i"), expected)
        link = self.root / "link"
        link.symlink_to(self.root / "v12/t2i")
        self.assert_same(self.paint(link), expected)

    def test_other_samplers_know_the_same_schedule(self):
        for flags in (["--sampler", "ddim"], ["--sampler", "dpmpp_2m"], ["--sampler", "euler"], ["--variance", "learned_range"], ["--low-memory"]):
            for kind in KINDS:
                with self.subTest(kind=kind, flags=flags):
                    self.assert_same(self.paint(self.root / kind, *flags), self.paint(self.root / f"{kind}-ema", *flags))

    def test_views_of_float32_files_differ_by_the_order_of_sums_alone(self):
        for kind in KINDS:
            source, model = self.root / f"{kind}-float32", self.copy(kind)
            write_tencent_transformer(source, model, "ema")
            expected = self.paint(source)
            found = self.paint(model)
            self.assertLessEqual(np.abs(found[0] - expected[0]).max(), 1)
            latents = [load(data)["latents"] for data in (found[1], expected[1])]
            self.assertLessEqual((latents[0] - latents[1]).abs().max(), 1e-4)

    def test_bfloat16(self):
        self.assert_same(self.paint(self.root / "v11", dtype="bf16"), self.paint(self.root / "v11-ema", dtype="bf16"))

    def test_info_tells_what_it_tells_of_diffusers_folder(self):
        for kind in KINDS:
            shown = [json.loads(self.run_sd("info", "--json", "--hash", self.root / name).stdout) for name in (kind, f"{kind}-ema")]
            for key in ("family", "pipeline_class", "scheduler", "prediction_type"):
                self.assertEqual(shown[0][key], shown[1][key])
            self.assertEqual(shown[0]["family"], "HunyuanDiT")
            tencent, diffusers = ({part["name"]: part for part in model["components"]} for model in shown)
            self.assertEqual(tencent.keys(), diffusers.keys())
            for name, part in diffusers.items():
                for key in ("class", "loaded", "parameters", "dtypes"):
                    self.assertEqual(tencent[name][key], part[key], (name, key))
            self.assertEqual(tencent["transformer"]["files"], ["pytorch_model_ema.safetensors"])
            self.assertEqual(tencent["transformer"]["variants"], ["distill", "module"])
            other = json.loads(self.run_sd("info", "--json", "--hash", "--variant", "distill", self.root / kind / "t2i").stdout)
            self.assertNotEqual(other["hash"], shown[0]["hash"])
        text = self.run_sd("info", self.root / "v12").stdout
        self.assertIn("HunyuanDiT (HunyuanDiTPipeline)", text)
        self.assertIn("pytorch_model_ema.safetensors; also there: distill, module", text)

    def test_the_picture_knows_the_hash_of_the_transformer(self):
        picture = self.root / "hashed.png"
        done = self.run_sd("txt2img", "-m", self.root / "v12", "-p", "red", "--steps", "1", "--seed", "1", "--device", "cpu", "-q", "-o", picture)
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(self.run_sd("info", "--json", "--hash", self.root / "v12").stdout)["hash"]
        self.assertIn(told[:10], self.run_sd("info", picture).stdout)

    def test_pickles_alone(self):
        for folder, pickle, expected in (
            ("model", "pytorch_model_ema.pt", "pytorch_model_ema.safetensors"),
            ("clip_text_encoder", "pytorch_model.bin", "model.safetensors"),
            ("mt5", "pytorch_model.bin", "model.safetensors"),
            ("sdxl-vae-fp16-fix", "diffusion_pytorch_model.bin", "diffusion_pytorch_model.safetensors"),
        ):
            with self.subTest(folder):
                model = self.copy()
                (model / "t2i" / folder / expected).rename(model / "t2i" / folder / pickle)
                self.assert_refused(model, f"{folder}/{pickle}: this is a pickle", f"expected {expected} with the same keys")

    def test_folders_that_are_missing(self):
        for name in ("clip_text_encoder", "tokenizer", "mt5", "sdxl-vae-fp16-fix", "model"):
            model = self.copy()
            shutil.rmtree(model / "t2i" / name)
            self.assert_refused(model, f"t2i/{name}: the folder is missing", "Tencent")
        model = self.copy()
        shutil.rmtree(model / "t2i")
        self.assert_refused(model, "model_index.json")

    def test_variants_that_are_not_there(self):
        self.assert_refused(self.root / "v12", "expected pytorch_model_fp16.safetensors", "--variant distill, ema, module", flags=["--variant", "fp16"])
        model = self.copy()
        (model / "t2i/model/pytorch_model_ema.safetensors").unlink()
        self.assert_refused(model, "expected pytorch_model_ema.safetensors", "--variant distill, module")

    def test_tensors_are_named_as_in_the_file(self):
        cases = (
            ("ema", lambda t: t.pop("blocks.2.attn1.Wqkv.weight"), ("tensor 'blocks.2.attn1.Wqkv.weight' is missing",)),
            ("ema", lambda t: t.pop("blocks.5.norm3.bias"), ("tensor 'blocks.5.norm3.bias' is missing",)),
            ("ema", lambda t: t.pop("final_layer.adaLN_modulation.1.bias"), ("'final_layer.adaLN_modulation.1.bias' is missing",)),
            ("module", lambda t: t.pop("module.mlp_t5.2.bias"), ("tensor 'module.mlp_t5.2.bias' is missing",)),
            ("ema", lambda t: t.update({"blocks.1.attn2.kv_proj.bias": torch.zeros(98)}), ("'blocks.1.attn2.kv_proj.bias' should have the shape [96], it has [98]",)),
            ("ema", lambda t: t.update({"blocks.1.attn1.Wqkv.bias": torch.zeros(145)}), ("'blocks.1.attn1.Wqkv.bias' should have a multiple of 3 rows, it has the shape [145]",)),
            ("ema", lambda t: t.update({"final_layer.linear.bias": torch.zeros(31)}), ("'final_layer.linear.bias' should have the shape [32], it has [31]",)),
            ("ema", lambda t: t.update({"blocks.0.attn1.to_q.bias": torch.zeros(48)}), ("1 tensors belong to no part", "'blocks.0.attn1.to_q.bias'")),
            ("ema", lambda t: t.update({"module.x": torch.zeros(1)}), ("'module.x'",)),
            ("ema", lambda t: t["mlp_t5.0.bias"].fill_(torch.nan), ("pytorch_model_ema.safetensors: tensor 'mlp_t5.0.bias' holds NaN",)),
        )  # fmt: skip
        for name, change, parts in cases:
            with self.subTest(parts):
                model = self.copy()
                change_tensors(model / f"t2i/model/pytorch_model_{name}.safetensors", change)
                self.assert_refused(model, f"pytorch_model_{name}.safetensors", *parts, flags=["--variant", name])

    def test_configs_that_do_not_fit(self):
        model = self.copy()
        config = model / "t2i/model/config.json"
        change_json(config, num_layers=4)
        self.assert_refused(model, "pytorch_model_ema.safetensors: tensor 'blocks.3.skip_norm.weight' is missing")
        change_json(config, num_layers=8)
        self.assert_refused(model, "pytorch_model_ema.safetensors: tensor 'blocks.6.", "is missing")
        change_json(config, num_layers=6, mlp_ratio=2)
        self.assert_refused(model, "'blocks.0.mlp.fc1.weight' should have the shape [96, 48], it has [120, 48]")
        change_json(config, mlp_ratio=2.5, hidden_size=60)
        self.assert_refused(model, "model/config.json", "'hidden_size'", "48, found 60")
        change_json(config, hidden_size=48)
        change_json(config, num_layers=7)
        self.assert_refused(model, "model/config.json", "'num_layers' should be even")
        config.unlink()
        self.assert_refused(model, "'x_embedder.proj.weight' should have the shape [1408, 4, 2, 2] of DiT-g/2, it has [48, 4, 2, 2]", "config.json")

    def test_weights_of_another_version_than_the_config(self):
        model = self.copy("v11")
        change_json(model / "t2i/model/config.json", use_style_cond_and_image_meta_size=False)
        self.assert_refused(model, "tensor 'style_embedder.weight' is not expected", "HunyuanDiT 1.2", "weights of 1.0 or 1.1")
        self.assert_refused(model, "tensor 'module.style_embedder.weight' is not expected", flags=["--variant", "module"])
        model = self.copy("v12")
        change_json(model / "t2i/model/config.json", use_style_cond_and_image_meta_size=None)
        self.assert_refused(model, "tensor 'style_embedder.weight' is missing", "HunyuanDiT 1.0 or 1.1")


if __name__ == "__main__":
    unittest.main()
