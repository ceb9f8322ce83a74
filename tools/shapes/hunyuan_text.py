"""HunyuanDiT's text as its pipeline gives it to the transformer, at the cost of a few tokens.

Of the 333 tokens nearly all are paddings. What the transformer makes of them is computed once for
those that are alike, and the result is the pipeline's to the last bits of rounding.
"""

import math

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import apply_rotary_emb

BERT_LENGTH, T5_LENGTH = 77, 256  # what the pipeline pads to
BERT_COLUMNS, T5_COLUMNS = 25, 18  # the longest captions, with what stands around them
REACH = 91  # mT5's paddings that are so far behind the text or farther are all alike
ALWAYS_PADDING = BERT_LENGTH + T5_LENGTH - BERT_COLUMNS - T5_COLUMNS
GROUP = 29  # so many of these have one vector in common
assert ALWAYS_PADDING % GROUP == 0


def encode(bert, t5, tokens):
    """(states of BERT, their mask, states of T5, their mask), as long as the pipeline's.

    `tokens` [batch, BERT_COLUMNS + T5_COLUMNS] are both tokenizers' ids, where padding is 0. BERT's
    states of paddings are never read, T5's are pooled.
    """
    first, second = tokens.split((BERT_COLUMNS, T5_COLUMNS), dim=1)
    first_mask, second_mask = (first != 0).long(), (second != 0).long()
    bert_states = bert(first, attention_mask=first_mask).last_hidden_state
    near = (F.pad(values, (0, REACH)) for values in (second, second_mask))
    t5_states = t5(*near).last_hidden_state
    far = t5_states[:, -1:].expand(-1, T5_LENGTH - t5_states.shape[1], -1)
    return (
        F.pad(bert_states, (0, 0, 0, BERT_LENGTH - BERT_COLUMNS)),
        F.pad(first_mask, (0, BERT_LENGTH - BERT_COLUMNS)),
        torch.cat([t5_states, far], dim=1),
        F.pad(second_mask, (0, T5_LENGTH - T5_COLUMNS)),
    )


def may_be_text(values):
    """The columns [..., 333, width] that some captions fill."""
    return torch.cat([values[..., :BERT_COLUMNS, :], t5_part(values)[..., :T5_COLUMNS, :]], dim=-2)


def is_padding(values):
    """The other columns."""
    first = values[..., BERT_COLUMNS:BERT_LENGTH, :]
    return torch.cat([first, t5_part(values)[..., T5_COLUMNS:, :]], dim=-2)


def t5_part(values):
    return values[..., BERT_LENGTH:, :]


def padding_groups(values):
    """The mean of each group of paddings; every one of its members, as these begin and stay equal.

    Equal, since the mean gives all the same gradient.
    """
    return is_padding(values).unflatten(-2, (-1, GROUP)).mean(-2)


@torch.no_grad()
def make_paddings_equal(transformer):
    """Within their groups."""
    every = torch.arange(BERT_LENGTH + T5_LENGTH)[:, None]
    groups = is_padding(every).view(-1, GROUP)
    paddings = transformer.text_embedding_padding
    paddings[groups] = paddings[groups[:, :1]]


class CrossAttention:
    """A processor of HunyuanDiT's attention to text: every group of paddings counts GROUP fold.

    Exact while the paddings of a group are equal.
    """

    def __init__(self):
        own, groups = BERT_COLUMNS + T5_COLUMNS, ALWAYS_PADDING // GROUP
        self.counts = torch.tensor([0.0] * own + [math.log(GROUP)] * groups)

    def __call__(
        self,
        attention,
        hidden_states,
        encoder_hidden_states,
        attention_mask=None,
        image_rotary_emb=None,
    ):
        assert attention_mask is None and image_rotary_emb is not None
        text = may_be_text(encoder_hidden_states)
        groups = padding_groups(encoder_hidden_states[:1])  # the same in all samples

        def heads(layer, values):
            return layer(values).unflatten(2, (attention.heads, -1)).transpose(1, 2)

        def of_both(layer):
            of_groups = heads(layer, groups).expand(len(text), -1, -1, -1)
            return torch.cat([heads(layer, text), of_groups], dim=2)

        query = attention.norm_q(heads(attention.to_q, hidden_states))
        query = apply_rotary_emb(query, image_rotary_emb)
        key, value = attention.norm_k(of_both(attention.to_k)), of_both(attention.to_v)
        counts = self.counts.to(query).expand(*query.shape[:3], -1)
        found = F.scaled_dot_product_attention(query, key, value, counts)
        return attention.to_out[0](found.transpose(1, 2).flatten(2))
