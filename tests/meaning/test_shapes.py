"""What the model that ships paints with the `sd` binary ($SD_BINARY), looked at by the checker."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from checker import check, look_at
from prompts import bare_prompts, held_out_prompts

MODEL = Path(__file__).resolve().parents[2] / "models" / "shapes-sd1"

# Shares of prompts obeyed below which something broke. The aim for this model is 0.97 and 0.88; its
# present weights are interim (models/shapes-sd1/README.md).
SINGLE_FLOOR, PAIR_FLOOR = 0.6, 0.4


def paint(prompts, folder, *flags):
    """One picture for each prompt, seeds from 0, DDIM 30 steps at scale 4: arrays [64, 64, 3]."""
    folder.mkdir(parents=True)
    prompt_file = folder / "prompts.txt"
    prompt_file.write_text("\n".join(prompts) + "\n", encoding="utf-8")
    command = [os.environ["SD_BINARY"], "txt2img", "--from-file", str(prompt_file), "--seed", "0"]
    command += ["--sampler", "ddim", "--steps", "30", "--scale", "4", "--batch-size", "8", "--json", "-q"]
    command += ["-m", str(MODEL), "-o", f"{folder}/{{index:05}}.png", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"exit {done.returncode}: {done.stderr}")
    files = [json.loads(line)["file"] for line in done.stdout.splitlines()]
    return [np.asarray(Image.open(file).convert("RGB")) for file in files]


class Shapes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.root = Path(cls.temporary.name)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def share_obeyed(self, prompts, name, *flags):
        pictures = paint(prompts, self.root / name, *flags)
        return sum(check(picture, prompt)[0] for picture, prompt in zip(pictures, prompts)) / len(prompts)

    def test_prompts_are_obeyed(self):
        prompts = held_out_prompts()
        self.assertGreaterEqual(self.share_obeyed(prompts[:48], "single"), SINGLE_FLOOR)
        self.assertGreaterEqual(self.share_obeyed(prompts[100:148], "pairs"), PAIR_FLOOR)

    def test_without_guidance_fewer_prompts_are_obeyed(self):
        prompts = held_out_prompts()[100:148]
        guided = self.share_obeyed(prompts, "guided", "--scale", "2")
        self.assertLess(self.share_obeyed(prompts, "unguided", "--scale", "1"), guided)

    def test_a_negative_prompt_drives_away(self):
        white = [
            sum(look_at(picture).background == "white" for picture in paint(bare_prompts(), self.root / name, *flags))
            for name, flags in (("bare", ()), ("negative", ("-n", "white background")))
        ]
        self.assertLess(white[1], white[0] / 2)

    def test_the_seed_decides(self):
        prompt = ["a red circle on a blue background"]
        first, again, other = (paint(prompt, self.root / name, "--seed", seed)[0] for name, seed in (("a", "1"), ("b", "1"), ("c", "2")))
        self.assertTrue(np.array_equal(first, again))
        self.assertGreater(np.abs(first.astype(int) - other).max(), 20)

    def test_equals_diffusers(self):
        from diffusers import StableDiffusionPipeline

        prompts = held_out_prompts()[:2] + held_out_prompts()[100:102]
        pipeline = StableDiffusionPipeline.from_pretrained(MODEL, torch_dtype=torch.float32)
        pipeline.set_progress_bar_config(disable=True)
        generators = [torch.Generator().manual_seed(i) for i in range(4)]
        expected = pipeline(prompts, num_inference_steps=30, guidance_scale=4.0, generator=generators).images
        for prompt, found, image in zip(prompts, paint(prompts, self.root / "fp32", "--dtype", "fp32"), expected):
            with self.subTest(prompt):
                self.assertLessEqual(np.abs(found.astype(int) - np.asarray(image)).max(), 1)


if __name__ == "__main__":
    unittest.main()
