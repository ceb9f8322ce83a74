"""Prompts, files of prompts and names of outputs that are broken, hostile or odd."""

import json
import os
import subprocess
import unittest

from PIL import Image

from running import BAD_OUTPUT, QUICK, SD, USAGE, InputTest

TXT2IMG = ["txt2img", *QUICK]

ODD = {
    "empty": "",
    "blank": " \t ",
    "more than the encoder's tokens": "red circle " * 200,
    "ten thousand brackets": "(" * 10_000,
    "unbalanced": "((a) [b",
    "weights": "(:) (a:nan) (a:1e39) (a:-1) (a:1.5)",
    "backslash": "\\",
    "words of other programs": "AND AND BREAK a BREAK",
    "unclosed tag": "<lora:x:",
    "wildcards": "{a|b|{c|d}} __animal__ {1-$$a|b}",
    "marks": "e" + "\u0301" * 10_000,
    "right to left": "\u05d3\u05d2 \u0645\u0631\u0628\u0639 \u202eabc\u202c",
    "joined emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308",
    "chinese": "\u4e00\u4e2a\u7ea2\u8272\u7684\u5706\u5708 \u8d64\u3044\u5186 \ube68\uac04 \uc6d0",
    "composed": "caf\u00e9 \u00c5",
    "decomposed": "cafe\u0301 A\u030a",
    "replacement character": "\ufffd\ufffd",
    "no characters": "\ufeff\uffff\ue000\U0010ffff",
    "end of a word": "a</w> </w>",
    "special tokens": "<|startoftext|> a <|endoftext|> b <|endoftext|>",
    "other special tokens": "[CLS] [SEP] <s> </s> <unk> <pad>",
    "looks like an option": "--steps 3",
    "looks like a comment": "# a red circle",
    "percent": "%n %s %d %d",
    "markup": "<b>&amp;</b> ' \" ` $HOME $(id)",
    "looks like parameters": "a, Steps: 3, Seed: 5, Size: 8x8",
}


class Prompts(InputTest):
    def test_odd_ones_are_painted_and_kept(self):
        """A line each, without a line end behind the last."""
        (self.folder("odd") / "prompts.txt").write_text("\n".join(ODD.values()), encoding="utf-8")
        outcome = self.run_sd("odd", [*TXT2IMG, "--from-file", "prompts.txt", "-o", "out/{index}.png", "--json"])
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertEqual(outcome.err, b"")
        reports = [json.loads(line) for line in outcome.out.splitlines()]
        self.assertEqual(len(reports), len(ODD))
        for report, (name, prompt) in zip(reports, ODD.items()):
            with self.subTest(name), Image.open(outcome.folder / report["file"]) as picture:
                self.assertEqual(report["prompt"], prompt)
                kept = picture.text["parameters"]
                if prompt.strip() and name != "looks like parameters":
                    self.assertTrue(kept.startswith(prompt), kept[:200])

    def test_as_arguments(self):
        pieces = {"empty": "", "blank": " ", "line breaks": "a\nb\r\nc", "control characters": "a\x01\x1b[31m\x7f"}
        pieces["a hundred kilobytes"] = "a red circle, " * 7_000
        self.run_all(
            {
                name: lambda name=name, prompt=prompt: (self.run_sd(name, [*TXT2IMG, f"--prompt={prompt}", "-n", prompt or "x", "-o", "out/a.png"]),)
                for name, prompt in pieces.items()
            },
            self.assert_painted,
        )

    def test_bytes_that_are_no_text(self):
        broken = {
            "latin1": b"caf\xe9",
            "overlong": b"\xc0\xaf",
            "surrogate": b"\xed\xa0\x80",
            "beyond_unicode": b"\xf4\x90\x80\x80",
            "cut_short": b"\xf0\x9f\x98",
            "continuation_alone": b"\x80",
        }
        for name, prompt in broken.items():
            (self.folder(name) / "prompts.txt").write_bytes(b"good\n" + prompt + b"\ngood\n")
            for flag in ("-p", "-n"):
                with self.subTest(name, flag=flag):
                    argument = os.fsdecode(prompt)
                    arguments = [*TXT2IMG, *(["-p", "x"] if flag == "-n" else []), flag, argument, "-o", "out/a.png"]
                    self.assert_refused(self.run_sd(name, arguments), USAGE, "prompt", "UTF-8")
        self.refuse_arguments(
            {name: ([*TXT2IMG, "--from-file", "prompts.txt", "-o", "out/"], USAGE, "prompts.txt, line 2", "UTF-8") for name in broken}
        )

    def test_files_of_prompts_that_are_none(self):
        def sparse(place):
            place.write_bytes(b"")
            os.truncate(place, 1 << 40)

        makers = {
            "missing": (lambda place: None, "no such file"),
            "empty": (lambda place: place.write_bytes(b""), "is empty"),
            "a_mark_alone": (lambda place: place.write_bytes(b"\xef\xbb\xbf"), "is empty"),
            "a_folder": (lambda place: place.mkdir(), "it is a folder"),
            "a_fifo": (os.mkfifo, "a pipe or device"),
            "a_device": (lambda place: place.symlink_to("/dev/zero"), "a pipe or device"),
            "a_link_to_nothing": (lambda place: place.symlink_to("nowhere"), "no such file"),
            "a_terabyte": (sparse, "1099511627776 bytes"),
            "utf16": (lambda place: place.write_bytes("a red circle\n".encode("utf-16")), "line 1: text in UTF-8"),
            "too_many": (lambda place: place.write_bytes(b"\n" * 10_000_000), "1000000"),
        }
        for name, (make, _) in makers.items():
            make(self.folder(name) / "prompts.txt")
        self.refuse_arguments(
            {
                name: ([*TXT2IMG, "--from-file", "prompts.txt", "-o", "out/"], USAGE, "prompts.txt" if name != "too_many" else "", part)
                for name, (_, part) in makers.items()
            }
        )

    def test_files_of_prompts_that_are_odd(self):
        contents = {
            "line_ends_of_windows": (b"one\r\ntwo\r\n", ["one", "two"]),
            "a_mark_before": (b"\xef\xbb\xbfone\n", ["one"]),
            "no_line_end": (b"one\ntwo", ["one", "two"]),
            "empty_lines": (b"\n\none\n", ["", "", "one"]),
            "the_same_twice": (b"one\none\n", ["one", "one"]),
            "nul": (b"a\0b\n", ["a\0b"]),
            "a_line_of_a_megabyte": (b"a red circle " * 80_000, ["a red circle " * 80_000]),
            "a_line_of_a_megabyte_without_spaces": (b"x" * (1 << 20), ["x" * (1 << 20)]),
        }

        def run(name, content):
            (self.folder(name) / "prompts.txt").write_bytes(content)
            return self.run_sd(name, [*TXT2IMG, "--from-file", "prompts.txt", "-o", "out/{index}.png", "--json"])

        def check(outcome, prompts):
            self.assertEqual(outcome.out.count(b"\n"), len(prompts))
            self.assertEqual([json.loads(line)["prompt"] for line in outcome.out.splitlines()], prompts)
            self.assert_painted(outcome, *(f"{number}.png" for number in range(len(prompts))))

        self.run_all(
            {name: lambda name=name, content=content, prompts=prompts: (run(name, content), prompts) for name, (content, prompts) in contents.items()},
            check,
        )


