"""Options of the `sd` binary against diffusers, and folders in every layout that diffusers writes."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from safetensors.torch import load_file, save_file

from test_pipelines import NEGATIVE, PROMPT, Oracle, paint
from tiny_pipelines import make_pipeline

SIZE = dict(width=64, height=64, num_inference_steps=6, guidance_scale=5.0)
FLAGS = ["-W", "64", "-H", "64", "--steps", "6", "--scale", "5"]


class Options(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.root = Path(cls.temporary.name)
        cls.oracle = Oracle("sd1", cls.root)
        cls.v_oracle = Oracle("sd2", cls.root)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def same(self, found, expected, tolerance=1):
        self.assertEqual(found.shape, np.asarray(expected).shape)
        self.assertLessEqual(np.abs(found - np.asarray(expected).astype(int)).max(), tolerance)

    def picture(self, *flags, folder=None, name="picture.png"):
        arguments = ["txt2img", "-m", str(folder or self.oracle.folder), "-p", PROMPT, "-n", NEGATIVE, "--seed", "3"]
        return paint([*arguments, *FLAGS, *flags], self.root / name)

    def expected(self, oracle=None, scheduler=None, **call):
        pipeline = (oracle or self.oracle).text_to_image
        pipeline.scheduler = scheduler or diffusers.DDIMScheduler.from_config((oracle or self.oracle).config)
        generator = torch.Generator().manual_seed(3)
        return pipeline(PROMPT, negative_prompt=NEGATIVE, generator=generator, **(SIZE | call)).images[0]

    def test_an_image_has_the_same_bits_alone_and_in_a_batch(self):
        for oracle in (self.oracle, self.v_oracle):
            bits = {}
            for batch in (1, 2, 3, 8):
                folder = self.root / f"{oracle.folder.name}-batch{batch}"
                folder.mkdir()
                arguments = ["txt2img", "-m", str(oracle.folder), "-p", PROMPT, "--seed", "3", "--count", "8", *FLAGS]
                arguments += ["--dtype", "fp32", "--batch-size", str(batch), "-q"]
                arguments += ["-o", f"{folder}/{{index}}.png", "--save-latents", f"{folder}/{{index}}.safetensors"]
                subprocess.run([os.environ["SD_BINARY"], *arguments], check=True, capture_output=True)
                files = sorted(folder.iterdir())
                self.assertEqual(len(files), 16)
                bits[batch] = [file.read_bytes() for file in files]
            for batch in (2, 3, 8):
                self.assertEqual(bits[batch], bits[1], f"batches of {batch}")

    def test_clip_skip(self):
        for skip in (1, 2):
            self.same(self.picture("--sampler", "ddim", "--clip-skip", str(skip)), self.expected(clip_skip=skip))

    def test_guidance_rescale(self):
        self.same(self.picture("--sampler", "ddim", "--guidance-rescale", "0.7"), self.expected(guidance_rescale=0.7))

    def test_eta(self):
        self.same(self.picture("--sampler", "ddim", "--eta", "1"), self.expected(eta=1.0))

    def test_the_folder_s_own_scheduler(self):
        self.same(self.picture(), self.expected(scheduler=diffusers.PNDMScheduler.from_config(self.oracle.config)))

    def test_model_index_names_the_scheduler_s_class(self):
        folder = self.root / "two-classes"
        shutil.copytree(self.v_oracle.folder, folder)
        index_file = folder / "model_index.json"
        index = json.loads(index_file.read_text()) | {"scheduler": ["diffusers", "EulerDiscreteScheduler"]}
        index_file.write_text(json.dumps(index))
        pipeline = StableDiffusionPipeline.from_pretrained(folder)
        pipeline.set_progress_bar_config(disable=True)
        self.assertIsInstance(pipeline.scheduler, diffusers.EulerDiscreteScheduler)
        image = pipeline(PROMPT, negative_prompt=NEGATIVE, generator=torch.Generator().manual_seed(3), **SIZE).images[0]
        self.same(self.picture(folder=folder), image)

    def test_karras_sigmas(self):
        for name, scheduler in (
            ("euler", diffusers.EulerDiscreteScheduler),
            ("dpmpp_2m", diffusers.DPMSolverMultistepScheduler),
            ("heun", diffusers.HeunDiscreteScheduler),
            ("unipc", diffusers.UniPCMultistepScheduler),
        ):
            with self.subTest(name):
                scheduler = scheduler.from_config(self.oracle.config, use_karras_sigmas=True)
                self.same(self.picture("--sampler", name, "--sigmas", "karras"), self.expected(scheduler=scheduler))

    def test_spacing(self):
        for spacing in ("leading", "linspace", "trailing"):
            for name, scheduler in (("ddim", diffusers.DDIMScheduler), ("euler", diffusers.EulerDiscreteScheduler)):
                with self.subTest(f"{name} {spacing}"):
                    scheduler = scheduler.from_config(self.oracle.config, timestep_spacing=spacing)
                    found = self.picture("--sampler", name, "--spacing", spacing)
                    self.same(found, self.expected(scheduler=scheduler))

    def test_zero_terminal_snr(self):
        folder = self.root / "zero-snr"
        shutil.copytree(self.v_oracle.folder, folder)
        config_file = folder / "scheduler" / "scheduler_config.json"
        config = json.loads(config_file.read_text()) | {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
        config_file.write_text(json.dumps(config))
        scheduler = diffusers.DDIMScheduler.from_pretrained(folder / "scheduler")
        expected = self.expected(self.v_oracle, scheduler, guidance_rescale=0.7)
        self.same(self.picture("--guidance-rescale", "0.7", folder=folder), expected)

    def test_vae_tiling_and_slicing(self):
        pipeline = self.oracle.text_to_image
        pipeline.vae.enable_tiling()
        expected = self.expected(width=112, height=80)
        pipeline.vae.disable_tiling()
        flags = ["--sampler", "ddim", "-W", "112", "-H", "80"]
        tiled = self.picture(*flags, "--vae-tiling")
        self.same(tiled, expected)
        self.assertGreater(np.abs(tiled - self.picture(*flags)).max(), 1)
        self.same(self.picture(*flags, "--vae-slicing"), self.picture(*flags), 0)

    def test_low_memory_changes_nothing(self):
        self.same(self.picture("--low-memory"), self.picture(), 0)

    def test_several_images_are_a_list_of_generators(self):
        pipeline = self.oracle.text_to_image
        pipeline.scheduler = diffusers.EulerAncestralDiscreteScheduler.from_config(self.oracle.config)
        generators = [torch.Generator().manual_seed(3 + i) for i in range(3)]
        images = pipeline([PROMPT] * 3, negative_prompt=[NEGATIVE] * 3, generator=generators, **SIZE).images
        output = self.root / "several"
        for batch in ("1", "2", "3"):
            self.run_sd("--sampler", "euler_a", "--count", "3", "--batch-size", batch, "--on-exist", "overwrite", output=f"{output}/")
            for i, image in enumerate(images):
                with self.subTest(f"batch {batch}, image {i}"):
                    found = np.asarray(Image.open(output / f"sd-{3 + i}.png")).astype(int)
                    self.same(found, image)

    def run_sd(self, *flags, output):
        command = [os.environ["SD_BINARY"], "txt2img", "-m", str(self.oracle.folder), "-p", PROMPT, "-n", NEGATIVE, "--seed", "3"]
        command += [*FLAGS, "--device", "cpu", "--dtype", "fp32", "--threads", "1", "-q", *flags, "-o", output]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_latents_round_trip(self):
        """Saved latents equal diffusers', and starting from them equals diffusers' img2img on latents.

        With v prediction: epsilon prediction divides by sqrt(alpha) = 0.07 in its first step, and
        diffusers' latents in channels_last then differ by 1e-4 from diffusers' own in NCHW.
        """
        saved = self.root / "latents.safetensors"
        folder = self.v_oracle.folder
        self.picture("--sampler", "ddim", "--save-latents", str(saved), folder=folder)
        latents = load_file(saved)["latents"].reshape(1, 4, 16, 16)
        expected = self.latents()
        self.assertLessEqual((latents - expected).abs().max().item(), 1e-4 * max(1, expected.abs().max().item()))
        pipeline = self.v_oracle.image_to_image
        pipeline.scheduler = diffusers.DDIMScheduler.from_config(self.v_oracle.config)
        call = dict(image=expected, strength=0.5, num_inference_steps=6, guidance_scale=5.0)
        image = pipeline(PROMPT, negative_prompt=NEGATIVE, generator=torch.Generator().manual_seed(3), **call).images[0]
        arguments = ["img2img", "-m", str(folder), "-p", PROMPT, "-n", NEGATIVE, "--seed", "3", "--sampler", "ddim"]
        arguments += ["--steps", "6", "--scale", "5", "--strength", "0.5", "--init-latents", str(saved)]
        self.same(paint(arguments, self.root / "again.png"), image)

    def latents(self):
        pipeline = self.v_oracle.text_to_image
        pipeline.scheduler = diffusers.DDIMScheduler.from_config(self.v_oracle.config)
        call = SIZE | dict(output_type="latent", generator=torch.Generator().manual_seed(3))
        return pipeline(PROMPT, negative_prompt=NEGATIVE, **call).images

    def test_strength_zero_is_the_autoencoder_alone(self):
        source = self.root / "source.png"
        Image.fromarray((np.indices((64, 64)).sum(0)[..., None] * [2, 1, 1] % 256).astype(np.uint8)).save(source)
        arguments = ["img2img", "-m", str(self.oracle.folder), "-p", PROMPT, "--seed", "3", "--init-img", str(source)]
        found = paint([*arguments, "--steps", "6", "--strength", "0"], self.root / "zero.png")
        pipeline = self.oracle.image_to_image
        with torch.no_grad():
            pixels = pipeline.image_processor.preprocess(Image.open(source))
            latents = pipeline.vae.encode(pixels).latent_dist.sample(torch.Generator().manual_seed(3))
            image = pipeline.image_processor.postprocess(pipeline.vae.decode(latents).sample, output_type="pil")[0]
        self.same(found, image)


class Layouts(unittest.TestCase):
    """The same pipeline in every layout paints the same picture."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.root = Path(cls.temporary.name)
        cls.plain = cls.root / "plain"
        cls.pipeline = make_pipeline("sd1", cls.plain)
        cls.expected = cls.paint(cls.plain)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def paint(cls, folder, *flags):
        return paint(["txt2img", "-m", str(folder), "-p", PROMPT, "--seed", "3", *FLAGS, *flags], cls.root / "picture.png")

    def copy(self, name):
        folder = self.root / name
        shutil.copytree(self.plain, folder)
        return folder

    def assert_same(self, folder, *flags):
        self.assertEqual(np.abs(self.paint(folder, *flags) - self.expected).max(), 0)

    def test_sharded(self):
        folder = self.root / "sharded"
        self.pipeline.save_pretrained(folder, max_shard_size="200KB")
        self.assertGreater(len(list((folder / "unet").glob("*-of-*.safetensors"))), 1)
        self.assert_same(folder)

    def test_variant(self):
        folder = self.root / "variant"
        self.pipeline.save_pretrained(folder, variant="fp16")
        self.assertFalse((folder / "unet" / "diffusion_pytorch_model.safetensors").exists())
        self.assert_same(folder, "--variant", "fp16")

    def test_variant_of_no_component(self):
        """Refused, as diffusers refuses it."""
        with self.assertRaises(ValueError):
            StableDiffusionPipeline.from_pretrained(self.plain, variant="nonsense")
        command = [os.environ["SD_BINARY"], "txt2img", "-m", str(self.plain), "-p", PROMPT, "--variant", "nonsense", *FLAGS]
        done = subprocess.run([*command, "--device", "cpu", "-o", str(self.root / "none.png")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("'nonsense'", done.stderr)

    def test_text_encoder_without_prefix(self):
        folder = self.copy("transformers5")
        file = folder / "text_encoder" / "model.safetensors"
        save_file({key.removeprefix("text_model."): value for key, value in load_file(file).items()}, file)
        self.assert_same(folder)

    def test_old_attention_names_of_the_autoencoder(self):
        folder = self.copy("old-vae")
        file = folder / "vae" / "diffusion_pytorch_model.safetensors"
        new_to_old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
        tensors = {}
        for key, value in load_file(file).items():
            for new, old in new_to_old.items():
                key = key.replace(f".attentions.0.{new}.", f".attentions.0.{old}.")
            tensors[key] = value
        save_file(tensors, file)
        self.assert_same(folder)

    def test_only_tokenizer_json(self):
        from transformers import CLIPTokenizerFast

        folder = self.copy("fast-tokenizer")
        CLIPTokenizerFast.from_pretrained(folder / "tokenizer").save_pretrained(folder / "tokenizer")
        for name in ("vocab.json", "merges.txt", "added_tokens.json"):
            (folder / "tokenizer" / name).unlink(missing_ok=True)
        self.assertTrue((folder / "tokenizer" / "tokenizer.json").exists())
        self.assert_same(folder)


if __name__ == "__main__":
    unittest.main()
