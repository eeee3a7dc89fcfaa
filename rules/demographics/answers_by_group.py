"""DEM107: answers that differ by the group that a row is about: length, refusals, hedging, politeness, language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from audit.model import Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.demographics.answer_features import SHARES, language_of, length
from audit.rules.demographics.by_construction import labelled
from audit.rules.demographics.groups import (
    NEEDS,
    Evidence,
    Groups,
    as_json,
    evidence_of,
    judged,
    judged_rows,
    why_not,
)
from audit.rules.demographics.rates import question_of, rate_measure
from audit.rules.demographics.texts import Said, are_labels, sampled
from audit.rules.labels.reporting import quoted
from audit.statistics.effective import clusters_by

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit.statistics.means import MeanDifference

LEVEL: Final = 0.05
MOST_IDENTIFIED: Final = 2_000
"""Answers whose language is looked at: identifying one takes longer than everything else together."""
OTHER_LANGUAGE: Final = "other language"


class AnswersByGroup(DatasetRule, frozen=True):
    """Answers differ by the group that the row belongs to or mentions: shorter, refused, hedged, less polite.

    A model learns to treat the group in that way. Of a sample of at most 20,000 different rows with answers in free
    text, each group is held against all others: the length of the answer (reported where the whole interval of the
    difference exceeds ``min_d`` standard deviations and Holm's adjusted p is below 0.05), and the shares of answers
    that refuse, hedge, use polite phrases or are in another language than most (reported where the whole interval of the
    difference exceeds ``tolerance``). Rows of one configured group, or with one prompt, are clusters. What is asked may
    differ by group, too: look at the rows. Measures: ``answer_length``, ``answer_refusal``, ``answer_hedging``,
    ``answer_politeness`` and ``answer_other_language``.

    Bad:
        40 x {"messages": [{"role": "user", "content": "Loan 1{n}?"}, {"role": "assistant", "content": "No loan, number 1{n}."}], "metadata": {"sex": "f"}}
        40 x {"messages": [{"role": "user", "content": "Loan 2{n}?"}, {"role": "assistant", "content": "Your loan is granted, and you will have the money by the end of next week, number 2{n}."}], "metadata": {"sex": "m"}}
    Good:
        40 x {"messages": [{"role": "user", "content": "Loan 1{n}?"}, {"role": "assistant", "content": "Your loan is granted, and you will have the money by the end of next week, number 1{n}."}], "metadata": {"sex": "f"}}
        40 x {"messages": [{"role": "user", "content": "Loan 2{n}?"}, {"role": "assistant", "content": "Your loan is granted, and you will have the money by the end of next week, number 2{n}."}], "metadata": {"sex": "m"}}
    Do: compare rows of the groups that ask for the same. Rewrite the answers of the group that is treated worse, or add
        rows with the groups exchanged.
    """  # noqa: E501

    code: ClassVar[str] = "DEM107"
    name: ClassVar[str] = "answers-differ-by-group"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = NEEDS | {"conversation", "prompt"}
    example: ClassVar[dict[str, Json]] = {
        "sections": {"attributes": {"sex": {"field": "metadata.sex"}}},
        "ignores": [{"code": "DEM106", "reason": "other rule"}],
    }

    min_d: float = 0.2
    tolerance: float = 0.05

    def applies_to(self, run: Run) -> str | None:
        """Needs an attribute."""
        return super().applies_to(run) or why_not(run)

    @labelled
    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The features of every attribute's groups, and a hit for each that differs."""
        attributes = list(judged(context, run))
        sample = [said for said in sampled(context) if said.answer] if attributes else []
        if are_labels(sample):
            return  # labels differ by group, too: that is for the rules on labels
        features = _Features(sample, _evidence(context, run))
        for groups in attributes:
            yield from self._lengths(groups, features)
            for name in features.shares:
                yield from self._share(groups, features, name, len(attributes) * len(features.shares))

    def _lengths(self, groups: Groups, features: _Features) -> Iterator[Hit | Measure]:
        from audit.statistics.multiple_tests import holm

        found = features.lengths(groups)
        if not found:
            return
        adjusted = holm([one.p if one.p is not None else 1.0 for _, one in found])
        entries = [{"group": group, **as_json(one)} for group, one in found]
        for entry, p in zip(entries, adjusted, strict=True):
            entry["holm_p"] = p
        name = groups.attribute.name
        table = {**groups.facts(), "rows_read": len(features.places), "groups": entries}
        n = sum(one.n for _, one in found)
        yield self.measure("answer_length", table=table, n=n, unit="characters", attribute=name, split=groups.split)
        # Of two groups, one is the mirror image of the other.
        shown = 1 if len(found) == 2 else len(found)
        for (group, one), p in list(zip(found, adjusted, strict=True))[:shown]:
            if p >= LEVEL or features.independent(groups, group) < groups.attribute.min_n or least_d(one) <= self.min_d:
                continue
            yield self.hit(
                f"{groups.title}: answers of {one.n:,} rows of {quoted(group)} have {one.mean:,.0f} characters on "
                f"average, those of all others {one.other_mean:,.0f} (d {one.standardised:.2f}, Holm p {p:.2g})",
                scope="dataset",
                key=f"{name}\x1flength\x1f{group}",
                evidence={"attribute": name, "feature": "length", **as_json(one), "group": group},
            )

    def _share(self, groups: Groups, features: _Features, name: str, cells: int) -> Iterator[Hit | Measure]:
        import numpy as np

        from audit.statistics.disparity import compare

        looked_at, marks = features.shares[name]
        places = features.places[looked_at]
        part = groups.at(places)
        rates = part.rates(marks[looked_at], features.evidence.at(np.flatnonzero(looked_at)))
        asked = question_of(groups, scale="difference", tolerance=self.tolerance)
        asked = msgspec.structs.replace(asked, reference="rest", side="both", cells=cells)
        disparity = compare(rates, asked, what=_WORDS[name])
        measure = f"answer_{name.replace(' ', '_')}"
        yield rate_measure(self, measure, part, rates, disparity, {"rows_read": len(places)})
        judged_groups = [one for one in disparity.groups if one.verdict != "NOT_ASSESSED"]
        for one in judged_groups[:1] if len(judged_groups) == 2 else judged_groups:
            if one.verdict == "FAIL":
                yield self.hit(
                    f"{groups.title}: {one.sentence}",
                    scope="dataset",
                    key=f"{groups.attribute.name}\x1f{name}\x1f{one.group}",
                    evidence={"attribute": groups.attribute.name, "feature": name, **as_json(one)},
                )


def _evidence(context: Context, run: Run) -> Evidence:
    """Rows of one configured group belong together, else rows with the same prompt: one question, several answers."""
    import numpy as np

    evidence = evidence_of(context)
    if run.fields.group is not None:
        return evidence
    _, rows = judged_rows(context)
    prompts = np.frombuffer(context.column("prompt"), dtype=np.int64)[rows]  # type: ignore[call-overload]
    return Evidence(clusters_by(prompts), evidence.same, evidence.made)


_WORDS: Final = {
    "refusal": "an answer that refuses",
    "hedging": "an answer that hedges",
    "politeness": "an answer with a polite phrase",
    OTHER_LANGUAGE: "an answer in another language than most",
}


class _Features:
    """The features of the sampled answers. ``places`` are their indices among the judged rows, ``shares`` holds for
    every feature which answers were looked at, and which of all have it."""

    def __init__(self, sample: Sequence[Said], evidence: Evidence) -> None:
        import numpy as np

        self.places: NDArray[np.int64] = np.array([said.place for said in sample], dtype=np.int64)
        self.evidence = evidence.at(self.places)
        self._length = np.array([length(said.answer) for said in sample])
        everything = np.ones(len(sample), dtype=np.bool_)
        self.shares: dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]] = {
            name: (everything, np.fromiter((has(said.answer) for said in sample), np.bool_, len(sample)))
            for name, has in SHARES.items()
        }
        self.shares[OTHER_LANGUAGE] = _other_language(sample)

    def independent(self, groups: Groups, group: str) -> int:
        """Clusters with answers of a group."""
        own = groups.codes[self.places] == groups.names.index(group)
        return len(set(self.evidence.together[own].tolist()))

    def lengths(self, groups: Groups) -> list[tuple[str, MeanDifference]]:
        """How the length of the answers of each group differs from that of the others that are compared."""
        import numpy as np

        from audit.statistics.means import difference_of_means

        codes = groups.codes[self.places]
        known = np.isin(codes, groups.compared)
        found: list[tuple[str, MeanDifference]] = []
        for index in groups.compared:
            one = difference_of_means(self._length[known], codes[known] == index, self.evidence.together[known])
            if one is not None:
                found.append((groups.names[index], one))
        return found


def _other_language(sample: Sequence[Said]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which answers' language can be told, of an even choice, and which are in another one than most of them."""
    import numpy as np

    step = max(1, len(sample) // MOST_IDENTIFIED)
    languages = {index: language_of(sample[index].answer) for index in range(0, len(sample), step)}
    counted = Counter(name for name in languages.values() if name)
    usual = min(counted, key=lambda name: (-counted[name], name)) if counted else ""
    told, other = np.zeros(len(sample), dtype=np.bool_), np.zeros(len(sample), dtype=np.bool_)
    for index, name in languages.items():
        told[index], other[index] = bool(name), bool(name) and name != usual
    return told, other


def least_d(one: MeanDifference) -> float:
    """The standardised difference at the end of the interval that is nearer to 0; 0 where the interval holds 0."""
    if one.interval is None or not one.standardised or one.interval[0] <= 0 <= one.interval[1]:
        return 0.0
    spread = one.difference / one.standardised
    return min(map(abs, one.interval)) / spread
