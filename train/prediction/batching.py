"""Prompts of different lengths in one tensor: which go together, padding on the left, whether a model reads that.

Runs no model.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

Ids: TypeAlias = NDArray[np.int32]
"""Token ids of one sequence."""

ROWS: Final = 64
"""Most sequences in a batch."""
TOKENS: Final = 16_384
"""Most tokens in a batch, padding included."""
PADDING: Final = 0.5
"""The most of a batch that may be padding: a second batch costs more than that of the first."""


class Padded(NamedTuple):
    """Sequences padded on the left: ids, mask and positions, each (batch, tokens). ``mask`` is None where nothing was
    padded: without one the attention is faster, and models that know no mask can read it."""

    ids: torch.Tensor
    mask: torch.Tensor | None
    positions: torch.Tensor


class Reads(NamedTuple):
    """What the forward pass of a model takes: positions for each sequence, and how many logits are wanted."""

    positions: bool
    keep: bool


def reads_of(model: Any) -> Reads:
    """What a model's forward pass takes, an adapter around it left aside."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    names = inspect.signature(inner.forward).parameters
    return Reads("position_ids" in names, "logits_to_keep" in names)


def wide(logits: torch.Tensor) -> torch.Tensor:
    """The logits in at least 32 bits, in which probabilities are computed."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def batches(lengths: Sequence[int], *, rows: int = ROWS, tokens: int = TOKENS, padded: bool = True) -> list[list[int]]:
    """Indices of sequences, sorted by length and cut so that a batch has at most ``rows`` sequences, ``tokens`` tokens
    with padding (but at least one sequence), and little padding: none at all without ``padded``.

    The longest come first, so that what does not fit into memory shows at once. Equal lengths keep their order.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    made: list[list[int]] = []
    total = 0
    for index in order:
        if made:
            longest, count = lengths[made[-1][0]], len(made[-1]) + 1
            padding = count * longest - (total + lengths[index])
            fits = count <= rows and count * longest <= tokens
            if fits and padding <= (PADDING * count * longest if padded else 0):
                made[-1].append(index)
                total += lengths[index]
                continue
        made.append([index])
        total = lengths[index]
    return made


def left_padded(sequences: Sequence[Ids], device: torch.device | str) -> Padded:
    """The sequences as tensors; padding is token 0 behind the mask, at position 0."""
    longest = max(map(len, sequences))
    ids = np.zeros((len(sequences), longest), np.int64)
    mask = np.zeros((len(sequences), longest), np.int64)
    for row, sequence in enumerate(sequences):
        ids[row, longest - len(sequence) :] = sequence
        mask[row, longest - len(sequence) :] = 1
    positions = np.maximum(np.cumsum(mask, axis=1) - 1, 0)
    tensors = [torch.from_numpy(part).to(device) for part in (ids, mask, positions)]
    return Padded(tensors[0], None if mask.all() else tensors[1], tensors[2])


def right_padded(sequences: Sequence[Ids], device: torch.device | str) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask, each (batch, tokens), padded on the right with token 0."""
    longest = max(map(len, sequences))
    ids = np.zeros((len(sequences), longest), np.int64)
    mask = np.zeros((len(sequences), longest), np.int64)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
