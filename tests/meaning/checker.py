"""Does a picture show what its caption says? Plain geometry, no learning.

`check(picture, caption)` reads the caption of a drawn scene (one or two shapes on a plain
background) in English or Chinese, finds the shapes in the picture and compares. It needs numpy and
Pillow only.

    python tests/meaning/checker.py "a red circle on a blue background" picture.png
    python tests/meaning/checker.py 蓝色背景上的红色圆形 picture.png

A picture obeys its caption when it holds exactly the objects named, each of the named colour and
shape, and everything else the caption says is true too: background, size, place, relation. What
the caption leaves open may be anything.
"""

import re
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from PIL import Image

SIDE = 64  # pictures are brought to this size first

# Its own numbers, not the drawer's (tools/shapes/scenes.py): a judge that reads them from there
# would follow a mistake in them.
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
SHAPES = ("circle", "square", "triangle", "star")

# Towards where a place lies from the middle, in x and y; 0 is level with it.
PLACES = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1), "center": (0, 0)}
RELATIONS = {
    "to the left of": (-1, 0),
    "to the right of": (1, 0),
    "above": (0, -1),
    "below": (0, 1),
}

PLACE_MARGIN = 0.10  # of the side: further from the middle than this is no longer level with it
RELATION_MARGIN = 0.15  # of the side: how far apart two related objects must be
SIZE_BORDER = 0.19  # of the side: radius between small and large

COLOUR_TOLERANCE = 60.0  # furthest that the colour of a whole region may lie from the palette's
FOREGROUND_DISTANCE = 35.0  # how far from the background's colour a pixel must be to count
SMALLEST_OBJECT = 0.06  # of the side: a region smaller than such a square is noise, not an object
PLAIN_SHARE = 0.75  # of an object's inner pixels that must be nearest to the object's own colour
SHAPE_OVERLAP = 0.75  # least intersection over union with the ideal shape
ASPECT_LIMIT = 1.35  # longest side of an object's box over the shortest


# --- captions ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """One object a caption asks for; None means anything."""

    colour: str
    shape: str
    size: str | None = None
    place: str | None = None


@dataclass(frozen=True)
class Caption:
    objects: tuple[Wanted, ...]
    background: str | None
    relation: str | None


# What Chinese captions are made of. Sizes and places are those of the English ones.
CHINESE_COLOURS = dict(zip("红绿蓝黄紫橙白黑", PALETTE))
CHINESE_SHAPES = {"圆形": "circle", "正方形": "square", "三角形": "triangle", "星形": "star"}
CHINESE_SIZES = {"小": "small", "大": "large"}
CHINESE_PLACES = {"左边": "left", "右边": "right", "顶部": "top", "底部": "bottom", "中间": "center"}
CHINESE_RELATIONS = dict(zip(("左边", "右边", "上方", "下方"), RELATIONS))


def parse_caption(text):
    """The content of a caption; ValueError if it is not about one or two shapes."""
    chinese = re.search(r"[\u4e00-\u9fff]", text)
    caption = parse_chinese(text) if chinese else parse_english(text)
    if len(caption.objects) not in (1, 2):
        raise ValueError(f"not a caption of one or two shapes: {text!r}")
    return caption


def parse_english(text):
    colour, shape = "|".join(PALETTE), "|".join(SHAPES)
    text = " ".join(text.lower().split())
    background = re.search(rf"\b({colour}) background\b", text)
    found = re.findall(
        rf"\b(?:(small|large) )?({colour}) ({shape})\b(?: at the ({'|'.join(PLACES)})\b)?", text
    )
    objects = tuple(
        Wanted(colour, shape, size or None, place or None) for size, colour, shape, place in found
    )
    relation = re.search("|".join(RELATIONS), text) if len(objects) == 2 else None
    return Caption(
        objects,
        background.group(1) if background else None,
        relation.group(0) if relation else None,
    )


def parse_chinese(text):
    """PLACE的COLOUR色SIZE SHAPE, COLOUR色背景, and A在B的RELATION."""
    text = "".join(text.split())
    colour, size = "".join(CHINESE_COLOURS), "".join(CHINESE_SIZES)
    shape, place, relation = map("|".join, (CHINESE_SHAPES, CHINESE_PLACES, CHINESE_RELATIONS))
    background = re.search(rf"([{colour}])色的?背景", text)
    found = re.findall(rf"(?:({place})的)?([{colour}])色([{size}]?)({shape})", text)
    related = re.search(rf"在[{colour}]色(?:{shape})的({relation})", text)
    objects = tuple(
        Wanted(
            CHINESE_COLOURS[colour],
            CHINESE_SHAPES[shape],
            CHINESE_SIZES.get(size),
            CHINESE_PLACES.get(place),
        )
        for place, colour, size, shape in found
    )
    return Caption(
        objects,
        CHINESE_COLOURS[background.group(1)] if background else None,
        CHINESE_RELATIONS[related.group(1)] if related else None,
    )


