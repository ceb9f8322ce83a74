"""Pictures of HunyuanDiT by the `sd` binary against diffusers' own, fp32 on the CPU: equal to within
1/255. txt2img of both versions with each sampler that the family configures, sizes, both grids of
rotary positions, resolution binning; img2img and learned variances against a loop over diffusers'
parts, because its pipeline has neither. The binary is $SD_BINARY.
"""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import diffusers
import numpy as np
import torch
from diffusers.models.embeddings import _get_2d_rotary_pos_embed_np, get_2d_rotary_pos_embed
from diffusers.pipelines.hunyuandit import pipeline_hunyuandit
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from test_pipelines import paint
from tiny_hunyuan import CHINESE, KINDS, make_hunyuan

PROMPT, NEGATIVE = "a photo of an astronaut on the red square", "blue background, ugly"
LONG = " ".join(["a red circle on the green square of the blue photo"] * 12)  # beyond BERT's 77 tokens
SAMPLERS = {
    "ddpm": (diffusers.DDPMScheduler, {}),
    "ddim": (diffusers.DDIMScheduler, {}),
    "dpmpp_2m": (diffusers.DPMSolverMultistepScheduler, {}),
    "euler": (diffusers.EulerDiscreteScheduler, {}),
    "euler_a": (diffusers.EulerAncestralDiscreteScheduler, {}),
}


def grid_before_0_32(width, crop, grid, device=None, output_type="pt"):
    """What diffusers before 0.32, and Tencent's code, made of the same arguments."""
    return tuple(torch.as_tensor(table) for table in _get_2d_rotary_pos_embed_np(width, crop, grid))


