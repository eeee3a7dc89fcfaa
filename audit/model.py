"""The nouns: what travels between the reader, the rules, the engine and the reports.

Everything here is frozen. Nothing here imports anything of ours, opens a file or knows a rule.
All are msgspec structs: slotted, quick to make, and JSON both ways through ``msgspec``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    import pandas


class Absent(Enum):
    """The type of ``ABSENT``: a key that is not in the row at all, which is not the same as null."""

    ABSENT = "absent"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent.ABSENT

Json: TypeAlias = Any
"""Any value that JSON can hold, as Python's json gives it."""


class Severity(StrEnum):
    """How bad a finding is. ``error`` fails a gate by default."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for error, 1 for warning, 2 for info: sorts the worst first."""
        return ("error", "warning", "info").index(self.value)


class Applicability(StrEnum):
    """How far a fix may be trusted: safe changes no meaning, unsafe may, drop removes the row, shown is advice."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    DROP = "drop"
    SHOWN = "shown"


Scope: TypeAlias = Literal["row", "file", "dataset", "output"]


# ----------------------------------------------------------------------------- what is read


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One file (or standard input, or rows given from Python) and how it was understood.

    ``path`` is what the user wrote, ``-`` for standard input, ``<rows>`` for Python objects.
    ``container`` says how rows lie in it; ``encoding`` is what the bytes turned out to be.
    """

    path: str
    role: str = "data"
    container: Literal["jsonl", "json", "csv", "parquet", "rows"] = "jsonl"
    compression: Literal["gzip", "zstd"] | None = None
    encoding: str = "utf-8"
    size: int | None = None


class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """One call of a tool by the assistant, as found (``id`` and ``arguments`` may be of any type, or ABSENT).

    ``at`` is the JSON Pointer of the call in the raw row; ``id_at``, ``name_at``, ``arguments_at`` those of its parts.
    ``invented`` is True where the shape carries no call ids and normalisation numbered them.
    """

    id: Json
    name: Json
    arguments: Json
    at: str
    id_at: str
    name_at: str
    arguments_at: str
    invented: bool = False


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One turn, whatever the shape of its row.

    ``role`` is in OpenAI's vocabulary where the shape defines its own names (ShareGPT's ``human`` is ``user``);
    a role that the shape does not define stays as written, and is ABSENT or not a string where the row says so.
    ``content`` is the raw value: a string, a list of parts, None, ABSENT, or something that should not be there.
    ``raw`` is the object (or non-object) in the row. ``at``, ``role_at`` and ``content_at`` are JSON Pointers into it.
    ``trained`` says what the *shape* decides: True or False where it does, None where role and target decide.
    """

    role: Json
    content: Json
    at: str
    role_at: str
    content_at: str
    raw: Json = ABSENT
    name: Json = ABSENT
    weight: Json = ABSENT
    calls: tuple[ToolCall, ...] = ()
    call_id: Json = ABSENT
    call_id_at: str = ""
    trained: bool | None = None

    @property
    def text(self) -> str:
        """All text of the message: the string, or the text and refusal parts joined with nothing between."""
        if isinstance(self.content, str):
            return self.content
        return "".join(text for _, text in self.texts())

    def texts(self) -> Iterator[tuple[str, str]]:
        """(JSON Pointer, text) of every piece of text in ``content``, in order."""
        if isinstance(self.content, str):
            yield self.content_at, self.content
        elif isinstance(self.content, list):
            for index, part in enumerate(self.content):
                if not isinstance(part, dict):
                    continue
                for key in ("text", "refusal"):
                    if isinstance(part.get(key), str):
                        yield f"{self.content_at}/{index}/{key}", part[key]


class RowTokens(msgspec.Struct, frozen=True, gc=False):
    """Token counts of one row: string contents only, the whole chat with overhead and tools, and what is trained on."""

    content: int
    total: int
    trainable: int


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """What a shape makes of one parsed row. Preference rows carry the two answers in ``chosen`` and ``rejected``.

    ``tools`` is the raw value (a list, or whatever stands there) or ABSENT, ``tools_at`` its JSON Pointer.
    ``lost`` names, as JSON Pointers, what normalisation could not carry.
    """

    messages: tuple[Message, ...] = ()
    tools: Json = ABSENT
    tools_at: str = ""
    chosen: tuple[Message, ...] = ()
    rejected: tuple[Message, ...] = ()
    metadata: Json = ABSENT
    lost: tuple[str, ...] = ()


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One row after reading. ``line`` is 1-based, ``offset`` the byte offset of the row in its (unpacked) source.

    ``data`` is the parsed row; ``raw`` its bytes without the newline. ``shape`` is the shape's name, or ``unknown``.
    ``canonical`` rows were accepted by the typed decode: a plain chat with nothing for a structure rule to find.
    """

    source: Source
    line: int
    offset: int
    raw: bytes
    data: Json
    shape: str
    chat: Chat
    canonical: bool = False
    tokens: RowTokens | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        return self.chat.messages

    @property
    def turns(self) -> tuple[Message, ...]:
        """Every message of the row: the conversation, then the preferred, then the rejected answer."""
        return self.chat.messages + self.chat.chosen + self.chat.rejected

    @property
    def tools(self) -> Json:
        return self.chat.tools


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something the reader saw in the bytes of one line, or of a whole file (``file`` is True).

    ``kind`` is a fixed word that a LineRule looks for (see ``audit.read``); ``message`` states what was seen.
    ``start`` and ``end`` are byte offsets within the line (end exclusive), ``pointer`` the JSON value it lies in.
    ``detail`` is small and typed, for evidence and for the fix.
    """

    kind: str
    message: str
    start: int = 0
    end: int = 0
    pointer: str = ""
    file: bool = False
    detail: Mapping[str, Json] = {}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line before a record exists: where it lies, its bytes (no newline) and what the reader diagnosed."""

    source: Source
    number: int
    offset: int
    raw: bytes
    problems: tuple[Problem, ...] = ()


