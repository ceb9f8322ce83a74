"""Tests the checker itself on freshly drawn scenes: it must neither miss nor wave through.

    python tests/meaning/test_checker.py
"""

import random
import sys
import unittest
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import checker  # noqa: E402
import prompts  # noqa: E402
from shapes import scenes  # noqa: E402

SCENES = 500


def draw_scene(seed, things=None, side=64):
    """(picture, scene, full caption) from a seed that training does not use."""
    rng = random.Random(f"checker {seed}")
    scene = scenes.random_scene(rng, things)
    picture = scenes.draw(scene, rng, side)
    return picture, scene, rng.choice(prompts.wordings(scene))


def share_obeyed(pairs):
    return sum(checker.check(picture, caption)[0] for picture, caption in pairs) / len(pairs)


class DrawnScenes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.drawn = [draw_scene(seed) for seed in range(SCENES)]

    def test_accepts_true_captions(self):
        share = share_obeyed([(picture, caption) for picture, _, caption in self.drawn])
        print(f"true captions accepted: {share:.1%}")
        self.assertGreaterEqual(share, 0.99)

    def test_rejects_shuffled_captions(self):
        captions = [caption for _, _, caption in self.drawn]
        random.Random(1).shuffle(captions)
        pictures = [picture for picture, _, _ in self.drawn]
        share = share_obeyed(list(zip(pictures, captions)))
        print(f"shuffled captions accepted: {share:.1%}")
        self.assertLessEqual(share, 0.20)

    def test_rejects_captions_wrong_in_one_word(self):
        """Harder than shuffling: one word of a full caption replaced by another of its kind."""
        kinds = [scenes.COLOURS, scenes.SHAPES, tuple(scenes.PLACES), ("small", "large")]
        rng = random.Random(2)
        pairs = []
        for picture, scene, caption in self.drawn:
            words = caption.replace(" an ", " a ").split()
            # "to the left of" is turned round below, and "and" pairs have nothing to turn round.
            places = [
                (index, kind)
                for index, word in enumerate(words)
                for kind in kinds
                if word in kind and words[index + 1 : index + 2] != ["of"]
            ]
            index, kind = rng.choice(places)
            words[index] = rng.choice([word for word in kind if word != words[index]])
            pairs.append((picture, " ".join(words)))
        share = share_obeyed(pairs)
        print(f"captions wrong in one word accepted: {share:.1%}")
        self.assertLessEqual(share, 0.02)

    def test_rejects_reversed_relations(self):
        opposite = {
            "to the left of": "to the right of",
            "to the right of": "to the left of",
            "above": "below",
            "below": "above",
        }
        pairs = []
        for picture, scene, caption in self.drawn:
            if scene.relation and scene.relation in caption:
                if scene.things[0] != scene.things[1]:
                    turned = caption.replace(scene.relation, opposite[scene.relation])
                    pairs.append((picture, turned))
        self.assertGreater(len(pairs), 50)
        self.assertEqual(share_obeyed(pairs), 0.0)

    def test_larger_pictures(self):
        drawn = [draw_scene(seed, side=256) for seed in range(60)]
        share = share_obeyed([(picture, caption) for picture, _, caption in drawn])
        self.assertGreaterEqual(share, 0.98)


class SpoiltPictures(unittest.TestCase):
    caption = "a red circle on a blue background"

    def picture(self):
        scene = scenes.Scene("blue", (scenes.Thing("red", "circle", "large", "center"),))
        return np.array(scenes.draw(scene, random.Random(0)))

    def test_whole(self):
        self.assertTrue(checker.check(self.picture(), self.caption)[0])

    def test_flat_and_noise(self):
        flat = np.full((64, 64, 3), scenes.PALETTE["blue"], np.uint8)
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
        self.assertFalse(checker.check(flat, self.caption)[0])
        self.assertFalse(checker.check(noise, self.caption)[0])

    def test_half_the_object_gone(self):
        picture = self.picture()
        picture[32:] = scenes.PALETTE["blue"]
        self.assertFalse(checker.check(picture, self.caption)[0])

    def test_object_of_two_colours(self):
        picture = self.picture()
        lower = picture[32:]
        lower[checker.distance(lower.astype(float), scenes.PALETTE["red"]) < 60] = (40, 170, 70)
        self.assertFalse(checker.check(picture, self.caption)[0])

    def test_additional_object(self):
        picture = self.picture()
        picture[2:10, 2:10] = scenes.PALETTE["green"]
        self.assertFalse(checker.check(picture, self.caption)[0])

    def test_background_of_two_colours(self):
        picture = self.picture()
        picture[:, :14] = scenes.PALETTE["green"]
        self.assertFalse(checker.check(picture, self.caption)[0])

    def test_slight_noise_is_accepted(self):
        noise = np.random.default_rng(0).normal(0, 6, (64, 64, 3))
        picture = np.clip(self.picture() + noise, 0, 255).astype(np.uint8)
        self.assertTrue(checker.check(picture, self.caption)[0])


class Captions(unittest.TestCase):
    def test_parts(self):
        caption = checker.parse_caption("a small red star at the left on an orange background")
        self.assertEqual(caption.objects, (checker.Wanted("red", "star", "small", "left"),))
        self.assertEqual(caption.background, "orange")
        self.assertIsNone(caption.relation)

    def test_pair(self):
        caption = checker.parse_caption("an orange circle to the left of a blue square")
        self.assertEqual([wanted.shape for wanted in caption.objects], ["circle", "square"])
        self.assertEqual(caption.relation, "to the left of")
        self.assertIsNone(caption.background)

    def test_refuses_other_text(self):
        with self.assertRaises(ValueError):
            checker.parse_caption("a photograph of an astronaut")

    def test_palette_is_the_scenes(self):
        self.assertEqual(checker.PALETTE, scenes.PALETTE)
        self.assertEqual(checker.SHAPES, scenes.SHAPES)


class Prompts(unittest.TestCase):
    def test_fixed_lists(self):
        held_out = prompts.held_out_prompts()
        self.assertEqual(len(set(held_out)), prompts.SINGLES + prompts.PAIRS)
        self.assertEqual(held_out, prompts.held_out_prompts())
        for count, part in ((1, held_out[: prompts.SINGLES]), (2, held_out[prompts.SINGLES :])):
            for prompt in part:
                self.assertEqual(len(checker.parse_caption(prompt).objects), count, prompt)

    def test_training_never_sees_them(self):
        held_out = set(prompts.held_out_prompts())
        for seed in range(3000):
            rng = random.Random(seed)
            scene = scenes.training_scene(rng)
            wordings = {caption for _, caption in scenes.captions(scene)}
            self.assertFalse(held_out & wordings)


if __name__ == "__main__":
    unittest.main()
