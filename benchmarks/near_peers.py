"""Near duplicates by datasketch or rensa, to compare with. Runs in an interpreter of its own, imports nothing of ours.

``python near_peers.py datasketch|rensa FILE UNIT`` reads one JSON string per line, takes what matches UNIT for words
and prints, as one line of JSON, the CPU
seconds of the work (imports and reading left out) and the pairs found. The work is what ``NearBuilder`` does: shingles
of 5 words, 120 permutations, 24 bands of 5, two shared bands for a candidate, exact verification at 0.8.
"""

from __future__ import annotations

import json
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

PERMUTATIONS, BANDS, SHARED, THRESHOLD = 120, 24, 2, 0.8

Found = list[tuple[int, int, float]]


def shingles(text: str, unit: re.Pattern[str]) -> set[str]:
    """Runs of five words; empty for a text of fewer than 20."""
    words = unit.findall((text if text.isascii() else unicodedata.normalize("NFKC", text)).lower())
    if len(words) < 20:
        return set()
    return {" ".join(words[at : at + 5]) for at in range(len(words) - 4)}


def by_datasketch(sets: Sequence[set[str]]) -> Found:
    """MinHash in bulk and the library's LSH with the bands given."""
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, PERMUTATIONS // BANDS))
    sketches: dict[int, MinHash] = {}

    def candidates() -> Iterator[tuple[int, int]]:
        rows = [row for row, one in enumerate(sets) if one]
        encoded = ([shingle.encode() for shingle in sets[row]] for row in rows)
        for row, sketch in zip(rows, MinHash.generator(encoded, num_perm=PERMUTATIONS), strict=True):
            for other in lsh.query(sketch):
                yield other, row
            sketches[row] = sketch
            lsh.insert(row, sketch)

    pairs = list(candidates())
    return verified(pairs, {row: sketch.hashvalues for row, sketch in sketches.items()}, sets)


def by_rensa(sets: Sequence[set[str]]) -> Found:
    """RMinHash for all rows in one call, and the library's LSH, row by row: its call for many rows is slower."""
    from rensa import RMinHash, RMinHashLSH

    rows = [row for row, one in enumerate(sets) if one]
    lsh = RMinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, num_bands=BANDS)
    digests = {}
    pairs = []
    for row, sketch in zip(
        rows, RMinHash.from_token_sets([list(sets[r]) for r in rows], PERMUTATIONS, 42), strict=True
    ):
        pairs += [(other, row) for other in lsh.query(sketch)]
        digests[row] = np.array(sketch.digest(), np.uint32)
        lsh.insert(row, sketch)
    return verified(pairs, digests, sets)


def verified(pairs: Sequence[tuple[int, int]], digests: dict[int, np.ndarray], sets: Sequence[set[str]]) -> Found:
    """The candidates that share enough bands and whose sets are similar."""
    if not pairs:
        return []
    place = {row: at for at, row in enumerate(digests)}
    banded = np.stack(list(digests.values())).reshape(len(digests), BANDS, -1)
    found = []
    for at in range(0, len(pairs), 1 << 14):
        some = pairs[at : at + (1 << 14)]
        left, right = (banded[[place[pair[side]] for pair in some]] for side in (0, 1))
        shared = (left == right).all(axis=2).sum(axis=1)
        for (a, b), bands in zip(some, shared.tolist(), strict=True):
            if bands >= SHARED:
                common = len(sets[a] & sets[b])
                similarity = common / (len(sets[a]) + len(sets[b]) - common)
                if similarity >= THRESHOLD:
                    found.append((min(a, b), max(a, b), similarity))
    return found


def main() -> None:
    """Run the peer named on the command line."""
    work: Callable[[Sequence[set[str]]], Found] = {"datasketch": by_datasketch, "rensa": by_rensa}[sys.argv[1]]
    __import__(sys.argv[1])
    texts = [json.loads(line) for line in Path(sys.argv[2]).read_bytes().splitlines()]
    unit = re.compile(sys.argv[3])
    began = time.process_time()
    found = work([shingles(text, unit) for text in texts])
    print(json.dumps({"seconds": time.process_time() - began, "pairs": found}))


if __name__ == "__main__":
    main()
