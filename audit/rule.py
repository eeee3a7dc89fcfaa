"""The contract a rule fulfils. The engine, the catalogue and the reports know rules only through this module.

A rule is one small frozen struct in one file. Its fields are its options, with defaults. Its docstring has fixed
parts (a first sentence, what it costs, ``Bad:``, ``Good:``, ``Do:``) and is the text of ``audit explain CODE``;
its examples run as tests. A rule may be of several kinds at once (FMT101 judges each row *and* the mix of the file).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeAlias

import msgspec

from audit.errors import RuleError, did_you_mean
from audit.model import (
    Applicability,
    Fix,
    Json,
    Line,
    Measure,
    Message,
    Record,
    Related,
    RowTokens,
    Scope,
    Severity,
    Source,
    Target,
)

Status: TypeAlias = Literal["stable", "preview", "deprecated"]
Product: TypeAlias = Literal[
    "tokens", "texts", "rows", "conversation", "normalised", "prompt", "answer", "label", "group", "near_clusters"
]
"""What the engine computes once per run for every rule that names it in ``needs``.

``tokens``: token counts of every row. ``texts``: what is said in it. ``rows``: where every row lies, so that it can be
read again. The others imply ``rows`` and are one 64-bit identity per row, equal where two rows have the same:
``conversation`` (messages, answers and the names of the tools; no call ids, weights, metadata or tool schemas),
``normalised`` (the same without case, punctuation and white space), ``prompt`` (all that comes before the answer,
normalised), ``answer`` (the last turn of the assistant, stripped), ``label`` (the configured label, or else a short
answer), ``group`` (rows that belong together). ``near_clusters``: clusters of near-duplicate conversations.
"""


class PlainTurn(Protocol):
    """A message that is a role and a string."""

    @property
    def role(self) -> str: ...
    @property
    def content(self) -> str: ...


class TokenCounter(Protocol):
    """Counts tokens for one model. ``exact`` is False for an estimate, which never fails a gate."""

    @property
    def name(self) -> str:
        """The encoding or the tokenizer's folder name."""

    @property
    def exact(self) -> bool:
        """Whether counts are the tokenizer's own."""

    @property
    def note(self) -> str:
        """What is not exact about the counts, in a few words."""

    def count(self, text: str) -> int:
        """Tokens of a text, special-token strings in it counted as plain text."""

    def row(self, record: Record) -> RowTokens:
        """Token counts of a whole row: contents, with chat overhead and tools, and trainable."""

    def plain_chats(self, chats: Sequence[Sequence[PlainTurn]]) -> list[RowTokens]:
        """Token counts of rows whose messages are all plain strings: the hot path."""


class ReferenceRow(NamedTuple):
    """A row of a file that the data is compared with: the text of its prompt and that of its answer ("" for none)."""

    file: str
    line: int
    prompt: str
    answer: str