class Loop:
    """HunyuanDiT's sampling from diffusers' parts, with a picture to start from and with the network's
    variance, as diffusers does both for other families (StableDiffusionImg2ImgPipeline, IFPipeline)."""

    def __init__(self, pipeline, scheduler):
        self.pipeline, self.scheduler = pipeline, scheduler

    def conditioning(self, prompt, negative, height, width):
        pipeline, call = self.pipeline, {}
        for index, names in ((0, ("encoder_hidden_states", "text_embedding_mask")), (1, ("encoder_hidden_states_t5", "text_embedding_mask_t5"))):
            text, negative_text, mask, negative_mask = pipeline.encode_prompt(
                prompt=prompt, negative_prompt=negative, device="cpu", dtype=torch.float32, text_encoder_index=index
            )
            call[names[0]], call[names[1]] = torch.cat([negative_text, text]), torch.cat([negative_mask, mask])
        patch = pipeline.transformer.config.patch_size
        grid = (height // 8 // patch, width // 8 // patch)
        region = pipeline_hunyuandit.get_resize_crop_region_for_grid(grid, 64 // patch)
        head = pipeline.transformer.inner_dim // pipeline.transformer.num_heads
        call["image_rotary_emb"] = get_2d_rotary_pos_embed(head, region, grid, output_type="pt")
        call["image_meta_size"] = torch.tensor([[1024.0, 1024, height, width, 0, 0]] * 2)
        call["style"] = torch.tensor([0, 0])
        return call

    @torch.no_grad()
    def run(self, prompt=PROMPT, negative=NEGATIVE, height=128, width=128, steps=6, scale=5.0, seed=7, image=None, strength=0.8, learned=False):
        pipeline, scheduler = self.pipeline, self.scheduler
        generator = torch.Generator("cpu").manual_seed(seed)
        call = self.conditioning(prompt, negative, height, width)
        scheduler.set_timesteps(steps)
        times = scheduler.timesteps
        shape = (1, pipeline.transformer.config.in_channels, height // 8, width // 8)
        if image is None:
            latents = randn_tensor(shape, generator=generator) * scheduler.init_noise_sigma
        else:
            begin = max(steps - min(int(steps * strength), steps), 0)
            times = times[begin:]
            if hasattr(scheduler, "set_begin_index"):
                scheduler.set_begin_index(begin)
            pixels = pipeline.image_processor.preprocess(image, height=height, width=width)
            latents = pipeline.vae.encode(pixels).latent_dist.sample(generator) * pipeline.vae.config.scaling_factor
            noise = randn_tensor(shape, generator=generator)
            latents = scheduler.add_noise(latents, noise, times[:1])
        for time in times:
            rows = scheduler.scale_model_input(torch.cat([latents] * 2), time)
            output = pipeline.transformer(rows, time.expand(2).to(rows.dtype), return_dict=False, **call)[0]
            (plain, guided), (_, variance) = (half.chunk(2) for half in output.chunk(2, dim=1))
            output = plain + scale * (guided - plain)
            if learned:
                output = torch.cat([output, variance], dim=1)
            latents = scheduler.step(output, time, latents, **pipeline.prepare_extra_step_kwargs(generator, 0.0), return_dict=False)[0]
        decoded = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
        return np.asarray(pipeline.image_processor.postprocess(decoded)[0]).astype(int)


class HunyuanParity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        cls.pipelines = {kind: make_hunyuan(kind, cls.folder / kind) for kind in KINDS}
        cls.schedules = {kind: pipeline.scheduler.config for kind, pipeline in cls.pipelines.items()}
        for pipeline in cls.pipelines.values():
            pipeline.set_progress_bar_config(disable=True)
        cls.input = cls.folder / "input.png"
        y, x = np.mgrid[0:90, 0:110]
        Image.fromarray(np.stack([2 * x, 255 - y, (x * y) % 256], -1).astype(np.uint8)).save(cls.input)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def scheduler(self, kind, sampler, **overrides):
        scheduler_class, own = SAMPLERS[sampler]
        return scheduler_class.from_config(self.schedules[kind], **own, **overrides)

    def expected(self, kind="v12", sampler="ddpm", seed=7, prompt=PROMPT, **call):
        pipeline = self.pipelines[kind]
        pipeline.scheduler = self.scheduler(kind, sampler)
        call = dict(negative_prompt=NEGATIVE, num_inference_steps=6, height=128, width=128, use_resolution_binning=False) | call
        generator = torch.Generator("cpu").manual_seed(seed)
        return np.asarray(pipeline(prompt, generator=generator, **call).images[0]).astype(int)

    def found(self, *arguments, kind="v12", command="txt2img", seed=7, prompt=PROMPT):
        flags = ["-m", str(self.folder / kind), "-p", prompt, "--seed", str(seed)]
        if "-n" not in arguments and "--negative-preset" not in arguments:
            flags += ["-n", NEGATIVE]
        if "--steps" not in arguments:
            flags += ["--steps", "6"]
        return paint([command, *flags, *arguments], self.folder / "picture.png")

    def assert_same(self, found, expected):
        self.assertEqual(found.shape, expected.shape)
        self.assertLessEqual(np.abs(found - expected).max(), 1)

    def test_inputs_matter(self):
        """Whatever is changed moves pixels by far more than the tolerance."""
        changes = (
            dict(seed=8), dict(num_inference_steps=7), dict(guidance_scale=3.0), dict(prompt="green circle"), dict(prompt=CHINESE),
            dict(negative_prompt="green"), dict(guidance_rescale=0.7), dict(sampler="ddim"), dict(sampler="dpmpp_2m"),
        )  # fmt: skip
        for kind, more in (("v11", (dict(original_size=(512, 512)), dict(target_size=(300, 200)), dict(crops_coords_top_left=(100, 0)))), ("v12", ())):
            base = self.expected(kind=kind)
            self.assertGreater(base.std(), 20)
            self.assertLess(np.mean((base == 0) | (base == 255)), 0.05)
            for change in changes + more:
                self.assertGreater(np.abs(self.expected(kind=kind, **change) - base).max(), 8, (kind, change))

    def test_the_loop_is_the_pipeline(self):
        """What img2img is compared with paints the pipeline's picture where that can paint it."""
        for kind in KINDS:
            found = Loop(self.pipelines[kind], self.scheduler(kind, "ddpm")).run()
            self.assertEqual(np.abs(found - self.expected(kind=kind)).max(), 0)

    def test_no_flag_but_the_model_is_needed(self):
        for kind in KINDS:
            expected = self.expected(kind=kind, negative_prompt=None, num_inference_steps=50)
            found = paint(["txt2img", "-m", str(self.folder / kind), "-p", PROMPT, "--seed", "7"], self.folder / "picture.png")
            self.assert_same(found, expected)

    def test_chinese_and_both_scripts(self):
        for prompt in (CHINESE, "a red 圆形 on the 蓝色 background", "ＲＥＤ　circle，蓝色。"):
            self.assert_same(self.found(prompt=prompt), self.expected(prompt=prompt))

    def test_long_prompts_go_on_in_t5(self):
        self.assert_same(self.found(prompt=LONG), self.expected(prompt=LONG))

    def test_without_guidance(self):
        self.assert_same(self.found("--scale", "1"), self.expected(guidance_scale=1.0))

    def test_guidance_rescale(self):
        for kind in KINDS:
            self.assert_same(self.found("--guidance-rescale", "0.7", kind=kind), self.expected(kind=kind, guidance_rescale=0.7))

    def test_low_memory_paints_the_same(self):
        self.assert_same(self.found("--low-memory"), self.expected())

    def test_sizes_that_the_network_is_told_of(self):
        call = dict(original_size=(512, 640), target_size=(300, 200), crops_coords_top_left=(100, 40))
        flags = ["--original-size", "640x512", "--target-size", "200x300", "--crop", "100,40"]
        self.assert_same(self.found(*flags, kind="v11"), self.expected(kind="v11", **call))

    def test_tencents_negative_prompt(self):
        negative = "错误的眼睛，糟糕的人脸，毁容，糟糕的艺术，变形，多余的肢体，模糊的颜色，模糊，重复，病态，残缺，"
        self.assert_same(self.found("--negative-preset", "hunyuan"), self.expected(negative_prompt=negative))

    def test_the_original_grid_of_rotary_positions(self):
        call = dict(height=96, width=160)
        flags = ["-W", "160", "-H", "96", "--rope-grid", "original"]
        installed = self.expected(**call)
        with mock.patch.object(pipeline_hunyuandit, "get_2d_rotary_pos_embed", grid_before_0_32):
            expected = self.expected(**call)
        self.assertGreater(np.abs(expected - installed).max(), 4)
        self.assert_same(self.found(*flags), expected)

    def test_resolution_binning(self):
        """1180x730 is nearest to 16:9, whose only size is 1280x768; RoPE crops at 6.5 rows, to the even 6."""
        expected = self.expected(width=1180, height=730, use_resolution_binning=True, num_inference_steps=1)
        self.assertEqual(expected.shape, (768, 1280, 3))
        self.assert_same(self.found("-W", "1180", "-H", "730", "--resolution-binning", "--steps", "1"), expected)

    def test_learned_variance(self):
        for kind in KINDS:
            scheduler = self.scheduler(kind, "ddpm", variance_type="learned_range")
            expected = Loop(self.pipelines[kind], scheduler).run(learned=True)
            self.assertGreater(np.abs(expected - self.expected(kind=kind)).max(), 8)
            self.assert_same(self.found("--variance", "learned_range", kind=kind), expected)

    def test_a_batch_of_different_prompts(self):
        """Each picture of a batch is the one that diffusers makes of it alone."""
        jobs = [
            {"prompt": "a photo", "seed": 3, "scale": 4.0},
            {"prompt": CHINESE, "seed": 9, "steps": 4},
            {"prompt": "an astronaut", "seed": 4, "negative_prompt": "red", "sampler": "ddim"},
        ]
        file, out = self.folder / "jobs.jsonl", self.folder / "batch"
        file.write_text("".join(json.dumps(job) + "\n" for job in jobs))
        flags = ["--steps", "6", "--device", "cpu", "--dtype", "fp32", "--threads", "1", "--batch-size", "3"]
        command = [os.environ["SD_BINARY"], "batch", str(file), "-m", str(self.folder / "v11"), "-o", str(out), "-q", *flags]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        names = {"scale": "guidance_scale", "steps": "num_inference_steps"}
        for i, job in enumerate(jobs):
            call = {names.get(key, key): value for key, value in job.items()}
            expected = self.expected(kind="v11", **({"negative_prompt": None} | call))
            self.assert_same(np.asarray(Image.open(out / f"{i:05}.png")).astype(int), expected)


def add_case(name, check):
    setattr(HunyuanParity, f"test_{name}", check)


def text_to_image(kind, sampler, width, height, steps=6, scale=5.0):
    def check(self):
        call = dict(width=width, height=height, num_inference_steps=steps, guidance_scale=scale)
        expected = self.expected(kind=kind, sampler=sampler, **call)
        flags = ["-W", str(width), "-H", str(height), "--sampler", sampler, "--steps", str(steps), "--scale", str(scale)]
        self.assert_same(self.found(*flags, kind=kind), expected)

    return check


def image_to_image(kind, sampler, width, height, strength, steps=9):
    def check(self):
        picture = Image.open(self.input).convert("RGB")
        loop = Loop(self.pipelines[kind], self.scheduler(kind, sampler))
        expected = loop.run(image=picture, width=width, height=height, strength=strength, steps=steps, scale=4.0)
        flags = ["--init-img", str(self.input), "-W", str(width), "-H", str(height), "--sampler", sampler]
        flags += ["--steps", str(steps), "--scale", "4", "--strength", str(strength)]
        self.assert_same(self.found(*flags, kind=kind, command="img2img"), expected)

    return check


for kind in KINDS:
    for sampler in SAMPLERS:
        add_case(f"txt2img_{kind}_{sampler}", text_to_image(kind, sampler, 128, 128))
    for shape, size in {"wide": (160, 96), "tall": (96, 176), "small": (64, 48)}.items():
        add_case(f"txt2img_{kind}_{shape}", text_to_image(kind, "ddpm", *size))
    for strength in (0.3, 0.8, 1.0):
        add_case(f"img2img_{kind}_{round(100 * strength)}_percent", image_to_image(kind, "ddpm", 96, 80, strength))
for steps in (1, 2, 50):
    add_case(f"txt2img_{steps}_steps", text_to_image("v12", "ddpm", 128, 128, steps=steps))
for sampler in ("ddim", "dpmpp_2m"):
    add_case(f"img2img_{sampler}", image_to_image("v12", sampler, 128, 128, 0.7))


if __name__ == "__main__":
    unittest.main()