# ----------------------------------------------------------------------------- what is found


class ByteEdit(msgspec.Struct, frozen=True, tag="bytes", tag_field="kind"):
    """Replace bytes ``start`` to ``end`` of the line (or of the file, for a file-scope finding)."""

    start: int
    end: int
    replacement: bytes = b""


class PointerEdit(msgspec.Struct, frozen=True, tag="pointer", tag_field="kind"):
    """Change one place in the row: ``replace`` or ``add`` a value, ``remove`` it, or ``rename`` its key."""

    op: Literal["replace", "add", "remove", "rename"]
    pointer: str
    value: Json = None


class DropRow(msgspec.Struct, frozen=True, tag="drop", tag_field="kind"):
    """Move the row to the rejected file."""


class Transcode(msgspec.Struct, frozen=True, tag="transcode", tag_field="kind"):
    """Rewrite the whole file: to UTF-8 without a byte order mark, to JSON Lines, to ``\\n`` line ends."""

    to: Literal["utf-8", "jsonl", "lf"]


Edit: TypeAlias = ByteEdit | PointerEdit | DropRow | Transcode


class Fix(msgspec.Struct, frozen=True):
    """A remedy: how far it may be trusted, what it does in a few words, and the edits that do it (none when shown)."""

    applicability: Applicability
    title: str
    edits: tuple[Edit, ...] = ()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a finding lies. ``line`` (1-based) and ``column`` (1-based, code points) are None for file and
    dataset scope.

    ``offset`` is the byte offset in the (unpacked) file, ``pointer`` the JSON Pointer in the row, "" for the whole row.
    ``end_column`` is exclusive.
    """

    file: str | None = None
    line: int | None = None
    column: int | None = None
    end_column: int | None = None
    offset: int | None = None
    pointer: str = ""


class Related(msgspec.Struct, frozen=True, kw_only=True):
    """Another place that explains a finding."""

    file: str | None = None
    line: int | None = None
    pointer: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, where, and what would mend it. ``fingerprint`` survives reordering of the rows."""

    code: str
    severity: Severity
    scope: Scope
    message: str
    place: Place
    related: tuple[Related, ...] = ()
    evidence: Mapping[str, Json] = {}
    fix: Fix | None = None
    fingerprint: str = ""
    url: str = ""

    def sort_key(self) -> tuple[object, ...]:
        """Whole-dataset findings first, then by file, line, column, pointer and code."""
        place = self.place
        return (
            place.file or "",
            place.line or 0,
            place.column or 0,
            place.pointer,
            self.code,
            self.message,
            self.fingerprint,
        )


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A named number or table, always with the ``n`` it rests on, and with an interval where it is an estimate."""

    code: str
    name: str
    value: float | int | str | None = None
    table: Json = None
    n: int = 0
    interval: tuple[float, float] | None = None
    level: float | None = None
    attribute: str | None = None
    group: str | None = None
    split: str | None = None
    arm: str | None = None
    unit: str | None = None
    by_construction: bool = False


class Skipped(msgspec.Struct, frozen=True):
    """A rule that was not run, and why."""

    code: str
    reason: str


class Suppressed(msgspec.Struct, frozen=True, kw_only=True):
    """Findings that an ``[[ignore]]`` entry of the configuration took out, and on whose word."""

    code: str
    path: str
    reason: str
    findings: int
    owner: str | None = None
    expires: str | None = None


class SourceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One input as it was read: rows (with content), lines, bytes and hash as stored, shapes with their counts."""

    path: str
    role: str = "data"
    container: str = "jsonl"
    compression: str | None = None
    encoding: str = "utf-8"
    bytes: int = 0
    lines: int = 0
    rows: int = 0
    sha256: str = ""
    shapes: Mapping[str, int] = {}


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What the file is for: the rules of one provider or trainer, read from a dated data file in ``audit/targets``.

    ``hosted`` targets are a provider's API, which rejects files; the others are local tools.
    ``shapes`` lists the row shapes that it reads (empty: any). ``containers`` the file formats.
    ``roles`` are the roles it knows. ``order`` is the severity of a broken user/assistant alternation (None: no rule),
    ``system`` that of a system message that is not first or is repeated.
    ``row_keys`` and ``message_keys`` (by role) are the keys it accepts (empty: any); ``extra_keys`` the severity
    of others.
    ``max_tokens`` maps a model prefix to the longest example in tokens ("" is the default for an unnamed model);
    ``overflow`` is what happens beyond it (``truncate`` warns, ``reject`` is an error).
    ``special_tokens`` are strings that it rejects, or reads as control, inside content.
    """

    name: str
    title: str
    as_of: str
    sources: tuple[str, ...] = ()
    hosted: bool = False
    shapes: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    order: Severity | None = None
    system: Severity | None = None
    min_rows: int | None = None
    max_rows: int | None = None
    max_file_bytes: int | None = None
    max_line_bytes: int | None = None
    row_keys: tuple[str, ...] = ()
    message_keys: Mapping[str, tuple[str, ...]] = {}
    extra_keys: Severity = Severity.WARNING
    metadata: Literal["accepted", "rejected"] = "accepted"
    tools: Literal["accepted", "rejected"] = "accepted"
    arguments: Literal["string", "object", "either"] = "either"
    weights: Literal["accepted", "rejected"] = "accepted"
    last_role: tuple[str, ...] = ("assistant",)
    part_types: Mapping[str, tuple[str, ...]] = {}
    max_images: int | None = None
    max_image_bytes: int | None = None
    max_tokens: Mapping[str, int] = {}
    overflow: Literal["truncate", "reject"] = "truncate"
    special_tokens: tuple[str, ...] = ()


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the result rests on, so that someone else can obtain it again. No clock, no path, no job count."""

    tool: str = ""
    version: str = ""
    target: str = ""
    target_as_of: str = ""
    model: str | None = None
    tokenizer: Mapping[str, Json] = {}
    as_of: str | None = None
    inputs: Mapping[str, str] = {}
    config: Mapping[str, Json] = {}
    config_sha256: str = ""
    rules_sha256: str = ""
    packages: Mapping[str, str] = {}
    seed: int = 0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one run found, sorted, with no clock inside: the same input gives the same bytes.

    ``rows`` counts the rows with content, broken ones included. ``truncated`` says how many findings were cut by
    ``--max-findings``; ``counts`` always holds the exact numbers per code: ``findings``, ``rows`` (with a
    row-scope finding) and each severity.
    """

    schema: str = "audit.result/1"
    verdict: Literal["PASS", "FAIL"] = "PASS"
    rows: int = 0
    partial: bool = False
    truncated: int = 0
    sources: tuple[SourceSummary, ...] = ()
    findings: tuple[Finding, ...] = ()
    measures: tuple[Measure, ...] = ()
    rules_run: tuple[str, ...] = ()
    rules_skipped: tuple[Skipped, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    counts: Mapping[str, Mapping[str, int]] = {}
    evidence: Evidence = Evidence()

    @property
    def ok(self) -> bool:
        """True when nothing at or above the severity that was asked for was found."""
        return self.verdict == "PASS"

    def to_pandas(self) -> pandas.DataFrame:
        """The findings as a data frame, one row each: code, severity, scope, message, file, line, column, offset,
        pointer, fix (its applicability), fingerprint."""
        import pandas

        columns = ("file", "line", "column", "offset", "pointer")
        rows = [
            {
                "code": finding.code,
                "severity": finding.severity.value,
                "scope": finding.scope,
                "message": finding.message,
                **{name: getattr(finding.place, name) for name in columns},
                "fix": finding.fix.applicability.value if finding.fix else None,
                "fingerprint": finding.fingerprint,
            }
            for finding in self.findings
        ]
        names = ["code", "severity", "scope", "message", *columns, "fix", "fingerprint"]
        return pandas.DataFrame(rows, columns=names)
