"""chrF and BLEU of answers, from sacrebleu, whose figures others can repeat. Without the library there are none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal, TypeAlias

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


def sentence_score(name: Score, answer: str, truth: str) -> float:
    """The score of one answer from 0 to 1: chrF2 (Popović 2015), or BLEU with exponential smoothing up to the order
    that the answer is long enough for (Chen and Cherry 2014; sacrebleu's ``sentence_bleu``)."""
    return _share(_metric(name, sentences=True).sentence_score(_safe(answer), [_safe(truth)]).score)


def corpus_score(name: Score, answers: Sequence[str], truths: Sequence[str]) -> float:
    """The score of all answers together from 0 to 1, counted as one text: Popović (2015), "chrF: character n-gram
    F-score for automatic MT evaluation"; Papineni et al. (2002), "BLEU: a method for automatic evaluation of machine
    translation". Raises ValueError for no answers."""
    if not answers:
        raise ValueError("there is no score of nothing")
    metric = _metric(name, sentences=False)
    return _share(metric.corpus_score([*map(_safe, answers)], [[*map(_safe, truths)]]).score)


def signature() -> str:
    """The library and its version."""
    import sacrebleu

    return f"sacrebleu {sacrebleu.__version__}"


def _share(percent: float) -> float:
    """Of a score in per cent, which rounding takes beyond 100 at times."""
    return min(1.0, float(percent) / 100)


def _safe(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
