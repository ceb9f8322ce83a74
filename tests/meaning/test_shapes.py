"""What the models that ship paint with the `sd` binary ($SD_BINARY), looked at by the checker.

Each is held to the shares of prompts of one and of two objects that its README promises.
"""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from checker import check, look_at
from families import MODELS, family_of
from prompts import bare_prompts, held_out_prompts


def check_end(process):
    _, messages = process.communicate()
    if process.returncode != 0:
        raise AssertionError(f"exit {process.returncode}: {messages}")


def read_pictures(folder):
    """Arrays [64, 64, 3] in the order of their names."""
    return [np.asarray(Image.open(file).convert("RGB")) for file in sorted(folder.glob("*.png"))]


def share_obeyed(prompts, pictures):
    return sum(check(picture, prompt)[0] for picture, prompt in zip(pictures, prompts)) / len(prompts)


def image_to_image_cases():
    """(drawn scene of one object, its caption, a prompt for another object on another background)."""
    from evaluate import image_to_image_cases

    return image_to_image_cases(10)


class Shapes:
    """The tests of one model; a subclass is its test case."""

    model: Path
    single_floor: float
    pair_floor: float
    sampling: tuple[str, ...]  # flags of all pictures but those of the defaults
    samplers: dict[str, tuple[str, ...]]  # others, with their flags
    defaults: tuple[str, ...]  # steps and scale that sd takes without flags
    guided: str  # a scale

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.root = Path(cls.temporary.name)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def arguments(self, command, *flags):
        """Seeds from 0, a thread: for pictures as small as these a second one gains nothing."""
        fixed = ("-m", str(self.model), "-q", *self.sampling, "--seed", "0", "--threads", "1")
        return [os.environ["SD_BINARY"], *command, *fixed, *flags]

    def run_command(self, folder, command, *flags):
        """Paints into the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        whole = self.arguments([command, "-o", f"{folder}/{{index:05}}.png"], *flags)
        check_end(subprocess.Popen(whole, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
        return read_pictures(folder)

    def paint(self, prompts, name, *flags):
        """One picture for each prompt; each core has its share of them."""
        folder = self.root / name
        folder.mkdir(parents=True)
        prompt_file = folder / "prompts.txt"
        prompt_file.write_text("\n".join(prompts) + "\n", encoding="utf-8")
        shards = os.cpu_count()
        processes = [
            subprocess.Popen(
                self.arguments(["batch", str(prompt_file), "-o", str(folder), "--shard", f"{shard}/{shards}"], *flags),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for shard in range(shards)
        ]
        for process in processes:
            check_end(process)
        pictures = read_pictures(folder)
        assert len(pictures) == len(prompts), len(pictures)
        return pictures

    def assert_both_kinds_are_obeyed(self, name, *flags):
        """20 prompts of each kind. More of them may fail by chance than of 100."""
        prompts = held_out_prompts()
        pictures = self.paint(prompts[:20] + prompts[100:120], name, *flags)
        self.assertGreaterEqual(share_obeyed(prompts[:20], pictures[:20]), 0.8)
        self.assertGreaterEqual(share_obeyed(prompts[100:120], pictures[20:]), 0.7)

    def test_prompts_are_obeyed(self):
        prompts = held_out_prompts()
        for kind, part, floor in (("single", prompts[:100], self.single_floor), ("pairs", prompts[100:], self.pair_floor)):
            with self.subTest(kind):
                self.assertGreaterEqual(share_obeyed(part, self.paint(part, kind)), floor)

    def test_prompts_are_obeyed_with_other_samplers(self):
        for number, (sampler, flags) in enumerate(self.samplers.items()):
            with self.subTest(sampler, flags=flags):
                self.assert_both_kinds_are_obeyed(f"sampler{number}", "--sampler", sampler, *flags)

    def test_the_defaults_obey(self):
        prompt = "a red circle on a blue background"
        pictures = self.run_command(self.root / "defaults", "txt2img", "-p", prompt, "--count", "8", *self.defaults)
        self.assertGreaterEqual(share_obeyed([prompt] * 8, pictures), 7 / 8)

    def test_strength_decides_between_picture_and_prompt(self):
        cases = image_to_image_cases()
        changes, painted = {}, {}
        for strength in ("0.3", "0.9"):
            painted[strength] = []
            for number, (image, _, prompt) in enumerate(cases):
                folder = self.root / f"strength{strength}-{number}"
                folder.mkdir()
                image.save(folder / "input.png")
                start = ("--init-img", str(folder / "input.png"), "--strength", strength)
                painted[strength] += self.run_command(folder / "out", "img2img", "-p", prompt, *start)
            changes[strength] = [
                np.abs(picture.astype(int) - np.asarray(image)).mean() for picture, (image, _, _) in zip(painted[strength], cases)
            ]
        self.assertLess(np.mean(changes["0.3"]), 12, "grey levels: the layout stays")
        self.assertGreater(np.mean(changes["0.9"]), 60)
        prompts = [prompt for _, _, prompt in cases]
        self.assertEqual(share_obeyed(prompts, painted["0.3"]), 0)
        self.assertGreaterEqual(share_obeyed(prompts, painted["0.9"]), 0.7)

    def test_without_guidance_fewer_prompts_are_obeyed(self):
        prompts = held_out_prompts()[100:148]
        guided = share_obeyed(prompts, self.paint(prompts, "guided", "--scale", self.guided))
        self.assertLess(share_obeyed(prompts, self.paint(prompts, "unguided", "--scale", "1")), guided)

    def test_a_negative_prompt_drives_away(self):
        white = [
            sum(look_at(picture).background == "white" for picture in self.paint(bare_prompts(), name, *flags))
            for name, flags in (("bare", ()), ("negative", ("-n", "white background")))
        ]
        self.assertLess(white[1], white[0] / 2)

    def test_the_seed_decides(self):
        prompt = ["a red circle on a blue background"]
        first, again, other = (self.paint(prompt, name, "--seed", seed)[0] for name, seed in (("a", "1"), ("b", "1"), ("c", "2")))
        self.assertTrue(np.array_equal(first, again))
        self.assertGreater(np.abs(first.astype(int) - other).max(), 20)

    def test_equals_diffusers(self):
        family = family_of(self.model)
        prompts = held_out_prompts()[:2] + held_out_prompts()[100:102]
        pipeline = family.load(self.model, torch_dtype=torch.float32)
        generators = [torch.Generator().manual_seed(i) for i in range(4)]
        expected = pipeline(
            prompts, num_inference_steps=family.steps, guidance_scale=family.guidance, generator=generators
        ).images
        for prompt, found, image in zip(prompts, self.paint(prompts, "fp32", "--dtype", "fp32"), expected):
            with self.subTest(prompt):
                self.assertLessEqual(np.abs(found.astype(int) - np.asarray(image)).max(), 1)


class ShapesSd1(Shapes, unittest.TestCase):
    model = MODELS / "shapes-sd1"
    single_floor, pair_floor = 0.97, 0.88
    sampling = ("--sampler", "ddim", "--steps", "30", "--scale", "2.5")
    # All 200 prompts for the first sampler; tools/slow.sh bars has them for all.
    samplers = {"plms": (), "euler": (), "dpmpp_2m": (), "ddim": ("--eta", "1"), "ddpm": ()}
    defaults = ("--steps", "50", "--scale", "7.5")
    guided = "2"


if __name__ == "__main__":
    unittest.main()
