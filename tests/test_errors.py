"""What a misspelt word is answered with."""

from __future__ import annotations

from itertools import permutations

from audit.errors import nearest


def test_the_order_of_the_known_words_decides_nothing() -> None:
    for known in (("bad", "sad", "mad"), ("Label", "LABEL", "label")):
        assert len({nearest("lad" if known[0] == "bad" else "labe", order) for order in permutations(known)}) == 1
