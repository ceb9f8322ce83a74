"""The held-out prompts: fixed lists of captions whose combinations training never saw.

    python tests/meaning/prompts.py [--bare]      one prompt per line

What is held out is decided in tools/shapes/scenes.py by a hash of a scene's colours, shapes and
background; the lists here are drawn from those scenes with a fixed seed.
"""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from shapes import scenes  # noqa: E402

SEED = 2024
SINGLES = 100
PAIRS = 100


def wordings(scene):
    """The captions of a scene that say enough to be held out: all things and the background.

    Of two things the relation is asked for, not both places, which is easier.
    """
    needed = [thing.name for thing in scene.things] + [f"{scene.background} background"]
    return [
        caption
        for _, caption in scenes.captions(scene)
        if all(part in caption for part in needed) and caption.count(" at the ") < 2
    ]


def draw_prompts(rng, count, things):
    prompts = []
    while len(prompts) < count:
        scene = scenes.random_scene_where(rng, scenes.is_held_out, things)
        prompt = rng.choice(wordings(scene))
        if prompt not in prompts:
            prompts.append(prompt)
    return prompts


def held_out_prompts():
    """100 prompts of one object, then 100 of two."""
    rng = random.Random(SEED)
    return draw_prompts(rng, SINGLES, 1) + draw_prompts(rng, PAIRS, 2)


def bare_prompts():
    """Every colour and shape without a background: "a red circle". Training saw these."""
    return [
        scenes.with_article(f"{colour} {shape}")
        for colour in scenes.COLOURS
        for shape in scenes.SHAPES
    ]


if __name__ == "__main__":
    print("\n".join(bare_prompts() if "--bare" in sys.argv[1:] else held_out_prompts()))
