"""Large files that look like real fine-tuning data: rows of the shared chat sets with a share of their words replaced.

``python -m benchmarks.large_files 1000000 big.jsonl`` writes a million rows (about 900 MB). The same seed and size give
the same bytes. Nothing here is a claim about real duplicates: how many there are is chosen below.
"""

from __future__ import annotations

import gzip
import random
import sys
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import orjson

CHAT: Final = Path(__file__).resolve().parents[2] / "shared" / "data" / "chat"
SETS: Final = (
    "gsm8k", "gptteacher-toolformer", "hh-rlhf-harmless-test", "dolly-subset", "glaive-toolcall-en", "llamafactory-en",
    "self-instruct-seed", "fastchat-dummy", "cad-sentiment", "anthropic-json-mode", "huatuo-zh-medical", "banking77",
    "davidson-tweets", "xstest", "human-eval",
)  # fmt: skip
"""Conversations of every length, code, Chinese and tool calls among them. Tables and templates are left out."""
WEIGHTS: Final = {
    "gsm8k": 4.0,
    "cad-sentiment": 15.0,
    "hh-rlhf-harmless-test": 8.0,
    "dolly-subset": 8.0,
    "llamafactory-en": 4.0,
}
"""Longer rows come more often, so that a row has about 900 bytes, as instruction sets have."""
EXACT, NEAR, REPLACED = 0.02, 0.02, 0.25
"""Shares of rows that repeat an earlier one, word for word or with one word in twenty replaced; and of words replaced
in all others."""
RECENT: Final = 50_000
"""Rows that can still be repeated."""


def base_rows() -> tuple[list[dict[str, Any]], list[float]]:
    """The rows that are varied, and how often each set is drawn from."""
    rows: list[dict[str, Any]] = []
    weights: list[float] = []
    for name in SETS:
        path = CHAT / f"{name}.jsonl.gz"
        read = [orjson.loads(line) for line in gzip.decompress(path.read_bytes()).split(b"\n") if line]
        read = [row for row in read if all(isinstance(m.get("content"), str | None) for m in row.get("messages", ()))]
        rows += [row for row in read if row.get("messages")]
        weights += [WEIGHTS.get(name, 1.0)] * (len(rows) - len(weights))
    return rows, weights


def rows(count: int, seed: int = 1) -> Iterator[bytes]:
    """Lines of a large file, without their line ends."""
    rng = random.Random(seed)
    base, weights = base_rows()
    words = sorted({word for row in base[::7] for text in _texts(row) for word in text.split() if word.isalpha()})
    total = list(accumulate(weights))
    recent: list[bytes] = []
    for _ in range(count):
        chance = rng.random()
        if recent and chance < EXACT:
            line = rng.choice(recent)
        elif recent and chance < EXACT + NEAR:
            line = orjson.dumps(_varied(orjson.loads(rng.choice(recent)), words, 0.05, rng))
        else:
            row = rng.choices(base, cum_weights=total)[0]
            line = orjson.dumps(_varied(row, words, REPLACED, rng))
        if len(recent) < RECENT:
            recent.append(line)
        else:
            recent[rng.randrange(RECENT)] = line
        yield line


def _texts(row: dict[str, Any]) -> Iterator[str]:
    return (message["content"] for message in row["messages"] if isinstance(message.get("content"), str))


def _varied(row: dict[str, Any], words: Sequence[str], share: float, rng: random.Random) -> dict[str, Any]:
    """The row with a share of the words of its user and assistant turns replaced; of texts without spaces, of their
    characters."""
    messages = []
    for message in row["messages"]:
        text = message.get("content")
        if isinstance(text, str) and message.get("role") in ("user", "assistant"):
            pieces = text.split(" ") if text.isascii() or " " in text[:40] else list(text)
            for at in rng.sample(range(len(pieces)), int(len(pieces) * share + rng.random())):
                pieces[at] = rng.choice(words) if len(pieces[at]) != 1 else rng.choice(pieces)
            message = {**message, "content": (" " if text.isascii() or " " in text[:40] else "").join(pieces)}
        messages.append(message)
    return {**row, "messages": messages}


def write(path: Path, count: int, seed: int = 1) -> None:
    """Write a large file unless it is there already."""
    if path.exists():
        return
    with path.with_suffix(".part").open("wb") as file:
        for line in rows(count, seed):
            file.write(line + b"\n")
    path.with_suffix(".part").rename(path)


if __name__ == "__main__":
    write(Path(sys.argv[2]), int(sys.argv[1]))
