"""The parts of a batch's rows that attributes look at: values, texts, languages, contents; each made once a batch.

There is one entry for every row with content, in order; nothing in it where the row cannot be parsed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import UNSET

from audit.engine.batch import ParsedBatch
from audit.model import ABSENT, Json, Record, Source
from audit.read.canonical import Turn
from audit.read.dialogue import exchange, said
from audit.read.fields import value_at
from audit.read.identity import content_id, raw_id

if TYPE_CHECKING:
    from audit.language import Guess

Role: TypeAlias = Literal["prompt", "answer", "all"]

SYSTEM: Final = ("system", "developer")
ASKING: Final = ("user",)
PROMPTING: Final = (*SYSTEM, *ASKING)
"""Roles whose turns before the answer make up the prompt."""
IDENTIFIED: Final = 1_000
"""Characters of a text from which its language is told."""
_CHAT: Final = ("messages", "tools", "parallel_tool_calls")
"""Keys of a canonical row whose values are not kept as they were written."""


class RowParts:
    """Parts of the rows of one batch."""

    def __init__(self, batch: ParsedBatch) -> None:
        self.source: Source = batch.source
        self._batch = batch
        self._texts: dict[tuple[Role, bool], Sequence[str]] = {}
        self._languages: dict[Role, Sequence[Guess]] = {}

    def __len__(self) -> int:
        return len(self._batch.with_content)

    @cached_property
    def lines(self) -> Sequence[int]:
        """1-based line numbers."""
        return list(map(self._batch.chunk.number, self._batch.with_content))

    @cached_property
    def records(self) -> Sequence[Record | None]:
        """The rows as records, without tokens."""
        batch = self._batch
        return [batch.bare_record(row) if row in batch.parsed_set else None for row in batch.with_content]

    @cached_property
    def contents(self) -> Sequence[str]:
        """Content ids; of rows that cannot be parsed those of their bytes."""
        pairs = zip(self.records, self._batch.with_content, strict=True)
        return [raw_id(self._batch.chunk.lines[row]) if record is None else content_id(record) for record, row in pairs]

    # ------------------------------------------------------------------ values

    def values_at(self, path: str) -> Sequence[Json]:
        """The values at a path; None where there are none."""
        rows = self._whole if re.split(r"[./]", path.removeprefix("/"))[0] in _CHAT else self._beside
        return [None if (value := value_at(row, path)) is ABSENT else value for row in rows]

    @cached_property
    def _whole(self) -> Sequence[Json]:
        return [None if record is None else record.data for record in self.records]

    @cached_property
    def _beside(self) -> Sequence[Json]:
        """What the rows hold beside their chat: canonical rows have been decoded already, all but that."""
        batch = self._batch
        found: list[Json] = []
        for row in batch.with_content:
            plain = batch.plain[row]
            if plain is not None:
                metadata = plain.metadata
            elif row in batch.tool:
                metadata = batch.tool[row].chat.metadata
            else:
                odd = batch.odd.get(row)
                found.append(None if odd is None else odd.data)
                continue
            found.append(None if metadata is UNSET else {"metadata": metadata})
        return found

    # ------------------------------------------------------------------ texts

    def texts(self, role: Role, *, system: bool) -> Sequence[str]:
        """The prompts (what stands before the answer, less earlier answers), the answers, or all that is said but
        rejected; with or without system prompts, which many rows share and which say nothing about one."""
        if (role, system) not in self._texts:
            plain, batch = self._batch.plain, self._batch
            self._texts[role, system] = [
                self._text(row, role, system)
                if (canonical := plain[row]) is None
                else _said_plainly(canonical.messages, role, system)
                for row in batch.with_content
            ]
        return self._texts[role, system]

    def _text(self, row: int, role: Role, system: bool) -> str:
        if row not in self._batch.parsed_set:
            return ""
        record = self._batch.bare_record(row)
        if role == "all":
            turns = record.messages + record.chat.chosen
            return said(turn for turn in turns if system or turn.role not in SYSTEM)
        cut = exchange(record)
        asking = PROMPTING if system else ASKING
        return said(cut.answer if role == "answer" else (turn for turn in cut.prompt if turn.role in asking))

    def languages(self, role: Role) -> Sequence[Guess]:
        """The languages of those texts, without system prompts."""
        if role not in self._languages:
            from audit.language import identify

            self._languages[role] = [identify(text[:IDENTIFIED]) for text in self.texts(role, system=False)]
        return self._languages[role]


def _said_plainly(turns: Sequence[Turn], role: Role, system: bool) -> str:
    """The same of a canonical row, whose last turn is the answer."""
    if role == "answer":
        return turns[-1].content
    left_out = () if system else SYSTEM
    kept = turns if role == "all" else [turn for turn in turns[:-1] if turn.role != "assistant"]
    return "\n".join([turn.content for turn in kept if turn.role not in left_out])
