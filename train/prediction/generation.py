"""Lets a causal model write on after its prompts, many at a time: greedily, or drawn from a stream of each row's own.

A loop of our own beside ``generate`` of transformers: rows that have ended leave the batch at once, what is drawn
depends on the row alone and never on its neighbours, and the likelihood of each token is at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from audit.train.prediction.batching import Ids, Padded, Reads, left_padded, wide
from audit.train.prediction.cache import give_room

Finish = Literal["stop", "length"]
LEAVING: Final = 7 / 8
"""The share of a batch that must still be writing: below it those that have ended leave, which copies the others."""


class Written(NamedTuple):
    """What a model wrote: token ids without the one that ends the reply, and why it stopped.

    ``logprobs`` are natural logarithms of the probability of every token at temperature 1, that of the end included;
    empty where they were not wanted.
    """

    ids: tuple[int, ...]
    finish: Finish
    logprobs: tuple[float, ...] = ()


class Decoding(NamedTuple):
    """How a reply is written: the tokens that end it, the temperature (0: always the likeliest token), and whether
    the likelihood of each token is wanted."""

    ends: frozenset[int]
    temperature: float = 0.0
    logprobs: bool = False


def uniforms(seed: int, row_id: str, sample: int, count: int) -> NDArray[np.float64]:
    """Numbers from [0, 1) that depend on seed, row and sample alone: Philox with a key hashed of them."""
    digest = blake2b(f"{seed}:predict:{row_id}:{sample}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "big"))).random(count)


class _Growing:
    """One reply while it is written."""

    def __init__(self, limit: int, draws: NDArray[np.float64] | None) -> None:
        self.ids: list[int] = []
        self.logprobs: list[float] = []
        self.draws = draws
        self.limit = limit
        self.finish: Finish | None = None if limit > 0 else "length"

    def take(self, token: int, logprob: float | None, ends: frozenset[int]) -> None:
        if logprob is not None:
            self.logprobs.append(logprob)
        if token in ends:
            self.finish = "stop"
            return
        self.ids.append(token)
        if len(self.ids) >= self.limit:
            self.finish = "length"

    @property
    def draw(self) -> float:
        """The number that the next token is drawn by."""
        return 0.0 if self.draws is None or len(self.ids) >= len(self.draws) else float(self.draws[len(self.ids)])

    @property
    def written(self) -> Written:
        return Written(tuple(self.ids), self.finish or "length", tuple(self.logprobs))


@torch.inference_mode()  # type: ignore[untyped-decorator]
def write_on(
    model: Any,
    prompts: Sequence[Ids],
    decoding: Decoding,
    limits: Sequence[int],
    draws: Sequence[NDArray[np.float64] | None],
    reads: Reads,
) -> list[Written]:
    """What the model writes after each prompt of one batch, at most ``limits`` tokens.

    ``draws`` holds a row's own random numbers, one for each token, where the temperature is not 0. Prompts of a model
    that reads no positions must be of one length (``reads``).
    """
    replies = [_Growing(limit, given) for limit, given in zip(limits, draws, strict=True)]
    batch = [index for index, reply in enumerate(replies) if reply.finish is None]
    if not batch:
        return [reply.written for reply in replies]
    state = _Forward(model, left_padded([prompts[index] for index in batch], model.device), reads)
    while True:
        logits = wide(state.logits)
        tokens = _chosen(logits, [replies[index] for index in batch], decoding.temperature)
        logprobs = _logprobs(logits, tokens) if decoding.logprobs else [None] * len(batch)
        for index, token, logprob in zip(batch, tokens.tolist(), logprobs, strict=True):
            if replies[index].finish is None:
                replies[index].take(token, logprob, decoding.ends)
        kept = [at for at, index in enumerate(batch) if replies[index].finish is None]
        if not kept:
            return [reply.written for reply in replies]
        if len(kept) > LEAVING * len(batch):
            kept = list(range(len(batch)))
        batch = [batch[at] for at in kept]
        state.go_on(tokens, kept)


def _chosen(logits: torch.Tensor, replies: Sequence[_Growing], temperature: float) -> torch.Tensor:
    """The next token of every reply (batch,). Drawing inverts the cumulative probabilities at the row's own number."""
    if temperature == 0:
        return logits.argmax(dim=-1)
    precise = logits.double().cpu()
    below = precise - precise.amax(dim=-1, keepdim=True)  # before a very low temperature makes all of them infinite
    shares = torch.softmax(below / temperature, dim=-1).cumsum(dim=-1)
    at = torch.tensor([one.draw for one in replies], dtype=torch.float64)
    found = torch.searchsorted(shares, at.unsqueeze(1) * shares[:, -1:], right=True).squeeze(1)
    return found.clamp_(max=logits.shape[-1] - 1).to(logits.device)


def _logprobs(logits: torch.Tensor, tokens: torch.Tensor) -> list[float]:
    picked = logits.gather(1, tokens.unsqueeze(1)).squeeze(1)
    found: list[float] = (picked - logits.logsumexp(dim=-1)).tolist()
    return found


class _Forward:
    """The batch as the model has read it so far. ``logits`` (batch, vocabulary) are those of the next token."""

    def __init__(self, model: Any, padded: Padded, reads: Reads) -> None:
        self._model = model
        self._reads = reads
        self._ids, self._mask, self._positions = padded
        self._cache: Any = None
        if len(self._ids):
            self._read(self._ids, self._positions)

    def _read(self, ids: torch.Tensor, positions: torch.Tensor) -> None:
        named: dict[str, Any] = {"use_cache": True}
        if self._mask is not None:
            named["attention_mask"] = self._mask
        if self._reads.positions:
            named["position_ids"] = positions
        if self._reads.keep:
            named["logits_to_keep"] = 1
        if self._cache is not None:
            named["past_key_values"] = self._cache
        output = self._model(input_ids=ids, **named)
        if self._cache is None:
            self._cache = give_room(getattr(output, "past_key_values", None))
        self.logits = output.logits[:, -1]

    def go_on(self, tokens: torch.Tensor, kept: Sequence[int]) -> None:
        """Read one more token of the rows that are kept; the others leave. A model without a cache that rows can leave
        reads everything again."""
        selects = hasattr(self._cache, "batch_select_indices")
        everything = torch.cat([self._ids, tokens.unsqueeze(1)], dim=1)
        if len(kept) < len(tokens):
            chosen = torch.tensor(kept, dtype=torch.long, device=tokens.device)
            everything, self._positions = everything[chosen], self._positions[chosen]
            self._mask = None if self._mask is None else self._mask[chosen]
            if selects:
                self._cache.batch_select_indices(chosen)
        self._ids = everything
        self._positions = torch.cat([self._positions, self._positions[:, -1:] + 1], dim=1)
        if self._mask is not None:
            self._mask = torch.cat([self._mask, self._mask.new_ones(len(self._mask), 1)], dim=1)
        if selects:
            self._read(everything[:, -1:], self._positions[:, -1:])
        else:
            self._cache = None
            self._read(everything, self._positions)
