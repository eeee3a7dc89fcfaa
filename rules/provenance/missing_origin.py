"""PRV951: rows that do not say where they come from, or under a licence that must not be used. Trusts what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final

from audit.model import ABSENT, Json, Record, Severity
from audit.read.fields import text_of, value_at
from audit.rule import Batch, Hit, RecordRule, Run, Status

SAME: Final = (("license", "licence", "license_id", "licence_id"), ("source", "origin", "source_url", "dataset"))
"""Names of fields that say the same; the first is how an option spells it."""
LONGEST: Final = 60
"""Characters of a licence that are shown."""


class MissingOrigin(RecordRule, frozen=True):
    """A row does not say where it comes from or under which licence, or the licence is one that must not be used.

    What cannot be traced cannot be withdrawn: when a source turns out to be private, poisoned or not licensed, nobody
    can say which rows came from it. The fields in ``required`` are looked for in the row's metadata (and at the top of
    the row), in either spelling of "licence"; an empty value says nothing. Each file is reported once for every field
    that rows lack, with their number. A licence in ``prohibited`` (case does not matter) is an error in its row.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}], "metadata": {"source": "crawl-2024"}}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}], "metadata": {"source": "crawl-2024", "license": "CC-BY-4.0"}}
    Do: write source and licence into the metadata when rows are collected; leave out rows whose licence forbids it.
    """  # noqa: E501

    code: ClassVar[str] = "PRV951"
    name: ClassVar[str] = "missing-origin"
    severity: ClassVar[Severity] = Severity.WARNING
    status: ClassVar[Status] = "preview"

    required: tuple[str, ...] = ("source", "license")
    prohibited: tuple[str, ...] = ()

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """All plain chat rows: what a canonical row carries beside the chat has not been looked at."""
        return batch.shapes.get("openai-sft", ())

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """A hit for the file for each field that the row lacks; one for the row where its licence is prohibited."""
        for field in self.required:
            if not any(_says(value_at(record.data, path)) for path in _paths(field)):
                yield self.hit(
                    f"rows do not say their {field}; asked for {' and '.join(self.required)} in the metadata",
                    scope="file",
                    key=field,
                    evidence={"field": field},
                )
        if self.prohibited:
            yield from self._licence(record)

    def _licence(self, record: Record) -> Iterator[Hit]:
        wanted = {licence.casefold() for licence in self.prohibited}
        for path in _paths("license"):
            given = text_of(value_at(record.data, path))
            if given is not None and given.strip().casefold() in wanted:
                yield self.hit(
                    f"the row is under the licence {given.strip()[:LONGEST]!r}, which is prohibited here",
                    severity=Severity.ERROR,
                    evidence={"licence": given.strip()[:LONGEST]},
                )
                return


def _paths(field: str) -> tuple[str, ...]:
    """Where a field may stand: under any name that means it, in the metadata or at the top."""
    names = next((names for names in SAME if field in names), (field,))
    return tuple(path for name in dict.fromkeys((field, *names)) for path in (f"metadata.{name}", name))


def _says(value: Json) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return value is not ABSENT and value is not None and value not in ([], {})
