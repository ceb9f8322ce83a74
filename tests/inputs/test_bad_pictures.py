"""Pictures to start from, and to print the parameters of, that are broken, hostile or odd."""

import io
import os
import struct
import unittest
import zlib

import numpy as np
from PIL import Image

from running import BAD_INPUT, PAINT, InputTest

START = ["img2img", *PAINT[1:], "--strength", "1", "--init-img"]
UNSIZED = [argument for argument in START if argument not in ("-W", "-H", "64")]

PIXELS = np.indices((72, 72)).sum(0)[..., None] * [3, 2, 1] % 256
PICTURE = Image.fromarray(PIXELS.astype(np.uint8))


def saved(picture, form, **options):
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def chunk(kind, data, checksum=None):
    sum_of = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", sum_of)


def png(width=8, height=8, extra=b"", kind=2, depth=8, pixels=None):
    rows = pixels if pixels is not None else bytes((1 + 3 * width) * height)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def jpeg(marker=0xC0, segment=b""):
    """A JPEG file with another kind of frame, and with a segment behind its start."""
    file = saved(PICTURE, "JPEG")
    frame = file.index(b"\xff\xc0")
    file = file[:frame] + bytes([0xFF, marker]) + file[frame + 2 :]
    return file[:2] + segment + file[2:]


def exif(first, entries=1, then=0):
    """A segment with a directory at `first` that counts `entries` and names the next one at `then`."""
    directory = struct.pack("<H", entries) + struct.pack("<HHIHH", 0x112, 3, 1, 6, 0) + struct.pack("<I", then)
    data = b"Exif\0\0" + b"II*\0" + struct.pack("<I", first) + directory
    return b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data


def text(key, value):
    return chunk(b"tEXt", key + b"\0" + value)


def packed_text(size):
    return chunk(b"zTXt", b"parameters\0\0" + zlib.compress(bytes(size)))


def frames(form, **options):
    other = Image.new("RGB", PICTURE.size, "red")
    return saved(PICTURE, form, save_all=True, append_images=[other], duration=50, **options)


