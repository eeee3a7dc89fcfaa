"""A change between arms as the table of a measure, in JSON values. Compares nothing."""

from __future__ import annotations

from collections.abc import Sequence

from audit.model import Json
from audit.outputs.table import Groups
from audit.rules.fairness.arm_changes import ArmComparison, FigureChange, SeedChange
from audit.rules.fairness.change_sentences import Subject, change_sentence


def change_table(
    told: Sequence[tuple[ArmComparison, FigureChange]], groups: Groups | None, about: Subject
) -> dict[str, Json]:
    """What the measure of one figure holds; ``told`` are its comparisons, in the order in which they are shown."""
    metric, group = told[0][1].metric, told[0][1].group
    entries = [_entry(of, change, about) for of, change in told]
    return {
        "metric": metric.key,
        "title": metric.title,
        "attribute": about.attribute or None,
        "kind": groups.attribute.kind if groups else None,
        "group": group,
        "reference": about.reference if metric.better == "nearer zero" else None,
        "better": metric.better,
        "comparisons": entries,
        "sentence": entries[0]["sentence"],
    }


def _entry(of: ArmComparison, change: FigureChange, about: Subject) -> dict[str, Json]:
    sentence = change_sentence(change, of, about)
    return {
        "kind": of.kind,
        "arm": of.arm,
        "against": of.against,
        "pairs": len(change.seeds),
        "questions": of.questions,
        "missing": rounded(of.missing),
        "one_against": of.fixed,
        "seeds": [_seed(one) for one in change.seeds],
        "from": rounded(change.before),
        "to": rounded(change.after),
        "change": rounded(change.change),
        "sd": rounded(change.sd),
        "interval": rounded_interval(change.interval),
        "scope": change.scope,
        "rows_interval": rounded_interval(change.rows_interval),
        "size_interval": rounded_interval(change.size_interval),
        "share": rounded(change.share),
        "share_interval": rounded_interval(change.share_interval),
        "share_bound": rounded(change.share_bound),
        "worst": None if change.worst is None else _seed(change.worst),
        "too_few": [{"group": name, "n": n} for name, n in change.few.items()],
        "left_out": list(change.left_out),
        "hides": list(change.hides),
        "outcome": change.outcome,
        "reason": sentence if change.outcome == "not estimable" else "",
        "sentence": sentence,
    }


def _seed(one: SeedChange) -> dict[str, Json]:
    return {
        "seed": one.seed,
        "from": rounded(one.before),
        "to": rounded(one.after),
        "change": rounded(one.change),
        "share": rounded(one.share),
    }


def rounded(value: float | None) -> float | None:
    """Six decimals, as every figure of a measure; 0 has no sign."""
    return None if value is None else round(value, 6) + 0.0


def rounded_interval(interval: tuple[float, float] | None) -> list[Json] | None:
    """Both ends with six decimals."""
    return None if interval is None else [rounded(end) for end in interval]
