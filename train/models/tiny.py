"""The built-in model: a GPT-2 or a BERT of the width asked for, started at random from the seed. Reads no file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
)

from audit.train.models.prepared import quietly, seeded
from audit.train.models.tokenizing import Vocabulary
from audit.train.options import TrainOptions

FEWEST_POSITIONS: Final = 256
MOST_POSITIONS: Final = 1024
"""The shortest and, where ``max_length`` says nothing else, the longest sequence the built-in model has positions for;
the second is GPT-2's own."""
FEED_FORWARD: Final = 4
"""The inner width of a block as a multiple of the outer (Vaswani et al. 2017)."""


def tiny_limit(options: TrainOptions) -> int:
    """The longest sequence, in tokens, that the built-in model is made for."""
    return options.max_length or MOST_POSITIONS


def tiny_model(
    options: TrainOptions, vocabulary: Vocabulary, classes: Sequence[str] = (), longest: int | None = None
) -> torch.nn.Module:
    """A decoder for ``chat`` and an encoder with a head over ``classes`` for ``classify``; the same bytes for the same
    seed and shape.

    There are positions for ``longest`` tokens, the longest sequence of the data (None: the limit), at least 256, and
    never more than the limit.
    """
    limit = tiny_limit(options)
    positions = min(limit, max(longest or limit, FEWEST_POSITIONS))
    with seeded(options.seed), quietly():
        if options.task == "classify":
            model: torch.nn.Module = BertForSequenceClassification(_encoder(options, vocabulary, positions, classes))
        else:
            model = GPT2LMHeadModel(_decoder(options, vocabulary, positions))
    return model.double() if options.precision == "fp64" else model


def _decoder(options: TrainOptions, vocabulary: Vocabulary, positions: int) -> GPT2Config:
    dropout = options.dropout or 0.0
    return GPT2Config(
        vocab_size=vocabulary.size,
        n_positions=positions,
        n_embd=options.width,
        n_layer=options.layers,
        n_head=options.heads,
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        bos_token_id=vocabulary.end,
        eos_token_id=vocabulary.end,
        pad_token_id=vocabulary.pad,
    )


def _encoder(options: TrainOptions, vocabulary: Vocabulary, positions: int, classes: Sequence[str]) -> BertConfig:
    dropout = options.dropout or 0.0
    return BertConfig(
        vocab_size=vocabulary.size,
        max_position_embeddings=positions,
        hidden_size=options.width,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        intermediate_size=FEED_FORWARD * options.width,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        pad_token_id=vocabulary.pad,
        id2label=dict(enumerate(classes)),
        label2id={name: code for code, name in enumerate(classes)},
    )
