"""Prediction in batches against one prompt at a time, and labels scored as a tree.

``python -m benchmarks.training.prediction``. Models start at random and end tokens are rare, so that replies are of
different lengths. Seconds are of the processor, on one thread, the least of a few rounds in which both ways take turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from audit.train.prediction.batching import Ids, batches, reads_of
from audit.train.prediction.generation import Decoding, Written, write_on
from audit.train.prediction.local import CPU_ROWS, CPU_TOKENS, CPU_WRITTEN
from audit.train.prediction.scoring import score_tree, tree_of

VOCABULARY: Final = 4096
PROMPTS: Final = 64
LONGEST: Final = 96
"""Tokens of a reply."""
ENDS: Final = frozenset(range(10))
ADULT: Final = 6_513
ROUNDS: Final = 3
LABELS: Final = ((11, 3), (12, 3))


def models() -> Iterator[tuple[str, Any]]:
    """The shape of ``tiny`` (GPT-2, width 128, 4 layers), and one like Llama's."""
    torch.manual_seed(0)
    ids: dict[str, Any] = {"vocab_size": VOCABULARY, "bos_token_id": 3, "eos_token_id": 3}
    gpt2 = GPT2Config(n_embd=128, n_layer=4, n_head=4, n_positions=512, initializer_range=0.2, **ids)
    yield "GPT-2, width 128, 4 layers", GPT2LMHeadModel(gpt2).eval()
    llama = LlamaConfig(
        hidden_size=256, intermediate_size=688, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=4,
        max_position_embeddings=512, initializer_range=0.1, **ids,
    )  # fmt: skip
    yield "Llama, width 256, 4 layers", LlamaForCausalLM(llama).eval()


def prompts(count: int, shortest: int, longest: int) -> list[Ids]:
    """Random tokens."""
    rng = np.random.default_rng(0)
    return [rng.integers(10, VOCABULARY, int(n)).astype(np.int32) for n in rng.integers(shortest, longest, count)]


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of a call, and what it gives."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def replies(model: Any, asked: Sequence[Ids], cut: Sequence[Sequence[int]]) -> list[Written]:
    """What the model writes in these batches, in the order of the prompts."""
    reads = reads_of(model)
    found: dict[int, Written] = {}
    for batch in cut:
        given = [asked[at] for at in batch]
        size = len(batch)
        written = write_on(model, given, Decoding(ENDS), [LONGEST] * size, [None] * size, reads)
        found |= zip(batch, written, strict=True)
    return [found[at] for at in range(len(asked))]


def writing(name: str, model: Any) -> str:
    """One line on replies."""
    asked = prompts(PROMPTS, 10, 90)
    alone = [[at] for at in range(PROMPTS)]
    together = batches([len(ids) for ids in asked], rows=CPU_ROWS, tokens=CPU_WRITTEN)
    replies(model, asked[:2], alone[:2])
    rounds = [
        (seconds(lambda: replies(model, asked, alone)), seconds(lambda: replies(model, asked, together)))
        for _ in range(ROUNDS)
    ]
    same = all(one[1] == many[1] for one, many in rounds)
    slow, fast = min(one[0] for one, _ in rounds), min(many[0] for _, many in rounds)
    tokens = sum(len(written.ids) for written in rounds[0][0][1])
    return (
        f"{name}: {PROMPTS} prompts, {tokens:,} tokens written: {slow:.2f} s one by one, {fast:.2f} s in "
        f"{len(together)} batches, {slow / fast:.1f} times as fast, replies {'identical' if same else 'DIFFERENT'}"
    )


def scoring(name: str, model: Any) -> str:
    """One line on labels."""
    asked, tree, reads = prompts(ADULT, 38, 50), tree_of(LABELS, (0, 0)), reads_of(model)
    cut = batches([len(ids) for ids in asked], tokens=CPU_TOKENS)
    took, _ = seconds(lambda: [score_tree(model, [asked[at] for at in batch], tree, reads) for batch in cut])
    return f"{name}: {len(LABELS)} labels of {ADULT:,} prompts of 38 to 49 tokens scored in {took:.1f} s"


def lines() -> list[str]:
    """The figures, a line each."""
    torch.set_num_threads(1)
    found: list[str] = []
    for name, model in models():
        found.append(writing(name, model))
        if name.startswith("GPT-2"):
            found.append(scoring(name, model))
    return found


if __name__ == "__main__":
    print("\n".join(lines()))
