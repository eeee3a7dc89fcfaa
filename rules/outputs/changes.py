"""How often an arm's outputs are marked for something: by replicate, and against another arm on the same questions.

Says whether a change is chance; whether it is bad is for a rule to say. Imports numpy inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from audit.model import Json
from audit.outputs.arms import Roles
from audit.outputs.table import Outputs
from audit.rules.outputs.figures import LEVEL, rounded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Marks = NDArray[np.bool_]
    Values = NDArray[np.float64]

Role: TypeAlias = Literal["base", "compared"]


class Change(NamedTuple):
    """The share of the judged arm less that of the arm ``against``, over the ``n`` questions that both answered.

    Of a question, an arm has the mean over its seeds and samples. ``interval`` is at 95 % and knows of clusters, None
    for a single one; ``more`` and ``fewer`` count the clusters in which the judged arm does it more or less often, and
    ``p`` is McNemar's exact two-sided test of them.
    """

    against: str
    role: Role
    n: int
    difference: float
    interval: tuple[float, float] | None
    more: int
    fewer: int
    p: float

    @property
    def rises(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.interval is not None and self.interval[0] > 0

    @property
    def falls(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.interval is not None and self.interval[1] < 0

    @property
    def words(self) -> str:
        """The difference and its interval for a sentence, in points."""
        direction = "more" if self.difference > 0 else "fewer"
        if self.difference == 0:
            return f"as many as {self.against}"
        if self.interval is None:
            return f"{_points(abs(self.difference))} points {direction} than {self.against}"
        low, high = sorted(self.interval if self.difference > 0 else (-self.interval[1], -self.interval[0]))
        undecided = "" if self.rises or self.falls else ", which may be chance"
        about = f"({_points(low)} to {_points(high)} with 95 % confidence)"
        return f"{_points(abs(self.difference))} points {direction} than {self.against} {about}{undecided}"

    @property
    def table(self) -> Json:
        """As an entry of a table."""
        return {
            "against": self.against,
            "role": self.role,
            "n": self.n,
            "difference": self.difference,
            "interval": list(self.interval) if self.interval else None,
            "level": LEVEL,
            "more": self.more,
            "fewer": self.fewer,
            "p": self.p,
        }


def _points(share: float) -> str:
    points = f"{100 * share:.1f}".removesuffix(".0")
    return "0" if points == "-0" else points


def changes(arm: str, named: Roles, told: Callable[[str], tuple[Outputs, Marks] | None]) -> list[Change]:
    """How the judged arm differs from the base arm and from the one without remediation; none for other arms.

    ``told`` gives the outputs of an arm that are judged and which of them do it, or None where there are none.
    """
    if arm != named.judged or (own := told(arm)) is None:
        return []
    return [change for other, role in _others(named) if (change := _change(own, told(other), other, role)) is not None]


def _others(named: Roles) -> Iterator[tuple[str, Role]]:
    if named.base:
        yield named.base, "base"
    if named.compared:
        yield named.compared, "compared"


def _change(own: tuple[Outputs, Marks], other: tuple[Outputs, Marks] | None, name: str, role: Role) -> Change | None:
    import numpy as np

    from audit.statistics.paired import mcnemar, mean_over_clusters

    found = on_same_questions(own, other) if other is not None else None
    if found is None:
        return None
    mean = mean_over_clusters(found.differences, found.clusters, bounded=True)
    assert mean is not None
    signs = np.round(found.by_cluster(found.differences), 9)
    more, fewer = int((signs > 0).sum()), int((signs < 0).sum())
    interval = mean.interval and (rounded(max(-1.0, mean.interval[0])), rounded(min(1.0, mean.interval[1])))
    return Change(name, role, found.n, rounded(mean.value), interval, more, fewer, rounded(mcnemar(more, fewer)))


class SameQuestions(NamedTuple):
    """The means of two arms over the outputs to each question that both have one for, (n,), and its cluster, (n,)."""

    first: Values
    second: Values
    clusters: NDArray[np.int64]

    @property
    def n(self) -> int:
        return len(self.first)

    @property
    def differences(self) -> Values:
        return self.first - self.second

    def by_cluster(self, values: Values) -> Values:
        """The means of the clusters, each of which counts once."""
        from audit.statistics.paired import cluster_means

        return cluster_means(values, self.clusters)


def on_same_questions(
    own: tuple[Outputs, Marks | Values], other: tuple[Outputs, Marks | Values]
) -> SameQuestions | None:
    """Two arms' outputs with a value for each, question by question; None where they have none in common. The answers
    of all seeds and samples of a question are averaged first."""
    import numpy as np

    first, second = _by_item(*own), _by_item(*other)
    both = np.flatnonzero(~np.isnan(first) & ~np.isnan(second))
    if not len(both):
        return None
    clusters = np.full(len(first), -1, np.int64)
    clusters[own[0].item] = own[0].cluster
    return SameQuestions(first[both], second[both], clusters[both])


def _by_item(part: Outputs, values: Marks | Values) -> Values:
    """The mean of the values of each question's outputs, (items,); NaN where it has none."""
    import numpy as np

    counts = np.bincount(part.item, minlength=len(part.items))
    sums = np.bincount(part.item, weights=values, minlength=len(part.items))
    means: Values = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means


def shares_by_seed(part: Outputs, marks: Marks) -> list[Json]:
    """The share of marked outputs of every replicate of an arm."""
    found: list[Json] = []
    for seed in sorted(set(part.seed.tolist())):
        own = marks[part.seed == seed]
        found.append({"seed": seed, "n": len(own), "hits": int(own.sum()), "value": round(float(own.mean()), 6)})
    return found
