"""chrF and BLEU of answers, from sacrebleu, whose figures others can repeat. Without the library there are none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal, TypeAlias

from audit.quality.overlap import MOST_CHARACTERS

MISSING = "not computed: sacrebleu is not installed"

Score: TypeAlias = Literal["chrf", "bleu"]


@cache
def why_not() -> str:
    """Why there are no figures; "" where the library is installed."""
    from importlib.util import find_spec

    return "" if find_spec("sacrebleu") is not None else MISSING


@cache
def _metric(name: Score, *, sentences: bool) -> Any:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    return CHRF() if name == "chrf" else BLEU(effective_order=sentences)


def counts_of(name: Score, answer: str, truth: str) -> tuple[int, ...]:
    """The n-grams of an answer, of the true one and of both, by order: what either score is computed from. Texts are
    cut to ``MOST_CHARACTERS``. Made here once, since counting takes all the time."""
    answer, truth = (text[:MOST_CHARACTERS].encode("utf-8", "replace").decode() for text in (answer, truth))
    ((*counts,),) = _metric(name, sentences=True)._extract_corpus_statistics([answer], [[truth]])
    return tuple(counts)


def sentence_score(name: Score, counts: Sequence[int]) -> float:
    """The score of one answer from 0 to 1: chrF2 (Popović 2015), or BLEU with exponential smoothing up to the order
    that the answer is long enough for (Chen and Cherry 2014; sacrebleu's ``sentence_bleu``)."""
    return _score(_metric(name, sentences=True), counts)


def corpus_score(name: Score, counts: Sequence[int]) -> float:
    """The score of all answers together from 0 to 1, counted as one text, from the sums of their counts: Popović
    (2015), "chrF: character n-gram F-score for automatic MT evaluation"; Papineni et al. (2002), "BLEU: a method for
    automatic evaluation of machine translation"."""
    return _score(_metric(name, sentences=False), counts)


def signature() -> str:
    """The library and its version."""
    import sacrebleu

    return f"sacrebleu {sacrebleu.__version__}"


def _score(metric: Any, counts: Sequence[int]) -> float:
    """In per cent, rounding takes it beyond 100 at times."""
    return min(1.0, float(metric._compute_score_from_stats(list(counts)).score) / 100)
