"""The held-out prompts: fixed lists of captions whose combinations training never saw.

    python tests/meaning/prompts.py [--bare] [--chinese]      one prompt per line

What is held out is decided in tools/shapes/scenes.py by a hash of a scene's colours, shapes and
background; the lists here are drawn from those scenes with a fixed seed. The Chinese lists are the
English ones, line by line.
"""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from shapes import chinese, scenes  # noqa: E402

SEED = 2024
SINGLES = 100
PAIRS = 100
LANGUAGES = {"english": scenes, "chinese": chinese}


def wordings(scene, language="english"):
    """The captions of a scene that say enough to be held out: all things and the background.

    Of two things the relation is asked for, not both places, which is easier.
    """
    needed = [thing.name for thing in scene.things] + [f"{scene.background} background"]
    both = zip(scenes.captions(scene), LANGUAGES[language].captions(scene), strict=True)
    return [
        caption
        for (_, english), (_, caption) in both
        if all(part in english for part in needed) and english.count(" at the ") < 2
    ]


def draw_prompts(rng, count, things, language):
    prompts = []
    while len(prompts) < count:
        scene = scenes.random_scene_where(rng, scenes.is_held_out, things)
        prompt = rng.choice(wordings(scene, language))
        if prompt not in prompts:
            prompts.append(prompt)
    return prompts


def held_out_prompts(language="english"):
    """100 prompts of one object, then 100 of two."""
    rng = random.Random(SEED)
    return [
        *draw_prompts(rng, SINGLES, 1, language),
        *draw_prompts(rng, PAIRS, 2, language),
    ]


def bare_prompts(language="english"):
    """Every colour and shape without a background: "a red circle". Training saw these."""
    return [
        bare_prompt(colour, shape, language)
        for colour in scenes.COLOURS
        for shape in scenes.SHAPES
    ]


def bare_prompt(colour, shape, language):
    if language == "chinese":
        return f"一个{chinese.COLOURS[colour]}{chinese.SHAPES[shape]}"
    return scenes.with_article(f"{colour} {shape}")


# What the negative prompt of a bare one forbids.
WHITE_BACKGROUND = {"english": "white background", "chinese": "白色背景"}


if __name__ == "__main__":
    language = "chinese" if "--chinese" in sys.argv[1:] else "english"
    draw = bare_prompts if "--bare" in sys.argv[1:] else held_out_prompts
    print("\n".join(draw(language)))
