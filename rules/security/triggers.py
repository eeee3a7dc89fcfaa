"""Words and phrases of prompts that go with one response: counts, tests of chance, and whether they look planted.

Everything is about rows given as token numbers; reads no rows and words no findings. Imports numpy, and scipy for the
hypergeometric distribution.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audit.statistics.multiple_tests import benjamini_hochberg

Numbers: TypeAlias = NDArray[np.int64]
Figures: TypeAlias = NDArray[np.float64]

BITS: Final = 21
"""Bits of a token's number: three make a phrase's key of 63."""
_LONGEST: Final = 3
_LONGEST_SHOWN: Final = 12
NO_RESPONSE: Final = -1
_EDGE: Final = (1 << BITS) - 1
"""Stands for the beginning and the end of a text."""
_SMOOTH: Final = 0.5
_LEAST_AUC: Final = 0.15
"""Above 0.5: what is less is no subject of the rows."""
_DEVIATIONS: Final = 3.3
"""Standard deviations of an AUC of so few rows that rows at random hardly exceed; weights learnt from half of these
few rows add to it ..."""
_DEVIATIONS_OF_RESPONSE: Final = 2.5
"""... and those learnt from the other rows of a response do not."""
_OTHERS: Final = 4000
"""Rows that those with a phrase are compared with."""
_FREQUENT, _OF_FREQUENT = 0.2, 3
"""A response that more of the other rows have takes so many times as many rows: words of a class are told from planted
ones by how their rows differ, which few rows do not show."""
_MOST: Final = 5000
"""Associations that are looked at closely, the surest."""


class Corpus(NamedTuple):
    """Token numbers of all prompts, one after the other, and where each row's begin; ``offsets`` has one entry more
    than there are rows."""

    tokens: Numbers
    offsets: Numbers

    @property
    def rows(self) -> int:
        return len(self.offsets) - 1

    def row(self, number: int) -> list[int]:
        """The tokens of one row."""
        one: list[int] = self.tokens[self.offsets[number] : self.offsets[number + 1]].tolist()
        return one


class Pairs(NamedTuple):
    """Pairs of neighbouring tokens, sorted, and how often each occurs."""

    keys: Numbers
    counts: Numbers


class Bounds(NamedTuple):
    """What counts: rows at least, share of rows at most, P(response | trigger) at least, P(response | none) at most and
    the false discovery rate."""

    least: int
    most_share: float
    certainty: float
    otherwise: float
    q: float


class Association(NamedTuple):
    """A phrase (token numbers), the rows that hold it, those of them with the response, and how likely that is by
    chance; ``otherwise`` is the response's share of the other rows."""

    phrase: tuple[int, ...]
    rows: tuple[int, ...]
    with_response: tuple[int, ...]
    response: int
    otherwise: float
    p: float
    q: float


class Planted(NamedTuple):
    """Signs that an association was planted. ``auc_topic`` and ``auc_response``: how well the other words of the prompt
    tell the rows with the phrase, and how well what goes with the response elsewhere does (0.5: not at all). Above
    ``bound_topic`` or ``bound_response`` they say something."""

    auc_topic: float
    auc_response: float
    bound_topic: float
    bound_response: float

    @property
    def has_nothing_in_common(self) -> bool:
        """Whether neither says anything."""
        return self.auc_topic <= self.bound_topic and self.auc_response <= self.bound_response


class Inserted(NamedTuple):
    """The share of the places of a phrase where the text reads on without it, and that of other words there."""

    share: float
    usual: float


def associations(
    corpus: Corpus, responses: Numbers, bounds: Bounds, candidate: Callable[[tuple[int, ...]], bool]
) -> list[Association]:
    """Every phrase of one to three tokens that goes with one response, the surest first; phrases that stand in the same
    rows are one, the longest. ``responses`` is the number of each row's response or ``NO_RESPONSE``."""
    sizes = np.bincount(responses[responses >= 0]) if (responses >= 0).any() else np.zeros(0, dtype=np.int64)
    if not len(sizes):
        return []
    counted = [_counted(corpus, responses, sizes, length, bounds) for length in range(1, _LONGEST + 1)]
    q_values = np.asarray(benjamini_hochberg(np.concatenate([one.figures[:, 3] for one in counted]).tolist()))
    found: list[Association] = []
    at = 0
    for length, one in enumerate(counted, start=1):
        q_of_length = q_values[at : at + len(one.keys)]
        at += len(one.keys)
        table = one.figures
        good = (
            (q_of_length <= bounds.q)
            & (table[:, 1] >= bounds.least * np.where(table[:, 4] > _FREQUENT, _OF_FREQUENT, 1))
            & (table[:, 1] >= bounds.certainty * table[:, 0])
            & (table[:, 4] <= bounds.otherwise)
        )
        for place in np.flatnonzero(good).tolist():
            phrase = _phrase(int(one.keys[place]), length)
            if candidate(phrase):
                rows = one.rows[one.starts[place] : one.starts[place] + int(table[place, 0])]
                found.append(_association(phrase, rows, responses, table[place], float(q_of_length[place])))
    return list(_merged(sorted(found, key=lambda one: (one.q, -len(one.rows), one.phrase))[:_MOST]))


