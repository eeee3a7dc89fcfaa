"""LNG851: which languages the rows are in, and rows in another than those that were asked for. Prefers no language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Final

from audit.language import UNDETERMINED, sure_language
from audit.model import DROP_ROW, Applicability, Json, Measure, Record, Severity
from audit.read.dialogue import answer_text, conversation_text, prompt_text
from audit.rule import Batch, Context, DatasetRule, Hit, Product, RecordRule, Run
from audit.rules.languages.codes import folded, languages_of
from audit.rules.languages.shares import MANY_ROWS, languages, table_of

_LEAST_ROWS: Final = 5
"""Of a language, to be named: the odd one of a thousand guesses is wrong."""
_MAIN: Final = 0.95
_RARE: Final = 0.005


class UnexpectedLanguage(RecordRule, DatasetRule, frozen=True):
    """The row is in a language that the data should not hold.

    No language is wrong by itself: only the option ``allow`` (ISO 639 codes, such as ``allow = ["en", "de-CH"]``, of
    which regions count for nothing) says which are expected. A row counts where the whole of it is surely in another language, and neither its prompt nor its
    answer is surely in an allowed one; short texts, labels, numbers and most code are in none. Without ``allow`` there
    are only measures, and one remark where nearly all rows are in one language and a few, under half a percent, in
    another: perhaps nobody meant them to be there. Measure: ``languages.share``, the share of every language, from at
    most 10,000 different rows.

    Bad:
        {"messages": [{"role": "user", "content": "Wie wird das Wetter morgen in Hamburg?"}, {"role": "assistant", "content": "Morgen wird es in Hamburg sonnig und nicht mehr so kalt wie heute."}]}
    Good:
        {"messages": [{"role": "user", "content": "What will the weather be like in Hamburg tomorrow?"}, {"role": "assistant", "content": "It will be sunny in Hamburg, and not as cold as today."}]}
    Do: move the rows to the data of their language, or add the language to ``allow``.
    """  # noqa: E501

    code: ClassVar[str] = "LNG851"
    name: ClassVar[str] = "unexpected-language"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.DROP
    needs: ClassVar[frozenset[Product]] = frozenset({"texts", "conversation"})
    example: ClassVar[dict[str, Json]] = {"rules": {"LNG851": {"allow": ["en"]}}}

    allow: tuple[str, ...] = ()

    def applies_to(self, run: Run) -> str | None:
        """Raises ConfigError for an allowed language that is unknown."""
        languages_of(self.allow)
        return super().applies_to(run)

    # ------------------------------------------------------------------ one row

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """With ``allow``, the rows that are surely in none of its languages."""
        if not self.allow:
            return ()
        return [row for row, text in zip(batch.parsed, batch.texts, strict=True) if self._other(text)]

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """At most one hit, on the whole row."""
        if not self.allow:
            return
        text = conversation_text(record)
        language = self._other(text)
        if not language or any(
            folded(sure_language(part)) in languages_of(self.allow)
            for part in (prompt_text(record), answer_text(record))
        ):
            return
        yield self.hit(
            f'the row is in the language "{language}"; allowed are {", ".join(self.allow)}',
            evidence={"language": language, "allow": list(self.allow)},
            fix=DROP_ROW,
        )

    def _other(self, text: str) -> str:
        """The language of a text where it is surely none that is allowed, else ""."""
        language = sure_language(text)
        return "" if language == UNDETERMINED or folded(language) in languages_of(self.allow) else language

    # ------------------------------------------------------------------ all rows

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The share of every language; a remark on the rare ones where nothing was said of what is expected."""
        rows, sampled = languages(context)
        read = sum(rows.values())
        table = {"languages": table_of(rows), "rows": context.rows, "sampled": sampled}
        yield self.measure("languages.share", table=table, n=read, level=0.95)
        if not self.allow:
            yield from self._rare(rows)

    def _rare(self, rows: Mapping[str, int]) -> Iterator[Hit]:
        sure = {language: count for language, count in rows.items() if language != UNDETERMINED}
        n = sum(sure.values())
        if n < MANY_ROWS:
            return
        main, most = next(iter(sure.items()))
        rare = {language: count for language, count in sure.items() if _LEAST_ROWS <= count < _RARE * n}
        if most <= _MAIN * n or not rare:
            return
        named = ", ".join(f'{count:,} in "{language}"' for language, count in rare.items())
        yield self.hit(
            f'{most / n:.1%} of {n:,} rows are in "{main}", and a few are not: {named}; say which languages are meant '
            "with allow",
            scope="dataset",
            severity=Severity.INFO,
            key="rare",
            evidence={"main": main, "rows": n, "languages": rare},
        )
