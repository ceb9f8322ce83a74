"""Pictures of Stable Diffusion 3 by the `sd` binary against diffusers' own, fp32 on the CPU: equal to
within 1/255. txt2img and img2img, each sampler, with and without T5, each encoder's own prompt,
skip-layer guidance, batches. The binary is $SD_BINARY.
"""

import copy
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import diffusers
import numpy as np
import torch
from PIL import Image

from test_pipelines import paint
from tiny_sd3 import KINDS, make_sd3, without_t5

PROMPT, NEGATIVE = "a photo of an astronaut on the red square", "blue background, ugly"
SAMPLERS = {"flow_euler": diffusers.FlowMatchEulerDiscreteScheduler, "flow_heun": diffusers.FlowMatchHeunDiscreteScheduler}
LONG = " ".join(["a red circle on the green square of the blue photo"] * 12)  # beyond CLIP's 77 tokens


class Sd3Parity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        cls.pipelines = {kind: make_sd3(kind, cls.folder / kind) for kind in KINDS}
        cls.pipelines["clip"] = without_t5(cls.pipelines["sd3"], cls.folder / "clip")
        cls.schedules = {kind: pipeline.scheduler.config for kind, pipeline in cls.pipelines.items()}
        for pipeline in cls.pipelines.values():
            pipeline.set_progress_bar_config(disable=True)
        cls.input = cls.folder / "input.png"
        y, x = np.mgrid[0:90, 0:110]
        Image.fromarray(np.stack([2 * x, 255 - y, (x * y) % 256], -1).astype(np.uint8)).save(cls.input)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def expected(self, kind="sd3", sampler="flow_euler", seed=7, sigmas=None, prompt=PROMPT, **call):
        pipeline = self.pipelines[kind]
        if "image" in call:
            pipeline = diffusers.StableDiffusion3Img2ImgPipeline(**pipeline.components)
            pipeline.set_progress_bar_config(disable=True)
        overrides = {f"use_{sigmas}_sigmas": True} if sigmas else {}
        pipeline.scheduler = SAMPLERS[sampler].from_config(self.schedules[kind], **overrides)
        generator = torch.Generator("cpu").manual_seed(seed)
        call = dict(negative_prompt=NEGATIVE, num_inference_steps=6) | call
        return np.asarray(pipeline(prompt, generator=generator, **call).images[0]).astype(int)

    def found(self, *arguments, kind="sd3", command="txt2img", seed=7, prompt=PROMPT):
        flags = ["-m", str(self.folder / kind), "-p", prompt, "--seed", str(seed)]
        if "-n" not in arguments:
            flags += ["-n", NEGATIVE]
        if "--steps" not in arguments:
            flags += ["--steps", "6"]
        return paint([command, *flags, *arguments], self.folder / "picture.png")

    def assert_same(self, found, expected):
        self.assertEqual(found.shape, expected.shape)
        self.assertLessEqual(np.abs(found - expected).max(), 1)

    def test_inputs_matter(self):
        """Whatever is changed moves pixels by far more than the tolerance."""
        base = self.expected()
        self.assertGreater(base.std(), 20)
        self.assertLess(np.mean((base == 0) | (base == 255)), 0.05)
        changes = (
            dict(seed=8), dict(num_inference_steps=7), dict(guidance_scale=5.0), dict(prompt="green circle"),
            dict(prompt_2="green circle"), dict(prompt_3="green circle"), dict(negative_prompt="green"),
            dict(negative_prompt_2="green circle"), dict(negative_prompt_3="green circle"), dict(max_sequence_length=16),
            dict(clip_skip=1), dict(kind="clip"), dict(sampler="flow_heun"), dict(sigmas="karras"),
        )  # fmt: skip
        for change in changes:
            self.assertGreater(np.abs(self.expected(**change) - base).max(), 4, change)
        skipped = self.expected(kind="sd35", skip_guidance_layers=[1, 2], skip_layer_guidance_stop=0.5)
        self.assertGreater(np.abs(skipped - self.expected(kind="sd35")).max(), 4)

    def test_no_flag_but_the_model_is_needed(self):
        """Size, steps and scale are the family's, as in diffusers."""
        expected = self.expected(negative_prompt=None, num_inference_steps=28)
        found = paint(["txt2img", "-m", str(self.folder / "sd3"), "-p", PROMPT, "--seed", "7"], self.folder / "picture.png")
        self.assert_same(found, expected)

    def test_image_to_image_needs_no_flag_but_model_and_picture(self):
        picture = Image.open(self.input).resize((96, 80), Image.LANCZOS)  # the sizes rounded down to multiples of 16
        expected = self.expected(image=picture, width=96, height=80, negative_prompt=None, num_inference_steps=50)
        flags = ["-m", str(self.folder / "sd3"), "-p", PROMPT, "--seed", "7", "--init-img", str(self.input)]
        self.assert_same(paint(["img2img", *flags], self.folder / "picture.png"), expected)

    def test_each_encoder_has_its_own_prompt(self):
        for number in ("2", "3"):
            expected = self.expected(**{f"prompt_{number}": "green circle", f"negative_prompt_{number}": "photo"})
            found = self.found(f"--prompt-{number}", "green circle", f"--negative-prompt-{number}", "photo")
            self.assert_same(found, expected)

    def test_long_prompts_go_on_in_t5(self):
        for length in (64, 512):
            expected = self.expected(prompt=LONG, max_sequence_length=length)
            self.assert_same(self.found("--max-sequence-length", str(length), prompt=LONG), expected)

    def test_clip_skip_leaves_the_negative_prompt_alone(self):
        self.assert_same(self.found("--clip-skip", "1"), self.expected(clip_skip=1))

    def test_without_t5(self):
        expected = self.expected(kind="clip")
        self.assert_same(self.found(kind="clip"), expected)
        self.assert_same(self.found("--no-t5"), expected)

    def test_low_memory_paints_the_same(self):
        self.assert_same(self.found("--low-memory"), self.expected())

    def test_t5_in_a_type_of_its_own(self):
        pipeline = self.pipelines["sd3"]
        plain = self.expected()
        original = pipeline.text_encoder_3
        pipeline.text_encoder_3 = copy.deepcopy(original).to(torch.bfloat16)
        try:
            expected = self.expected()
        finally:
            pipeline.text_encoder_3 = original
        found = self.found("--t5-dtype", "bf16")
        self.assertGreater(np.abs(expected - plain).max(), 0)
        # bfloat16 rounds where its sums are cut, so two programs agree to a few of its steps alone
        self.assertLess(np.abs(found - expected).mean(), np.abs(plain - expected).mean())

    def test_without_guidance(self):
        self.assert_same(self.found("--scale", "1"), self.expected(guidance_scale=1.0))

    def test_skip_layer_guidance(self):
        for start, stop in ((0.01, 0.2), (0.3, 0.9)):
            call = dict(skip_layer_guidance_start=start, skip_layer_guidance_stop=stop, num_inference_steps=9)
            expected = self.expected(kind="sd35", skip_guidance_layers=[1, 2], skip_layer_guidance_scale=2.0, **call)
            flags = ["--skip-layers", "1,2", "--skip-layer-scale", "2.0", "--steps", "9"]
            flags += ["--skip-layer-start", str(start), "--skip-layer-stop", str(stop)]
            self.assert_same(self.found(*flags, kind="sd35"), expected)

    def test_a_batch_of_different_prompts(self):
        """Each picture of a batch is the one that diffusers makes of it alone."""
        jobs = [
            {"prompt": "a photo", "seed": 3, "scale": 5.0},
            {"prompt": "the green circle", "seed": 9, "steps": 4, "prompt_3": "blue"},
            {"prompt": "an astronaut", "seed": 4, "negative_prompt": "red", "max_sequence_length": 40},
        ]
        file, out = self.folder / "jobs.jsonl", self.folder / "batch"
        file.write_text("".join(json.dumps(job) + "\n" for job in jobs))
        flags = ["--steps", "6", "--device", "cpu", "--dtype", "fp32", "--threads", "1", "--batch-size", "3"]
        command = [os.environ["SD_BINARY"], "batch", str(file), "-m", str(self.folder / "sd35"), "-o", str(out), "-q", *flags]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        names = {"scale": "guidance_scale", "steps": "num_inference_steps"}
        for i, job in enumerate(jobs):
            call = {names.get(key, key): value for key, value in job.items()}
            expected = self.expected(kind="sd35", **({"negative_prompt": None} | call))
            self.assert_same(np.asarray(Image.open(out / f"{i:05}.png")).astype(int), expected)


