"""A CLIP byte-level BPE tokenizer with a vocabulary of its own.

The layout of the vocabulary is CLIP's: the 256 byte symbols, the same 256 with the end-of-word
mark, one token per merge, then the two special tokens. Any text tokenizes; the words of the
captions are single tokens.
"""

import json
from collections import Counter
from pathlib import Path

from transformers import CLIPTokenizer
from transformers.models.clip.tokenization_clip import bytes_to_unicode

END_OF_WORD = "</w>"
START = "<|startoftext|>"
END = "<|endoftext|>"
MAX_LENGTH = 32  # the longest caption has 19 tokens; Stable Diffusion's 77 would be padding


def join_pair(symbols, pair):
    """`symbols` with every neighbouring `pair` made one symbol."""
    joined, index = [], 0
    while index < len(symbols):
        if tuple(symbols[index : index + 2]) == pair:
            joined.append(pair[0] + pair[1])
            index += 2
        else:
            joined.append(symbols[index])
            index += 1
    return joined


def learn_merges(words):
    """Byte-pair merges, most frequent pair first, until every word is one symbol."""
    split = [[*word[:-1], word[-1] + END_OF_WORD] for word in words]
    merges = []
    while True:
        pairs = Counter(pair for symbols in split for pair in zip(symbols, symbols[1:]))
        if not pairs:
            return merges
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        split = [join_pair(symbols, best) for symbols in split]


def make_tokenizer(folder, words):
    """Writes vocab.json and merges.txt under `folder` and loads them."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    merges = learn_merges(words)
    byte_symbols = list(bytes_to_unicode().values())
    tokens = [*byte_symbols, *(symbol + END_OF_WORD for symbol in byte_symbols)]
    tokens += ["".join(pair) for pair in merges]
    tokens += [START, END]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    assert len(vocabulary) == len(tokens)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return CLIPTokenizer(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        pad_token=END,
        model_max_length=MAX_LENGTH,
    )


def encode(tokenizer, captions):
    """Token ids of each caption, padded to the full length as the pipelines do."""
    known = {}
    for caption in captions:
        if caption not in known:
            known[caption] = tokenizer(caption, padding="max_length", truncation=True).input_ids
    return [known[caption] for caption in captions]
