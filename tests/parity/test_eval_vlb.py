"""`sd eval vlb` against the pinned diffusers' networks and tools/oracle/variational_bound.py, fp32 on the
CPU: every number within 1e-4 of its size. Tiny folders of HunyuanDiT, and of Stable Diffusion with a UNet
that learned a variance, epsilon and v prediction. The binary is $SD_BINARY.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image

from test_hunyuan import Loop
from tiny_hunyuan import CHINESE, make_hunyuan
from tiny_pipelines import make_pipeline, roughen

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from oracle.variational_bound import Bound, make_betas  # noqa: E402

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)

PROMPT = "a photo of an astronaut on the red square"
SEED = 11
TWENTY = [round(max(i, (i / 19) ** 2 * 999)) for i in reversed(range(20))]


@torch.no_grad()
def make_learned_variance(kind: str, folder: Path) -> StableDiffusionPipeline:
    """A tiny pipeline whose UNet has as many channels more, which say how large the variance is."""
    pipeline = make_pipeline(kind, folder)
    torch.manual_seed(3)
    pipeline.unet = UNet2DConditionModel.from_config({**pipeline.unet.config, "out_channels": 8})
    roughen(pipeline.unet, 1.3, 14)
    output = pipeline.unet(torch.randn(2, 4, 16, 16), 500, torch.randn(2, 77, 32)).sample
    last = pipeline.unet.conv_out
    for channels in (slice(0, 4), slice(4, 8)):
        scale = 0.6 / output[:, channels].std()
        last.weight[channels] *= scale
        last.bias[channels] *= scale
    pipeline.save_pretrained(folder)
    return StableDiffusionPipeline.from_pretrained(folder)


def with_train_times(pipeline: StableDiffusionPipeline, count: int, folder: Path) -> StableDiffusionPipeline:
    """The same networks, as if they had been trained on fewer times."""
    pipeline.scheduler.register_to_config(num_train_timesteps=count)
    pipeline.save_pretrained(folder)
    return StableDiffusionPipeline.from_pretrained(folder)


def weights_of(times, count):
    """How many times each stands for, one after the other."""
    weights = dict.fromkeys(times, 0)
    for time in range(count):
        if time == 0 and 0 in weights:
            weights[0] += 1
            continue
        others = [other for other in times if other > 0]
        weights[min(others, key=lambda other: (abs(other - time), other))] += 1
    return [weights[time] for time in times]


class Oracle:
    """A tiny pipeline in both programs, and the sizes that it is tried with."""

    sizes = ((64, 64), (96, 64), (56, 72))

    def __init__(self, folder: Path, pipeline, picture: Image.Image):
        self.folder, self.pipeline, self.picture = folder, pipeline, picture
        config = pipeline.scheduler.config
        self.train_times = config.num_train_timesteps
        betas = make_betas(config.beta_start, config.beta_end, self.train_times, config.beta_schedule)
        self.bound = Bound(betas, config.get("prediction_type", "epsilon"))

    def network(self, x_t, times, prompt, width, height):
        """The network's output for rows of different times, with the prompt alone."""
        text = self.pipeline.encode_prompt(prompt, "cpu", 1, False)[0]
        return self.pipeline.unet(x_t, times, text.expand(len(times), -1, -1)).sample

    @torch.no_grad()
    def evaluate(self, times, width, height, clip=True, rows=20, prompt=PROMPT):
        """A list of terms by time, the prior, and the predicted pictures."""
        pipe, generator = self.pipeline, torch.Generator().manual_seed(SEED)
        resized = self.picture.resize((width, height), Image.LANCZOS)
        pixels = pipe.image_processor.preprocess(resized)
        x0 = pipe.vae.encode(pixels).latent_dist.sample(generator) * pipe.vae.config.scaling_factor
        terms, pictures = [], []
        for first in range(0, len(times), rows):
            some = times[first : first + rows]
            noise = torch.cat([torch.randn(x0.shape, generator=generator) for _ in some])
            x = x0.expand_as(noise)
            x_t = self.bound.noised(x, noise, some)
            output = self.network(x_t, torch.tensor(some), prompt, width, height)
            found = self.bound.terms(*(t.double() for t in (x, noise, x_t, output)), some, clip)
            for i, time in enumerate(some):
                terms.append({"time": time, **{key: found[name][i].item() for key, name in (("vb", "vb"), ("mse", "mse"), ("xstart_mse", "x0_mse"))}})
            if len(times) <= 20:
                images = pipe.vae.decode(found["pred_x0"].float() / pipe.vae.config.scaling_factor).sample
                pictures += pipe.image_processor.postprocess(images)
        return terms, self.bound.prior(x0.double()).item(), pictures


