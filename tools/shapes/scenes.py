"""Drawn scenes and their captions: the whole data set of the small model.

A scene is one or two plain shapes on a plain background. Everything here is a pure function of a
`random.Random`, so a seed fixes the data set. Needs Pillow only.
"""

import hashlib
import math
from dataclasses import dataclass

from PIL import Image, ImageDraw

PALETTE = {
    "red": (220, 40, 40),
    "green": (40, 170, 70),
    "blue": (50, 80, 220),
    "yellow": (240, 210, 50),
    "purple": (140, 60, 180),
    "orange": (240, 140, 40),
    "white": (245, 245, 245),
    "black": (20, 20, 20),
}
COLOURS = tuple(PALETTE)
SHAPES = ("circle", "square", "triangle", "star")

# Radius and centre as fractions of the picture's side. "medium" is never named in a caption.
RADIUS = {"small": 0.14, "medium": 0.19, "large": 0.24}
PLACES = {
    "left": (0.30, 0.50),
    "right": (0.70, 0.50),
    "top": (0.50, 0.30),
    "bottom": (0.50, 0.70),
    "center": (0.50, 0.50),
}
PAIR_RADIUS = 0.17
PAIR_NEAR, PAIR_FAR = 0.27, 0.73
RELATIONS = {
    "to the left of": ((PAIR_NEAR, 0.5), (PAIR_FAR, 0.5)),
    "to the right of": ((PAIR_FAR, 0.5), (PAIR_NEAR, 0.5)),
    "above": ((0.5, PAIR_NEAR), (0.5, PAIR_FAR)),
    "below": ((0.5, PAIR_FAR), (0.5, PAIR_NEAR)),
}

POSITION_JITTER = 0.03
SIZE_JITTER = 0.07
SUPERSAMPLING = 4
HELD_OUT_SHARE = 1 / 8


@dataclass(frozen=True)
class Thing:
    """One shape. `size` and `place` are None in a scene of two, where the relation decides."""

    colour: str
    shape: str
    size: str | None = None
    place: str | None = None

    @property
    def name(self):
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True)
class Scene:
    """One or two things on a background; of two, the first stands in `relation` to the second."""

    background: str
    things: tuple[Thing, ...]
    relation: str | None = None


def is_held_out(scene):
    """Whether training never sees this combination of things and background.

    The rule is a hash of the content alone (colours, shapes, background), so every wording, size,
    place and order of a held-out combination is held out with it.
    """
    content = " + ".join(sorted(thing.name for thing in scene.things)) + " on " + scene.background
    digest = hashlib.sha256(content.encode()).digest()
    return int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE * 2**32


def random_scene(rng, things=None):
    """Any scene, held out or not. `things` fixes how many shapes it has."""
    if things is None:
        things = 1 if rng.random() < 0.5 else 2
    background = rng.choice(COLOURS)
    colours = [colour for colour in COLOURS if colour != background]
    if things == 1:
        size = rng.choices(list(RADIUS), weights=(2, 1, 2))[0]
        place = "center" if rng.random() < 0.35 else rng.choice(list(PLACES))
        return Scene(background, (Thing(rng.choice(colours), rng.choice(SHAPES), size, place),))
    first, second = rng.sample(colours, 2)
    if rng.random() < 0.1:
        second = first
    pair = (Thing(first, rng.choice(SHAPES)), Thing(second, rng.choice(SHAPES)))
    return Scene(background, pair, rng.choice(list(RELATIONS)))


def random_scene_where(rng, wanted, things=None):
    """The first random scene for which `wanted(scene)` holds."""
    while True:
        scene = random_scene(rng, things)
        if wanted(scene):
            return scene


def training_scene(rng):
    return random_scene_where(rng, lambda scene: not is_held_out(scene))


# --- drawing -------------------------------------------------------------------------------------


def outline(shape, centre_x, centre_y, radius):
    """The corners of a polygon, or the bounding box of a circle."""
    if shape == "circle":
        return [(centre_x - radius, centre_y - radius), (centre_x + radius, centre_y + radius)]
    if shape == "square":
        half = 0.88 * radius
        return [
            (centre_x - half, centre_y - half),
            (centre_x + half, centre_y - half),
            (centre_x + half, centre_y + half),
            (centre_x - half, centre_y + half),
        ]
    if shape == "triangle":
        return [
            (centre_x, centre_y - 1.10 * radius),
            (centre_x - 1.05 * radius, centre_y + 0.80 * radius),
            (centre_x + 1.05 * radius, centre_y + 0.80 * radius),
        ]
    points = []
    for corner in range(10):
        reach = 1.15 * radius * (1.0 if corner % 2 == 0 else 0.45)
        angle = corner * math.pi / 5
        points.append((centre_x + reach * math.sin(angle), centre_y - reach * math.cos(angle)))
    return points