class Reference(msgspec.Struct, frozen=True, eq=False):
    """Files that the data is compared with and that are not judged. Compared and hashed by identity."""

    rows: tuple[ReferenceRow, ...]


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """Where rows keep what the configuration names: paths such as ``metadata.label`` or ``/metadata/label``.

    ``label`` may also be ``answer``; ``label_pattern`` is a regular expression over the answer (or over the value at
    ``label``), whose first group is the label. ``split`` names the field that says to which split a row belongs.
    """

    label: str | None = None
    label_pattern: str | None = None
    favourable: tuple[str, ...] = ()
    group: str | None = None
    split: str | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule may know of the run: what the file is judged as, for which model, as of which day."""

    target: Target
    fields: Fields = Fields()
    against: Reference | None = None
    target_sample: Reference | None = None
    model: str | None = None
    as_of: date | None = None
    tokens: TokenCounter | None = None
    max_tokens: int | None = None
    epochs: float | None = None
    max_cost: float | None = None
    seed: int = 0


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


class ToolRow(msgspec.Struct, frozen=True, gc=False):
    """A canonical row that declares tools, for rules that need the schemas or the target to judge it.

    ``row`` is its row number, ``tools`` its tools as JSON (equal ones are the same object: a good key for what is worth
    keeping), ``calls`` the name and the parsed arguments of every call.
    """

    row: int
    tools: bytes
    calls: Sequence[tuple[str, Mapping[str, Json]]]


class Batch(Protocol):
    """A few megabytes of one source, parsed once.

    A row number is the index of its line in the batch, from 0; blank lines have one too but are in no column.
    """

    @property
    def source(self) -> Source:
        """Where the rows come from."""

    @property
    def rows(self) -> int:
        """Rows with content, unreadable ones included."""

    @property
    def bytes(self) -> int:
        """Bytes of the batch, line ends included."""

    @property
    def line_sizes(self) -> Sequence[int]:
        """Bytes of every line, blank ones included, by row number."""

    @property
    def parsed(self) -> Sequence[int]:
        """Row numbers of the rows that could be parsed, in order."""

    @property
    def shapes(self) -> Mapping[str, Sequence[int]]:
        """Shape name (``unknown`` for none) -> row numbers of that shape, in order; parsed rows only."""

    @property
    def tokens(self) -> Sequence[RowTokens] | None:
        """Token counts of the rows in ``parsed``, in that order, when a rule needs ``tokens``."""

    @property
    def with_metadata(self) -> Sequence[int]:
        """Row numbers of rows that carry ``metadata``."""

    @property
    def tool_rows(self) -> Sequence[ToolRow]:
        """The canonical rows that declare tools, in order. Their turns, calls and call ids are right for any target;
        the names and schemas of their tools, whether arguments fit and whether the target takes tools are open."""

    @property
    def texts(self) -> Sequence[str]:
        """What is said in each row of ``parsed``, in that order: see ``audit.read.dialogue.conversation_text``."""

    def line_of(self, row: int) -> int:
        """The 1-based line number of a row."""

    def records(self) -> Iterator[Record]:
        """Every parsed row of the batch as a Record, in order (made on demand: prefer the columns)."""


class RowRange(NamedTuple):
    """The rows of one source: ordinals from ``first`` to before ``end``."""

    source: Source
    first: int
    end: int


class Summary(Protocol):
    """What the other rules found, without finding objects."""

    @property
    def rows(self) -> int:
        """Rows with content in all sources."""

    @property
    def ranges(self) -> Sequence[RowRange]:
        """Which rows lie in which source, in reading order."""

    def count(self, code: str) -> int:
        """Findings of a code."""

    def rows_with(self, code: str) -> Sequence[int]:
        """Ordinals (0-based, in reading order) of the rows with a row-scope finding of a code, sorted."""

    def drops(self, code: str) -> Sequence[int]:
        """Ordinals of the rows that the fixes of a code would drop, sorted."""

    def codes(self) -> Sequence[str]:
        """Codes with at least one finding, sorted."""


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
    ``find`` is exact and runs only on texts where one of them matched."""

    def triggers(self, run: Run) -> Sequence[str]:
        """RE2 patterns (literals or simple classes, no counted gaps), one of which any hit must match."""
        raise NotImplementedError

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """Exact spans in one text of one message."""
        raise NotImplementedError


class NearCluster(Protocol):
    """Rows that say nearly the same. Every one of ``members`` was itself compared with ``survivor``."""

    @property
    def survivor(self) -> int:
        """The row that would be kept: the longest, of those the first."""

    @property
    def members(self) -> Sequence[int]:
        """The other rows, ascending."""

    @property
    def similarity(self) -> Sequence[float]:
        """The exact Jaccard similarity of each member with the survivor."""


class NearClusters(Protocol):
    """All clusters of near-duplicate conversations of a run."""

    @property
    def clusters(self) -> Sequence[NearCluster]:
        """Sorted by their first row."""

    @property
    def rows(self) -> int:
        """Rows long enough to take part."""

    def pairs(self) -> Iterator[tuple[int, int, float]]:
        """Every verified pair: two rows, ascending, and their exact Jaccard similarity; sorted."""


class Context(Protocol):
    """What a DatasetRule may use when it finishes. A row is named by its ordinal: 0-based, in reading order.

    All but ``rows``, ``sources`` and ``ranges`` need the product in the rule's ``needs``.
    """

    @property
    def rows(self) -> int:
        """Rows with content in all sources."""

    @property
    def sources(self) -> Sequence[Source]:
        """The sources, in reading order."""

    @property
    def ranges(self) -> Sequence[RowRange]:
        """Which rows lie in which source, in reading order."""

    @property
    def splits(self) -> Sequence[str]:
        """Names of the splits there are: values of the configured field, else roles of the sources. ``data``, the
        role of a file that was named without one, is ``train`` where there are other splits. Sorted."""

    @property
    def split_codes(self) -> Sequence[int]:
        """The index in ``splits`` of every row."""

    def column(self, product: Product) -> Sequence[int]:
        """The identity of every row (an ``array`` of 64-bit numbers); 0 where it has none."""

    def groups(self, product: Product) -> Iterator[Sequence[int]]:
        """Rows with the same identity, ascending, two or more; sorted by their first row."""

    def near_clusters(self) -> NearClusters:
        """The clusters of near-duplicate conversations."""

    def place(self, row: int) -> Related:
        """File and line of a row, for ``Hit.related``."""

    def identity(self, row: int) -> str:
        """The ``conversation`` identity as text, for ``Hit.key``: the fingerprint then survives reordering."""

    def records(self, rows: Sequence[int]) -> Iterator[Record]:
        """The rows read again, in the order asked for (ascending is fastest). Rows that cannot be parsed have an
        empty chat, so that there is one record for every row."""