class OutputNames(InputTest):
    def test_broken(self):
        def to(name, *flags):
            return [*TXT2IMG, "-p", "x", "-o", name, *flags]

        byte = os.fsdecode(b"out/\xff.gif")
        self.refuse_arguments(
            {
                "256_bytes": (to("out/" + "n" * 252 + ".png"), USAGE, "at most 255 bytes", "256 bytes"),
                "256_bytes_by_a_placeholder": (to("out/" + "n" * 243 + "{seed:010}.png", "--seed", "7"), USAGE, "255 bytes"),
                "folder_of_256_bytes": (to("out/" + "n" * 256 + "/a.png"), USAGE, "255 bytes"),
                "path_too_long": (to("out/" + "n/" * 3000 + "a.png"), BAD_OUTPUT, "too long"),
                "width_of_many_digits": (to("out/{index:0999}.png"), USAGE, ":05"),
                "format_string": (to("out/%n%s%d{%n}.png"), USAGE, "unknown placeholder {%n}"),
                "line_break": (to("out/a\nb.png"), USAGE, "line breaks"),
                "not_utf8": (to(byte), USAGE, ".png"),
                "folder_of_the_placeholder": (to("out/{index}/../a.png"), USAGE, "not in its folder"),
                "above_a_folder_that_is_not_there": (to("out/no/../a.png"), BAD_OUTPUT, "out/no/.."),
                "two_pictures_of_a_name": (to("out/a.png", "--count", "2"), USAGE, "{index} or {seed}"),
                "two_pictures_of_a_seed": (to("out/{{seed}}.png", "--count", "2"), USAGE, "{index} or {seed}"),
                "seed_of_65_bits": (to("out/", "--seed", str(2**64)), USAGE, "--seed"),
                "seeds_beyond_64_bits": (to("out/", "--seed", str(2**64 - 1), "--count", "2"), USAGE, "too large for 2 images"),
                "ten_million_pixels": (to("out/", "-W", "10000000"), USAGE, "16384"),
                "a_million_steps": (to("out/", "--steps", "1000000"), USAGE, "from 1 to 1000"),
                "batches_of_a_million": (to("out/", "--batch-size", "1000000"), USAGE, "from 1 to 4096"),
                "a_megabyte_of_model": (to("out/", "-m", "m" * 100_000), 3, ""),
            }
        )

    def test_odd_ones_are_taken_as_they_are(self):
        names = {
            "percent": "%n %s %d%d.png",
            "255_bytes": "n" * 251 + ".png",
            "above": "sub/../a.png",
            "spaces": " a .png",
            "dash": "-a.png",
            "quotes": "'\"`$(id).png",
            "not_utf8": os.fsdecode(b"\xff.png"),
            "chinese": "\u5706.png",
            "braces": "{{index}}.png",
        }
        files = {"above": ["a.png", "sub"], "braces": ["{index}.png"]}
        (self.folder("above") / "out/sub").mkdir()
        self.run_all(
            {
                name: lambda name=name, file=file: (self.run_sd(name, [*TXT2IMG, "-p", "x", "-o", f"out/{file}"]), *files.get(name, [file]))
                for name, file in names.items()
            },
            self.assert_painted,
        )

    def test_two_programs_in_one_folder(self):
        folder = self.folder("both")
        arguments = [*TXT2IMG, "-p", "x", "--count", "3", "-o", "out/", "--on-exist", "rename"]
        runs = [subprocess.Popen([SD, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
        printed = []
        for run in runs:
            out, err = run.communicate()
            self.assertEqual((run.returncode, err), (0, b""))
            printed += out.decode().splitlines()
        self.assertEqual(len(set(printed)), 6)
        self.assertEqual(sorted(printed), sorted(str(path.relative_to(folder)) for path in (folder / "out").iterdir()))


if __name__ == "__main__":
    unittest.main()
