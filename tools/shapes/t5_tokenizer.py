"""T5's tokenizer with a small SentencePiece model of its own.

A unigram model with T5's ids (padding 0, end 1, unknown 2, no beginning): a piece for every word of
the captions, by how often it occurs, and for every printable ASCII character. Capitals are read as
small letters, as CLIP's tokenizers read them.

Words of a language that writes no spaces are pieces too, and so are their characters; mT5's rules
for full-width forms come with them.
"""

import io
import math
import string
from collections import Counter
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as protobuf
from transformers import T5Tokenizer, T5TokenizerFast

SPACE = "\u2581"  # SentencePiece's sign for a space
MAX_LENGTH = 512  # the longest that StableDiffusion3Pipeline allows
CHARACTERS = sorted(set(string.printable) - set(string.whitespace) - set(string.ascii_uppercase))
CHARACTER_SCORE = -15.0  # so low that no word is cut that is a piece
FULL_WIDTH = 0xFEE0  # from an ASCII character's code point to its full-width form's
IDEOGRAPHIC_SPACE = "\u3000"


def normalization_rules(full_width=False):
    """Lines of code points "FROM<tab>TO"."""
    pairs = [(capital, capital.lower()) for capital in string.ascii_uppercase]
    pairs += [(space, " ") for space in "\t\n\r"]
    if full_width:
        pairs += [(chr(ord(ascii) + FULL_WIDTH), ascii) for ascii in CHARACTERS]
        pairs += [(chr(ord(ascii) + FULL_WIDTH), ascii.lower()) for ascii in string.ascii_uppercase]
        pairs.append((IDEOGRAPHIC_SPACE, " "))
    return "".join(f"{ord(old):X}\t{ord(new):X}\n" for old, new in pairs)


def learn_normalizer(rules, captions):
    """A model with the rules of a file and whatever pieces: only the trainer reads such rules."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(captions),
        model_writer=model,
        model_type="unigram",
        vocab_size=100,
        hard_vocab_limit=False,
        normalization_rule_tsv=str(rules),
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return protobuf.ModelProto.FromString(model.getvalue())


def scored_pieces(captions, words, unspaced=()):
    """(piece, log of its share) of the words and characters, likeliest first."""
    counts = Counter(word for caption in captions for word in caption.split())
    counts.update({word: sum(caption.count(word) for caption in captions) for word in unspaced})
    total = sum(counts.values()) + len(words) + len(unspaced)
    scores = dict.fromkeys((*CHARACTERS, SPACE, *"".join(unspaced)), CHARACTER_SCORE)
    scores |= {SPACE + word: math.log((counts[word] + 1) / total) for word in words}
    scores |= {word: math.log((counts[word] + 1) / total) for word in unspaced}
    return sorted(scores.items(), key=lambda scored: (-scored[1], scored[0]))


def make_model(rules, captions, words, unspaced=()):
    """The serialized model; `rules` is the path of a file of normalization_rules()."""
    model = learn_normalizer(rules, captions)
    special = [piece for piece in model.pieces if piece.type != piece.NORMAL]
    pieces = [
        protobuf.ModelProto.SentencePiece(piece=piece, score=score)
        for piece, score in scored_pieces(captions, words, unspaced)
    ]
    del model.pieces[:]
    model.pieces.extend(special + pieces)
    model.trainer_spec.vocab_size = len(model.pieces)
    for field in ("input", "model_prefix"):
        model.trainer_spec.ClearField(field)
    model.normalizer_spec.ClearField("normalization_rule_tsv")  # a path of this machine
    return model.SerializeToString()


def write_model(folder, captions, words, unspaced=()):
    """Writes spiece.model under `folder`; `unspaced` are the words written without spaces."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rules = folder / "rules.tsv"
    rules.write_text(normalization_rules(full_width=bool(unspaced)), "utf-8")
    (folder / "spiece.model").write_bytes(make_model(rules, captions, words, unspaced))
    return folder / "spiece.model"


def make_tokenizer(folder, captions, words):
    """SD3's kind: the fast one."""
    return T5TokenizerFast(
        str(write_model(folder, captions, words)),
        extra_ids=0,
        add_prefix_space=True,
        legacy=True,
        model_max_length=MAX_LENGTH,
    )


def make_bilingual_tokenizer(folder, captions, words, unspaced, max_length):
    """HunyuanDiT's kind: the slow one, as mT5's folders name it, with no extra ids."""
    model = write_model(folder, captions, words, unspaced)
    return T5Tokenizer(str(model), extra_ids=0, legacy=True, model_max_length=max_length)
