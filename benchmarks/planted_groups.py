"""Chat rows with a planted difference between groups, and what a rule should therefore report. Judges nothing.

Every data set has an attribute ``one`` with the difference, at a rule's bound or well beyond it, and an attribute
``other`` that has nothing to do with anything. Groups are of unequal size (1 : 2 : ... : k), and the one that differs
is in the middle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Strength: TypeAlias = Literal["bound", "beyond"]
Codes: TypeAlias = NDArray[np.int64]
Marks: TypeAlias = NDArray[np.bool_]
Row: TypeAlias = dict[str, Any]

_ORDINARY: Final = (
    "time year way day thing world life hand part place week case point company number group problem fact water room "
    "area money story month lot study book eye job word business issue side kind head house service friend "
    "power hour game line end member law car city name team minute idea body back face level office door "
    "health art war history party result change morning reason research moment air teacher force education "
    "paper plan letter note road table window garden river market price train bread milk light music stone field"
)
WORDS: Final = tuple(_ORDINARY.split())
"""Ordinary words; the earlier, the more frequent. None of them names a group of people."""
TERMS: Final = ("woman", "man", "widow", "uncle", "daughter", "brother")
REFUSAL: Final = "I'm sorry, but I cannot help with that. "
FAVOURABLE: Final = "grant"


class Planted(NamedTuple):
    """Rows, what to configure, what to select, and the keys of the findings that are ``true`` (see ``EFFECTS``).

    Findings with a key in ``shadows`` are consequences of the planted difference and count for nothing.
    """

    rows: Sequence[Row]
    sections: Mapping[str, Any]
    select: Sequence[str]
    true: frozenset[str]
    shadows: frozenset[str] = frozenset()


# ----------------------------------------------------------------------------- rows


def weights(k: int) -> NDArray[np.float64]:
    """Unequal shares of k groups."""
    sizes = np.arange(1, k + 1, dtype=np.float64)
    return sizes / sizes.sum()


def group_names(codes: Codes) -> list[str]:
    """Names of groups."""
    return [f"g{code}" for code in codes.tolist()]


def sentences(rng: np.random.Generator, n: int, least: int = 6, most: int = 14) -> list[list[str]]:
    """Lists of words, drawn with 1 / rank as their frequencies."""
    share = 1 / np.arange(5, len(WORDS) + 5)
    lengths = rng.integers(least, most + 1, n)
    drawn = rng.choice(len(WORDS), size=int(lengths.sum()), p=share / share.sum()).tolist()
    ends = np.cumsum(lengths).tolist()
    return [[WORDS[at] for at in drawn[end - length : end]] for end, length in zip(ends, lengths.tolist(), strict=True)]


def chats(rng: np.random.Generator, prompts: Sequence[Sequence[str]], **metadata: Sequence[str | None]) -> list[Row]:
    """Rows with a prompt each, an answer in free text and metadata; a value of None is left out."""
    answers = sentences(rng, len(prompts), 12, 40)
    columns = list(metadata.items())
    rows = []
    for index, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        turns = [
            {"role": "user", "content": f"Case {index}: {' '.join(prompt)}?"},
            {"role": "assistant", "content": f"Well, {' '.join(answer)}."},
        ]
        data = {name: column[index] for name, column in columns if column[index] is not None}
        rows.append({"messages": turns, "metadata": data})
    return rows


def labels(favourable: Marks) -> list[str]:
    """A label for each row."""
    return [FAVOURABLE if yes else "deny" for yes in favourable.tolist()]


def configured(*attributes: str, **more: Any) -> dict[str, Any]:
    """The sections that name fields of the metadata as attributes, and the label."""
    tables = {name: {"field": f"metadata.{name}", **more.get(name, {})} for name in attributes}
    return {"data": {"label": "metadata.label", "favourable": FAVOURABLE, **more.get("data", {})}, "attributes": tables}


class _Draw(NamedTuple):
    """What all planted sets start from: the groups of ``one`` and ``other``, and which rows are of the middle group."""

    rng: np.random.Generator
    n: int
    k: int
    beyond: bool
    one: Codes
    other: Codes

    @property
    def middle(self) -> int:
        return self.k // 2

    @property
    def marked(self) -> Marks:
        marks: Marks = self.one == self.middle
        return marks

    def rows(self, favourable: Marks | None = None, prompts: Sequence[Sequence[str]] | None = None) -> list[Row]:
        even = self.rng.random(self.n) < 0.5 if favourable is None else favourable
        said = prompts if prompts is not None else sentences(self.rng, self.n)
        return chats(self.rng, said, one=group_names(self.one), other=group_names(self.other), label=labels(even))

    def rate(self, base: float, middle: float) -> Marks:
        """Marks with one probability in the middle group and another elsewhere."""
        marks: Marks = self.rng.random(self.n) < np.where(self.marked, middle, base)
        return marks


def _draw(rng: np.random.Generator, n: int, k: int, strength: Strength) -> _Draw:
    shares = weights(k)
    one, other = (rng.choice(k, size=n, p=shares) for _ in range(2))
    return _Draw(rng, n, k, strength == "beyond", one, other)


# ----------------------------------------------------------------------------- effects


def shares_differ(draw: _Draw) -> Planted:
    """DEM101: total variation of 0.1 or 0.2 to the reference."""
    reference, moved = weights(draw.k), 0.2 if draw.beyond else 0.1
    shares = reference.copy()
    shares[-1] -= moved
    shares[0] += moved
    drawn = draw._replace(one=draw.rng.choice(draw.k, size=draw.n, p=shares))
    expected = {"reference": {f"g{at}": share for at, share in enumerate(reference.tolist())}}
    return Planted(drawn.rows(), configured("one", "other", one=expected, other=expected), ["DEM101"], _keys("one"))


def groups_missing(draw: _Draw) -> Planted:
    """DEM102: 5 or 10 % of the rows have no group."""
    rows = draw.rows()
    for at in np.flatnonzero(draw.rng.random(draw.n) < (0.1 if draw.beyond else 0.05)).tolist():
        del rows[at]["metadata"]["one"]
    return Planted(rows, configured("one", "other"), ["DEM102"], _keys("one:unknown"))


def missing_by_label(draw: _Draw) -> Planted:
    """DEM102: 4 % have no group, more of them of one label: a Cramér's V of 0.1 or 0.19."""
    favourable = draw.rng.random(draw.n) < 0.5
    apart = (0.19 if draw.beyond else 0.1) * sqrt(0.04 * 0.96)
    rows = draw.rows(favourable)
    missing = draw.rng.random(draw.n) < np.where(favourable, 0.04 + apart, 0.04 - apart)
    for at in np.flatnonzero(missing).tolist():
        del rows[at]["metadata"]["one"]
    return Planted(rows, configured("one", "other"), ["DEM102"], _keys("one:label"))