# --- pictures ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """One object in a picture. Centre and radius are fractions of the side."""

    colour: str
    shape: str
    centre: tuple[float, float]
    radius: float
    doubt: str = ""  # why it is no clean shape, if it is none

    def __str__(self):
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True)
class Picture:
    background: str
    objects: tuple[Found, ...]
    doubt: str = ""


def as_pixels(picture):
    """A float array [SIDE, SIDE, 3] from a path, a Pillow image or an array of bytes."""
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    elif not isinstance(picture, Image.Image):
        picture = Image.open(picture)
    picture = picture.convert("RGB")
    if picture.size != (SIDE, SIDE):
        picture = picture.resize((SIDE, SIDE), Image.BOX)
    return np.asarray(picture, dtype=np.float64)


def distance(pixels, colour):
    return np.linalg.norm(pixels - np.asarray(colour, dtype=np.float64), axis=-1)


def nearest_colours(pixels):
    """Index into the palette of every pixel's nearest colour."""
    return np.argmin([distance(pixels, colour) for colour in PALETTE.values()], axis=0)


def name_of_colour(colour):
    """Nearest palette colour and how far it is."""
    names = list(PALETTE)
    distances = [float(distance(np.asarray(colour), PALETTE[name])) for name in names]
    best = int(np.argmin(distances))
    return names[best], distances[best]


def connected_regions(mask):
    """Masks of the 4-connected regions of a mask."""
    left = mask.copy()
    regions = []
    while left.any():
        region = np.zeros_like(mask)
        region[tuple(np.argwhere(left)[0])] = True
        while True:
            grown = region.copy()
            grown[1:] |= region[:-1]
            grown[:-1] |= region[1:]
            grown[:, 1:] |= region[:, :-1]
            grown[:, :-1] |= region[:, 1:]
            grown &= left
            if (grown == region).all():
                break
            region = grown
        left &= ~region
        regions.append(region)
    return regions


def inner(mask):
    """The mask without its outermost pixels, or the mask itself if nothing would be left."""
    padded = np.pad(mask, 1)
    eroded = mask & padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]
    return eroded if eroded.any() else mask


def ideal_mask(shape, height, width, fine=8):
    """Coverage [height, width] of a shape that fills the box, in 0..1."""
    y = (np.arange(height * fine) + 0.5) / (height * fine)
    x = (np.arange(width * fine) + 0.5) / (width * fine)
    x, y = np.meshgrid(x, y)
    if shape == "circle":
        inside = (x - 0.5) ** 2 + (y - 0.5) ** 2 <= 0.25
    elif shape == "square":
        inside = np.ones_like(x, dtype=bool)
    elif shape == "triangle":
        inside = np.abs(x - 0.5) <= y / 2
    else:
        inside = inside_star(x, y)
    return inside.reshape(height, fine, width, fine).mean(axis=(1, 3))


def inside_star(x, y):
    """A five-pointed star, one point up, filling the unit box (even-odd rule)."""
    angles = np.arange(10) * np.pi / 5
    reach = np.where(np.arange(10) % 2 == 0, 1.0, 0.45)
    corner_x, corner_y = reach * np.sin(angles), -reach * np.cos(angles)
    corner_x = (corner_x - corner_x.min()) / np.ptp(corner_x)
    corner_y = (corner_y - corner_y.min()) / np.ptp(corner_y)
    inside = np.zeros(x.shape, dtype=bool)
    for here in range(10):
        x1, y1, x2, y2 = corner_x[here - 1], corner_y[here - 1], corner_x[here], corner_y[here]
        if y1 == y2:
            continue
        crossing = x1 + (y - y1) * (x2 - x1) / (y2 - y1)
        inside ^= ((y1 > y) != (y2 > y)) & (x < crossing)
    return inside


# Area of a shape over its radius squared, as the scenes are drawn: turns area into radius.
AREA = {"circle": np.pi, "square": (2 * 0.88) ** 2, "triangle": 1.05 * 1.9, "star": 1.749}


