"""The kinds of rules, one per cost, and what a rule says it saw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import msgspec

from audit.model import (
    Applicability,
    Fix,
    Json,
    Line,
    Measure,
    Message,
    Record,
    Related,
    Scope,
    Severity,
    Source,
)
from audit.rule.run import Run
from audit.rule.views import Batch, Context, Product, Summary

Status: TypeAlias = Literal["stable", "preview", "deprecated"]
Judges: TypeAlias = Literal["data", "outputs", "both"]
"""What a rule is for: rows to train on, outputs of a model, or both."""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule saw; the engine adds file, line, column, offset and fingerprint and makes a ``Finding`` of it.

    ``at`` is a JSON Pointer into the row. ``start`` and ``end`` narrow it down: code points within the string that
    stands there. ``severity`` None means the rule's own. ``key`` keeps the fingerprint of two findings of one rule at
    one place apart. Scope ``file`` is kept once per file and ``key``, and its rows are counted in ``evidence["rows"]``.
    """

    message: str
    at: str = ""
    start: int | None = None
    end: int | None = None
    severity: Severity | None = None
    scope: Scope = "row"
    evidence: Mapping[str, Json] = {}
    related: tuple[Related, ...] = ()
    fix: Fix | None = None
    key: str = ""
    line: int | None = None
    source: Source | None = None
    byte_span: tuple[int, int] | None = None
    row: int | None = None
    """For dataset rules: the ordinal of the row that is meant; the engine knows its file, line and offset."""


class Rule(msgspec.Struct, frozen=True):
    """What every rule has, whatever its kind. Subclass one of the kinds below instead of this.

    A msgspec struct rather than a dataclass: fifty of those take 40 ms of start-up to define, fifty of these one.
    """

    code: ClassVar[str]
    """Three capitals and three digits, never reused."""
    name: ClassVar[str]
    """What is wrong, in kebab case: reads after "allow"."""
    severity: ClassVar[Severity]
    status: ClassVar[Status] = "stable"
    fix: ClassVar[Applicability | None] = None
    """How far this rule's fixes can be trusted at best; None when it has none."""
    needs: ClassVar[frozenset[Product]] = frozenset()
    targets: ClassVar[frozenset[str] | None] = None
    """Names of the targets this rule is for; None for all."""
    judges: ClassVar[Judges] = "both"

    def hit(self, message: str, at: str = "", **more: Any) -> Hit:
        """A ``Hit`` with this rule's message; ``more`` are the other fields of ``Hit``."""
        return Hit(message=message, at=at, **more)

    def measure(self, name: str, value: float | int | str | None = None, **more: Any) -> Measure:
        """A ``Measure`` under this rule's code."""
        return Measure(code=self.code, name=name, value=value, **more)

    def prepare(self, run: Run) -> None:
        """Compute once, before the first batch, what every process would otherwise compute for itself."""

    def applies_to(self, run: Run) -> str | None:
        """None when the rule can judge this run, else the reason why it is skipped."""
        if self.targets is not None and run.target.name not in self.targets:
            return f"not for target {run.target.name}"
        return None


class LineRule(Rule, frozen=True):
    """Judges bytes before a record exists. Only lines with a diagnosed problem are shown to it."""

    def check(self, line: Line, run: Run) -> Iterable[Hit]:
        """Hits for the problems of one line that are this rule's."""
        raise NotImplementedError


class RecordRule(Rule, frozen=True):
    """Judges the structure of one row.

    A canonical row (accepted by the typed decode) has nothing to find for most rules and is not shown to them;
    a rule that must see some of them anyway says which in ``suspects``.
    """

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """Hits for one row."""
        raise NotImplementedError

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """Row numbers of *canonical* rows of the batch that this rule must still see."""
        return ()


class Span(msgspec.Struct, frozen=True, gc=False):
    """A stretch of text a TextRule found: code points ``start`` to ``end`` (exclusive), and what to say of it."""

    start: int
    end: int
    message: str
    severity: Severity | None = None
    evidence: Mapping[str, Json] = {}
    fix: Callable[[str], Fix] | None = None
    """Given the JSON Pointer of the text, the fix."""
    key: str = ""


class TextRule(Rule, frozen=True):
    """Anything findable in text. ``triggers`` are cheap necessary RE2 patterns, scanned once for all rules together;
    ``find`` is exact and runs only on texts where one of them matched, or of which ``suspect`` says so."""

    roles: ClassVar[frozenset[str] | None] = None
    """Whose texts it is for, as ``Message.role`` names the speakers; None for everybody's."""
    everywhere: ClassVar[bool] = False
    """Whether it also looks at the strings of a row that nobody says: arguments of calls, metadata and the like, but
    not the declared tools. A trigger must match there; ``find`` is given a message without role."""

    def triggers(self, run: Run) -> Sequence[str]:
        """RE2 patterns (literals or simple classes, no counted gaps), one of which any hit must match, unless
        ``suspect`` finds it."""
        return ()

    def suspect(self, text: str) -> bool:
        """Whether ``find`` must look at a text that no trigger matches. Asked of every text of the speakers in
        ``roles``, so it must take about a microsecond: for what has no trigger, such as a missing full stop."""
        return False

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """Exact spans in one text of one message."""
        raise NotImplementedError

    def stands(self, hit: Hit, record: Record) -> bool:
        """Whether what was found still holds once the whole row is known; asked of rows with a hit only."""
        return True


class DatasetRule(Rule, frozen=True):
    """Anything that needs the whole: ``start`` a state, ``take`` each batch, ``merge`` two states, ``finish``.

    The same findings must come out for any cut of the input. States are made of JSON values, so that they can
    travel between processes and be stored. A rule for which products are enough only has to ``finish``.
    """

    judges: ClassVar[Judges] = "data"

    def start(self) -> Json:
        """An empty state."""
        return None

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with a batch added (it may be changed in place and returned)."""
        return None

    def merge(self, first: Json, second: Json) -> Json:
        """One state from two; ``first`` read the earlier part of the input."""
        return None

    def without(self, state: Json, part: Json) -> Json:
        """The state less ``part``, the state of some of the rows that it was made of; None where that cannot be told.

        ``without(merge(a, b), b)`` equals ``a``, but for what the rule says of itself. Whoever offers it, since its
        state is made of counts, is judged again after a fix without another reading of the data. A rule that judges
        rows as well must then tell of files and of the data in ``finish`` alone.
        """
        return None

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """Measures always; hits when a bound is crossed."""
        raise NotImplementedError


class SummaryRule(Rule, frozen=True):
    """Needs the results of other rules; runs last."""

    judges: ClassVar[Judges] = "data"

    def judge(self, summary: Summary, run: Run) -> Iterable[Hit | Measure]:
        """Measures always; hits when a bound is crossed."""
        raise NotImplementedError
