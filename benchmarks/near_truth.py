"""Truth sets for near-duplicate detection: texts with planted copies, and every pair that is similar, found exactly.

The join shares no code with ``audit.clusters``: units by one regular expression, sets of tuples, and a prefix filter
(Chaudhuri, Ganti and Kaushik 2006), which misses nothing. Figures for real duplicates in real data it does not give.
"""

from __future__ import annotations

import gzip
import random
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from math import ceil
from typing import Final, TypeAlias

import orjson

from audit.read.folding import UNSPACED
from benchmarks.large_files import CHAT

ROWS, COPIES = 18_000, 2_000
MOST_REPLACED: Final = 0.07
"""Share of words replaced in a copy, at most: (1 - 5 x 0.07) / (1 + 5 x 0.07) is a similarity of about 0.5."""

Units: TypeAlias = tuple[str, ...]
UNIT: Final = f"[{UNSPACED}]|[^\\W{UNSPACED}]+"
"""A unit, as a regular expression over lower case."""


@cache
def chat_texts(min_units: int = 20) -> tuple[str, ...]:
    """Of every row of the shared chat sets with enough units, the contents of its messages but the system's."""
    texts = []
    for path in sorted(CHAT.glob("*.jsonl.gz")):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            messages = orjson.loads(line).get("messages") or ()
            contents = [
                m["content"] for m in messages if m.get("role") != "system" and isinstance(m.get("content"), str)
            ]
            text = "\n".join(contents)
            if len(units_of(text)) >= min_units:
                texts.append(text)
    return tuple(texts)


def truth_texts(seed: int) -> list[str]:
    """``ROWS`` real texts and ``COPIES`` of some of them with words replaced, shuffled."""
    rng = random.Random(seed)
    texts = rng.sample(chat_texts(), ROWS)
    words = sorted({word for text in texts[::20] for word in text.split() if word.isalpha()})
    copies = [_replaced(text, rng.random() * MOST_REPLACED, words, rng) for text in rng.sample(texts, COPIES)]
    mixed = texts + copies
    rng.shuffle(mixed)
    return mixed


def _replaced(text: str, share: float, words: Sequence[str], rng: random.Random) -> str:
    pieces = text.split(" ")
    for at in range(len(pieces)):
        if rng.random() < share:
            pieces[at] = rng.choice(words)
    return " ".join(pieces)


def units_of(text: str) -> list[str]:
    """Units by the definition that is documented, not by the code that is measured."""
    return re.findall(UNIT, (text if text.isascii() else unicodedata.normalize("NFKC", text)).lower())


def shingle_sets(texts: Sequence[str], shingle: int = 5, min_units: int = 20) -> list[frozenset[Units]]:
    """The set of runs of units of each text; empty for a text that takes no part."""
    rows = map(units_of, texts)
    return [
        frozenset(zip(*(row[k:] for k in range(shingle)), strict=False)) if len(row) >= min_units else frozenset()
        for row in rows
    ]


def similar_pairs(sets: Sequence[frozenset[Units]], threshold: float = 0.8) -> dict[tuple[int, int], float]:
    """Every pair of rows with an exact Jaccard similarity of at least ``threshold``.

    Two such sets share one of the rarest |x| - ceil(t |x|) + 1 elements of each, and differ in size by t at most.
    """
    having = Counter(element for one in sets for element in one)
    rarest = [sorted(one, key=lambda element: (having[element], element)) for one in sets]
    index: defaultdict[Units, list[int]] = defaultdict(list)
    found = {}
    for b in sorted(range(len(sets)), key=lambda row: len(sets[row])):
        size = len(sets[b])
        prefix = rarest[b][: size - ceil(threshold * size) + 1]
        seen: set[int] = set()
        for element in prefix:
            seen.update(a for a in index[element] if len(sets[a]) >= threshold * size)
            index[element].append(b)
        for a in seen:
            shared = len(sets[a] & sets[b])
            if (similarity := shared / (len(sets[a]) + size - shared)) >= threshold:
                found[min(a, b), max(a, b)] = similarity
    return found