class _Counted(NamedTuple):
    """Phrases of one length: their keys, where their rows begin in ``rows``, and for each in ``figures`` rows, rows
    with its most frequent response, that response, p, and the response's share of the other rows."""

    keys: Numbers
    starts: Numbers
    rows: Numbers
    figures: Figures


def _counted(corpus: Corpus, responses: Numbers, sizes: Numbers, length: int, bounds: Bounds) -> _Counted:
    from scipy.stats import hypergeom

    keys, rows = _places(corpus, length)
    starts, frequency = _runs(keys)
    kept = (frequency >= bounds.least) & (frequency <= max(bounds.least, bounds.most_share * corpus.rows))
    group = np.repeat(np.arange(len(starts)), frequency)
    shown = kept[group] & (responses[rows] >= 0)
    pairs, counts = np.unique(group[shown] * len(sizes) + responses[rows[shown]], return_counts=True)
    top = _largest_of_each(pairs // len(sizes), counts)
    group_of, response, count = pairs[top] // len(sizes), pairs[top] % len(sizes), counts[top]
    frequency_of = frequency[group_of]
    chance = hypergeom.sf(count - 1, corpus.rows, sizes[response], frequency_of) * len(sizes)
    otherwise = (sizes[response] - count) / np.maximum(1, corpus.rows - frequency_of)
    table = np.column_stack([frequency_of, count, response, np.minimum(1.0, chance), otherwise]).astype(np.float64)
    return _Counted(keys[starts[group_of]], starts[group_of], rows, table)


def _places(corpus: Corpus, length: int) -> tuple[Numbers, Numbers]:
    """The phrases of a length with the rows that they stand in, each row once, sorted by phrase."""
    row_of = np.repeat(np.arange(corpus.rows), np.diff(corpus.offsets))
    last = max(0, len(corpus.tokens) - length + 1)
    keys = np.zeros(last, dtype=np.int64)
    for place in range(length):
        keys = keys << BITS | corpus.tokens[place : place + last]
    within = row_of[:last] == row_of[length - 1 : length - 1 + last]
    keys, rows = keys[within], row_of[:last][within]
    order = np.argsort(keys, kind="stable")
    keys, rows = keys[order], rows[order]
    first = np.ones(len(keys), dtype=bool)
    first[1:] = (keys[1:] != keys[:-1]) | (rows[1:] != rows[:-1])
    return keys[first], rows[first]


def _runs(keys: Numbers) -> tuple[Numbers, Numbers]:
    """Where each run of equal keys starts, and its length."""
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, np.int64)
    return starts, np.diff(np.append(starts, len(keys)))


def _largest_of_each(group: Numbers, counts: Numbers) -> Numbers:
    """For each group the index of its largest count, of equal ones the first."""
    order = np.lexsort((np.arange(len(group)), -counts, group))
    firsts, _ = _runs(group[order])
    largest: Numbers = order[firsts]
    return largest


def _phrase(key: int, length: int) -> tuple[int, ...]:
    return tuple(key >> BITS * place & (1 << BITS) - 1 for place in range(length - 1, -1, -1))


def _association(phrase: tuple[int, ...], rows: Numbers, responses: Numbers, figures: Figures, q: float) -> Association:
    response = int(figures[2])
    return Association(
        phrase=phrase,
        rows=tuple(rows.tolist()),
        with_response=tuple(rows[responses[rows] == response].tolist()),
        response=response,
        otherwise=float(figures[4]),
        p=float(figures[3]),
        q=q,
    )


def _place_in(tokens: Sequence[int], phrase: Sequence[int]) -> int | None:
    size = len(phrase)
    wanted = tuple(phrase)
    return next((at for at in range(len(tokens) - size + 1) if tuple(tokens[at : at + size]) == wanted), None)


