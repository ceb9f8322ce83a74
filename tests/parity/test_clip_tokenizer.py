"""Our CLIP tokenizer against transformers' two, with the real vocabulary, on some 300,000 strings.

Needs open_clip_torch (for the merges) and the program tests/text/tokenize_tool, which is
$SD_TOKENIZE_TOOL or else the first under build/.
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unicodedata
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "fixtures"))

import clip_tokenizer as fixtures  # noqa: E402


def tool():
    named = os.environ.get("SD_TOKENIZE_TOOL")
    found = [named] if named else sorted(ROOT.glob("build/**/bin/tokenize_tool"))
    if not found:
        raise SystemExit("Build the target tokenize_tool, or set SD_TOKENIZE_TOOL.")
    return str(found[-1])


def run_tool(folder, flavor, max_length, texts):
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    command = [tool(), "clip", str(folder), flavor, str(max_length)]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def assigned():
    """Code points of this Python's Unicode version; utf8proc's may be newer."""
    return [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]


def wide_strings():
    """Every character alone, between letters, and where it changes case, order or composition."""
    sample = [c for c in assigned() if not 0x3400 <= ord(c) <= 0x9FFF and not 0xAC00 <= ord(c) <= 0xD7A3
              and not 0x17000 <= ord(c) <= 0x18CFF and not 0x20000 <= ord(c) <= 0x323AF
              and unicodedata.category(c) != "Co"] + list("\u3400\u4dbf\u4e00\u9fff\uac00\ud7a3\ue000\U00020000")
    out = []
    for c in sample:
        out += [f"a{c}b", f"'{c} {c}'s", f"A{c}\u03a3 A\u03a3{c} A\u03a3{c}B {c}\u03a3"]
    for c in sample:
        if unicodedata.combining(c) or unicodedata.normalize("NFD", c) != c:
            out += [f"a{c}\u0323\u0301", f"a\u0301\u0323{c}\u0308", f"{unicodedata.normalize('NFD', c)}"]
    return out


def differences(folder, texts, max_length):
    """Texts that the two see differently, with what each makes of them."""
    oracle = fixtures.load_oracle(folder)
    flavor = "fast" if oracle.is_fast else "slow"
    wrong = []
    for text, ours in zip(texts, run_tool(folder, flavor, max_length, texts), strict=True):
        theirs = fixtures.expected_of(oracle, text, max_length)
        if any(ours.get(key) != theirs[key] for key in ("ids", "input_ids", "truncated", "decoded")):
            wrong.append((ascii(text), theirs, ours))
    return wrong


def compare_folder(name, texts, max_length):
    merges = fixtures.read_merges()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        fixtures.write_folder(folder, name, merges)
        cores = os.cpu_count() if len(texts) > 100_000 else 1
        with concurrent.futures.ProcessPoolExecutor(cores) as pool:
            parts = pool.map(differences, [folder] * cores, [texts[i::cores] for i in range(cores)], [max_length] * cores)
            wrong = [difference for part in parts for difference in part]
    assert not wrong, f"{len(wrong)} of {len(texts)} differ, the first: {wrong[:3]}"


class ClipTokenizerParity(unittest.TestCase):
    def test_slow_on_the_strings_of_the_fixture(self):
        compare_folder("sd1", fixtures.strings(), 77)

    def test_fast_on_the_strings_of_the_fixture(self):
        compare_folder("fast4", fixtures.strings(), 77)

    def test_slow_on_every_character(self):
        compare_folder("sd1", wide_strings(), 8)

    def test_fast_on_every_character(self):
        compare_folder("fast5", wide_strings(), 8)

    def test_all_folders_on_the_strings_of_the_fixture(self):
        for name in fixtures.folders():
            with self.subTest(name):
                compare_folder(name, fixtures.strings() + fixtures.FOLDER_PROMPTS, 12)


if __name__ == "__main__":
    unittest.main()
