"""Folders and requests of Stable Diffusion 3 that do not hold: each ends with its exit code and one
sentence, and nothing is painted. The binary is $SD_BINARY.
"""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tiny_sd3 import make_sd3, without_t5

USAGE, BAD_MODEL = 2, 3


class Sd3Folders(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        without_t5(make_sd3("sd35", cls.folder / "whole"), cls.folder / "clip")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def run_sd(self, model, *flags):
        command = [os.environ["SD_BINARY"], "txt2img", "-m", str(model), "-p", "red", "--steps", "1", "--seed", "1", "-q"]
        command += ["--device", "cpu", "--threads", "1", "-o", str(self.folder / "a.png"), "--on-exist", "overwrite", *flags]
        return subprocess.run(command, capture_output=True, text=True)

    def assert_refused(self, done, code, *parts):
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        errors = [line for line in done.stderr.splitlines() if not line.startswith("sd: warning:")]
        self.assertEqual(len(errors), 1, done.stderr)
        for part in parts:
            self.assertIn(part, errors[0])
        self.assertFalse((self.folder / "a.png").exists())

    def changed(self, file, **keys):
        """A copy of the model with other keys in one of its JSON files; None takes a key away."""
        model = self.folder / "changed"
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(self.folder / "whole", model)
        config = json.loads((model / file).read_text()) | keys
        (model / file).write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
        return model

    def test_requests(self):
        whole, clip = self.folder / "whole", self.folder / "clip"
        for model, flags, parts in (
            (whole, ["-W", "72"], ("--width", "multiple of 16", "found 72", "64 and 80")),
            (whole, ["-H", "208"], ("--height", "from 16 to 192", "found 208")),
            (whole, ["--max-sequence-length", "513"], ("--max-sequence-length", "1 to 512", "513")),
            (whole, ["--max-sequence-length", "0"], ("--max-sequence-length", "1 to 512", "0")),
            (whole, ["--sampler", "ddim"], ("--sampler", "flow_euler or flow_heun", "found ddim")),
            (whole, ["--no-t5", "--prompt-3", "x"], ("--prompt-3", "T5")),
            (whole, ["--no-t5", "--t5-dtype", "fp32"], ("--t5-dtype",)),
            (whole, ["--t5-dtype", "fp16"], ("--t5-dtype fp16", "CPU")),
            (whole, ["--skip-layers", "4"], ("--skip-layers", "0 to 3", "found 4")),
            (whole, ["--clip-skip", "3"], ("--clip-skip", "0 to 2", "found 3")),
            (clip, ["--prompt-3", "x"], ("--prompt-3", "T5")),
            (clip, ["--negative-prompt-3", "x"], ("--negative-prompt-3", "T5")),
            (clip, ["--t5-dtype", "fp32"], ("--t5-dtype", "T5")),
        ):
            with self.subTest(flags):
                self.assert_refused(self.run_sd(model, *flags), USAGE, *parts)

    def test_networks_that_do_not_fit_together(self):
        for file, keys, parts in (
            ("text_encoder_3/config.json", dict(d_model=48), ("text_encoder_3/config.json", "'d_model'", "64", "found 48")),
            ("transformer/config.json", dict(pooled_projection_dim=40), ("'pooled_projection_dim'", "36", "found 40")),
            ("transformer/config.json", dict(in_channels=4), ("'in_channels'", "16", "found 4")),
            ("transformer/config.json", dict(joint_attention_dim=40), ("56 wide", "40")),
            ("transformer/config.json", dict(rope=True), ("transformer/config.json", "'rope'")),
            ("transformer/config.json", dict(qk_norm="layer_norm"), ("'qk_norm'", "layer_norm")),
            ("vae/config.json", dict(shift_factor=None), ("vae/config.json", "'shift_factor'")),
            ("text_encoder_3/config.json", dict(vocab_size=20), ("token ids", "'vocab_size' 20")),
            ("text_encoder_2/config.json", dict(max_position_embeddings=70), ("equally many tokens", "77 and 70")),
        ):
            with self.subTest(file=file, keys=keys):
                self.assert_refused(self.run_sd(self.changed(file, **keys)), BAD_MODEL, *parts)

    def test_components_that_are_missing_or_of_another_class(self):
        index = json.loads((self.folder / "whole/model_index.json").read_text())
        for keys, parts in (
            (dict(text_encoder_2=[None, None]), ("text_encoder_2",)),
            (dict(text_encoder=["transformers", "CLIPTextModel"]), ("text_encoder", "CLIPTextModelWithProjection")),
            (dict(tokenizer_3=[None, None]), ("tokenizer_3",)),
            (dict(transformer=["diffusers", "FluxTransformer2DModel"]), ("transformer", "SD3Transformer2DModel")),
        ):
            with self.subTest(keys):
                self.assert_refused(self.run_sd(self.changed("model_index.json", **(index | keys))), BAD_MODEL, *parts)

    def test_weights_with_a_nan_are_named(self):
        model = self.changed("model_index.json")
        file = model / "text_encoder_3/model.safetensors"
        tensors = load_file(file)
        name = "encoder.block.1.layer.1.DenseReluDense.wo.weight"
        tensors[name][0, 0] = torch.nan
        save_file(tensors, file, {"format": "pt"})
        self.assert_refused(self.run_sd(model), BAD_MODEL, "text_encoder_3", name, "NaN")

    def test_without_t5_the_user_is_told_what_that_means(self):
        for model, flags in ((self.folder / "clip", []), (self.folder / "whole", ["--no-t5"])):
            command = [os.environ["SD_BINARY"], "txt2img", "-m", str(model), "-p", "red", "--steps", "1", *flags, "-o", "-"]
            done = subprocess.run(command, capture_output=True)
            self.assertEqual(done.returncode, 0)
            warnings = [line for line in done.stderr.decode().splitlines() if line.startswith("sd: warning:")]
            self.assertEqual(len(warnings), 1)
            self.assertIn("without the T5 text encoder", warnings[0])
            self.assertTrue(done.stdout.startswith(b"\x89PNG"))


if __name__ == "__main__":
    unittest.main()
