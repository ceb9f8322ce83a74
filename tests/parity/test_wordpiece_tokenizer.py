"""Our WordPiece tokenizer against BertTokenizer and BertTokenizerFast.

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

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "fixtures"))
sys.path.insert(0, str(ROOT / "tests" / "parity"))

import wordpiece_tokenizer as fixtures  # noqa: E402
from test_clip_tokenizer import assigned, tool  # noqa: E402

SWITCHES = {
    "uncased": {},
    "cased": {"do_lower_case": False},
    "accents": {"strip_accents": False},
    "cased_without_accents": {"do_lower_case": False, "strip_accents": True},
    "no_chinese": {"tokenize_chinese_chars": False},
}


def run_tool(folder, flavor, max_length, texts):
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    command = [tool(), "wordpiece", str(folder), flavor, str(max_length)]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(folder, flavor, texts, max_length):
    oracle, wrong = fixtures.load_oracle(folder, flavor), []
    for text, ours in zip(texts, run_tool(folder, flavor, max_length, texts), strict=True):
        theirs = fixtures.expected_of(oracle, text, max_length)
        if any(ours.get(key) != theirs[key] for key in theirs if theirs[key] is not None):
            wrong.append((ascii(text), theirs, ours))
    assert not wrong, f"{flavor}: {len(wrong)} of {len(texts)} differ, the first: {wrong[:3]}"


def compare_ids(folder, flavor, texts):
    oracle = fixtures.load_oracle(folder, flavor)
    theirs = oracle(texts, add_special_tokens=False).input_ids
    ours = [line.get("ids") for line in run_tool(folder, flavor, 3, texts)]
    wrong = [(ascii(text), a, b) for text, a, b in zip(texts, theirs, ours, strict=True) if a != b]
    assert not wrong, f"{flavor}: {len(wrong)} of {len(texts)} differ, the first: {wrong[:3]}"


def characters():
    """All but most of what Unicode orders in long uniform runs."""
    return [c for c in assigned() if not 0x3410 <= ord(c) <= 0x4DAF and not 0x4E20 <= ord(c) <= 0x9FDF
            and not 0xAC20 <= ord(c) <= 0xD790 and not 0x17010 <= ord(c) <= 0x18CFF and not 0xE010 <= ord(c) <= 0xF8F0
            and not (0x20000 <= ord(c) <= 0x323AF and ord(c) & 0xF) and not 0xF0010 <= ord(c)]


def every_character(step):
    """Each, or one of `step`, between letters, alone, and behind a letter among marks; three to a text."""
    words = [f"A{c}b {c} e{c}\u0323\u0301 e\u0301\u1dfa{c}\u0323" for c in characters()[::step]]
    return [" ".join(words[i : i + 3]) for i in range(0, len(words), 3)]


def vocabulary_of_characters():
    """Every character is a piece, so that ids tell what became of the text."""
    out = [c for c in assigned() if c not in "\n\r" and not 0xE010 <= ord(c) <= 0xF8F0 and not 0xF0010 <= ord(c)]
    return [*fixtures.SPECIALS, *out, *(f"##{c}" for c in out)]


def random_texts(count):
    rng = random.Random(11)
    parts = fixtures.strings()
    return [rng.choice(["", " ", "，"]).join(rng.choice(parts)[:12] for _ in range(rng.randrange(1, 6))) for _ in range(count)]


class WordPieceTokenizerParity(unittest.TestCase):
    def compare_folder(self, name, texts, max_length):
        description = fixtures.folders()[name]
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            fixtures.write_folder(folder, description)
            for flavor in description[1]:
                compare(folder, flavor, texts, max_length)

    def test_the_strings_of_the_fixture(self):
        self.assertGreater(len(fixtures.strings()), 2000)
        for name in ("hunyuan", "bert", "cased"):
            with self.subTest(name):
                self.compare_folder(name, fixtures.strings(), 12)

    def test_every_folder(self):
        for name in fixtures.folders():
            with self.subTest(name):
                self.compare_folder(name, fixtures.FOLDER_PROMPTS + fixtures.strings()[::8], 12)

    def test_every_character(self):
        lines = vocabulary_of_characters()
        for name, switches in SWITCHES.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as temporary:
                folder = pathlib.Path(temporary)
                (folder / "vocab.txt").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
                config = fixtures.bert_config(lines, **switches)
                (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
                for flavor in ("slow", "fast"):
                    compare_ids(folder, flavor, every_character(5 if switches else 1))

    def test_random_texts(self):
        for name in ("hunyuan", "bert", "cased", "hard", "json_hard"):
            with self.subTest(name):
                self.compare_folder(name, random_texts(500), 40)

    def test_the_vocabulary_tells_characters_apart(self):
        self.assertIn("\u0301", vocabulary_of_characters())
        self.assertTrue(all(unicodedata.category(c) not in ("Cn", "Cs") for c in characters()))


if __name__ == "__main__":
    unittest.main()
