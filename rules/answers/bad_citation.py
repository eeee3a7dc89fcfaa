"""ANS809: citations and links that cannot be right, or that are not among those that somebody has checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, ClassVar, Final

from audit.model import Message, Record, Severity
from audit.read.dialogue import prompt_text
from audit.rule import Hit, Run, Span, Status, TextRule

if TYPE_CHECKING:
    from audit.rules.answers.citations import Citation

_TRIGGERS: Final = (
    r"(?i)\bdoi\b", r"\b10\.[0-9]{2,9}/", r"(?i)\bisbn", r"(?i)\bissn\b", r"(?i)\barxiv", r"(?i)\bpmid\b",
    r"(?i)\borcid", r"(?i)\bhttps?[:/]", r"(?i)\bwww\.", r"(?i)\becli:", r"(?i)\bcelex",
    r"[0-9][ \x{a0}](?:U\.? ?S\b|S\. ?Ct\.|F\.|Cal\.|N\.[ \x{a0}]?[YE]\.|A\.[23]d|P\.[23]d|WL )",
    r"\[(?:19|20)[0-9]{2}\] (?:UK|EW)",
)  # fmt: skip
"""RE2 patterns, one of which every text with a citation matches."""
_MOST_SHOWN: Final = 60
_TODAY: Final = date(2100, 1, 1)
"""Where a run has no date: no year is then in the future."""


class BadCitation(TextRule, frozen=True):
    """An answer cites something that cannot exist as it is written.

    A model that is trained on invented citations learns to invent them. Looked at are check digits (ISBN, ISSN, ORCID),
    forms and dates (DOI, arXiv, PMID, ECLI, CELEX, neutral citations of the United Kingdom), volumes of American law
    reports against the years that are given for them, and links without a host or with a placeholder for one (where the prompt has none to the same host),
    of which messages show the host alone; nothing in code. What has the right form may be invented all the same: with ``--known-citations`` every case, DOI, ECLI and
    CELEX number that is not in these files is reported, as a warning; spaces and dots make no difference. No registry
    is asked.

    Bad:
        {"messages": [{"role": "user", "content": "Which book is it?"}, {"role": "assistant", "content": "It is ISBN 978-0-306-40615-8, by Smith."}]}
        {"messages": [{"role": "user", "content": "Where was abortion made a right?"}, {"role": "assistant", "content": "In Roe v. Wade, 410 U.S. 113 (1937)."}]}
    Good:
        {"messages": [{"role": "user", "content": "Which book is it?"}, {"role": "assistant", "content": "It is ISBN 978-0-306-40615-7, by Smith."}]}
        {"messages": [{"role": "user", "content": "Where was abortion made a right?"}, {"role": "assistant", "content": "In Roe v. Wade, 410 U.S. 113 (1973)."}]}
    Do: look the citation up, and correct it or drop the row.
    """  # noqa: E501

    code: ClassVar[str] = "ANS809"
    name: ClassVar[str] = "bad-citation"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"
    roles: ClassVar[frozenset[str] | None] = frozenset({"assistant"})

    def applies_to(self, run: Run) -> str | None:
        """Raises InputError for a file of known citations that cannot be read."""
        if run.known_citations:
            from audit.rules.answers.known_citations import read_known

            read_known(tuple(run.known_citations))
        return super().applies_to(run)

    def triggers(self, run: Run) -> Sequence[str]:
        """What citations and links begin with."""
        return _TRIGGERS

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span for every citation that is wrong; of one that is repeated the first."""
        from audit.rules.answers.citations import (
            citations,
            host_of,
        )  # their patterns are compiled where an answer cites something
        from audit.rules.answers.known_citations import LOOKED_UP, read_known

        seen: set[str] = set()
        for one in citations(text, run.as_of or _TODAY):
            written = text[one.start : one.end]
            if written in seen:
                continue
            seen.add(written)
            if one.problem is not None:
                host = host_of(written) if one.kind == "link" else ""
                yield _span(one, f"{one.problem}: {_shown(host or written)}", Severity.INFO, host)
            elif run.known_citations and one.kind in LOOKED_UP:
                known = read_known(tuple(run.known_citations))
                if one.key not in known.keys:
                    unknown = f"the {one.kind} {_shown(written)} is not among the {known.entries:,} known citations"
                    yield _span(one, unknown, Severity.WARNING)

    def stands(self, hit: Hit, record: Record) -> bool:
        """Not where the prompt has a link to the same host."""
        host = hit.evidence.get("host")
        return not isinstance(host, str) or host.rpartition("/")[2] not in prompt_text(record)


def _span(one: Citation, message: str, severity: Severity, host: str = "") -> Span:
    evidence = {"kind": one.kind, "host": host} if host else {"kind": one.kind}
    return Span(one.start, one.end, message, severity=severity, evidence=evidence)


def _shown(written: str) -> str:
    return written if len(written) <= _MOST_SHOWN else f"{written[:_MOST_SHOWN]}..."
