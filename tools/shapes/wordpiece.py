"""BERT's WordPiece tokenizer with a vocabulary of its own, for English and Chinese.

Special tokens first, padding 0 as in BERT's vocabularies; then the printable ASCII characters, each
also as the rest of a word; Chinese characters and punctuation, which BERT takes one by one; and
words. Other characters are unknown.
"""

import string
from pathlib import Path

from transformers import BertTokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CHARACTERS = sorted(set(string.printable) - set(string.whitespace) - set(string.ascii_uppercase))
MORE = "，。、：；！？"


def vocabulary(words, chinese_words):
    """Tokens in order of their ids. A word with a hyphen is two tokens: "back-ground"."""
    characters = sorted(set("".join(chinese_words)) | set(MORE))
    tokens = [*SPECIAL, *CHARACTERS, *(f"##{character}" for character in CHARACTERS), *characters]
    for word in words:
        first, *rest = word.split("-")
        tokens += [first, *(f"##{part}" for part in rest)]
    return list(dict.fromkeys(tokens))


def make_tokenizer(folder, words, chinese_words, max_length):
    """Writes vocab.txt under `folder` and loads it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokens = vocabulary(words, chinese_words)
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", "utf-8")
    return BertTokenizer(str(folder / "vocab.txt"), do_lower_case=True, model_max_length=max_length)
