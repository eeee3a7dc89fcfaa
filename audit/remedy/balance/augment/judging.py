"""Made-up rows read again as any rows are: whether each is what it was made to be. Compares no wording."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from audit.attributes.levels import level_key
from audit.engine.drive import Means, driving
from audit.engine.executors import Inline
from audit.engine.finish import Finished
from audit.model import Source, SourceSummary
from audit.read.chunks import CHUNK_BYTES, Chunk, Row, chunked
from audit.read.dialogue import conversation_text
from audit.remedy.balance.augment.result import Reason
from audit.remedy.balance.cells import LABEL, Cells
from audit.rule import Context, Product, Run

COMPARED: Final[frozenset[Product]] = frozenset({"rows", "conversation", "normalised", "prompt", "answer", "label"})
"""What is known of the data and of made-up rows alike."""


class Draft(NamedTuple):
    """A row as it was made: of which row, for which cell, its number among those made of the row, its bytes, and the
    user's text before and after (empty for twins)."""

    row: int
    cell: int
    copy: int
    raw: bytes
    before: str
    after: str


class Judged(NamedTuple):
    """What is wrong with a draft (None for nothing), what is said in it, and the identities that no two rows share.

    ``prompt`` is 0 where the prompt is that of the source."""

    reason: Reason | None
    text: str
    conversation: int
    prompt: int


class Judge:
    """Judges drafts against the data, and against those that were taken before."""

    def __init__(self, context: Context, run: Run, cells: Cells) -> None:
        names = {factor.name for factor in cells.factors}
        attributes = tuple(one for one in run.attributes if one.name in names and one.source != "sidecar")
        self._run = msgspec.structs.replace(run, attributes=attributes, tokens=None)
        self._context = context
        self._cells = cells
        self._conversations = set(context.column("normalised"))
        self._prompts = set(context.column("prompt"))

    def judge(self, drafts: Sequence[Draft]) -> Sequence[Judged]:
        """One judgement for every draft."""
        wanted: frozenset[Product] = COMPARED
        wanted |= frozenset({"attributes"}) if self._run.attributes else frozenset()
        lines = Lines([draft.raw for draft in drafts])
        with driving([lines], (), self._run, Means(executor=Inline()), wanted=wanted) as (_, made):
            keys: Mapping[Product, Sequence[int]] = {name: made.column(name) for name in COMPARED - {"rows"}}
            levels = self._levels(made)
            texts = map(conversation_text, made.records(range(len(drafts))))
            return [
                Judged(
                    self._problem(draft, at, keys, levels),
                    text,
                    keys["normalised"][at],
                    keys["prompt"][at] if keys["prompt"][at] != self._context.column("prompt")[draft.row] else 0,
                )
                for at, (draft, text) in enumerate(zip(drafts, texts, strict=True))
            ]

    def is_taken(self, judged: Judged) -> bool:
        """Whether the data, or a row taken before, has the same conversation, or the prompt that was made anew."""
        return judged.conversation in self._conversations or (judged.prompt != 0 and judged.prompt in self._prompts)

    def take(self, judged: Judged) -> None:
        """No later row may be the same."""
        self._conversations.add(judged.conversation)
        self._prompts.add(judged.prompt)

    def _levels(self, made: Finished) -> Mapping[str, Sequence[str]]:
        """The level of every made-up row, by attribute, without case."""
        found = {}
        for attribute in self._run.attributes:
            column = made.attribute(attribute.name)
            names = list(map(level_key, column.groups))
            found[attribute.name] = [names[code] for code in column.codes]
        return found

    def _problem(
        self,
        draft: Draft,
        at: int,
        keys: Mapping[Product, Sequence[int]],
        levels: Mapping[str, Sequence[str]],
    ) -> Reason | None:
        """What is wrong with a draft when it is read again."""
        data = self._context
        if keys["conversation"][at] == data.column("conversation")[draft.row]:
            return "unchanged"
        for factor, level in zip(self._cells.factors, self._cells.levels(draft.cell), strict=True):
            if factor.kind == LABEL:
                if keys["label"][at] != data.column("label")[draft.row]:
                    return "label"
            elif factor.name in levels and levels[factor.name][at] != level_key(level):
                return "group"
        return None


class Lines:
    """Reads lines that are at hand, as ``SourceReader`` reads those of a file."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines
        self.source = Source(path="<rows>", container="rows")

    def __iter__(self) -> Iterator[Chunk]:
        rows = (Row(raw, number, 0) for number, raw in enumerate(self._lines, start=1))
        return chunked(self.source, rows, CHUNK_BYTES)

    @property
    def summary(self) -> SourceSummary:
        """How many lines there are, and their hash."""
        data = b"".join(line + b"\n" for line in self._lines)
        return SourceSummary(
            path=self.source.path,
            role=self.source.role,
            container="rows",
            bytes=len(data),
            lines=len(self._lines),
            sha256=hashlib.sha256(data).hexdigest(),
        )

    def close(self) -> None:
        """Nothing is open."""
