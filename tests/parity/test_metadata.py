"""Parameters in pictures of the `sd` binary, read by exiftool and Pillow: the same text in every format."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

PROMPTS = {
    "plain": "a red circle",
    "quotes": "a \"red\" circle, 'blue': {big} \\ (soft:1.2) [x|y]",
    "lines": "a red circle\nNegative prompt: on\na blue background ",
    "unicode": "un cercle très rouge, 赤い丸, красный круг, 😀",
    "empty": "",
}
FORMATS = ("png", "jpg", "webp")


def text_of(file):
    with Image.open(file) as picture:
        return picture.text["parameters"]


def comment_of(file):
    """The UserComment as A1111 decodes it."""
    with Image.open(file) as picture:
        value = picture.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
    if not value.startswith(b"UNICODE\0"):
        raise AssertionError(value[:20])
    return value[8:].decode("utf_16_be")


def pixels_of(file):
    with Image.open(file) as picture:
        return np.asarray(picture).astype(int)


class Metadata(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.root = Path(cls.temporary.name)
        for name, prompt in PROMPTS.items():
            for format in FORMATS:
                cls.sd("txt2img", "-p", prompt, "-n", "dog, \"é\"\n雪", "-o", cls.root / f"{name}.{format}")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @staticmethod
    def sd(command, *arguments):
        line = [os.environ["SD_BINARY"], command, *map(str, arguments), "-q"]
        if command != "info":
            line += ["--seed", "3", "--steps", "2", "--device", "cpu", "--dtype", "fp32", "--threads", "1"]
        done = subprocess.run(line, capture_output=True)
        if done.returncode:
            raise AssertionError(f"exit {done.returncode}: {line}\n{done.stderr.decode()}")
        return done.stdout

    def exiftool(self, *files):
        done = subprocess.run(
            ["exiftool", "-json", "-charset", "UTF8", "-PNG:Parameters", "-EXIF:UserComment", "-Warning", "-Error", "-FileType",
             "-ImageWidth", *map(str, files)], capture_output=True, check=True)
        return {Path(entry["SourceFile"]).name: entry for entry in json.loads(done.stdout)}

    def test_exiftool_reads_the_same_text_in_every_format(self):
        files = [self.root / f"{name}.{format}" for name in PROMPTS for format in FORMATS]
        found = self.exiftool(*files)
        for name in PROMPTS:
            text = text_of(self.root / f"{name}.png")
            for format, file_type in zip(FORMATS, ("PNG", "JPEG", "Extended WEBP")):
                with self.subTest(f"{name}.{format}"):
                    entry = found[f"{name}.{format}"]
                    self.assertEqual(entry["Parameters" if format == "png" else "UserComment"], text)
                    self.assertEqual(entry["FileType"], file_type)
                    self.assertEqual(entry["ImageWidth"], 64)
                    self.assertNotIn("Warning", entry)
                    self.assertNotIn("Error", entry)

    def test_pillow_reads_the_same_text_in_every_format(self):
        for name in PROMPTS:
            text = text_of(self.root / f"{name}.png")
            self.assertIn("Device: cpu, Dtype: fp32", text)
            self.assertIn("RNG: CPU", text)
            for format in ("jpg", "webp"):
                with self.subTest(f"{name}.{format}"):
                    self.assertEqual(comment_of(self.root / f"{name}.{format}"), text)

    def test_sd_info_gives_back_the_prompts(self):
        for name, prompt in PROMPTS.items():
            for format in FORMATS:
                with self.subTest(f"{name}.{format}"):
                    found = json.loads(self.sd("info", "--json", self.root / f"{name}.{format}"))
                    self.assertEqual(found["source"], "sd")
                    self.assertEqual(found["prompt"], prompt)
                    self.assertEqual(found["negative_prompt"], "dog, \"é\"\n雪")
                    self.assertEqual(found["fields"]["Seed"], "3")
                    self.assertEqual(found["fields"]["Steps"], "2")

    def test_pixels_of_all_formats_are_those_of_png(self):
        expected = pixels_of(self.root / "plain.png")
        for format, limit in (("jpg", 2.0), ("webp", 4.0)):
            found = pixels_of(self.root / f"plain.{format}")
            self.assertLess(np.abs(found - expected).mean(), limit, format)
        self.sd("txt2img", "-p", PROMPTS["plain"], "-n", "dog, \"é\"\n雪", "-o", self.root / "exact.webp", "--quality", "100")
        np.testing.assert_array_equal(pixels_of(self.root / "exact.webp"), expected)

    def test_jpeg_keeps_colours_at_full_resolution(self):
        with Image.open(self.root / "plain.jpg") as picture:
            self.assertEqual([component[1:3] for component in picture.layer], [(1, 1)] * 3)

    def test_standard_output_carries_each_format(self):
        for format in FORMATS:
            data = self.sd("txt2img", "-p", PROMPTS["unicode"], "-n", "dog, \"é\"\n雪", "-o", "-", "--format", format)
            self.assertEqual(data, (self.root / f"unicode.{format}").read_bytes(), format)

    def test_the_command_of_sd_info_paints_the_same_picture(self):
        start = self.root / "plain.png"
        for name, flags in {
            "model's own": [],
            "everything": ["--sampler", "DPM++ 2M", "--sigmas", "karras", "--spacing", "trailing", "--clip-skip", "1", "--scale", "2.3",
                           "--guidance-rescale", "0.4", "-W", "72", "-H", "56", "--vae-tiling", "-n", "a 'blue' dog\n"],
            "eta": ["--sampler", "ddim", "--eta", "0.6"],
            "from a picture": ["--init-img", start, "--strength", "0.6"],
            "strength 0": ["--init-img", start, "--strength", "0"],
        }.items():
            with self.subTest(name):
                first, second = self.root / "first.png", self.root / "second.png"
                command = "img2img" if "--init-img" in flags else "txt2img"
                self.sd(command, "-p", PROMPTS["lines"], *flags, "-o", first, "--on-exist", "overwrite")
                printed = self.sd("info", first).decode().splitlines()[-1]
                self.assertTrue(printed.startswith("Command: sd "), printed)
                line = printed.removeprefix("Command: sd ") + " --threads 1 -q --on-exist overwrite -o second.png"
                subprocess.run(["bash", "-c", f'"$SD_BINARY" {line}'], check=True, capture_output=True, cwd=self.root)
                self.assertEqual(first.read_bytes(), second.read_bytes())


if __name__ == "__main__":
    unittest.main()
