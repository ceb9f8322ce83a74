"""Folders and requests of HunyuanDiT that do not hold: each ends with its exit code and one sentence, and
nothing is painted; and what a run that paints warns of.
"""

import json
import unittest

import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from folder_checks import BAD_MODEL, USAGE, FolderChecks
from tiny_hunyuan import make_hunyuan


class HunyuanFolders(FolderChecks):
    @classmethod
    def make(cls, folder):
        make_hunyuan("v11", folder / "v11")
        make_hunyuan("v12", folder / "whole")

    def test_requests(self):
        whole, v11 = self.folder / "whole", self.folder / "v11"
        for model, flags, parts in (
            (whole, ["-W", "72"], ("--width", "multiple of 16", "found 72", "64 and 80")),
            (whole, ["-W", "1000", "-H", "1000", "--no-resolution-binning"], ("--width", "multiple of 16", "found 1000", "992 and 1008")),
            (whole, ["-W", "8", "--resolution-binning"], ("--width", "multiple of 16", "found 8")),
            (whole, ["--sampler", "flow_euler"], ("--sampler", "found flow_euler")),
            (whole, ["--prompt-2", "x"], ("--prompt-2", "read the same prompt")),
            (whole, ["--no-t5"], ("--no-t5", "cannot do without")),
            (whole, ["--max-sequence-length", "128"], ("--max-sequence-length", "one number of tokens")),
            (whole, ["--original-size", "512x512"], ("--original-size", "not told of sizes")),
            (whole, ["--crop", "0,0"], ("--crop", "not told of sizes")),
            (v11, ["--original-size", "0x512"], ("--original-size", "0x512")),
            (whole, ["--rope-grid", "new"], ("--rope-grid", "diffusers", "original", "new")),
            (whole, ["--sampler", "ddim", "--variance", "learned_range"], ("--variance", "ddpm", "ddim")),
            (whole, ["--clip-skip", "1"], ("--clip-skip", "last state", "found 1")),
            (whole, ["--skip-layers", "1"], ("--skip-layers", "no skip-layer guidance")),
            (whole, ["--negative-preset", "hunyuan", "-n", "x"], ("--negative-preset", "--negative-prompt")),
        ):
            with self.subTest(flags):
                self.assert_refused(self.run_sd(model, *flags), USAGE, *parts)

    def test_networks_that_do_not_fit_together(self):
        for file, keys, parts in (
            ("text_encoder/config.json", dict(hidden_size=40), ("text_encoder/config.json", "'hidden_size'", "32", "found 40")),
            ("text_encoder/config.json", dict(max_position_embeddings=70), ("'max_position_embeddings'", "77", "found 70")),
            ("text_encoder_2/config.json", dict(d_model=64), ("text_encoder_2/config.json", "'d_model'", "48", "found 64")),
            ("text_encoder_2/config.json", dict(vocab_size=20), ("token ids", "'vocab_size' 20")),
            ("text_encoder/config.json", dict(vocab_size=20), ("token ids", "'vocab_size' 20")),
            ("transformer/config.json", dict(in_channels=8), ("'in_channels'", "4", "found 8")),
            ("transformer/config.json", dict(rope=True), ("transformer/config.json", "'rope'")),
            ("vae/config.json", dict(latent_channels=8), ("'in_channels'", "8", "found 4")),
        ):
            with self.subTest(file=file, keys=keys):
                self.assert_refused(self.run_sd(self.changed(file, **keys)), BAD_MODEL, *parts)

    def test_a_folder_of_one_version_read_as_the_other(self):
        """Version 1.0 and 1.1 have a style embedder, 1.2 has none."""
        as_1_1 = self.changed("transformer/config.json", use_style_cond_and_image_meta_size=True)
        self.assert_refused(self.run_sd(as_1_1), BAD_MODEL, "style_embedder", "use_style_cond_and_image_meta_size")
        config = self.folder / "v11/transformer/config.json"
        keys = json.loads(config.read_text())
        config.write_text(json.dumps(keys | {"use_style_cond_and_image_meta_size": False}))
        try:
            self.assert_refused(self.run_sd(self.folder / "v11"), BAD_MODEL, "style_embedder", "use_style_cond_and_image_meta_size")
        finally:
            config.write_text(json.dumps(keys))

    def test_components_that_are_missing_or_of_another_class(self):
        index = json.loads((self.folder / "whole/model_index.json").read_text())
        for keys, parts in (
            (dict(text_encoder_2=[None, None]), ("text_encoder_2",)),
            (dict(text_encoder=["transformers", "CLIPTextModel"]), ("text_encoder", "BertModel")),
            (dict(tokenizer=["transformers", "CLIPTokenizer"]), ("tokenizer", "BertTokenizer")),
            (dict(transformer=["diffusers", "FluxTransformer2DModel"]), ("transformer", "HunyuanDiT2DModel")),
        ):
            with self.subTest(keys):
                self.assert_refused(self.run_sd(self.changed("model_index.json", **(index | keys))), BAD_MODEL, *parts)

    def test_weights_with_a_nan_are_named(self):
        model = self.changed("model_index.json")
        file = model / "text_encoder/model.safetensors"
        tensors = load_file(file)
        name = "encoder.layer.1.output.dense.weight"
        tensors[name][0, 0] = torch.nan
        save_file(tensors, file, {"format": "pt"})
        self.assert_refused(self.run_sd(model), BAD_MODEL, "text_encoder", name, "NaN")

    def test_prompts_that_are_cut(self):
        """77 tokens of BERT, 256 of mT5; each says what it did not see."""
        words = ["red", "circle"] * 45
        warnings = self.warnings_of(self.folder / "whole", "--threads=1", prompt=" ".join(words))
        self.assertEqual(len(warnings), 1, warnings)
        self.assertIn("longer than the 77 tokens of the BERT text encoder", warnings[0])
        warnings = self.warnings_of(self.folder / "whole", "--threads=1", prompt=" ".join(words * 3))
        self.assertEqual(len(warnings), 2, warnings)
        self.assertIn("longer than the 256 tokens of the mT5 text encoder", warnings[1])

    def test_characters_outside_the_vocabulary(self):
        warnings = self.warnings_of(self.folder / "whole", "--threads=1", prompt="a red 猫 and ☃")
        self.assertEqual(len(warnings), 1, warnings)
        for part in ("猫", "☃", "[UNK]"):
            self.assertIn(part, warnings[0])

    def test_another_size_than_asked_for_is_told(self):
        warnings = self.warnings_of(self.folder / "whole", "-W", "1000", "-H", "620", "--resolution-binning")
        self.assertEqual(len(warnings), 1, warnings)
        for part in ("1000x620", "1280x768", "--no-resolution-binning"):
            self.assertIn(part, warnings[0])
        # an input's own size, too
        picture = self.folder / "input.png"
        Image.new("RGB", (600, 900)).save(picture)
        flags = ["--init-img", str(picture), "--strength", "1", "--resolution-binning"]
        warnings = self.warnings_of(self.folder / "whole", *flags, command="img2img")
        self.assertEqual(len(warnings), 1, warnings)
        for part in ("600x900", "768x1024"):
            self.assertIn(part, warnings[0])


if __name__ == "__main__":
    unittest.main()
