"""FAI209: whether a model's probabilities mean the same for every group. Compares no decisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from audit.model import Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.demographics.groups import Groups, as_json
from audit.rules.demographics.outcomes import why_no_rate
from audit.rules.demographics.rates import LEVEL, rounded
from audit.rules.fairness.arms import NEEDS, Arm, arms_of, groups_of, questions_by
from audit.rules.fairness.mean_probability import Probabilities, probabilities_of
from audit.rules.fairness.tables import points
from audit.rules.fairness.withheld import Withheld, because, withheld
from audit.rules.labels.reporting import quoted
from audit.statistics.multiple_tests import sidak

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit.statistics.calibration import Calibration

    Marks = NDArray[np.bool_]


class CalibrationByGroup(DatasetRule, frozen=True):
    """A model promises some group the favourable label more, or less, often than it is true there.

    The probability of the favourable labels (`[data] favourable`; several are added up) against the truth, by group: in
    the large (mean probability minus base rate), the slope of the log-odds (1 is right, below 1 too sure), the squared
    error (Brier), and the expected calibration error, which never stands without its 95 % quantile where the
    probabilities are right. Of several seeds the means are over all, in which a question counts once; slope and
    calibration error are given by seed. Measured for every arm that was asked and has probabilities; reported is a
    group of the arm that is to be signed whose whole interval in the large lies beyond ``tolerance`` (0.02: two points).
    Measure: ``calibration``.

    Bad:
        60 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant", "label_scores": {"grant": 0.99, "deny": 0.01}, "attributes": {"sex": "f"}}
        20 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny", "label_scores": {"grant": 0.45, "deny": 0.55}, "attributes": {"sex": "f"}}
        60 x {"row_id": "c{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "grant", "label_scores": {"grant": 0.99, "deny": 0.01}, "attributes": {"sex": "m"}}
        20 x {"row_id": "d{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "label_scores": {"grant": 0.02, "deny": 0.98}, "attributes": {"sex": "m"}}
    Good:
        60 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant", "label_scores": {"grant": 0.99, "deny": 0.01}, "attributes": {"sex": "f"}}
        20 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny", "label_scores": {"grant": 0.02, "deny": 0.98}, "attributes": {"sex": "f"}}
        60 x {"row_id": "c{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "grant", "label_scores": {"grant": 0.99, "deny": 0.01}, "attributes": {"sex": "m"}}
        20 x {"row_id": "d{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "label_scores": {"grant": 0.02, "deny": 0.98}, "attributes": {"sex": "m"}}
    Do: say that the probabilities are not to be read as chances for that group, or calibrate them on held-out rows. A
        model that was trained with weights promises more where they favour a group: that is what the weights ask for.
    """  # noqa: E501

    code: ClassVar[str] = "FAI209"
    name: ClassVar[str] = "calibration-differs"
    severity: ClassVar[Severity] = Severity.WARNING
    judges: ClassVar = "outputs"
    needs: ClassVar[frozenset[Product]] = NEEDS
    example: ClassVar[dict[str, Json]] = {
        "sections": {
            "data": {"favourable": "grant"},
            "attributes": {"sex": {"field": "metadata.sex"}},
        },
    }

    tolerance: float = 0.02

    def applies_to(self, run: Run) -> str | None:
        """Needs an attribute and a favourable label."""
        return super().applies_to(run) or why_no_rate(run)

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The calibration of every arm by group, and a hit for each group of the judged arm that is beyond."""
        for arm in arms_of(context, run):
            probabilities = probabilities_of(arm)
            if probabilities is None:
                continue
            known = Probabilities(probabilities.values, probabilities.usable & arm.known)
            for by in groups_of(arm, run, 0):
                entries = [_of_group(arm, by.groups, known, at) for at in by.groups.compared]
                held = withheld(
                    arm, by.groups, by.groups.rates(arm.positive, arm.evidence, known.usable), "calibration"
                )
                yield self._measure(arm, by.groups, known, entries, held)
                if arm.judged and not held.whole:
                    yield from self._hits(arm, by.groups, entries)

    def _measure(
        self, arm: Arm, groups: Groups, known: Probabilities, entries: list[dict[str, Json]], held: Withheld
    ) -> Measure:
        overall = _entry("", arm, known, known.usable)
        found = [entry for entry in entries if entry["in_the_large"] is not None]
        worst = max(found, key=lambda entry: abs(entry["in_the_large"]), default=None)
        table = {
            **groups.facts(),
            "favourable": [arm.outputs.classes[code] for code in arm.favourable],
            "seeds": list(arm.seeds),
            "groups": entries,
            "overall": {key: fact for key, fact in overall.items() if key != "group"},
            "by_seed": [] if arm.one_each else [_of_seed(arm, groups, known, seed) for seed in arm.seeds],
            "tolerance": self.tolerance,
            "interval_level": LEVEL,
            "simultaneous_level": round(sidak(_judgeable(groups, arm)), 6),
            "withheld": list(held.whole),
            "sentence": because(held) + _sentence(groups, worst, self.tolerance),
        }
        return self.measure(
            "calibration",
            None if worst is None else abs(worst["in_the_large"]),
            table=table,
            n=int(known.usable.sum()),
            level=LEVEL,
            attribute=groups.attribute.name,
            arm=arm.name,
        )

    def _hits(self, arm: Arm, groups: Groups, entries: list[dict[str, Json]]) -> Iterator[Hit]:
        for entry in entries:
            if not _beyond(entry, self.tolerance) or entry["questions"] < groups.attribute.min_n:
                continue
            yield self.hit(
                f"{arm.name}: {groups.title}: the mean probability of {quoted(entry['group'])} lies "
                f"{points(entry['in_the_large'], entry['interval'])} from the rate of the favourable "
                f"label among its {entry['n']:,} outputs, beyond the tolerance of {100 * self.tolerance:.1f}",
                scope="dataset",
                key=f"{arm.name}\x1f{groups.attribute.name}\x1f{entry['group']}",
                evidence={
                    "arm": arm.name,
                    "attribute": groups.attribute.name,
                    **{key: entry[key] for key in ("group", "n", "in_the_large", "interval", "simultaneous")},
                    "tolerance": self.tolerance,
                },
            )


def _of_group(arm: Arm, groups: Groups, known: Probabilities, at: int) -> dict[str, Json]:
    own = known.usable & (groups.codes == at)
    return {
        **_entry(groups.names[at], arm, known, own),
        "questions": questions_by(arm, groups, own)[at],
        "simultaneous": _simultaneous(arm, known, own, sidak(_judgeable(groups, arm))),
    }


def _judgeable(groups: Groups, arm: Arm) -> int:
    """Over how many groups the error is spread: those with enough questions."""
    asked = questions_by(arm, groups, arm.known)
    return sum(asked[at] >= groups.attribute.min_n for at in groups.compared)


def _simultaneous(arm: Arm, known: Probabilities, own: Marks, level: float) -> Json:
    """The interval in the large that a finding rests on, which holds for all groups together."""
    import numpy as np

    from audit.statistics.calibration import beyond_chance

    outcomes = arm.positive[own].astype(np.int64)
    found = beyond_chance(known.values[own], outcomes, arm.evidence.together[own], level)
    return found and list(rounded(found))


def _entry(group: str, arm: Arm, known: Probabilities, own: Marks) -> dict[str, Json]:
    """The calibration of some outputs. Slope and calibration error are of independent outputs: of several answers to
    one question they stand with each seed."""
    import numpy as np

    from audit.statistics.calibration import calibration

    found = calibration(known.values[own], arm.positive[own].astype(np.int64), arm.evidence.together[own])
    if found is None:
        return {"group": group, "n": 0, **dict.fromkeys(_FIGURES)}
    large, brier = found.in_the_large, found.brier
    return {
        "group": group,
        "n": found.n,
        "in_the_large": round(large.value, 6),
        "interval": large.interval and list(rounded(large.interval)),
        "brier": round(brier.value, 6),
        "brier_interval": brier.interval and list(rounded(brier.interval)),
        **(_shape(found) if arm.one_each else dict.fromkeys(("slope", "intercept", "binned"))),
    }


_FIGURES = ("in_the_large", "interval", "brier", "brier_interval", "slope", "intercept", "binned")


def _shape(found: Calibration) -> dict[str, Json]:
    return {
        "slope": as_json(found.slope and found.slope._asdict()),
        "intercept": as_json(found.intercept and found.intercept._asdict()),
        "binned": as_json(found.binned._asdict()),
    }


def _of_seed(arm: Arm, groups: Groups, known: Probabilities, seed: int) -> Json:
    import numpy as np

    from audit.statistics.calibration import calibration

    entries: list[Json] = []
    for at in groups.compared:
        own = known.usable & (groups.codes == at) & (arm.outputs.seed == seed)
        found = calibration(known.values[own], arm.positive[own].astype(np.int64))
        if found is not None:
            large = round(found.in_the_large.value, 6)
            entries.append({"group": groups.names[at], "n": found.n, "in_the_large": large, **_shape(found)})
    return {"seed": seed, "groups": entries}


def _beyond(entry: dict[str, Json], tolerance: float) -> bool:
    interval = entry["simultaneous"]
    return interval is not None and (interval[0] > tolerance or interval[1] < -tolerance)


def _sentence(groups: Groups, worst: dict[str, Json] | None, tolerance: float) -> str:
    """How far the mean probability of the group that is furthest off lies from its base rate."""
    if worst is None:
        return (
            f"Calibration by {groups.attribute.name} is not estimable: no output has a probability and a known truth."
        )
    follows = "beyond" if _beyond(worst, tolerance) else "not clearly beyond"
    return (
        f"Furthest from its base rate is the mean probability of {worst['group']}: "
        f"{points(worst['in_the_large'], worst['interval'])} over {worst['n']:,} outputs, {follows} "
        f"{100 * tolerance:.1f} points."
    )