def paint(canvas, shape, outline_points, fill):
    if shape == "circle":
        canvas.ellipse(outline_points, fill=fill)
    else:
        canvas.polygon(outline_points, fill=fill)


def layout(scene):
    """Centre and radius of every thing, before jitter."""
    if len(scene.things) == 1:
        thing = scene.things[0]
        return [(PLACES[thing.place], RADIUS[thing.size])]
    return [(centre, PAIR_RADIUS) for centre in RELATIONS[scene.relation]]


def draw(scene, rng, side=64):
    """An antialiased RGB picture of the scene, with a little jitter in place and size."""
    big = side * SUPERSAMPLING
    image = Image.new("RGB", (big, big), PALETTE[scene.background])
    canvas = ImageDraw.Draw(image)
    for thing, (centre, radius) in zip(scene.things, layout(scene)):
        centre_x, centre_y = (
            (value + rng.uniform(-POSITION_JITTER, POSITION_JITTER)) * big for value in centre
        )
        radius *= rng.uniform(1 - SIZE_JITTER, 1 + SIZE_JITTER) * big
        points = outline(thing.shape, centre_x, centre_y, radius)
        paint(canvas, thing.shape, points, PALETTE[thing.colour])
    return image.resize((side, side), Image.BOX)


# --- captions ------------------------------------------------------------------------------------


def with_article(phrase):
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def unsaid_weight(scene):
    """How often a caption leaves the background out, which then is mostly white."""
    single, pair = (20, 6) if scene.background == "white" else (3, 1)
    return single if len(scene.things) == 1 else pair


def single_captions(scene):
    """(weight, caption) of every true wording for a scene of one thing."""
    thing = scene.things[0]
    bare = with_article(thing.name)
    background = with_article(scene.background) + " background"
    at_place = f"at the {thing.place}"
    unsaid = unsaid_weight(scene)
    wordings = [
        (20, f"{bare} on {background}"),
        (30, f"{bare} {at_place} on {background}"),
        (unsaid, bare),
        (unsaid / 4, f"{bare} {at_place}"),
        (6, f"a picture of {bare} on {background}"),
        (6, f"a drawing of {bare} on {background}"),
        (6, f"{background} with {bare}"),
        # Fragments, so that short prompts and negative prompts mean something.
        (1, f"a {thing.shape}"),
        (1, thing.shape),
        (1, thing.colour),
        (1, thing.name),
        (2, background),
        (1, f"{scene.background} background"),
        (1, f"a {thing.shape} on {background}"),
    ]
    if thing.size != "medium":
        sized = f"a {thing.size} {thing.name}"
        wordings += [
            (15, f"{sized} on {background}"),
            (40, f"{sized} {at_place} on {background}"),
            (unsaid / 3, sized),
            (unsaid / 3, f"{sized} {at_place}"),
            (1, f"a {thing.size} {thing.shape}"),
        ]
    return wordings


def places_of_pair(relation):
    """Where the first and the second thing of a pair stand, in the words for single things."""
    places = []
    for x, y in RELATIONS[relation]:
        if y == 0.5:
            places.append("left" if x < 0.5 else "right")
        else:
            places.append("top" if y < 0.5 else "bottom")
    return places


def pair_captions(scene):
    """(weight, caption) of every true wording for a scene of two things."""
    first, second = (with_article(thing.name) for thing in scene.things)
    background = with_article(scene.background) + " background"
    unsaid = unsaid_weight(scene)
    # The words for places, in pairs too: "above" is learned late or never from itself alone, while
    # "to the left of" shares its word with the single things at the left.
    here, there = places_of_pair(scene.relation)
    return [
        (50, f"{first} at the {here} and {second} at the {there} on {background}"),
        (60, f"{first} {scene.relation} {second} on {background}"),
        (15, f"{first} and {second} on {background}"),
        (4, f"a picture of {first} {scene.relation} {second} on {background}"),
        (unsaid, f"{first} {scene.relation} {second}"),
        (unsaid / 2, f"{first} and {second}"),
        (1, background),
    ]


def captions(scene):
    return single_captions(scene) if len(scene.things) == 1 else pair_captions(scene)


def random_caption(scene, rng, captions=captions):
    """A wording by its weight; `captions` is this module's or another language's."""
    weights, wordings = zip(*captions(scene))
    return rng.choices(wordings, weights=weights)[0]


def caption_words():
    """Every word any caption can hold, sorted."""
    fixed = "a an on at the with and of to in picture drawing background center".split()
    words = {*fixed, *COLOURS, *SHAPES, *PLACES, "small", "large", "medium", "above", "below"}
    return sorted(words)