class HunyuanOracle(Oracle):
    sizes = ((128, 128), (96, 64), (48, 80))

    def network(self, x_t, times, prompt, width, height):
        call = Loop(self.pipeline, None).conditioning(prompt, "", height, width)
        call = {
            name: value if name == "image_rotary_emb" else torch.cat([value[1:]] * len(times))
            for name, value in call.items()
        }
        return self.pipeline.transformer(x_t, times.float(), **call).sample


class EvalVlb(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.root = Path(cls.temporary.name)
        y, x = np.mgrid[0:90, 0:110]
        picture = Image.fromarray(np.stack([2 * x, 255 - y, (x * y) % 256], -1).astype(np.uint8))
        cls.input = cls.root / "input.png"
        picture.save(cls.input)
        cls.oracles = {kind: HunyuanOracle(cls.root / kind, make_hunyuan(kind, cls.root / kind), picture) for kind in ("v11", "v12")}
        cls.short = {}
        for kind in ("sd1", "sd2"):
            folder, short = cls.root / kind, cls.root / f"{kind}-short"
            pipeline = make_learned_variance(kind, folder)
            cls.oracles[kind] = Oracle(folder, pipeline, picture)
            cls.short[kind] = Oracle(short, with_train_times(StableDiffusionPipeline.from_pretrained(folder), 250, short), picture)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def run_sd(self, folder, *flags, code=0):
        command = [os.environ["SD_BINARY"], "eval", "vlb", str(self.input), "-p", PROMPT, "-m", str(folder)]
        command += ["-s", str(SEED), "--device", "cpu", "--dtype", "fp32", "--threads", "1", "-q", *flags]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def evaluate(self, folder, *flags):
        return json.loads(self.run_sd(folder, "--json", *flags).stdout)

    def assert_close(self, found, expected, tolerance=1e-4):
        self.assertLessEqual(abs(found - expected), tolerance * abs(expected))

    def assert_same(self, found, expected, prior, train_times=1000):
        self.assertEqual([term["time"] for term in found["terms"]], [term["time"] for term in expected])
        for term, want in zip(found["terms"], expected, strict=True):
            for key in ("vb", "mse", "xstart_mse"):
                with self.subTest(time=want["time"], key=key):
                    self.assert_close(term[key], want[key])
        weights = weights_of([term["time"] for term in expected], train_times)
        self.assertEqual([term["weight"] for term in found["terms"]], weights)
        self.assertEqual(found["train_times"], train_times)
        self.assertEqual(found["exact"], len(expected) == train_times)
        mean = lambda key: sum(w * term[key] for w, term in zip(weights, expected, strict=True)) / train_times  # noqa: E731
        self.assert_close(found["prior_bpd"], prior)
        self.assert_close(found["vb"], train_times * mean("vb"))
        self.assert_close(found["total_bpd"], train_times * mean("vb") + prior)
        self.assert_close(found["mse"], mean("mse"))
        self.assert_close(found["xstart_mse"], mean("xstart_mse"))

    def test_twenty_times(self):
        for kind, oracle in self.oracles.items():
            for width, height in oracle.sizes:
                for clip in (True, False):
                    with self.subTest(kind=kind, size=(width, height), clip=clip):
                        flags = ["-W", str(width), "-H", str(height), "--clip-denoised" if clip else "--no-clip-denoised"]
                        expected, prior, _ = oracle.evaluate(TWENTY, width, height, clip)
                        found = self.evaluate(oracle.folder, *flags)
                        self.assertEqual((found["width"], found["height"], found["clip_denoised"]), (width, height, clip))
                        self.assert_same(found, expected, prior)

    def test_all_times_are_the_exact_sum(self):
        for kind, oracle in self.short.items():
            with self.subTest(kind=kind):
                expected, prior, _ = oracle.evaluate(list(reversed(range(250))), 64, 64, rows=50)
                flags = ["-W", "64", "-H", "64", "--batch-size", "40"]
                found = self.evaluate(oracle.folder, "--timesteps", "all", *flags)
                self.assert_same(found, expected, prior, 250)
                self.assert_close(found["vb"], sum(term["vb"] for term in found["terms"]), 1e-9)
                self.assert_close(found["total_bpd"], found["vb"] + found["prior_bpd"], 1e-9)
                estimate = self.evaluate(oracle.folder, *flags)
                self.assertFalse(estimate["exact"])
                self.assert_close(estimate["total_bpd"], found["total_bpd"], 0.1)  # 20 of 250 times tell as much

    def test_a_list_and_batches_with_a_rest(self):
        times = [999, 812, 500, 77, 30, 4, 0]
        for kind, size in (("sd2", (108, 88)), ("v11", (96, 80))):  # the picture's own size, rounded down
            oracle = self.oracles[kind]
            expected, prior, _ = oracle.evaluate(times, *size)
            for flags in ([], ["--batch-size", "3"], ["--batch-size", "7", "--low-memory"], ["--batch-size", "100"]):
                with self.subTest(kind=kind, flags=flags):
                    found = self.evaluate(oracle.folder, "--timesteps", "4,77,0,500,812,30,999", *flags)
                    self.assertEqual((found["width"], found["height"]), size)
                    self.assert_same(found, expected, prior)

    def test_chinese(self):
        oracle = self.oracles["v12"]
        expected, prior, _ = oracle.evaluate([999, 500, 30, 0], 64, 64, prompt=CHINESE)
        self.assert_same(self.evaluate(oracle.folder, "-W", "64", "-H", "64", "-p", CHINESE, "--timesteps", "0,30,500,999"), expected, prior)

    def test_predicted_pictures(self):
        for kind, oracle in self.oracles.items():
            _, _, pictures = oracle.evaluate(TWENTY, 64, 64)
            folder = self.root / f"{kind}-x0"
            found = self.evaluate(oracle.folder, "-W", "64", "-H", "64", "--save-x0", str(folder), "--batch-size", "6")
            self.assertEqual(sorted(file.name for file in folder.iterdir()), sorted(f"x0-{time:04}.png" for time in TWENTY))
            self.assertEqual(found["terms"], self.evaluate(oracle.folder, "-W", "64", "-H", "64", "--batch-size", "6")["terms"])
            for time, picture in zip(TWENTY, pictures, strict=True):
                pixels = np.asarray(Image.open(folder / f"x0-{time:04}.png")).astype(int)
                self.assertLessEqual(np.abs(pixels - np.asarray(picture).astype(int)).max(), 1, (kind, time))

    def test_inputs_matter(self):
        for kind in ("sd1", "v12"):
            folder = self.oracles[kind].folder
            base = self.evaluate(folder)["total_bpd"]
            self.assertEqual(self.evaluate(folder)["total_bpd"], base)
            for flags in (["-p", "green circle"], ["-s", "12"], ["--no-clip-denoised"], ["-W", "64"]):
                self.assertGreater(abs(self.evaluate(folder, *flags)["total_bpd"] - base), 1e-3 * base, (kind, flags))

    def test_tables(self):
        oracle = self.oracles["sd1"]
        table, everything = self.root / "table.csv", self.root / "table.json"
        found = self.evaluate(oracle.folder, "-o", str(table))
        with open(table, newline="", encoding="utf-8") as file:
            rows = [{key: json.loads(value) for key, value in row.items()} for row in csv.DictReader(file)]
        self.assertEqual(rows, found["terms"])
        self.run_sd(oracle.folder, "-o", str(everything))
        self.assertEqual(json.loads(everything.read_text("utf-8"))["terms"], found["terms"])

    def test_bad_input_is_one_sentence(self):
        plain = self.root / "plain"
        make_pipeline("sd1", plain)
        for folder, flags, sentence in (
            (plain, [], "the variational bound needs a network that learned a variance, and that of this model did not"),
            (self.short["sd1"].folder, ["--timesteps", "3,700"], "--timesteps: the times of this model are 0 to 249, found 700"),
            (self.short["sd1"].folder, ["--timesteps", "251"], "--timesteps: expected all or 2 to 250, the times that this model was trained on, found 251"),
            (self.oracles["sd1"].folder, ["-W", "63"], "--width: expected a multiple of 4"),
        ):
            with self.subTest(sentence):
                done = self.run_sd(folder, *flags, code=2)
                self.assertIn(sentence, done.stderr)
                self.assertEqual((done.stderr.count("\n"), done.stdout), (1, ""))


if __name__ == "__main__":
    unittest.main()