def label_by_group(draw: _Draw) -> Planted:
    """DEM103: a Cramér's V of 0.1 or 0.2; the rate of a label rises from group to group."""
    v, share = 0.2 if draw.beyond else 0.1, weights(draw.k)
    rises = np.arange(draw.k) - float((np.arange(draw.k) * share).sum())
    rates = 0.5 + 0.5 * v * rises / sqrt(float((share * rises**2).sum()))
    favourable = draw.rng.random(draw.n) < rates[draw.one]
    return Planted(draw.rows(favourable), configured("one", "other"), ["DEM103"], _keys("one"))


def label_by_term(draw: _Draw) -> Planted:
    """DEM103 on mentions: the label's share among rows with one of six terms is off by 0.1 or 0.25."""
    term = draw.rng.integers(0, len(TERMS), draw.n)
    rate = np.where(term == 2, 0.75 if draw.beyond else 0.6, 0.5)
    prompts = [
        [*words, "for", "the", TERMS[at]] for words, at in zip(sentences(draw.rng, draw.n), term.tolist(), strict=True)
    ]
    sections = configured()
    sections["attributes"] = {"gender": {"lexicon": "gender"}}
    rows = draw.rows(draw.rng.random(draw.n) < rate, prompts)
    return Planted(rows, sections, ["DEM103"], _keys("gender:widow"), _keys("gender"))


def rate_by_group(draw: _Draw) -> Planted:
    """DEM104: the favourable rate is 0.5, in one group 0.8 or 0.6 times that."""
    favourable = draw.rate(0.5, 0.3 if draw.beyond else 0.4)
    return Planted(draw.rows(favourable), configured("one", "other"), ["DEM104"], _keys(f"one:g{draw.middle}"))


def by_strata(draw: _Draw) -> Planted:
    """DEM105: the pooled odds ratio of one group is 1 / 1.5 or 1 / 3, within the strata of ``by`` it is 1."""
    in_first = np.where(draw.marked, 0.0833 if draw.beyond else 1 / 3, 0.5)
    stratum = (draw.rng.random(draw.n) < in_first).astype(np.int64)
    favourable = draw.rng.random(draw.n) < 0.2 + 0.6 * stratum
    rows = draw.rows(favourable)
    for row, name in zip(rows, group_names(stratum), strict=True):
        row["metadata"]["by"] = name
    return Planted(rows, configured("one", "other", "by"), ["DEM105"], _keys("one:by"))


