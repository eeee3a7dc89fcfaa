"""The verdict on rates by group: which groups lie beyond a tolerance, which within, and which cannot be told.

Closed forms in plain Python, without chance and without numpy. Why it is done so, and with what error:
``docs/decisions/0011-verdicts-by-interval.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from math import log
from typing import Final

from msgspec.structs import replace

from audit.model import Verdict
from audit.statistics.contrasts import (
    BEST,
    REST,
    Contrast,
    Levels,
    Sample,
    contrasts_of,
    interval_of,
    judgeable,
    levels_of,
    sample_of,
    verdict_of,
)
from audit.statistics.intervals import wilson
from audit.statistics.multiple_tests import holm
from audit.statistics.power import in_rows, rows_to_pass
from audit.statistics.rates import UNCOMPARED, GroupRate
from audit.statistics.score import HIGHEST_RATIO, Pair, mirrored
from audit.statistics.screens import difference_p, four_fifths, homogeneity_p
from audit.statistics.sentences import sentence_of, summary_of
from audit.statistics.verdicts import Compared, Disparity, Question

__all__ = ["Compared", "Disparity", "Question", "compare", "of_all", "verdicts"]

NEAR: Final = 0.1
"""An estimate within a tenth of the tolerance's distance from parity is at the tolerance."""


def compare(rates: Sequence[GroupRate], question: Question, *, what: str = "rate") -> Disparity:
    """The verdict on every group that is compared, and on all of them, by intervals against the tolerance.

    ``what`` says in the sentences what a group gets (``>50K``), or names the rate. The levels ``unknown``, ``none`` and
    ``multiple`` are left out, and so is a group that is itself the reference. Only the counts of the groups decide, not
    their names or their order. A verdict must hold whether rows that say the same count once or each
    (``GroupRate.once_n``); else it is INCONCLUSIVE. ValueError where two groups have one name, or none has that of the
    reference.
    """
    judged = _judged(rates, question)
    groups = _said(judged, question, what)
    once = [rate.counted_once for rate in judged]
    if once != judged:
        groups = tuple(map(_in_both, groups, _said(once, question, what)))
    return _answer(groups, question, homogeneity_p([sample_of(rate) for rate in judged if rate.n]))


def _said(judged: Sequence[GroupRate], question: Question, what: str) -> tuple[Compared, ...]:
    """What is said of each group that is compared."""
    shown = [rate for rate in judged if question.reference in (BEST, REST) or rate.group != question.reference]
    samples = [sample_of(rate) for rate in judged if rate.n]
    said: dict[str, Compared] = {}
    if _comparable(samples, question):
        contrasts = contrasts_of(samples, question)
        levels = levels_of(judgeable(contrasts), question)
        required = _required(judged, samples, question)
        p_values = _p_values(contrasts, samples, question)
        by_name = {rate.group: rate for rate in judged}
        for contrast, p in zip(contrasts, p_values, strict=True):
            rate = by_name[contrast.sample.group]
            one = _compared(contrast, rate, question, levels, required)
            one = replace(one, p=p, screen=_screen(contrast, p, question))
            said[rate.group] = replace(one, sentence=sentence_of(one, _other(one, judged, question), question, what))
    return tuple(said.get(rate.group) or _alone(rate) for rate in shown)


def _in_both(one: Compared, once: Compared) -> Compared:
    """What was said of a group, if it holds where rows that say the same count once as well."""
    one = replace(one, screen=one.screen and once.screen)
    if one.verdict == once.verdict or one.verdict not in ("PASS", "FAIL"):
        return one
    sentence = f"{one.sentence} Rows that say the same counted once, that is {once.verdict}, so nothing is claimed."
    return replace(one, verdict="INCONCLUSIVE", required_n=once.required_n, sentence=sentence)


def verdicts(rates: Sequence[GroupRate], question: Question) -> list[Verdict]:
    """The verdicts of ``compare`` alone, of the groups that have rows: what simulations call."""
    samples = [sample_of(rate) for rate in _judged(rates, question) if rate.n]
    if not _comparable(samples, question):
        return ["NOT_ASSESSED"] * len(samples)
    contrasts = contrasts_of(samples, question)
    levels = levels_of(judgeable(contrasts), question)
    return [verdict_of(contrast, question, levels) for contrast in contrasts]


def of_all(groups: Sequence[Verdict]) -> Verdict:
    """The verdict on a metric: FAIL if any group does, PASS if all that are assessed do."""
    assessed = [verdict for verdict in groups if verdict != "NOT_ASSESSED"]
    if not assessed:
        return "NOT_ASSESSED"
    if "FAIL" in assessed:
        return "FAIL"
    return "PASS" if all(verdict == "PASS" for verdict in assessed) else "INCONCLUSIVE"


def _judged(rates: Sequence[GroupRate], question: Question) -> list[GroupRate]:
    judged = [rate for rate in rates if rate.group not in UNCOMPARED]
    names = Counter(rate.group for rate in judged)
    if twice := sorted(name for name, times in names.items() if times > 1):
        raise ValueError(f"two groups are called {twice[0]}")
    if question.reference not in (BEST, REST, *names):
        raise ValueError(f"no group is called {question.reference}; there are {', '.join(sorted(names)) or 'none'}")
    if wrong := [rate.group for rate in judged if not 0 <= rate.hits <= rate.n]:
        raise ValueError(f"{wrong[0]} has more hits than rows, or fewer than none")
    return judged