class DatasetRule(Rule, frozen=True):
    """Anything that needs the whole: ``start`` a state, ``take`` each batch, ``merge`` two states, ``finish``.

    The same findings must come out for any cut of the input. States are made of JSON values, so that they can
    travel between processes and be stored. A rule for which products are enough only has to ``finish``.
    """

    def start(self) -> Json:
        """An empty state."""
        return None

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with a batch added (it may be changed in place and returned)."""
        return None

    def merge(self, first: Json, second: Json) -> Json:
        """One state from two; ``first`` read the earlier part of the input."""
        return None

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """Measures always; hits when a bound is crossed."""
        raise NotImplementedError


class SummaryRule(Rule, frozen=True):
    """Needs the results of other rules; runs last."""

    def judge(self, summary: Summary, run: Run) -> Iterable[Hit | Measure]:
        """Measures always; hits when a bound is crossed."""
        raise NotImplementedError


# ----------------------------------------------------------------------------- a rule's docstring


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a rule's docstring. ``bad`` and ``good`` are examples: JSON lines (or raw lines for ENC rules)."""

    summary: str
    why: str
    bad: tuple[str, ...]
    good: tuple[str, ...]
    do: str


def explain(rule: type[Rule]) -> Explanation:
    """The parts of a rule's docstring.

    Layout: a first sentence; a paragraph on what it costs; ``Bad:`` and ``Good:``, each followed by indented lines,
    one row of input per line (in ENC rules Python escapes such as ``\\xff`` are undone); ``Do:`` and the remedy.
    Raises RuleError naming the missing part.
    """
    text = rule.__doc__ or ""
    parts: dict[str, list[str]] = {"summary": [], "why": [], "bad": [], "good": [], "do": []}
    current = "summary"
    for line in text.strip("\n").splitlines():
        stripped = line.strip()
        if stripped in ("Bad:", "Good:"):
            current = stripped[:-1].lower()
        elif stripped.startswith("Do:"):
            current = "do"
            parts["do"].append(stripped[3:].strip())
        elif current == "summary" and not stripped and parts["summary"]:
            current = "why"
        elif stripped:
            parts[current].append(stripped)
    for part, lines in parts.items():
        if not lines:
            raise RuleError(f"rule {getattr(rule, 'code', rule.__name__)}: its docstring has no {part!r} part")
    return Explanation(
        summary=" ".join(parts["summary"]),
        why=" ".join(parts["why"]),
        bad=tuple(parts["bad"]),
        good=tuple(parts["good"]),
        do=" ".join(parts["do"]).strip(),
    )


def options(rule: type[Rule]) -> dict[str, Any]:
    """Option names of a rule and their defaults."""
    # Not msgspec.structs.fields: it evaluates every annotation, 30 ms for all rules.
    return dict(zip(rule.__struct_fields__, rule.__struct_defaults__, strict=True))


def with_options(rule: type[Rule], given: Mapping[str, Any]) -> Rule:
    """The rule with options from configuration. Raises RuleError for an unknown option or a wrong type."""
    defaults = options(rule)
    for key, value in given.items():
        if key not in defaults:
            raise RuleError(f"rule {rule.code} has no option {key!r}", hint=did_you_mean(key, defaults))
        wanted = type(defaults[key])
        if isinstance(value, list) and wanted is tuple:
            continue
        fits = isinstance(value, wanted) or (wanted is float and isinstance(value, int))
        if not fits or (isinstance(value, bool) and wanted is not bool):
            raise RuleError(f"option {key!r} of rule {rule.code} must be {wanted.__name__}, not {value!r}")
    return rule(**{key: tuple(v) if isinstance(v, list) else v for key, v in given.items()})
