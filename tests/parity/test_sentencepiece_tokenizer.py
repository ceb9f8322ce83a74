"""Our SentencePiece tokenizer against T5Tokenizer and T5TokenizerFast, on models that are trained here.

Needs the program tests/text/tokenize_tool, which is $SD_TOKENIZE_TOOL or else the first under build/.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata
import unittest
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "fixtures"))
sys.path.insert(0, str(ROOT / "tests" / "parity"))

import sentencepiece_tokenizer as fixtures  # noqa: E402
from test_clip_tokenizer import assigned, tool  # noqa: E402


def run_tool(folder, flavor, max_length, texts):
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    command = [tool(), "sentencepiece", str(folder), flavor, str(max_length)]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def every_character():
    """Each alone in a word, and with a mark, for the charsmap works on graphemes; three to a text."""
    sample = [c for c in assigned() if not 0x3400 <= ord(c) <= 0x9FFF and not 0xAC00 <= ord(c) <= 0xD7A3
              and not 0x17000 <= ord(c) <= 0x18CFF and not 0x20000 <= ord(c) <= 0x323AF
              and unicodedata.category(c) != "Co"] + list("\u3400\u4e00\uac00\ud7a3\ue000\U00020000")
    words = [f"a{c}b {c}\u0301{c} \u0301{c}" for c in sample]
    return [" ".join(words[i : i + 3]) for i in range(0, len(words), 3)]


def random_texts(count):
    rng = random.Random(7)
    parts = fixtures.strings()
    return [rng.choice(["", " ", "  "]).join(rng.choice(parts)[:12] for _ in range(rng.randrange(1, 6))) for _ in range(count)]


class SentencePieceTokenizerParity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore")
        cls.models = fixtures.make_models()

    def compare(self, name, texts, max_length):
        description = fixtures.folders({k: len(m.pieces) for k, m in self.models.items()})[name]
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            fixtures.write_folder(folder, description, self.models)
            for flavor in description[1]:
                oracle, wrong = fixtures.load_oracle(folder, flavor), []
                for text, ours in zip(texts, run_tool(folder, flavor, max_length, texts), strict=True):
                    theirs = fixtures.expected_of(oracle, text, max_length)
                    if any(ours.get(key) != theirs[key] for key in theirs):
                        wrong.append((ascii(text), theirs, ours))
                assert not wrong, f"{name} {flavor}: {len(wrong)} of {len(texts)} differ, the first: {wrong[:3]}"

    def test_every_folder_on_the_strings_of_the_fixture(self):
        for name in fixtures.folders(dict.fromkeys(fixtures.MODELS, 0)):
            with self.subTest(name):
                self.compare(name, fixtures.strings(), 12)

    def test_sd3_on_every_character(self):
        self.compare("sd3", every_character(), 256)

    def test_hunyuan_on_every_character(self):
        self.compare("hunyuan", every_character(), 256)

    def test_random_texts(self):
        for name in ("sd3", "hunyuan", "not_legacy", "symbols"):
            with self.subTest(name):
                self.compare(name, random_texts(2500), 40)


if __name__ == "__main__":
    unittest.main()