class Pictures(InputTest):
    def picture(self, name, content):
        place = self.folder(name) / "picture.png"
        if callable(content):
            content(place)
        else:
            place.write_bytes(content)

    def start_from(self, name, content, arguments):
        self.picture(name, content)
        return self.run_sd(name, [*arguments, "picture.png"])

    def refuse(self, cases, arguments):
        self.run_all(
            {
                name: lambda name=name, content=content, parts=parts: (
                    self.start_from(name, content, arguments),
                    BAD_INPUT,
                    *parts,
                )
                for name, (content, *parts) in cases.items()
            },
            self.assert_refused,
        )

    def test_broken(self):
        whole = saved(PICTURE, "PNG")
        cut = saved(PICTURE, "JPEG")
        self.refuse(
            {
                "empty": (b"", "'picture.png' is empty"),
                "a_folder": (lambda place: place.mkdir(), "it is a folder"),
                "a_fifo": (os.mkfifo, "a pipe or device"),
                "a_device": (lambda place: place.symlink_to("/dev/zero"), "a pipe or device"),
                "a_link_to_nothing": (lambda place: place.symlink_to("nowhere"), "no such file"),
                "a_link_to_itself": (lambda place: place.symlink_to("picture.png"), "symbolic links"),
                "heic": (b"\0\0\0\x18ftypheic" + bytes(100), "a HEIC picture"),
                "signature_alone": (whole[:8], "cut short"),
                "cut_short_png": (whole[: len(whole) // 2], "cut short"),
                "cut_short_jpeg": (cut[: len(cut) // 2], "JPEG file"),
                "checksum_of_a_harmless_chunk": (png(extra=chunk(b"tIME", bytes(7), 1)), "checksum"),
                "no_width": (png(0, 8), "0 x 8"),
                "64k_by_64k": (png(65535, 65535, pixels=b""), "65535 x 65535"),
                "16k_by_16k_of_nothing": (png(16384, 16384, pixels=b""), "cut short"),
                "too_few_rows": (png(8, 8, pixels=bytes(25)), "cannot be decoded"),
                "too_many_rows": (png(8, 8, pixels=bytes(1 << 24)), "cannot be decoded"),
                "unknown_filter": (png(8, 8, pixels=b"\7" * 200), "cannot be decoded"),
                "unknown_depth": (png(8, 8, depth=3), "cannot be decoded"),
                "palette_missing": (png(8, 8, kind=3), "palette"),
                "text_bomb": (png(extra=packed_text(100 << 20)), "64 MiB"),
                "texts_that_add_up": (png(extra=packed_text(40 << 20) * 2), "64 MiB"),
                "length_of_4_gigabytes": (whole[:33] + b"\xff\xff\xff\xfftEXt", "cut short"),
                "hierarchical_jpeg": (jpeg(0xC5), "JPEG file"),
                "jpeg_without_tables": (cut[:2] + cut[cut.index(b"\xff\xc0") :], "JPEG file"),
                "one_pixel": (png(1, 1), "at least 8x8 pixels, found 1x1"),
                "7_by_7_pixels": (png(7, 7), "found 7x7"),
            },
            UNSIZED,
        )

    def test_odd_ones_are_painted_from(self):
        clear = PICTURE.copy()
        clear.putalpha(0)
        profile = b"ICC_PROFILE\0\1\1" + b"garbage"
        wide = Image.new("L", (10000, 10000), 90)
        cases = {
            "one_pixel": png(1, 1),
            "7_by_7_pixels": png(7, 7),
            "20000_by_1_pixels": png(20000, 1),
            "100_megapixels": saved(wide, "JPEG", quality=10),
            "all_transparent": saved(clear, "PNG"),
            "gray_with_alpha": saved(clear.convert("LA"), "PNG"),
            "animated_png": frames("PNG"),
            "animated_gif": frames("GIF"),
            "animated_webp": frames("WEBP", lossless=True),
            "jpeg_of_another_name": saved(PICTURE, "JPEG"),
            "arithmetic_jpeg": jpeg(0xC9),
            "colours_of_no_meaning_png": saved(PICTURE, "PNG", icc_profile=b"garbage"),
            "colours_of_no_meaning_jpeg": jpeg(segment=b"\xff\xe2" + struct.pack(">H", len(profile) + 2) + profile),
            "exif_that_counts_too_much": jpeg(segment=exif(8, entries=65535)),
            "exif_in_a_circle": jpeg(segment=exif(8, then=8)),
            "exif_outside_of_itself": jpeg(segment=exif(0xFFFFFFFF)),
            "key_of_200_letters": png(extra=text(b"k" * 200, b"x")),
            "key_that_is_empty": png(extra=text(b"", b"x")),
            "nul_in_a_text": png(extra=text(b"parameters", b"a\0b\nSteps: 1")),
            "text_that_is_damaged": png(extra=chunk(b"zTXt", b"parameters\0\0garbage")),
            "bytes_behind_the_end": saved(PICTURE, "PNG") + b"PK\3\4",
        }
        self.run_all(
            {
                name: lambda name=name, content=content: (self.start_from(name, content, START),)
                for name, content in cases.items()
            },
            self.assert_painted,
        )

    def test_of_an_animation_the_first_frame_is_taken(self):
        loud = [word for word in START if word != "-q"]
        for form, options in (("PNG", {}), ("GIF", {}), ("WEBP", {"lossless": True})):
            with self.subTest(form):
                outcome = self.start_from(f"animated_{form}", frames(form, **options), loud)
                self.assertEqual(outcome.code, 0, outcome.err)
                self.assertEqual(outcome.err.count(b"sd: warning: 'picture.png' has 2 frames, the first one is taken\n"), 1)
        self.assertNotIn(b"frames", self.start_from("still", saved(PICTURE, "GIF"), loud).err)

    def test_sides_are_rounded_down(self):
        outcome = self.start_from("sides", saved(PICTURE.crop((0, 0, 71, 65)), "PNG"), UNSIZED)
        self.assert_painted(outcome)
        with Image.open(outcome.folder / "out/a.png") as picture:
            self.assertEqual(picture.size, (64, 64))

    def test_standard_input(self):
        for name, content, part in (("nothing", b"", "empty"), ("words", b"not a picture", "unknown kind")):
            with self.subTest(name):
                outcome = self.run_sd(name, [*UNSIZED, "-"], input=content)
                self.assert_refused(outcome, BAD_INPUT, "standard input", part)
        self.assert_painted(self.run_sd("picture", [*START, "-"], input=saved(PICTURE, "PNG")))


class Parameters(InputTest):
    """What sd info makes of the texts in pictures."""

    def info(self, name, content):
        (self.folder(name) / "picture.png").write_bytes(content)
        return self.run_sd(name, ["info", "-q", "picture.png"])

    def test_broken(self):
        whole = saved(PICTURE, "PNG")
        cases = {
            "empty": (b"", "picture.png"),
            "words": (b"not a picture", "picture.png"),
            "cut_short": (whole[: len(whole) // 2], "cut short"),
            "text_bomb": (png(extra=packed_text(100 << 20)), "64 MiB"),
            "checksum": (png(extra=chunk(b"tEXt", b"parameters\0x", 1)), "checksum"),
        }
        self.run_all(
            {name: lambda name=name, case=case: (self.info(name, case[0]), BAD_INPUT, *case[1:]) for name, case in cases.items()},
            self.assert_refused,
        )

    def test_odd_texts_are_printed(self):
        cases = {
            "nul": text(b"parameters", b"a\0b\nSteps: 1, Seed: 2"),
            "control_characters": text(b"parameters", b"\x1b[31ma\x07\nSteps: 1, Seed: 2"),
            "not_utf8": text(b"parameters", b"\xff\xfe\nSteps: 1, Seed: 2"),
            "a_megabyte": text(b"parameters", b"x" * 1_000_000),
            "a_graph_nested_deeply": text(b"prompt", b'{"a":' * 100_000),
            "a_million_fields": text(b"parameters", b"a\nSteps: 1, " + b"k: v, " * 100_000),
            "no_texts": b"",
        }

        def check(outcome):
            self.assertEqual(outcome.code, 0, outcome.err[:2000])
            self.assertIn(b"8", outcome.out)
            self.assertNotIn(b"\x1b", outcome.out)
            self.assertLessEqual(outcome.err.count(b"\n"), 1)

        self.run_all(
            {name: lambda name=name, extra=extra: (self.info(name, png(extra=extra)),) for name, extra in cases.items()},
            check,
        )


if __name__ == "__main__":
    unittest.main()
