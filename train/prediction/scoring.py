"""The likelihood of answers that are given: of labels as continuations of one prompt, and of the answers of rows.

Labels are laid out as a tree behind the prompt, so that the prompt and what labels have in common are computed once,
in one forward pass: every node sees the prompt and its own ancestors. What a model makes of such a mask is compared
with plain sequences first; where it differs, every label is scored as a plain sequence behind its prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from audit.train.prediction.batching import Ids, Reads, left_padded, right_padded, wide
from audit.train.prediction.prompts import Reply, Shared

Strategy = Literal["tree", "plain"]
TOLERANCE: Final = 1e-4
"""Nats by which the two ways of scoring may differ on the rows that are tried, as a share of the score."""
MOST_LOGITS: Final = 1 << 26
"""Numbers that one forward pass may give."""
ROOT: Final = -1


class Tree(NamedTuple):
    """Continuations with what they have in common held once.

    ``tokens`` are the inner nodes, each behind its parent; ``parents`` the index of each one's parent, ``ROOT`` for the
    end of the prompt; ``depths`` count from 0. ``paths`` holds for every continuation the scored steps: the node that
    the token is predicted at, and the token. The last token of a continuation is no node, since nothing follows it.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    depths: tuple[int, ...]
    paths: tuple[tuple[tuple[int, int], ...], ...]


def tree_of(tails: Sequence[Sequence[int]], skipped: Sequence[int]) -> Tree:
    """The tree of some continuations, whose first ``skipped`` tokens are not scored."""
    nodes: dict[tuple[int, int], int] = {}
    depths: list[int] = []
    paths: list[tuple[tuple[int, int], ...]] = []
    for tail, skip in zip(tails, skipped, strict=True):
        at, path = ROOT, []
        for depth, token in enumerate(tail):
            if depth >= skip:
                path.append((at, token))
            if depth == len(tail) - 1:
                break
            if (at, token) not in nodes:
                nodes[at, token] = len(nodes)
                depths.append(depth)
            at = nodes[at, token]
        paths.append(tuple(path))
    return Tree(tuple(t for _, t in nodes), tuple(p for p, _ in nodes), tuple(depths), tuple(paths))


@torch.inference_mode()  # type: ignore[untyped-decorator]
def score_tree(model: Any, prompts: Sequence[Ids], tree: Tree, reads: Reads) -> NDArray[np.float64]:
    """Natural logarithms of the probability of every continuation behind every prompt, (prompts, continuations).

    One forward pass over (prompts, tokens + nodes), prompts padded on the left.
    """
    padded = left_padded(prompts, model.device)
    batch, length = padded.ids.shape
    nodes = len(tree.tokens)
    ids = torch.cat([padded.ids, torch.tensor([tree.tokens] * batch, dtype=torch.long, device=model.device)], dim=1)
    depths = torch.tensor(tree.depths, dtype=torch.long, device=model.device)
    positions = torch.cat([padded.positions, padded.positions[:, -1:] + 1 + depths], dim=1)
    named: dict[str, Any] = {"position_ids": positions, "use_cache": False}
    if nodes > 1 or padded.mask is not None:  # a single node sees everything before it, as in any text
        named["attention_mask"] = _tree_mask(padded.mask, length, batch, tree, model)
    if reads.keep:
        named["logits_to_keep"] = nodes + 1
    logits = wide(model(input_ids=ids, **named).logits[:, -(nodes + 1) :])  # (batch, 1 + nodes, vocabulary)
    return _along(logits, tree)


def _tree_mask(mask: torch.Tensor | None, length: int, batch: int, tree: Tree, model: Any) -> torch.Tensor:
    """What is added to the attention scores, (batch, 1, tokens + nodes, tokens + nodes): 0 where a token may look."""
    total = length + len(tree.tokens)
    sees = torch.zeros(total, total, dtype=torch.bool)
    sees[:length, :length] = torch.ones(length, length, dtype=torch.bool).tril()
    for node, parent in enumerate(tree.parents):
        sees[length + node] = sees[length + parent] if parent != ROOT else sees[length - 1]
        sees[length + node, length + node] = True
    seen = sees.to(model.device).expand(batch, total, total).clone()
    if mask is not None:
        seen[:, :, :length] &= mask.bool()[:, None, :]
        seen |= torch.eye(total, dtype=torch.bool, device=model.device)  # padding sees itself: no empty rows
    dtype = model.dtype
    barred = torch.zeros((), dtype=dtype, device=model.device), torch.finfo(dtype).min
    return torch.where(seen, barred[0], barred[1]).unsqueeze(1)


