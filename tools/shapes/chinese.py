"""The captions of scenes in Chinese: one for one what scenes.py says in English, equally often."""

from . import scenes

COLOURS = {
    "red": "红色",
    "green": "绿色",
    "blue": "蓝色",
    "yellow": "黄色",
    "purple": "紫色",
    "orange": "橙色",
    "white": "白色",
    "black": "黑色",
}
SHAPES = {"circle": "圆形", "square": "正方形", "triangle": "三角形", "star": "星形"}
# Before the shape, not before the colour: 大红色 would be a colour of its own.
SIZES = {"small": "小", "medium": "", "large": "大"}
PLACES = {"left": "左边", "right": "右边", "top": "顶部", "bottom": "底部", "center": "中间"}
RELATIONS = {
    "to the left of": "左边",
    "to the right of": "右边",
    "above": "上方",
    "below": "下方",
}
PICTURE, DRAWING = "图片：", "图画："
OTHER_WORDS = ("背景", "图片", "图画", "一个", "上", "有", "的", "在", "和", "小", "大", "，", "：")


def name_of(thing, size=""):
    return COLOURS[thing.colour] + size + SHAPES[thing.shape]


def single_captions(scene):
    """(weight, caption) of every true wording for a scene of one thing."""
    thing = scene.things[0]
    bare, shape = name_of(thing), SHAPES[thing.shape]
    background = COLOURS[scene.background] + "背景"
    place = PLACES[thing.place]
    unsaid = scenes.unsaid_weight(scene)
    wordings = [
        (20, f"{background}上的{bare}"),
        (30, f"{background}上{place}的{bare}"),
        (unsaid, f"一个{bare}"),
        (unsaid / 4, f"{place}的{bare}"),
        (6, f"{PICTURE}{background}上的{bare}"),
        (6, f"{DRAWING}{background}上的{bare}"),
        (6, f"{background}上有一个{bare}"),
        (1, f"一个{shape}"),
        (1, shape),
        (1, COLOURS[thing.colour]),
        (1, bare),
        (2, f"{COLOURS[scene.background]}的背景"),
        (1, background),
        (1, f"{background}上的{shape}"),
    ]
    if thing.size != "medium":
        size = SIZES[thing.size]
        sized = name_of(thing, size)
        wordings += [
            (15, f"{background}上的{sized}"),
            (40, f"{background}上{place}的{sized}"),
            (unsaid / 3, f"一个{sized}"),
            (unsaid / 3, f"{place}的{sized}"),
            (1, f"一个{size}{shape}"),
        ]
    return wordings


def pair_captions(scene):
    """(weight, caption) of every true wording for a scene of two things."""
    first, second = map(name_of, scene.things)
    background = COLOURS[scene.background] + "背景"
    unsaid = scenes.unsaid_weight(scene)
    here, there = (PLACES[place] for place in scenes.places_of_pair(scene.relation))
    related = f"{first}在{second}的{RELATIONS[scene.relation]}"
    return [
        (50, f"{background}上{here}的{first}和{there}的{second}"),
        (60, f"{background}上，{related}"),
        (15, f"{background}上的{first}和{second}"),
        (4, f"{PICTURE}{background}上，{related}"),
        (unsaid, related),
        (unsaid / 2, f"{first}和{second}"),
        (1, f"{COLOURS[scene.background]}的背景"),
    ]


def captions(scene):
    return single_captions(scene) if len(scene.things) == 1 else pair_captions(scene)


def caption_words():
    """What captions are put together from, sorted."""
    tables = (COLOURS, SHAPES, PLACES, RELATIONS)
    return sorted({word for table in tables for word in table.values()} | set(OTHER_WORDS))
