"""Makes one decision of what several people said of a row, or none, and gathers what they said for their agreement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from audit.remedy.review.decisions import Action, Decision
from audit.remedy.review.report import Merge
from audit.remedy.review.votes import Vote
from audit.statistics.agreement import Ratings


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions, in the order of the data; the rows on which people disagree, with what they said; how many
    rows were decided against somebody's word, and of how many of these an adjudicated sheet had the last one."""

    decisions: tuple[Decision, ...]
    disputed: Mapping[str, Sequence[Vote]]
    overruled: int
    settled: int


def merged(
    votes: Mapping[str, Sequence[Vote]], adjudicated: Mapping[str, Sequence[Vote]], rule: Merge, order: Sequence[str]
) -> Merged:
    """One decision for every row of ``order`` that has one. Votes in ``adjudicated`` are the last word, if they agree;
    the others are merged by ``rule``."""
    decisions: list[Decision] = []
    disputed: dict[str, Sequence[Vote]] = {}
    overruled = settled = 0
    for row_id in order:
        said, final = votes.get(row_id, ()), adjudicated.get(row_id, ())
        verdict = _verdict(final, "unanimous") if final else _verdict(said, rule)
        if verdict is None:
            disputed[row_id] = [*said, *final]
            continue
        everybody = [*said, *final]
        decisions.append(_decision(row_id, verdict, everybody))
        against = any(vote.verdict != verdict for vote in everybody)
        overruled += against
        settled += against and bool(final)
    return Merged(decisions=tuple(decisions), disputed=disputed, overruled=overruled, settled=settled)


def _verdict(votes: Sequence[Vote], rule: Merge) -> tuple[Action, str] | None:
    """What the votes come to, None where the rule does not decide."""
    if rule == "first":
        return votes[0].verdict
    ((verdict, most),) = Counter(vote.verdict for vote in votes).most_common(1)
    enough = len(votes) if rule == "unanimous" else len(votes) // 2 + 1
    return verdict if most >= enough else None


def _decision(row_id: str, verdict: tuple[Action, str], votes: Iterable[Vote]) -> Decision:
    """The decision, in the names of those who are for it, with the notes of all."""
    action, label = verdict
    said = list(votes)
    noted = [vote for vote in said if vote.note]
    return Decision(
        row_id=row_id,
        action=action,
        label=label or None,
        reviewers=tuple(dict.fromkeys(vote.reviewer for vote in said if vote.verdict == verdict)),
        note=noted[0].note if len(said) == 1 and noted else "; ".join(f"{one.reviewer}: {one.note}" for one in noted),
    )


def decision_ratings(votes: Mapping[str, Sequence[Vote]]) -> Ratings:
    """What every reviewer would do with the rows: keep, drop, quarantine or relabel."""
    return _ratings((vote, vote.action) for said in votes.values() for vote in said)


def label_ratings(votes: Mapping[str, Sequence[Vote]]) -> Ratings:
    """Which label every reviewer gives to the rows that stay: a new one, or the one that is kept."""
    given = ((vote, vote.label or vote.current) for said in votes.values() for vote in said)
    return _ratings((vote, label) for vote, label in given if label and vote.action in ("keep", "relabel"))


def _ratings(said: Iterable[tuple[Vote, str]]) -> Ratings:
    ratings: dict[str, dict[str, str]] = {}
    for vote, category in said:
        ratings.setdefault(vote.reviewer, {})[vote.row_id] = category
    return ratings