def add_case(name, check):
    setattr(Sd3Parity, f"test_{name}", check)


def text_to_image(kind, sampler, width, height, sigmas=None, steps=6, scale=6.5):
    def check(self):
        call = dict(width=width, height=height, num_inference_steps=steps, guidance_scale=scale)
        expected = self.expected(kind=kind, sampler=sampler, sigmas=sigmas, **call)
        flags = ["-W", str(width), "-H", str(height), "--sampler", sampler, "--steps", str(steps), "--scale", str(scale)]
        self.assert_same(self.found(*flags, *(["--sigmas", sigmas] if sigmas else []), kind=kind), expected)

    return check


def image_to_image(kind, sampler, width, height, strength, steps=9):
    def check(self):
        picture = Image.open(self.input).resize((width, height), Image.LANCZOS)
        call = dict(image=picture, width=width, height=height, strength=strength, num_inference_steps=steps, guidance_scale=4.0)
        expected = self.expected(kind=kind, sampler=sampler, **call)
        flags = ["--init-img", str(self.input), "-W", str(width), "-H", str(height), "--sampler", sampler]
        flags += ["--steps", str(steps), "--scale", "4", "--strength", str(strength)]
        self.assert_same(self.found(*flags, kind=kind, command="img2img"), expected)

    return check


for kind in KINDS:
    for shape, size in {"square": (64, 64), "wide": (96, 64), "tall": (80, 176)}.items():
        add_case(f"txt2img_{kind}_{shape}", text_to_image(kind, "flow_euler", *(side // 2 if kind == "dynamic" else side for side in size)))
for steps in (1, 2, 28):
    add_case(f"txt2img_{steps}_steps", text_to_image("sd3", "flow_euler", 64, 64, steps=steps))
for sigmas in ("karras", "exponential", "beta"):
    add_case(f"txt2img_{sigmas}", text_to_image("sd3", "flow_euler", 64, 64, sigmas=sigmas))
add_case("txt2img_heun", text_to_image("sd35", "flow_heun", 96, 64))
for kind in ("sd3", "sd35"):
    for strength in (0.2, 0.6, 0.99, 1.0):
        add_case(f"img2img_{kind}_{round(100 * strength)}_percent", image_to_image(kind, "flow_euler", 96, 64, strength))
add_case("img2img_heun", image_to_image("sd3", "flow_heun", 64, 64, 0.7))
# 28 steps of 0.6 are 12 by SD's arithmetic, and begin at the 11th by that of SD3
add_case("img2img_28_steps", image_to_image("sd3", "flow_euler", 64, 64, 0.6, steps=28))
add_case("img2img_dynamic", image_to_image("dynamic", "flow_euler", 64, 48, 0.7))


if __name__ == "__main__":
    unittest.main()
