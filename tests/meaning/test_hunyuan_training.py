"""Tests that the training of models/shapes-hunyuan sees what HunyuanDiTPipeline and its schedulers do.

    python tests/meaning/test_hunyuan_training.py
"""

import random
import sys
import tempfile
import unittest
from pathlib import Path

import torch
from diffusers import DDPMScheduler
from diffusers.models.attention_processor import HunyuanAttnProcessor2_0
from diffusers.models.embeddings import get_2d_rotary_pos_embed
from diffusers.pipelines.hunyuandit.pipeline_hunyuandit import get_resize_crop_region_for_grid
from torch.distributions import Normal, kl_divergence

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from shapes import autoencoder, bound, hunyuan, muon, scenes, team  # noqa: E402

CAPTIONS = [
    "a picture of a purple triangle to the right of a yellow triangle on an orange background",
    "图片：黑色背景上，黄色正方形在绿色正方形的上方",
    "红色",
    "",
]
SIDE = 8  # of the latents


class Settings:
    def autocast(self):
        return torch.autocast("cpu", torch.bfloat16, enabled=False)


class Networks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            cls.tokenizers = hunyuan.make_tokenizers(Path(folder))
        cls.networks = hunyuan.build_networks(cls.tokenizers)
        for parameter in cls.networks["transformer"].parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.1)  # else the output would be zero
        vae = autoencoder.build((8, 8, 8, 8), hunyuan.LATENT_CHANNELS)
        cls.pipeline = hunyuan.build_pipeline(vae, cls.networks, cls.tokenizers)
        cls.tokens = hunyuan.encode_captions(cls.tokenizers, CAPTIONS).long()
        cls.noisy = torch.randn(len(CAPTIONS), hunyuan.LATENT_CHANNELS, SIDE, SIDE)
        cls.times = torch.tensor([0, 5, 300, 999])

    def pipelines_text(self):
        """What encode_prompt makes of the captions, with the names of the transformer's arguments."""
        found = {}
        for index, length, end in ((0, 77, ""), (1, 256, "_t5")):
            states, _, mask, _ = self.pipeline.encode_prompt(
                CAPTIONS,
                do_classifier_free_guidance=False,
                max_sequence_length=length,
                text_encoder_index=index,
            )
            found |= {f"encoder_hidden_states{end}": states, f"text_embedding_mask{end}": mask}
        return found

    @torch.no_grad()
    def test_predicts_what_the_pipeline_would(self):
        transformer = self.networks["transformer"]
        processors = transformer.attn_processors
        found = torch.cat(hunyuan.predict(self.networks, self.noisy, self.tokens, self.times), dim=1)
        transformer.set_attn_processor(HunyuanAttnProcessor2_0())
        region = get_resize_crop_region_for_grid((SIDE, SIDE), 512 // 8)
        rotary = get_2d_rotary_pos_embed(
            hunyuan.HEAD_WIDTH, region, (SIDE, SIDE), device="cpu", output_type="pt"
        )
        expected = transformer(
            self.noisy, self.times.float(), image_rotary_emb=rotary, **self.pipelines_text()
        ).sample
        transformer.set_attn_processor(processors)
        self.assertGreater(expected.std(), 0.1)
        self.assertGreater((expected[1] - expected[2]).abs().max(), 0.1)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)

    def test_all_learns_but_what_nothing_reads(self):
        named = [pair for network in self.networks.values() for pair in network.named_parameters()]
        noise = torch.randn_like(self.noisy)
        loss = hunyuan.loss(
            self.networks, Settings(), self.noisy, self.tokens, self.times, noise
        )
        for _, parameter in named:
            parameter.grad = None
        loss.backward()
        idle = {name for name, parameter in named if parameter.grad is None or not parameter.grad.any()}
        self.assertEqual(idle, {"pooler.dense.weight", "pooler.dense.bias"})
        self.assertFalse(any(named[i][1].requires_grad for i, (name, _) in enumerate(named) if name in idle))

    def test_bound_trains_the_variance_alone(self):
        """The rows of the last layer that say the velocity get the squared error's gradient only."""
        output = self.networks["transformer"].proj_out
        tables = bound.make_schedule(*hunyuan.BETAS.values(), hunyuan.TIMESTEPS).at(self.times, "cpu")
        velocity, variance = hunyuan.predict(self.networks, self.noisy, self.tokens, self.times)
        terms = bound.terms(
            tables, self.times, self.noisy, self.noisy, velocity.detach(), variance
        )
        gradient = torch.autograd.grad(terms.mean(), output.weight)[0]
        self.assertFalse(gradient[: hunyuan.LATENT_CHANNELS].any())
        self.assertTrue(gradient[hunyuan.LATENT_CHANNELS :].any())

    def test_paddings_of_a_group_stay_equal(self):
        named = list(self.networks["transformer"].named_parameters())
        optimizer = muon.MuonAndAdamW(team.Team(), named, hunyuan.RATES, hunyuan.ENDS)
        paddings = self.networks["transformer"].text_embedding_padding
        before = paddings.detach().clone()
        for _ in range(2):
            noise = torch.randn_like(self.noisy)
            loss = hunyuan.loss(
                self.networks, Settings(), self.noisy, self.tokens, self.times, noise
            )
            optimizer.descend(loss, 1.0)
        groups = hunyuan.hunyuan_text.is_padding(paddings).unflatten(0, (-1, 29))
        self.assertTrue((groups == groups[:, :1]).all())
        self.assertGreater((paddings - before).abs().min(dim=1).values.max(), 0)
        self.assertEqual(len(groups[:, 0].unique(dim=0)), len(groups))

    def test_every_caption_fits(self):
        rng = random.Random(0)
        drawn = [scenes.random_scene(rng) for _ in range(1000)]
        captions = [text for words in hunyuan.LANGUAGES for scene in drawn for _, text in words(scene)]
        tokens = hunyuan.encode_captions(self.tokenizers, captions)  # which fails on a longer one
        columns = hunyuan.BERT_COLUMNS
        self.assertTrue(tokens[:, columns - 1].any(), "a column less would do")
        self.assertTrue(tokens[:, -1].any(), "a column less would do")
        for name, part in (("tokenizer", tokens[:, :columns]), ("tokenizer_2", tokens[:, columns:])):
            self.assertFalse((part == self.tokenizers[name].unk_token_id).any(), "an unknown token")