def _comparable(samples: Sequence[Sample], question: Question) -> bool:
    """Whether two groups have rows, the reference among them, and there is a ratio."""
    if len(samples) < 2 or (question.scale == "ratio" and not any(one.hits for one in samples)):
        return False
    return question.reference in (BEST, REST) or any(one.group == question.reference for one in samples)


def _compared(
    contrast: Contrast, rate: GroupRate, question: Question, levels: Levels, required: int | None
) -> Compared:
    reference = contrast.reference(question)
    estimate = _estimate(contrast.sample, reference, question)
    verdict = verdict_of(contrast, question, levels)
    plenty = not contrast.too_few and (required is None or contrast.sample.n >= required)
    return replace(
        _alone(rate),
        reference=reference.group,
        estimate=estimate,
        interval=interval_of(contrast, question, levels.fail),
        pass_interval=interval_of(contrast, question, levels.passing),
        verdict=verdict,
        too_few=contrast.too_few,
        required_n=in_rows(required, rate.n, rate.worth),
        undecidable=verdict == "INCONCLUSIVE" and plenty and _near(estimate, question),
    )


def _alone(rate: GroupRate) -> Compared:
    """What can be said of a group by itself."""
    return Compared(
        group=rate.group,
        reference="",
        n=rate.n,
        hits=rate.hits,
        effective_n=rate.worth,
        rate=rate.rate,
        rate_interval=wilson((rate.rate or 0.0) * rate.worth, rate.worth),
        sentence=f"{rate.group}: {rate.hits:,} of {rate.n:,} rows." if rate.n else f"{rate.group} has no rows.",
    )


def _pair(sample: Sample, other: Sample) -> Pair:
    return Pair(sample.hits, sample.n, other.hits, other.n)


def _estimate(sample: Sample, reference: Sample, question: Question) -> float | None:
    if sample is reference:
        return 1.0 if question.scale == "ratio" else 0.0
    return _pair(sample, reference).estimate(question.scale)


def _other(one: Compared, judged: Sequence[GroupRate], question: Question) -> GroupRate:
    """What a group was compared with, as counts."""
    if question.reference != REST:
        return next(rate for rate in judged if rate.group == one.reference)
    others = [rate for rate in judged if rate.group != one.group]
    return GroupRate(REST, sum(rate.hits for rate in others), sum(rate.n for rate in others))


def _required(judged: Sequence[GroupRate], samples: Sequence[Sample], question: Question) -> int | None:
    """Independent rows that no group may have fewer of, at the rate of all groups together, kept from 0 and 1."""
    hits, n = sum(rate.hits for rate in judged), sum(rate.n for rate in judged)
    reference = [one.n for one in samples if one.group == question.reference]
    others = [one.n for one in samples if one.group != question.reference]
    return rows_to_pass((hits + 0.5) / (n + 1), [*reference, *others], question)


def _near(estimate: float | None, question: Question) -> bool:
    """Whether an estimate lies at the tolerance; anything does where parity itself is the tolerance."""
    if not question.limit or question.limit == 1:
        return True
    if not estimate:
        return False
    if question.scale == "difference":
        return abs(abs(estimate) - question.tolerance) < NEAR * question.tolerance
    return abs(abs(log(estimate)) + log(question.tolerance)) < -NEAR * log(question.tolerance)


def _p_values(contrasts: Sequence[Contrast], samples: Sequence[Sample], question: Question) -> list[float | None]:
    """Of each contrast, by Holm: over the groups, or over all pairs where the reference is chosen from the data."""
    references = [contrast.reference(question) for contrast in contrasts]
    if question.reference != BEST:
        pairs = [_pair(contrast.sample, other) for contrast, other in zip(contrasts, references, strict=True)]
        return [*holm([difference_p(pair) for pair in pairs])]
    pairs_of_groups = list(combinations(sorted(samples, key=lambda one: one.group), 2))
    adjusted = holm([difference_p(_pair(*pair)) for pair in pairs_of_groups])
    of_pair = {frozenset(one.group for one in pair): p for pair, p in zip(pairs_of_groups, adjusted, strict=True)}
    names = [(contrast.sample.group, other.group) for contrast, other in zip(contrasts, references, strict=True)]
    return [of_pair.get(frozenset(pair)) for pair in names]


def _screen(contrast: Contrast, p: float | None, question: Question) -> bool:
    """The four-fifths screen, which knows adversely low rates only."""
    if p is None or question.side == "high":
        return False
    return four_fifths(_pair(contrast.sample, contrast.reference(question)), p)


def _answer(groups: tuple[Compared, ...], question: Question, omnibus_p: float | None) -> Disparity:
    verdict = of_all([one.verdict for one in groups])
    assessed = [one for one in groups if one.verdict == verdict and verdict != "NOT_ASSESSED"]
    worst = min(assessed, key=lambda one: _rank(one, question), default=None)
    return Disparity(
        question=question,
        groups=groups,
        verdict=verdict,
        worst=worst.group if worst else None,
        required_n=max((one.required_n for one in groups if one.required_n is not None), default=None),
        sentence=summary_of(groups, worst, verdict, question),
        omnibus_p=omnibus_p,
    )


def _rank(one: Compared, question: Question) -> tuple[bool, bool, float, str]:
    """The worst first: what FAILs, what has enough rows, what is further on the adverse side, by name."""
    without = HIGHEST_RATIO if one.hits else 1.0  # to a rate of 0
    estimate = without if one.estimate is None else one.estimate
    if question.side == "high":
        estimate = -estimate
    elif question.side == "both" and question.reference != BEST:
        estimate = min(estimate, mirrored(question.scale, estimate))
    return one.verdict != "FAIL", one.too_few, estimate, one.group
