"""Folders and requests of Stable Diffusion 3 that do not hold: each ends with its exit code and one
sentence, and nothing is painted.
"""

import json
import unittest

import torch
from safetensors.torch import load_file, save_file

from folder_checks import BAD_MODEL, USAGE, FolderChecks
from tiny_sd3 import make_sd3, without_t5


class Sd3Folders(FolderChecks):
    @classmethod
    def make(cls, folder):
        without_t5(make_sd3("sd35", folder / "whole"), folder / "clip")

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
            warnings = self.warnings_of(model, *flags)
            self.assertEqual(len(warnings), 1)
            self.assertIn("without the T5 text encoder", warnings[0])


if __name__ == "__main__":
    unittest.main()