def _along(logits: torch.Tensor, tree: Tree) -> NDArray[np.float64]:
    """The sums along the paths."""
    steps = [step for path in tree.paths for step in path]
    at = torch.tensor([node + 1 for node, _ in steps], device=logits.device)
    tokens = torch.tensor([token for _, token in steps], device=logits.device)
    wanted = logits[:, at, tokens] - logits.logsumexp(dim=-1)[:, at]  # (batch, steps)
    found = wanted.double().cpu().numpy()
    starts = np.cumsum([0, *(len(path) for path in tree.paths)])[:-1]
    sums: NDArray[np.float64] = np.add.reduceat(found, starts, axis=1)
    return sums


def score_plain(model: Any, prompt: Shared, reads: Reads) -> NDArray[np.float64]:
    """The same for one prompt, every continuation a sequence of its own, (continuations,)."""
    replies = [
        Reply(np.concatenate([prompt.ids, np.asarray(tail, np.int32)]), len(prompt.ids) + skip)
        for tail, skip in zip(prompt.tails, prompt.skipped, strict=True)
    ]
    return np.array([values.sum(dtype=np.float64) for values in token_logprobs(model, replies, reads)])


@torch.inference_mode()  # type: ignore[untyped-decorator]
def token_logprobs(model: Any, replies: Sequence[Reply], reads: Reads) -> list[NDArray[np.float64]]:
    """Natural logarithms of the probability of every token of every answer.

    Sequences are padded on the right, which a causal model does not see, so there is no mask.
    """
    found: list[NDArray[np.float64]] = []
    for part in _parts(replies, int(model.config.get_text_config().vocab_size)):
        ids, _ = right_padded([reply.ids for reply in part], model.device)
        first = min(reply.first for reply in part) - 1
        kept = ids.shape[1] - first
        named = {"logits_to_keep": kept} if reads.keep else {}
        logits = wide(model(input_ids=ids, use_cache=False, **named).logits[:, -kept:])
        targets = torch.cat([ids[:, first + 1 :], ids[:, :1]], dim=1)  # nothing follows the last
        values = logits.gather(2, targets.unsqueeze(2)).squeeze(2) - logits.logsumexp(dim=-1)
        table = values.double().cpu().numpy()
        found += [row[r.first - 1 - first : len(r.ids) - 1 - first] for row, r in zip(table, part, strict=True)]
    return found


def _parts(replies: Sequence[Reply], vocabulary: int) -> Iterator[Sequence[Reply]]:
    """The sequences in lots whose logits fit into memory."""
    longest = max(len(reply.ids) for reply in replies)
    size = max(1, MOST_LOGITS // max(1, longest * vocabulary))
    return (replies[start : start + size] for start in range(0, len(replies), size))


def rows_at_once(tree: Tree, vocabulary: int) -> int:
    """How many prompts may be scored in one forward pass."""
    return max(1, MOST_LOGITS // ((len(tree.tokens) + 1) * vocabulary))


def agreed_strategy(model: Any, tried: Sequence[Shared], reads: Reads) -> Strategy:
    """``tree`` where it gives the scores of plain sequences on the prompts that are tried, else ``plain``.

    They differ where a model takes no such mask, counts positions of its own, or sees only so far back.
    """
    if not reads.positions:
        return "plain"
    for prompt in tried:
        tree = tree_of(prompt.tails, prompt.skipped)
        plain = score_plain(model, prompt, reads)
        try:
            # Behind a shorter one, so that the padding is tried too.
            found = score_tree(model, [prompt.ids, prompt.ids[-1:]], tree, reads)[0]
        except (RuntimeError, ValueError, TypeError, IndexError):
            return "plain"
        if not np.allclose(found, plain, rtol=TOLERANCE, atol=TOLERANCE):
            return "plain"
    return "tree"


class Scored(NamedTuple):
    """Labels under a model: ``shares`` is the softmax of the scores over the closed set, ``mass`` the probability of
    all labels together, ``best`` the index of the likeliest, of several the first."""

    shares: tuple[float, ...]
    mass: float
    best: int


def scored(scores: NDArray[np.float64]) -> Scored:
    """What the logarithms of the labels' probabilities say."""
    top = scores.max()
    weights = np.exp(scores - top)
    shares = weights / weights.sum()
    return Scored(tuple(shares.tolist()), float(np.exp(scores).sum()), int(scores.argmax()))


def softmax(logits: torch.Tensor) -> list[Scored]:
    """The same of a classification head, whose classes are everything there is: the mass is 1."""
    shares = torch.softmax(logits.double(), dim=-1).cpu().numpy()
    return [Scored(tuple(row.tolist()), 1.0, int(row.argmax())) for row in shares]