def words_by_group(draw: _Draw) -> Planted:
    """DEM106: the odds of five words that 10 % of the rows have are 2 or 5 times as high in one group."""
    odds = (5 if draw.beyond else 2) / 9
    prompts = sentences(draw.rng, draw.n)
    planted = ("nurse", "pilot", "lawyer", "cleaner", "singer")
    for word in planted:
        for at in np.flatnonzero(draw.rate(0.1, odds / (1 + odds))).tolist():
            prompts[at].append(word)
    true = frozenset(f"one:{word}:g{draw.middle}" for word in planted)
    return Planted(draw.rows(prompts=prompts), configured("one", "other"), ["DEM106"], true)


def lengths_by_group(draw: _Draw) -> Planted:
    """DEM107: answers of one group are 0.2 or 0.5 standard deviations longer."""
    rows = draw.rows()
    longer = np.where(draw.marked, 0.5 if draw.beyond else 0.2, 0.0)
    wanted = np.clip(200 + 40 * (draw.rng.standard_normal(draw.n) + longer), 70, 400).astype(np.int64)
    for row, words, length in zip(rows, sentences(draw.rng, draw.n, 110, 110), wanted.tolist(), strict=True):
        row["messages"][1]["content"] = " ".join(words)[: int(length)].strip().ljust(int(length), ".")
    return Planted(rows, configured("one", "other"), ["DEM107"], _keys("one:length"))


def refusals_by_group(draw: _Draw) -> Planted:
    """DEM107: 5 % of the answers refuse, in one group 10 or 20 %."""
    rows = draw.rows()
    for at in np.flatnonzero(draw.rate(0.05, 0.2 if draw.beyond else 0.1)).tolist():
        rows[at]["messages"][1]["content"] = REFUSAL + rows[at]["messages"][1]["content"]
    return Planted(rows, configured("one", "other"), ["DEM107"], _keys("one:refusal"))


def intersection(draw: _Draw) -> Planted:
    """DEM110: one of the intersections of ``one`` and ``by`` has a rate of 0.6 or 0.75, all others 0.5."""
    by = draw.rng.integers(0, 2, draw.n)
    cell = draw.marked & (by == 1)
    rows = draw.rows(draw.rng.random(draw.n) < np.where(cell, 0.75 if draw.beyond else 0.6, 0.5))
    for row, a, b in zip(rows, group_names(by), group_names(draw.rng.integers(0, 2, draw.n)), strict=True):
        row["metadata"] |= {"by": a, "none_of_it": b}
    names = ("one", "by", "other", "none_of_it")
    shadows = _keys("one x other", "one x none_of_it", "by x other", "by x none_of_it")
    return Planted(rows, configured(*names), ["DEM110"], _keys("one x by"), shadows)


def faults_by_group(draw: _Draw) -> Planted:
    """DEM112: 10 % of the rows end with the user (FMT105), in one group 15 or 25 %."""
    rows = draw.rows()
    for at in np.flatnonzero(draw.rate(0.1, 0.25 if draw.beyond else 0.15)).tolist():
        rows[at]["messages"].append({"role": "user", "content": "And then?"})
    select = ["DEM112", "FMT105"]
    return Planted(rows, configured("one", "other"), select, _keys(f"one:FMT105:g{draw.middle}"), _keys("one:removed"))


def _keys(*keys: str) -> frozenset[str]:
    return frozenset(keys)


EFFECTS: Final[Mapping[str, Callable[[_Draw], Planted]]] = {
    "DEM101 shares": shares_differ,
    "DEM102 unknown": groups_missing,
    "DEM102 by label": missing_by_label,
    "DEM103 group": label_by_group,
    "DEM103 term": label_by_term,
    "DEM104 rate": rate_by_group,
    "DEM105 strata": by_strata,
    "DEM106 words": words_by_group,
    "DEM107 length": lengths_by_group,
    "DEM107 refusal": refusals_by_group,
    "DEM110 cell": intersection,
    "DEM112 faults": faults_by_group,
}
"""What is planted -> how. DEM108 counts rows and has no chance in it; DEM109 and DEM111 are measured by themselves."""


def plant(effect: str, seed: int, n: int, k: int, strength: Strength) -> Planted:
    """A data set of n rows and k groups. The seed is that of this data set alone."""
    rng = np.random.default_rng([seed, n, k, strength == "beyond", sorted(EFFECTS).index(effect)])
    return EFFECTS[effect](_draw(rng, n, k, strength))
