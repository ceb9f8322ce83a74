"""Pictures of the `sd` binary against diffusers' own, fp32 on the CPU: equal to within 1/255.

txt2img and img2img x every sampler x (SD1, SD2 with v prediction) x square and not. The binary is
$SD_BINARY.
"""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import diffusers
import numpy as np
import torch
from PIL import Image

from tiny_pipelines import make_pipeline

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)  # tiny networks: threads cost more than they bring

SAMPLERS = {
    "ddim": (diffusers.DDIMScheduler, {}),
    "plms": (diffusers.PNDMScheduler, {"skip_prk_steps": True}),
    "pndm": (diffusers.PNDMScheduler, {}),
    "ddpm": (diffusers.DDPMScheduler, {}),
    "euler": (diffusers.EulerDiscreteScheduler, {}),
    "euler_a": (diffusers.EulerAncestralDiscreteScheduler, {}),
    "heun": (diffusers.HeunDiscreteScheduler, {}),
    "dpmpp_2m": (diffusers.DPMSolverMultistepScheduler, {}),
    "unipc": (diffusers.UniPCMultistepScheduler, {}),
    "lcm": (diffusers.LCMScheduler, {}),
}
SIZES = {"square": (64, 64), "wide": (96, 64), "tall": (56, 72)}
PROMPT, NEGATIVE = "a photo of an astronaut on the red square", "blue background, ugly"


def paint(arguments: list[str], output: Path) -> np.ndarray:
    """Runs the binary; the picture as integers [H, W, 3]."""
    command = [os.environ["SD_BINARY"], *arguments, "--device", "cpu", "--dtype", "fp32", "--threads", "1", "-q", "-o", str(output), "--on-exist", "overwrite"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"exit {done.returncode}: {' '.join(command)}\n{done.stderr}")
    return np.asarray(Image.open(output).convert("RGB")).astype(int)


class Oracle:
    """One tiny pipeline in both programs."""

    def __init__(self, kind: str, folder: Path):
        self.folder = folder / kind
        self.text_to_image = make_pipeline(kind, self.folder)
        self.text_to_image.set_progress_bar_config(disable=True)
        self.config = self.text_to_image.scheduler.config
        self.image_to_image = diffusers.StableDiffusionImg2ImgPipeline(**self.text_to_image.components, requires_safety_checker=False)
        self.image_to_image.set_progress_bar_config(disable=True)
        self.output = folder / "picture.png"

    def expected(self, sampler: str, seed: int, **call) -> np.ndarray:
        scheduler_class, overrides = SAMPLERS[sampler]
        pipeline = self.image_to_image if "image" in call else self.text_to_image
        pipeline.scheduler = scheduler_class.from_config(self.config, **overrides)
        generator = torch.Generator("cpu").manual_seed(seed)
        picture = pipeline(PROMPT, negative_prompt=NEGATIVE, generator=generator, **call).images[0]
        return np.asarray(picture).astype(int)

    def found(self, command: str, sampler: str, seed: int, *arguments: str) -> np.ndarray:
        return paint(
            [command, "-m", str(self.folder), "-p", PROMPT, "-n", NEGATIVE, "--sampler", sampler, "--seed", str(seed), *arguments],
            self.output,
        )


class PipelineParity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        folder = Path(cls.temporary.name)
        cls.oracles = {kind: Oracle(kind, folder) for kind in ("sd1", "sd2")}
        cls.input = folder / "input.png"
        y, x = np.mgrid[0:90, 0:110]
        pixels = np.stack([2 * x, 255 - y, (x * y) % 256], -1).astype(np.uint8)
        Image.fromarray(pixels).save(cls.input)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def assert_same(self, found: np.ndarray, expected: np.ndarray):
        self.assertEqual(found.shape, expected.shape)
        self.assertLessEqual(np.abs(found - expected).max(), 1)

    def check_text_to_image(self, kind, sampler, width, height, steps=7, scale=6.5):
        oracle = self.oracles[kind]
        expected = oracle.expected(sampler, 7, width=width, height=height, num_inference_steps=steps, guidance_scale=scale)
        found = oracle.found("txt2img", sampler, 7, "-W", str(width), "-H", str(height), "--steps", str(steps), "--scale", str(scale))
        self.assert_same(found, expected)

    def check_image_to_image(self, kind, sampler, width, height, steps=9, scale=4.0, strength=0.7):
        oracle = self.oracles[kind]
        picture = Image.open(self.input).resize((width, height), Image.LANCZOS)
        expected = oracle.expected(sampler, 8, image=picture, strength=strength, num_inference_steps=steps, guidance_scale=scale)
        found = oracle.found(
            "img2img", sampler, 8, "--init-img", str(self.input), "-W", str(width), "-H", str(height),
            "--steps", str(steps), "--scale", str(scale), "--strength", str(strength),
        )  # fmt: skip
        self.assert_same(found, expected)

    def test_inputs_matter(self):
        """Another prompt, scale, step count or seed moves pixels by far more than the tolerance."""
        for kind, oracle in self.oracles.items():
            base = dict(sampler="ddim", seed=7, width=64, height=64, num_inference_steps=7, guidance_scale=6.5)
            picture = oracle.expected(**base)
            self.assertGreater(picture.std(), 20)
            self.assertLess(np.mean((picture == 0) | (picture == 255)), 0.05)
            for change in (dict(seed=8), dict(num_inference_steps=8), dict(guidance_scale=5.0)):
                self.assertGreater(np.abs(oracle.expected(**(base | change)) - picture).max(), 8, change)
            other = oracle.text_to_image("green circle", negative_prompt=NEGATIVE, generator=torch.Generator().manual_seed(7),
                                         width=64, height=64, num_inference_steps=7, guidance_scale=6.5).images[0]  # fmt: skip
            self.assertGreater(np.abs(np.asarray(other).astype(int) - picture).max(), 8)


def add_case(name: str, check: str, *arguments, **options):
    setattr(PipelineParity, f"test_{name}", lambda self: getattr(self, check)(*arguments, **options))


for kind in ("sd1", "sd2"):
    for sampler in SAMPLERS:
        for shape, size in SIZES.items():
            add_case(f"txt2img_{kind}_{sampler}_{shape}", "check_text_to_image", kind, sampler, *size)
            add_case(f"img2img_{kind}_{sampler}_{shape}", "check_image_to_image", kind, sampler, *size)
    for strength in (0.2, 0.5, 0.99, 1.0):
        add_case(f"img2img_{kind}_strength_{round(100 * strength)}_percent", "check_image_to_image", kind, "ddim", 64, 64, strength=strength)
    add_case(f"txt2img_{kind}_without_guidance", "check_text_to_image", kind, "ddim", 64, 64, scale=1.0)
    for steps in (1, 2, 30):
        add_case(f"txt2img_{kind}_{steps}_steps", "check_text_to_image", kind, "ddim", 64, 64, steps=steps)


if __name__ == "__main__":
    unittest.main()
