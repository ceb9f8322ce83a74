"""Tests the checker itself on freshly drawn scenes: it must neither miss nor wave through.

    python tests/meaning/test_checker.py
"""

import random
import re
import sys
import unittest
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import checker  # noqa: E402
import prompts  # noqa: E402
from shapes import chinese, scenes  # noqa: E402

SCENES = 500


def draw_scene(seed, language, side=64):
    """(picture, scene, full caption) from a seed that training does not use."""
    rng = random.Random(f"checker {seed}")
    scene = scenes.random_scene(rng)
    picture = scenes.draw(scene, rng, side)
    return picture, scene, rng.choice(prompts.wordings(scene, language))


def share_obeyed(pairs):
    return sum(checker.check(picture, caption)[0] for picture, caption in pairs) / len(pairs)


class DrawnScenes:
    """The tests of one language; a subclass is its test case."""

    language: str
    # Words of a kind, of which a wrong one is put for the true one.
    kinds: tuple[tuple[str, ...], ...]
    opposites: dict[str, str]

    @classmethod
    def setUpClass(cls):
        cls.drawn = [draw_scene(seed, cls.language) for seed in range(SCENES)]

    def places_of_words(self, caption):
        """(start, end, kind) of every word of a kind."""
        raise NotImplementedError

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
        rng = random.Random(2)
        pairs = []
        for picture, _, caption in self.drawn:
            start, end, kind = rng.choice(self.places_of_words(caption))
            other = rng.choice([word for word in kind if word != caption[start:end]])
            pairs.append((picture, caption[:start] + other + caption[end:]))
        share = share_obeyed(pairs)
        print(f"captions wrong in one word accepted: {share:.1%}")
        self.assertLessEqual(share, 0.02)

    def test_rejects_reversed_relations(self):
        pairs = []
        for picture, scene, caption in self.drawn:
            if checker.parse_caption(caption).relation and scene.things[0] != scene.things[1]:
                pairs.append((picture, self.turned(caption)))
        self.assertGreater(len(pairs), 50)
        self.assertEqual(share_obeyed(pairs), 0.0)

    def turned(self, caption):
        """The caption with the opposite relation."""
        start, said = max((caption.rfind(relation), relation) for relation in self.opposites)
        return caption[:start] + self.opposites[said] + caption[start + len(said) :]

    def test_larger_pictures(self):
        drawn = [draw_scene(seed, self.language, side=256) for seed in range(60)]
        share = share_obeyed([(picture, caption) for picture, _, caption in drawn])
        self.assertGreaterEqual(share, 0.98)


class EnglishScenes(DrawnScenes, unittest.TestCase):
    language = "english"
    kinds = (scenes.COLOURS, scenes.SHAPES, tuple(scenes.PLACES), ("small", "large"))
    opposites = {
        "to the left of": "to the right of",
        "to the right of": "to the left of",
        "above": "below",
        "below": "above",
    }

    def places_of_words(self, caption):
        """But not of "to the left of", which is turned round in a test of its own."""
        words = re.finditer(r"\w+(?! of\b)\b", caption)
        return [(*word.span(), kind) for word in words for kind in self.kinds if word[0] in kind]


class ChineseScenes(DrawnScenes, unittest.TestCase):
    language = "chinese"
    kinds = (
        tuple(chinese.COLOURS.values()),
        tuple(chinese.SHAPES.values()),
        tuple(chinese.PLACES.values()),
        ("小", "大"),
    )
    opposites = {"的左边": "的右边", "的右边": "的左边", "的上方": "的下方", "的下方": "的上方"}

    def places_of_words(self, caption):
        """But not of A在B的左边, which is turned round in a test of its own."""
        found = []
        for kind in self.kinds:
            matches = re.finditer("(?<!形的)(?:" + "|".join(kind) + ")", caption)
            found += [(*match.span(), kind) for match in matches]
        return found


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


def parsed(caption):
    try:
        return checker.parse_caption(caption)
    except ValueError:
        return None


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

    def test_chinese_parts(self):
        caption = checker.parse_caption("橙色背景上左边的红色小星形")
        self.assertEqual(caption.objects, (checker.Wanted("red", "star", "small", "left"),))
        self.assertEqual(caption.background, "orange")
        self.assertIsNone(caption.relation)

    def test_chinese_pair(self):
        caption = checker.parse_caption("橙色圆形在蓝色正方形的左边")
        self.assertEqual([wanted.colour for wanted in caption.objects], ["orange", "blue"])
        self.assertEqual([wanted.shape for wanted in caption.objects], ["circle", "square"])
        self.assertEqual([wanted.place for wanted in caption.objects], [None, None])
        self.assertEqual(caption.relation, "to the left of")
        self.assertIsNone(caption.background)

    def test_chinese_places_of_a_pair(self):
        caption = checker.parse_caption("白色背景上顶部的紫色三角形和底部的黑色圆形")
        self.assertEqual([wanted.place for wanted in caption.objects], ["top", "bottom"])
        self.assertIsNone(caption.relation)

    def test_both_languages_say_the_same(self):
        """Caption by caption, equally often; fragments that name no object are refused in both."""
        for seed in range(1000):
            scene = scenes.random_scene(random.Random(seed))
            both = zip(scenes.captions(scene), chinese.captions(scene), strict=True)
            for (weight, english), (chinese_weight, translated) in both:
                self.assertEqual(weight, chinese_weight)
                self.assertEqual(parsed(english), parsed(translated), (english, translated))

    def test_refuses_other_text(self):
        for text in ("a photograph of an astronaut", "一个宇航员在骑马", "蓝色背景"):
            with self.assertRaises(ValueError):
                checker.parse_caption(text)

    def test_palette_is_the_scenes(self):
        self.assertEqual(checker.PALETTE, scenes.PALETTE)
        self.assertEqual(checker.SHAPES, scenes.SHAPES)


class Prompts(unittest.TestCase):
    def test_fixed_lists(self):
        for language in prompts.LANGUAGES:
            held_out = prompts.held_out_prompts(language)
            self.assertEqual(len(set(held_out)), prompts.SINGLES + prompts.PAIRS)
            self.assertEqual(held_out, prompts.held_out_prompts(language))
            for number, prompt in enumerate(held_out):
                objects = checker.parse_caption(prompt).objects
                self.assertEqual(len(objects), 1 if number < prompts.SINGLES else 2, prompt)

    def test_lists_of_both_languages_ask_for_the_same(self):
        for lists in (prompts.held_out_prompts, prompts.bare_prompts):
            for english, translated in zip(lists(), lists("chinese"), strict=True):
                self.assertEqual(checker.parse_caption(english), checker.parse_caption(translated))

    def test_training_never_sees_them(self):
        held_out = {language: set(prompts.held_out_prompts(language)) for language in prompts.LANGUAGES}
        for seed in range(3000):
            scene = scenes.training_scene(random.Random(seed))
            for language, words in prompts.LANGUAGES.items():
                wordings = {caption for _, caption in words.captions(scene)}
                self.assertFalse(held_out[language] & wordings)


if __name__ == "__main__":
    unittest.main()
