"""FMT101: rows that are no known kind of row, or not one that the target reads, and files that mix kinds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final

import msgspec

from audit.model import Applicability, Fix, Json, Measure, PointerEdit, Record, Related, Severity
from audit.read.shapes import WRITERS
from audit.read.shapes.base import token
from audit.rule import Batch, Context, DatasetRule, Hit, RecordRule, Run
from audit.rules.format.reading import CHAT_SHAPES, DROP, conversation_gap, json_kind, read_as, safely
from audit.rules.format.rewriting import rewriting

_MESSAGES_BY_ANOTHER_NAME: Final = frozenset(
    {"conversation", "conversations", "dialog", "dialogue", "chat", "message", "msgs", "turns", "history"}
)
_KEYS_SHOWN: Final = 6
_OTHER_TRAINERS: Final = frozenset({"openai-dpo", "sharegpt-preference", "trl-preference", "kto"})
"""Shapes of preferences, which no trainer takes together with rows to imitate, whatever they are written as."""


class UnknownShape(RecordRule, DatasetRule, frozen=True):
    r"""The row is no known kind of training row, or not one that the target reads; or the file mixes kinds.

    A provider refuses the file at such a row. A local trainer fails on it or, worse, reads an empty conversation from
    it. Where kinds are mixed in one file, columns that one kind lacks are filled with null for the other.

    Bad:
        {"conversation": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
        {"messages": "[{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", \"content\": \"Hello.\"}]"}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: write every row of a file in one shape that the target reads: `audit fix` writes single rows anew where they can
        hold all that they held, `audit convert --to` whole files.
    """

    code: ClassVar[str] = "FMT101"
    name: ClassVar[str] = "unknown-shape"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    # ------------------------------------------------------------------ one row

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """All plain chat rows where the target reads no chat rows."""
        if not run.target.shapes or not CHAT_SHAPES.isdisjoint(run.target.shapes):
            return ()
        return batch.shapes.get("openai-sft", ())

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """At most one hit for a row."""
        if record.shape == "unknown":
            yield self._unknown(record)
            return
        if read_as(record, run.target) is not None:
            return
        reads = run.target.shapes
        if reads and record.shape not in reads and not (record.shape in CHAT_SHAPES and CHAT_SHAPES & set(reads)):
            yield self._not_read(record, run)
        elif (gap := conversation_gap(record)) is not None:
            hit = self._no_turns(record, gap)
            if hit is not None:
                yield hit
        else:
            yield self._not_read(record, run)

    def _unknown(self, record: Record) -> Hit:
        keys = list(record.data)
        for key in keys:
            if key.lower() in _MESSAGES_BY_ANOTHER_NAME and _is_conversation(record.data[key]):
                fix = safely(f'rename "{key}" to "messages"', PointerEdit("rename", f"/{token(key)}", "messages"))
                wrong = f'the row has no "messages", but a conversation under "{key}"'
                return self.hit(wrong, f"/{token(key)}", fix=fix)
        if not keys:
            return self.hit('the row is an empty object; asked for "messages" or another known shape', fix=DROP)
        more = f" and {len(keys) - _KEYS_SHOWN} more" if len(keys) > _KEYS_SHOWN else ""
        names = ", ".join(keys[:_KEYS_SHOWN]) + more
        return self.hit(f'no known shape has the keys {names}; asked for "messages" or another known shape', fix=DROP)

    def _not_read(self, record: Record, run: Run) -> Hit:
        target = run.target
        return self.hit(
            f"the row is {record.shape}; {target.name} reads {', '.join(target.shapes)}",
            evidence={"shape": record.shape, "reads": list(target.shapes)},
            fix=rewriting(record, target),
        )

    def _no_turns(self, record: Record, gap: str) -> Hit | None:
        parent, _, key = gap.rpartition("/")
        holder = record.data["input"] if parent else record.data
        if key not in holder:
            name = gap[1:].replace("/", ".")
            return self.hit(f'the row has no "{name}"; asked for a list of messages', parent, fix=DROP)
        value = holder[key]
        if gap == "/input":
            return None  # FMT119 judges the type of fields that are not lists of turns.
        fix = DROP
        if isinstance(value, str) and _is_conversation(parsed := _parse(value)):
            fix = safely("replace the JSON text by the list that it spells", PointerEdit("replace", gap, parsed))
        return self.hit(f'"{key}" is {json_kind(value)}; asked for a list of messages', gap, fix=fix)

    # ------------------------------------------------------------------ the mix of a file

    def start(self) -> Json:
        """Per source, per shape: the number of rows and the first line."""
        return {}

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with a batch added."""
        shapes = state.setdefault(batch.source.path, {})
        for shape, rows in batch.shapes.items():
            if rows:
                _add(shapes, "messages" if shape in CHAT_SHAPES else shape, len(rows), batch.line_of(min(rows)))
        return state

    def merge(self, first: Json, second: Json) -> Json:
        """One state from two."""
        for path, shapes in second.items():
            mine = first.setdefault(path, {})
            for shape, (rows, line) in shapes.items():
                _add(mine, shape, rows, line)
        return first

    def without(self, state: Json, part: Json) -> Json:
        """The state less the rows of a part. The first line of a shape stays that of all rows."""
        for path, shapes in part.items():
            mine = state[path]
            for shape, (rows, _) in shapes.items():
                mine[shape][0] -= rows
            state[path] = {shape: seen for shape, seen in mine.items() if seen[0]}
        return {path: shapes for path, shapes in state.items() if shapes}

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """Measure ``shapes`` (rows per shape of all files); a hit for each file that mixes shapes the target reads."""
        totals: dict[str, int] = {}
        for shapes in state.values():
            for shape, (rows, _) in shapes.items():
                totals[shape] = totals.get(shape, 0) + rows
        yield self.measure("shapes", table=dict(sorted(totals.items())), n=sum(totals.values()))
        for source in context.sources:
            known = {shape: seen for shape, seen in state.get(source.path, {}).items() if _is_read(shape, run)}
            if len(known) > 1:
                ranked = sorted(known.items(), key=lambda item: (-item[1][0], item[0]))
                counts = ", ".join(f"{shape} {rows:,}" for shape, (rows, _) in ranked)
                line = min(first for _, (_, first) in ranked[1:])
                yield self.hit(
                    f"the file mixes {len(known)} shapes ({counts}); the first row of a rarer one is on line {line:,}",
                    scope="dataset",
                    source=source,
                    related=(Related(file=source.path, line=line),),
                    evidence={"shapes": {shape: rows for shape, (rows, _) in ranked}},
                    fix=_unmixing(known, run),
                    key="mixed",
                )


def _unmixing(shapes: Iterable[str], run: Run) -> Fix | None:
    """What to do about a mix: rows that one trainer takes can be written in one shape, others must be kept apart."""
    if not _OTHER_TRAINERS.isdisjoint(shapes):
        return Fix(Applicability.SHOWN, "put preferences into a file of their own: no trainer takes both together")
    return Fix(Applicability.SHOWN, f"audit convert --to {run.target.name}") if run.target.name in WRITERS else None


def _is_read(shape: str, run: Run) -> bool:
    """Whether rows of a shape pass the rule row by row: those that do not have been found there already."""
    reads = run.target.shapes
    if shape == "unknown":
        return False
    return not reads or shape in reads or (shape == "messages" and not CHAT_SHAPES.isdisjoint(reads))


def _add(shapes: dict[str, list[int]], shape: str, rows: int, line: int) -> None:
    before = shapes.get(shape, [0, line])
    shapes[shape] = [before[0] + rows, min(before[1], line)]


def _is_conversation(value: Json) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, Mapping) and "role" in turn and "content" in turn for turn in value)
    )


def _parse(text: str) -> Json:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
