"""FMT110: keys in a row or a message that the target does not take, row metadata and tools included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

from audit.errors import nearest
from audit.model import Applicability, Fix, Json, Measure, Message, Record, Severity, Target
from audit.read.shapes.base import token
from audit.rule import Batch, Context, DatasetRule, Hit, RecordRule, Run
from audit.rules.format.reading import DROP, OPENAI_SHAPES, read_as, remove, safely, speaker

_KEYS_OF_SHAPE: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "openai-dpo": ("input", "preferred_output", "non_preferred_output"),
        "prompt-completion": ("prompt", "completion"),
        "text": ("text",),
    }
)
"""Keys of shapes that a target reads beside its main one, for targets that take no others."""

_INPUT_KEYS: Final = ("messages", "tools", "parallel_tool_calls")
_TOOL_ROW_KEYS: Final = frozenset({"messages", "tools", "parallel_tool_calls"})
_TOOL_MESSAGE_KEYS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "system": frozenset({"role", "content"}),
        "user": frozenset({"role", "content"}),
        "assistant": frozenset({"role", "content", "tool_calls"}),
        "tool": frozenset({"role", "content", "tool_call_id"}),
    }
)
"""All keys that a canonical tool row may have, ``metadata`` apart."""

_LEGACY_KEYS: Final = ("preferred_completion", "non_preferred_completion")
"""FMT118 reports them."""


class UnknownKey(RecordRule, DatasetRule, frozen=True):
    r"""A row or a message has a key that the target does not take.

    OpenAI refuses the file (`Example 1 contains an extra "weight".`), and so does Together; a misspelt key means that
    something is silently not used. Row `metadata`, which a hosted target refuses as well, is reported once for a file:
    it is useful while the data is worked on, and `audit convert` and the upload leave it out.

    Bad:
        {"messages": [{"role": "user", "content": "Hi", "contents": "x"}, {"role": "assistant", "content": "Hello."}]}
        {"messages": [{"role": "user", "content": "Bye"}, {"role": "assistant", "content": "See you."}], "source": "support"}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: rename or remove the key; keep notes on a row under `metadata`.
    """  # noqa: E501

    code: ClassVar[str] = "FMT110"
    name: ClassVar[str] = "unknown-key"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.SAFE
    example: ClassVar[Mapping[str, Json]] = {"target": "openai-sft"}

    # ------------------------------------------------------------------ one row

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """All canonical tool rows where the target takes no tools, or not every key that such a row may have."""
        return () if _takes_tool_rows(run.target) else [row.row for row in batch.tool_rows]

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per key, or one for a row that uses tools where the target takes none."""
        target = run.target
        if not target.row_keys and not target.message_keys:
            return
        shape = read_as(record, target)
        if shape is None:
            return
        if target.tools == "rejected" and (used := _tools_used(record)) is not None:
            wrong = f"the row uses tools; {target.name} does not take them"
            yield self.hit(wrong, used, severity=target.extra_keys, fix=DROP, key="tools")
            return
        yield from self._row_keys(record, shape, target)
        if shape in OPENAI_SHAPES and target.message_keys:
            for message in record.turns:
                raw = message.raw
                if not isinstance(raw, dict) or (len(raw) == 2 and "role" in raw and "content" in raw):
                    continue
                allowed = target.message_keys.get(speaker(message) or "")
                if allowed is not None and not all(map(allowed.__contains__, raw)):
                    yield from self._message_keys(message, allowed, target)

    def _row_keys(self, record: Record, shape: str, target: Target) -> Iterator[Hit]:
        allowed = _row_keys(shape, target)
        if allowed is None:
            return
        for key in record.data:
            if key not in allowed and key != "metadata" and not (shape == "openai-dpo" and key in _LEGACY_KEYS):
                yield self._extra(key, f"/{token(key)}", "row", allowed, target)
        if shape == "openai-dpo":
            for key in record.data["input"]:
                if key not in _INPUT_KEYS:
                    yield self._extra(key, f"/input/{token(key)}", "input", _INPUT_KEYS, target)

    def _message_keys(self, message: Message, allowed: Sequence[str], target: Target) -> Iterator[Hit]:
        for key in message.raw:
            if key not in allowed and not (key == "weight" and target.weights == "accepted"):
                yield self._extra(key, f"{message.at}/{token(key)}", f"{message.role} message", allowed, target)

    def _extra(self, key: str, at: str, where: str, allowed: Sequence[str], target: Target) -> Hit:
        close = nearest(key, allowed)
        meant = f' (did you mean "{close}"?)' if close else ""
        return self.hit(
            f'{target.name} does not take the key "{key}" in a {where}{meant}; asked for {", ".join(allowed)}',
            at,
            severity=target.extra_keys,
            evidence={"key": key},
            fix=safely(f'remove "{key}"', remove(at)),
        )

    # ------------------------------------------------------------------ metadata, once for a file

    def start(self) -> Json:
        """Per source: the number of rows with metadata."""
        return {}

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with a batch added."""
        if run.target.metadata == "rejected" and batch.with_metadata:
            path = batch.source.path
            state[path] = state.get(path, 0) + len(batch.with_metadata)
        return state

    def merge(self, first: Json, second: Json) -> Json:
        """One state from two."""
        for path, rows in second.items():
            first[path] = first.get(path, 0) + rows
        return first

    def without(self, state: Json, part: Json) -> Json:
        """The state less the rows of a part."""
        left = {path: rows - part.get(path, 0) for path, rows in state.items()}
        return {path: rows for path, rows in left.items() if rows}

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """One warning for each file with metadata where the target takes none."""
        for source in context.sources:
            rows = state.get(source.path, 0)
            if rows:
                have = "1 row has" if rows == 1 else f"{rows:,} rows have"
                yield self.hit(
                    f"{have} metadata, which {run.target.name} does not take; convert and upload leave it out",
                    scope="file",
                    source=source,
                    severity=Severity.WARNING,
                    evidence={"rows": rows, "key": "metadata"},
                    fix=Fix(Applicability.SHOWN, f"audit convert --to {run.target.name}"),
                    key="metadata",
                )


def _takes_tool_rows(target: Target) -> bool:
    if target.tools == "rejected" or (target.row_keys and not _TOOL_ROW_KEYS.issubset(target.row_keys)):
        return False
    allowed = target.message_keys
    return all(role not in allowed or keys.issubset(allowed[role]) for role, keys in _TOOL_MESSAGE_KEYS.items())


def _row_keys(shape: str, target: Target) -> tuple[str, ...] | None:
    """The keys that the target takes in a row of a shape; None for any."""
    if not target.row_keys or shape == "openai-rft":
        return None
    if shape == ("openai-dpo" if "input" in target.row_keys else "openai-sft"):
        return target.row_keys
    return _KEYS_OF_SHAPE.get(shape)


def _tools_used(record: Record) -> str | None:
    """The JSON Pointer of the first sign that a row uses tools, or None."""
    if record.tools:
        return record.chat.tools_at
    for message in record.turns:
        if message.calls or message.role in ("tool", "function"):
            return message.at
    return None