class Bound(unittest.TestCase):
    def setUp(self):
        config = hunyuan.build_scheduler().config
        self.scheduler = DDPMScheduler.from_config(config, steps_offset=0)
        self.scheduler.set_timesteps(hunyuan.TIMESTEPS)  # 999 to 0
        self.schedule = bound.make_schedule(*hunyuan.BETAS.values(), hunyuan.TIMESTEPS)
        torch.manual_seed(0)
        self.times = torch.tensor([1, 2, 40, 500, 999])
        self.start, self.noise, self.velocity, self.variance = torch.randn(4, len(self.times), 4, 2, 2)
        self.tables = self.schedule.at(self.times, "cpu")
        self.noisy = self.tables.signal * self.start + self.tables.noise * self.noise

    def test_noise_is_the_schedulers(self):
        expected = self.scheduler.add_noise(self.start, self.noise, self.times)
        torch.testing.assert_close(self.noisy, expected, rtol=0, atol=1e-5)

    def test_terms_are_divergences_of_the_schedulers_steps(self):
        """Means from its step, variances from its own rule, the divergence from torch."""
        terms = bound.terms(
            self.tables, self.times, self.start, self.noisy, self.velocity, self.variance
        )
        for index, time in enumerate(self.times):
            mean = self.mean_of_step(self.velocity[index], time, index)
            true_velocity = self.scheduler.get_velocity(
                self.start[index : index + 1], self.noise[index : index + 1], time[None]
            )[0]
            true_mean = self.mean_of_step(true_velocity, time, index)
            smallest = self.scheduler._get_variance(time, variance_type="fixed_small")
            log_variance = self.scheduler._get_variance(
                time, predicted_variance=self.variance[index], variance_type="learned_range"
            )
            apart = kl_divergence(
                Normal(true_mean, smallest.sqrt()), Normal(mean, torch.exp(0.5 * log_variance))
            )
            expected = apart.mean() / torch.tensor(2.0).log()
            torch.testing.assert_close(terms[index], expected, rtol=2e-3, atol=1e-5)

    def mean_of_step(self, velocity, time, index):
        """The scheduler's previous sample less the noise that it adds."""
        sample = self.noisy[index : index + 1]
        step = self.scheduler.step(
            velocity[None], time, sample, generator=torch.Generator().manual_seed(0)
        ).prev_sample
        added = torch.randn(sample.shape, generator=torch.Generator().manual_seed(0))
        return (step - self.scheduler._get_variance(time).sqrt() * added)[0]

    def test_bins_are_likely_as_the_normal_distribution_says(self):
        """Together surely, and each as exactly as the approximation of its cumulative is."""
        bins = torch.linspace(-1, 1, 256)
        mean, log_variance = torch.tensor(0.3), torch.tensor(-2.0)
        found = bound.log_likelihood(bins, mean, log_variance).exp()
        self.assertAlmostEqual(found.sum().item(), 1, places=5)
        normal = Normal(mean, torch.exp(0.5 * log_variance))
        expected = normal.cdf(bins + 1 / 255) - normal.cdf(bins - 1 / 255)
        torch.testing.assert_close(found[1:-1], expected[1:-1], rtol=0, atol=1e-4)

    def test_the_first_step_is_a_likelihood(self):
        times = torch.zeros(len(self.start), dtype=torch.long)
        tables = self.schedule.at(times, "cpu")
        terms = bound.terms(tables, times, self.start, self.noisy, self.velocity, self.variance)
        predicted = tables.signal * self.noisy - tables.noise * self.velocity
        most, least = self.schedule.most_log_variance[0], self.schedule.least_log_variance[0]
        self.assertAlmostEqual(least.exp().item(), self.scheduler._get_variance(1).item(), places=7)
        log_variance = least + (self.variance + 1) / 2 * (most - least)
        nats = -bound.log_likelihood(self.start, predicted, log_variance.float())
        torch.testing.assert_close(terms, nats.flatten(1).mean(1) / torch.tensor(2.0).log())


if __name__ == "__main__":
    unittest.main()