def classify_shape(mask):
    """(shape, overlap, box size) of the ideal shape that fits the mask's box best."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(float)
    best, best_overlap = "", -1.0
    for shape in SHAPES:
        ideal = ideal_mask(shape, *box.shape)
        overlap = np.minimum(box, ideal).sum() / np.maximum(box, ideal).sum()
        if overlap > best_overlap:
            best, best_overlap = shape, float(overlap)
    return best, best_overlap, box.shape


def describe_region(region, pixels, background):
    """The object that a region of foreground pixels is; None if its border was all there was."""
    colour = np.median(pixels[inner(region)], axis=0)
    body = region & (distance(pixels, colour) < distance(pixels, background))
    if not body.any():
        return None
    name, off = name_of_colour(colour)
    doubt = ""
    if off > COLOUR_TOLERANCE:
        doubt = f"its colour {colour.astype(int).tolist()} is {off:.0f} from {name}"
    plain = np.mean(nearest_colours(pixels[inner(body)]) == list(PALETTE).index(name))
    if plain < PLAIN_SHARE:
        doubt = doubt or f"only {plain:.0%} of it is {name}"
    shape, overlap, box = classify_shape(body)
    if overlap < SHAPE_OVERLAP:
        doubt = doubt or f"it fits a {shape} by {overlap:.2f} only"
    if max(box) / min(box) > ASPECT_LIMIT:
        doubt = doubt or f"it is {box[1]} wide and {box[0]} high"
    y, x = np.argwhere(body).mean(axis=0) + 0.5
    radius = float(np.sqrt(body.sum() / AREA[shape])) / SIDE
    return Found(name, shape, (float(x) / SIDE, float(y) / SIDE), radius, doubt)


def look_at(picture):
    """Background and objects of a picture."""
    pixels = as_pixels(picture)
    nearest = nearest_colours(pixels)
    most_common = Counter(nearest.ravel().tolist()).most_common(1)[0][0]
    background = np.median(pixels[nearest == most_common], axis=0)
    name, off = name_of_colour(background)
    foreground = distance(pixels, background) > FOREGROUND_DISTANCE
    smallest = (SMALLEST_OBJECT * SIDE) ** 2
    regions = [region for region in connected_regions(foreground) if region.sum() >= smallest]
    objects = [describe_region(region, pixels, background) for region in regions]
    doubt = f"the background is {off:.0f} from {name}" if off > COLOUR_TOLERANCE else ""
    return Picture(name, tuple(found for found in objects if found), doubt)


# --- comparison ----------------------------------------------------------------------------------


def lies_towards(offset, direction, margin):
    """Whether an (x, y) offset points in a direction: level means within the margin."""
    for value, sign in zip(offset, direction):
        if sign == 0 and abs(value) > margin:
            return False
        if sign != 0 and value * sign < margin:
            return False
    return True


def object_fault(wanted, found):
    """What is wrong with an object, or an empty string."""
    if (wanted.colour, wanted.shape) != (found.colour, found.shape):
        return f"wanted a {wanted.colour} {wanted.shape}, found a {found}"
    if found.doubt:
        return f"the {found} is not clean: {found.doubt}"
    if wanted.size and (found.radius < SIZE_BORDER) != (wanted.size == "small"):
        return f"the {found} is not {wanted.size}: radius {found.radius:.2f}"
    if wanted.place:
        offset = (found.centre[0] - 0.5, found.centre[1] - 0.5)
        if not lies_towards(offset, PLACES[wanted.place], PLACE_MARGIN):
            x, y = found.centre
            return f"the {found} is not at the {wanted.place} but at {x:.2f}, {y:.2f}"
    return ""


def relation_fault(relation, first, second):
    offset = (first.centre[0] - second.centre[0], first.centre[1] - second.centre[1])
    if lies_towards(offset, RELATIONS[relation], RELATION_MARGIN):
        return ""
    return f"the {first} is not {relation} the {second}"


def first_fault(caption, objects):
    """The first thing wrong when the objects are taken in this order, or an empty string."""
    for wanted, found in zip(caption.objects, objects):
        fault = object_fault(wanted, found)
        if fault:
            return fault
    return relation_fault(caption.relation, *objects) if caption.relation else ""


def check(picture, caption):
    """(obeyed, reason). `picture` is a path, a Pillow image or an array [height, width, 3]."""
    caption = parse_caption(caption)
    seen = look_at(picture)
    if caption.background and caption.background != seen.background:
        return False, f"the background is {seen.background}, not {caption.background}"
    if seen.doubt:
        return False, seen.doubt
    if len(seen.objects) != len(caption.objects):
        names = ", ".join(map(str, seen.objects)) or "nothing"
        return False, f"wanted {len(caption.objects)} objects, found {names}"
    faults = [first_fault(caption, objects) for objects in permutations(seen.objects)]
    if "" in faults:
        return True, "as asked"
    return False, faults[0]


def check_folder(pairs):
    """Report over (prompt, picture path) pairs: counts by number of objects, and every failure.

    {"single": [obeyed, all], "pair": [obeyed, all], "failures": [(prompt, path, reason), ...]}
    """
    report = {"single": [0, 0], "pair": [0, 0], "failures": []}
    for prompt, path in pairs:
        kind = "single" if len(parse_caption(prompt).objects) == 1 else "pair"
        try:
            obeyed, reason = check(path, prompt)
        except OSError as error:
            obeyed, reason = False, f"cannot be read: {error}"
        report[kind][0] += obeyed
        report[kind][1] += 1
        if not obeyed:
            report["failures"].append((prompt, str(path), reason))
    return report


def main():
    if len(sys.argv) != 3:
        sys.exit('usage: checker.py "CAPTION" PICTURE')
    obeyed, reason = check(sys.argv[2], sys.argv[1])
    print(("obeyed: " if obeyed else "not obeyed: ") + reason)
    sys.exit(not obeyed)


if __name__ == "__main__":
    main()