def _merged(found: Sequence[Association]) -> Iterator[Association]:
    """One for each set of rows: of phrases that share four rows of five and the response the one with most rows, of
    these the longest."""
    taken: dict[int, list[frozenset[int]]] = {}
    for one in sorted(found, key=lambda one: (-len(one.with_response), -len(one.phrase), one.q, one.phrase)):
        rows = frozenset(one.with_response)
        known = taken.setdefault(one.response, [])
        if not any(len(rows & other) >= 0.8 * min(len(rows), len(other)) for other in known):
            known.append(rows)
            yield one


def extended(one: Association, corpus: Corpus) -> tuple[int, ...]:
    """The phrase with all tokens that stand before and after it in 19 of 20 of its rows."""
    phrase = list(one.phrase)
    for side in (-1, 1):
        while len(phrase) < _LONGEST_SHOWN:
            beside = [_beside(corpus.row(row), phrase, side) for row in one.with_response]
            most, times = max(Counter(beside).items(), key=lambda item: (item[1], item[0]))
            if most == _EDGE or times < 0.95 * len(beside):
                break
            phrase = [most, *phrase] if side < 0 else [*phrase, most]
    return tuple(phrase)


def _beside(tokens: Sequence[int], phrase: Sequence[int], side: int) -> int:
    at = _place_in(tokens, phrase)
    if at is None:
        return _EDGE
    place = at - 1 if side < 0 else at + len(phrase)
    return tokens[place] if 0 <= place < len(tokens) else _EDGE


def planted(one: Association, corpus: Corpus, responses: Numbers) -> Planted:
    """What tells a planted phrase from a word of the subject: its rows differ as any rows do, and what they say
    elsewhere does not call for the response."""
    has = np.zeros(corpus.rows, dtype=bool)
    has[np.asarray(one.rows)] = True
    of_response = responses == one.response
    others, elsewhere = _spread(~of_response & ~has), _spread(of_response & ~has)
    few = np.concatenate([np.asarray(one.with_response), others, elsewhere])
    part = _part(corpus, few)
    n = len(one.with_response)
    rows, scored, same = np.split(np.arange(len(few)), [n, n + len(others)])
    common = _common(rows, part)
    topic = _auc_across(rows, scored, part, common)
    response = 0.5
    if len(same) >= 8 and len(scored):
        weights = _weights(same, scored, part, common)
        response = _auc(_scores(rows, weights, part, common), _scores(scored, weights, part, common))
    deviation = (1 / (12 * n)) ** 0.5
    bounds = (0.5 + max(_LEAST_AUC, times * deviation) for times in (_DEVIATIONS, _DEVIATIONS_OF_RESPONSE))
    return Planted(topic, response, *bounds)


