"""Which words stand in more, or fewer, of the documents of a group than in the others: log-odds with a prior.

A word counts once in a document, so that no long one decides. What a word is and what a document is (a prompt, an
answer) is the caller's business. Imports numpy, and scipy for the normal distribution.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from audit.statistics.multiple_tests import benjamini_hochberg

Counts: TypeAlias = NDArray[np.int64]
Figures: TypeAlias = NDArray[np.float64]

PRIOR: Final = 0.1
"""The weight of the prior, in documents, as a share of all documents.

On random words it makes |z| exceed 1.96 in 0.7 to 3.4 % of the tests; a word in 8 of the 100 documents of a group and
in none of 900 others has z = 3.5. Ten times as strong a prior hides such words, a tenth of it as well.
"""
LEAST: Final = 5
"""Documents a word must stand in to be tested. Chosen by all documents, which biases no test: Bourgon, Gentleman and
Huber (2010), "Independent filtering increases detection power", PNAS 107."""


class AssociatedWord(NamedTuple):
    """A word (its row) that goes with a group (its column): ``documents`` of the group's ``of`` have it, ``elsewhere``
    of the other ``of_elsewhere``. ``z`` is above 0 where the group has it more often."""

    word: int
    group: int
    documents: int
    of: int
    elsewhere: int
    of_elsewhere: int
    log_odds_ratio: float
    z: float
    p: float
    q: float


class WordAssociations(msgspec.Struct, frozen=True, kw_only=True):
    """Log-odds ratios of every word (first axis) in every group (second) against the rest, with z, two-sided p and
    Benjamini and Hochberg's q over all tests; p and q are 1 for words too rare to be tested."""

    documents: Counts
    totals: Counts
    log_odds_ratio: Figures
    z: Figures
    p: Figures
    q: Figures
    tests: int

    def found(self, q: float = 0.05) -> list[AssociatedWord]:
        """The associations with a false discovery rate of at most ``q``, the clearest first; equally clear ones by
        word and group."""
        words, groups = np.nonzero(self.q <= q)
        order = np.lexsort((groups, words, -np.round(np.abs(self.z[words, groups]), 9)))
        return [self.one(int(words[at]), int(groups[at])) for at in order]

    def one(self, word: int, group: int) -> AssociatedWord:
        """The figures of one word in one group."""
        documents, of = int(self.documents[word, group]), int(self.totals[group])
        return AssociatedWord(
            word=word,
            group=group,
            documents=documents,
            of=of,
            elsewhere=int(self.documents[word].sum()) - documents,
            of_elsewhere=int(self.totals.sum()) - of,
            log_odds_ratio=float(self.log_odds_ratio[word, group]),
            z=float(self.z[word, group]),
            p=float(self.p[word, group]),
            q=float(self.q[word, group]),
        )


def word_associations(documents: Counts, totals: Counts, *, design_effect: float = 1.0) -> WordAssociations:
    """The associations of words with groups from the ``documents`` (words, groups) with each word, of ``totals``
    (groups,) in each group.

    Monroe, Colaresi and Quinn (2008), "Fightin' Words: lexical feature selection and evaluation for identifying the
    content of political conflict", Political Analysis 16, equations 15 to 22, each group against the rest, the prior
    from all documents. Their Dirichlet prior over the words of a text becomes a beta prior over whether a document has
    the word, and the variance (20) keeps the term of the documents without it, which they drop as small: of a word in
    most documents it is the larger. Words in one group only are kept. A ``design_effect`` above 1 shrinks all counts,
    as clusters of that effect do. With two groups each word is one test.
    """
    effect = max(1.0, design_effect)
    own, of = documents / effect, totals / effect
    everywhere, n = own.sum(axis=1, keepdims=True), float(of.sum())
    share = np.divide(everywhere, n, out=np.zeros_like(everywhere), where=n > 0)
    log_odds, variance = _log_odds(own, of, share, PRIOR * n)
    other_log_odds, other_variance = _log_odds(everywhere - own, n - of, share, PRIOR * n)
    comparable = (share > 0) & (share < 1) & (of > 0) & (of < n)
    ratio = np.where(comparable, log_odds - other_log_odds, 0.0)
    z = ratio / np.sqrt(np.where(comparable, variance + other_variance, 1.0))
    tested = comparable & (documents.sum(axis=1, keepdims=True) >= LEAST)
    p, q, tests = _p_values(z, tested)
    return WordAssociations(documents=documents, totals=totals, log_odds_ratio=ratio, z=z, p=p, q=q, tests=tests)


def _log_odds(found: Figures, n: Figures, share: Figures, prior: float) -> tuple[Figures, Figures]:
    """The posterior log-odds that a document has the word, and their variance; 0 and 1 where there is no prior."""
    present = found + prior * share
    absent = n - found + prior * (1 - share)
    sound = (present > 0) & (absent > 0)
    present, absent = np.where(sound, present, 2.0), np.where(sound, absent, 2.0)
    return np.log(present / absent), 1 / present + 1 / absent


def _p_values(z: Figures, tested: NDArray[np.bool_]) -> tuple[Figures, Figures, int]:
    from scipy.special import erfc

    p = np.where(tested, erfc(np.abs(z) / np.sqrt(2)), 1.0)
    q = np.ones_like(p)
    if z.shape[1] == 2:
        once = tested[:, 0]
        q[once] = np.array(benjamini_hochberg(p[once, 0].tolist()))[:, None]
        return p, q, int(once.sum())
    q[tested] = benjamini_hochberg(p[tested].tolist())
    return p, q, int(tested.sum())
