"""What is asked of the rates of groups, and what is answered: the nouns of ``audit.statistics.disparity``."""

from __future__ import annotations

from typing import Literal

import msgspec

from audit.model import Verdict
from audit.statistics.score import Scale


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the rates of groups. ValueError for a tolerance that the scale does not have.

    ``tolerance`` is the least ratio to the reference that is within, above 0 and at most 1, or the largest difference,
    0 to 1. ``reference`` is ``best`` (the highest rate; the lowest where high ones are adverse), ``rest`` (all others
    together) or the name of a group. ``side`` says which departures count: ``low``, a lower rate is adverse; ``high``,
    a higher one is, and a ratio may be at most 1 / tolerance; ``both``. Against the best there is no ``both``: it is
    the same as ``low``. ``alpha`` is the one-sided error of all ``cells`` together that a policy gates on; each has its
    share. Groups of fewer than ``min_n`` rows are too few to judge.
    """

    scale: Scale = "ratio"
    tolerance: float = 0.8
    reference: str = "best"
    side: Literal["low", "high", "both"] = "low"
    alpha: float = 0.05
    cells: int = 1
    min_n: int = 30

    def __post_init__(self) -> None:
        if not (0 < self.tolerance <= 1 if self.scale == "ratio" else 0 <= self.tolerance <= 1):
            raise ValueError(f"a {self.scale} has no tolerance of {self.tolerance}")
        if not 0 < self.alpha < 0.5 or self.cells < 1:
            raise ValueError(f"an error of {self.alpha} over {self.cells} cells cannot be held")

    @property
    def share_of_alpha(self) -> float:
        """The one-sided error of this cell: alpha / cells (Bonferroni)."""
        return self.alpha / self.cells

    @property
    def limit(self) -> float:
        """The least ratio, or the least (negative) difference, of the side that is worse off to the other."""
        return self.tolerance if self.scale == "ratio" else -self.tolerance


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of one group.

    ``estimate`` is the ratio or the difference of its rate to that of ``reference``; None where that is not estimable
    (a ratio to a rate of 0). Against the best it is at most 1 or 0, and the best observed group has itself for
    ``reference``. ``interval`` is simultaneous over all groups: FAIL when it lies wholly beyond the tolerance.
    ``pass_interval`` has the unadjusted one-sided error at each end: PASS when it lies wholly within.
    ``rate_interval`` is Wilson's at 95 %, of what the rows are worth (``effective_n``).

    ``too_few``: the group, or what it is compared with, has fewer than ``min_n`` rows, those that a remedy made of
    others left out. ``required_n``: if no group had fewer rows, all would PASS with probability 0.8 were there no
    disparity; None where no number would do.
    ``undecidable``: that many rows are there, and the estimate lies at the tolerance. ``p`` is that of the test of no
    difference to ``reference``, two-sided, by Holm over the groups. ``screen`` is the four-fifths rule, a screen and
    never a verdict: a ratio below 0.8 with p below 0.05.
    """

    group: str
    reference: str
    n: int
    hits: int
    effective_n: float
    rate: float | None
    rate_interval: tuple[float, float]
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    pass_interval: tuple[float, float] | None = None
    verdict: Verdict = "NOT_ASSESSED"
    too_few: bool = False
    required_n: int | None = None
    undecidable: bool = False
    p: float | None = None
    screen: bool = False
    sentence: str = ""


class Disparity(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a question: what was said of each group, in the order given, and of all of them.

    FAIL when any group does, PASS when all with rows do, else INCONCLUSIVE; NOT_ASSESSED where there is nothing to
    compare. ``worst`` is the group that is furthest on the adverse side: of those that FAIL if any does, else of those
    with enough rows. ``required_n`` is the largest of the groups'. ``omnibus_p`` is that of the chi-square test that
    all rates are equal; it decides nothing.
    """

    question: Question
    groups: tuple[Compared, ...]
    verdict: Verdict
    worst: str | None
    required_n: int | None
    sentence: str
    omnibus_p: float | None