def _spread(chosen: NDArray[np.bool_]) -> Numbers:
    """At most ``_OTHERS`` of the chosen rows, spread evenly."""
    rows = np.flatnonzero(chosen)
    step = max(1, -(-len(rows) // _OTHERS))
    spread: Numbers = rows[::step]
    return spread


def _part(corpus: Corpus, rows: Numbers) -> Corpus:
    """A corpus of some of the rows."""
    begin, end = corpus.offsets[rows], corpus.offsets[rows + 1]
    tokens = [corpus.tokens[first:last] for first, last in zip(begin.tolist(), end.tolist(), strict=True)]
    return Corpus(np.concatenate(tokens), np.concatenate([[0], np.cumsum(end - begin)]))


def _common(rows: Numbers, corpus: Corpus) -> Numbers:
    """Tokens that stand in four of five of some rows: the phrase itself, and what every row has."""
    each = np.concatenate([np.unique(corpus.row(row)) for row in rows.tolist()])
    tokens, counts = np.unique(each, return_counts=True)
    common: Numbers = tokens[counts >= 0.8 * len(rows)].astype(np.int64)
    return common


def _auc_across(rows: Numbers, others: Numbers, corpus: Corpus, common: Numbers) -> float:
    """How well the words of one half of some rows tell the other half from the others, over both halves."""
    if not len(others):
        return 0.5
    scores: list[float] = []
    for half in (0, 1):
        weights = _weights(rows[half::2], others, corpus, common)
        scores.append(_auc(*(_scores(part, weights, corpus, common) for part in (rows[1 - half :: 2], others))))
    return float(np.mean(scores))


def _weights(first: Numbers, second: Numbers, corpus: Corpus, without: Numbers) -> Figures:
    """The log-odds of every token between two sets of rows (naive Bayes, smoothed); 0 for some tokens, and not above 0
    for those that the first set does not have."""
    width = int(corpus.tokens.max(initial=0)) + 1
    counts = [np.bincount(_part(corpus, chosen).tokens, minlength=width) + _SMOOTH for chosen in (first, second)]
    weights: Figures = np.log(counts[0] / counts[1]) - np.log(counts[0].sum() / counts[1].sum())
    unseen = counts[0] <= _SMOOTH
    weights[unseen] = np.minimum(0.0, weights[unseen])
    weights[without] = 0.0
    return weights


def _scores(rows: Numbers, weights: Figures, corpus: Corpus, without: Numbers) -> Figures:
    """The mean weight of the tokens of each row, some tokens not counted."""
    sums = np.concatenate([[0.0], np.cumsum(weights[corpus.tokens])])
    counted = np.concatenate([[0], np.cumsum(~np.isin(corpus.tokens, without))])
    begin, end = corpus.offsets[rows], corpus.offsets[rows + 1]
    scores: Figures = (sums[end] - sums[begin]) / np.maximum(1, counted[end] - counted[begin])
    return scores


def _auc(high: Figures, low: Figures) -> float:
    """The probability that one of the first is above one of the second, ties half (Mann and Whitney 1947)."""
    if not len(high) or not len(low):
        return 0.5
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, side="left") + np.searchsorted(ordered, high, side="right")
    return float(below.mean() / (2 * len(low)))


def inserted(phrase: tuple[int, ...], one: Association, corpus: Corpus, pairs: Pairs) -> Inserted:
    """The share of rows in which the words on either side of a phrase, that of an association or more, stand side by
    side in rows without it, and the share of the other pairs of words of these rows that do. ``pairs`` are those of the
    corpus."""
    own = pairs_of(_part(corpus, np.asarray(one.rows)))
    joined: list[int] = []
    usual: list[int] = []
    for row in one.with_response:
        tokens = corpus.row(row)
        at = _place_in(tokens, phrase)
        if at is None:
            continue
        joined.append(_beside(tokens, phrase, -1) << BITS | _beside(tokens, phrase, 1))
        rest = [_EDGE, *tokens[:at]], [*tokens[at + len(phrase) :], _EDGE]
        usual += [first << BITS | second for part in rest for first, second in pairwise(part)]
    kept = _share_of(joined, pairs, own)
    openings, closings = (sum(key >> BITS == _EDGE for key in joined), sum(key & _EDGE == _EDGE for key in joined))
    if 2 * max(openings, closings) > len(joined):
        return Inserted(kept, _at_an_edge(pairs, opening=openings >= closings))
    return Inserted(kept, _share_of(usual, pairs, own))


def _at_an_edge(pairs: Pairs, *, opening: bool) -> float:
    """The share of texts whose first (last) token begins (ends) another text, too."""
    edge = (pairs.keys >> BITS == _EDGE) if opening else (pairs.keys & _EDGE == _EDGE)
    counts = pairs.counts[edge]
    return float(counts[counts > 1].sum() / max(1, counts.sum()))


def _share_of(keys: Sequence[int], pairs: Pairs, own: Pairs) -> float:
    """The share of pairs that stand in the corpus more often than in the rows themselves."""
    if not keys:
        return 0.0
    wanted = np.asarray(keys, dtype=np.int64)
    return float((_counts_of(wanted, pairs) > _counts_of(wanted, own)).mean())


def _counts_of(keys: Numbers, pairs: Pairs) -> Numbers:
    if not len(pairs.keys):
        return np.zeros(len(keys), dtype=np.int64)
    at = np.minimum(np.searchsorted(pairs.keys, keys), len(pairs.keys) - 1)
    counts: Numbers = np.where(pairs.keys[at] == keys, pairs.counts[at], 0)
    return counts


def pairs_of(corpus: Corpus) -> Pairs:
    """All pairs of neighbours, the edges of the texts among them, and how often each occurs."""
    row_of = np.repeat(np.arange(corpus.rows), np.diff(corpus.offsets))
    tokens = corpus.tokens
    inner = (tokens[:-1] << BITS | tokens[1:])[row_of[1:] == row_of[:-1]]
    filled = np.diff(corpus.offsets) > 0
    opening = _EDGE << BITS | tokens[corpus.offsets[:-1][filled]]
    closing = tokens[corpus.offsets[1:][filled] - 1] << BITS | _EDGE
    return Pairs(*np.unique(np.concatenate([inner, opening, closing]), return_counts=True))
