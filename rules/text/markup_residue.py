"""TXT705: debris of markup in prose: HTML entities and tags, BBCode, wiki markup, escapes that were never undone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar, Final, Literal

from audit.model import Applicability, Fix, Message, Severity
from audit.read.patterns import pattern
from audit.rule import Run, Span, Status, TextRule
from audit.rules.text.excerpts import judged_in_part
from audit.rules.text.mojibake import is_garbled
from audit.rules.text.rewriting import blanked_code, outside_code, replaced_by

_TAGS: Final = (
    "br|p|div|span|b|i|u|em|strong|font|center|small|big|sup|sub|strike|del|ins|mark|blockquote|hr|h[1-6]|ul|ol|li|dl|dt"
    "|dd|table|tbody|thead|tr|td|th|img|a|tt|nobr|figure|figcaption|section|article|cite"
)
_ENTITY: Final = pattern("&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,24}[0-9]{0,2});")
_VALUE: Final = r"\"[^\"<>]{0,500}\"|'[^'<>]{0,500}'|[^\s\"'<>=]{1,200}"
_TAG: Final = pattern(
    rf"<(?P<end>/)?(?P<name>(?i:{_TAGS}))(?P<with>(?:\s+[\w:-]{{1,40}}\s?=\s?(?:{_VALUE}))*+)\s?/?>|<!--|<!\[CDATA\["
)
_PAIRED: Final = frozenset({"a", "b", "i", "u"})
"""Tags that may be a letter in brackets: they count where a value is given to them, or their partner stands there."""
_MEANINGFUL: Final = frozenset({"sup", "sub", "del", "strike"})
"""Tags that change what a text says, 2<sup>10</sup>: they are reported and left."""
_BREAKS: Final = pattern(r"(?i)<br\s?/?>|</(?:p|div|li|tr|h[1-6]|blockquote)>")
_BBCODE: Final = pattern(
    r"(?<![\w\])])\[(?P<opens>b|i|u|s|url|img|quote|size|color|center|code|list|spoiler)(?:=[^\[\]\n]{1,200})?\]"
    r"|\[/(?P<closes>b|i|u|s|url|img|quote|size|color|center|code|list|spoiler)\]"
)
_WIKI: Final = pattern(
    r"\[\[(?:File|Image|Category|Datei|Fichier|Archivo|Kategorie|Catégorie|Categoría|Файл|Категория):"
    r"|\{\{(?:cite|citation|Infobox|Main|See also|Reflist|IPA|lang|convert)\b|<ref(?:>| name=)|\[citation needed\]"
    r"|\[edit\]"
)
_EMPTY_LINK: Final = pattern(r"!?\[\]\([^()\[\n]{0,500}\)")
_NEWLINE: Final = pattern(r"(?<![\\\"'(\[])(?:\\r)?\\n(?![\"')\]])")
_CODE_UNITS: Final = pattern(r"(?<![\\\"'(\[])(?:\\u[0-9a-fA-F]{4})+")
_BYTES: Final = pattern(r"(?<![\\\"'(\[])(?:\\x[89a-fA-F][0-9a-fA-F])+")
_MARKUP_ITSELF: Final = pattern(
    r"(?i)<!doctype|<\?xml|<html|<head\b|<body|<script|<style|<form\b|<input\b|<svg|<template|<button|xmlns"
    r"|\bhtml|\bxml\b|\bmarkup\b|\bcss\b|javascript|\bjsx\b|\bbbcode|\bwikitext|beautifulsoup"
)
_CODE_ITSELF: Final = pattern(
    r"(?i)\bprintf?\s?\(|\\(?!n|r|u[0-9a-f]|x[0-9a-f])[a-z]{2,}|\$\$|\\[(\[]|\bregex|\bdef \w|\bnew ?lines?\b"
    r"|\bescap|\bunicode\b|\bcode point|#include|\bimport \w|\b[a-z]:\\|\"\s*:\s*[\"\[{]|=\s*[\"']|\w\([\"']"
)
_FEWEST_NEWLINES: Final = 2
_CANDIDATE: Final = pattern(
    rf"&(?:#[0-9xX]|[A-Za-z]+[0-9]*;)|</?(?i:{_TAGS})[\s/>]|<!--|<!\[|<ref[> ]|!?\[\]\(|\[\[|\{{\{{"
    r"|\[/?(?:b|i|u|s|url|img|quote|size|color|center|code|list|spoiler)[=\]]|\[edit\]|\[citation|\\[nrux]"
)

_Kind = Literal["entity", "tag", "bbcode", "wiki", "link", "escape"]
_NAMES: Final[dict[_Kind, tuple[str, str]]] = {
    "entity": ("HTML entity", "HTML entities"),
    "tag": ("HTML tag", "HTML tags"),
    "bbcode": ("BBCode tag", "BBCode tags"),
    "wiki": ("piece of wiki markup", "pieces of wiki markup"),
    "link": ("link without a text", "links without a text"),
    "escape": ("escape that was not undone", "escapes that were not undone"),
}


class MarkupResidue(TextRule, frozen=True):
    r"""Debris of markup in prose: HTML entities or tags, BBCode, wiki markup, literal "\\n" or "\\u00e9".

    Usually a scraper or a converter left it behind, and the model learns to write it. Left alone: code in backquotes,
    texts that are a page of markup or speak of markup, JSON, LaTeX, ``<br>`` in the rows of a table, and brackets that
    are no pair. Of a text over 100,000 characters only parts are judged.

    Bad:
        {"messages": [{"role": "user", "content": "Who runs the lab?"}, {"role": "assistant", "content": "The head of R&amp;D does, &quot;for now&quot;.<br/>Ask again in May."}]}
        {"messages": [{"role": "user", "content": "How do I make tea?"}, {"role": "assistant", "content": "1. Boil water.\\n2. Add the leaves.\\n3. Wait for four minutes."}]}
    Good:
        {"messages": [{"role": "user", "content": "How is an ampersand written in HTML?"}, {"role": "assistant", "content": "As `&amp;`, and a line break as `<br>`: R&D, a < b."}]}
    Do: convert the markup to plain text or Markdown at the source; `--unsafe-fixes` undoes entities, escapes and most tags.
    """  # noqa: E501

    code: ClassVar[str] = "TXT705"
    name: ClassVar[str] = "markup-residue"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE

    def triggers(self, run: Run) -> Sequence[str]:
        """Beginnings of entities, tags, BBCode, wiki markup, empty links, and backslashes before n, r, u and x."""
        return (
            r"&(?:#[0-9xX]|[A-Za-z]+[0-9]*;)",
            rf"</?(?i:{_TAGS})[\s/>]|<!--|<!\[CDATA|<ref[> ]",
            r"\[/?(?:b|i|u|s|url|img|quote|size|color|center|code|list|spoiler)[=\]]|!?\[\]\(",
            r"\[\[[A-ZФК][^ :]+:|\{\{[a-zA-Z]|\[citation needed\]|\[edit\]",
            r"\\[nrux]",
        )

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span per text that counts each kind, from the first place."""
        yield from judged_in_part(text, _CANDIDATE, _spans)


def _spans(text: str) -> Iterator[Span]:
    shown = blanked_code(text)
    places = sorted((match.start(), match.end(), kind) for kind, match in _residue(shown))
    if not places:
        return
    counts = {kind: sum(1 for place in places if place[2] == kind) for kind in _NAMES}
    said = [f"{count} {_NAMES[kind][count > 1]}" for kind, count in counts.items() if count]
    yield Span(
        start=places[0][0],
        end=places[0][1],
        message=f"{' and '.join(said)} in prose",
        evidence={kind: count for kind, count in counts.items() if count},
        fix=_fix(text, {place[2] for place in places}),
    )


def _residue(text: str) -> Iterator[tuple[_Kind, re.Match[str]]]:
    """What is debris; ``text`` has its code blanked."""
    from html import unescape

    if _MARKUP_ITSELF.search(text) is None:
        yield from (("entity", match) for match in _ENTITY.finditer(text) if unescape(match[0]) != match[0])
        yield from (("tag", match) for match in _tags(text) if not _is_in_table(text, match))
        yield from (("link", match) for match in _EMPTY_LINK.finditer(text))
        yield from (("wiki", match) for match in _WIKI.finditer(text))
        yield from (("bbcode", match) for match in _bbcode(text))
    yield from (("escape", match) for match in _escapes(text))


def _tags(text: str) -> Iterator[re.Match[str]]:
    """Tags and the beginnings of comments; those that may be a letter in brackets only with a value or a partner."""
    found = list(_TAG.finditer(text))
    partners = {(one["name"].lower(), one["end"] is None) for one in found if one["name"]}
    for one in found:
        name = (one["name"] or "").lower()
        if name not in _PAIRED or one["with"] or (name, one["end"] is not None) in partners:
            yield one


def _bbcode(text: str) -> list[re.Match[str]]:
    """Tags that are closed, and what closes them, in order."""
    waiting: dict[str, list[re.Match[str]]] = {}
    paired: list[re.Match[str]] = []
    for one in _BBCODE.finditer(text):
        if one["opens"]:
            waiting.setdefault(one["opens"], []).append(one)
        elif waiting.get(one["closes"]):
            paired += (waiting[one["closes"]].pop(), one)
    return sorted(paired, key=lambda one: one.start())


def _is_in_table(text: str, match: re.Match[str]) -> bool:
    """Whether it is a line break in a row of a Markdown table, which has no other."""
    start = text.rfind("\n", max(0, match.start() - 2_000), match.start()) + 1
    return match[0][:3].lower() == "<br" and text[start : start + 1] == "|"


def _escapes(text: str) -> list[re.Match[str]]:
    """Literal escapes (of new lines two at least) in a text that is neither JSON nor code nor LaTeX."""
    if "\\" not in text or text.lstrip()[:1] in ("{", "[") or _CODE_ITSELF.search(text):
        return []
    lines = list(_NEWLINE.finditer(text))
    return [*(lines if len(lines) >= _FEWEST_NEWLINES else ()), *_CODE_UNITS.finditer(text), *_BYTES.finditer(text)]


def _fix(text: str, kinds: set[_Kind]) -> Callable[[str], Fix] | None:
    if not kinds & {"entity", "tag", "bbcode", "escape"}:
        return None
    cleaned = outside_code(text, lambda part: _cleaned(part, kinds))
    if cleaned == text or is_garbled(cleaned):
        return None
    return replaced_by(cleaned, "turn the markup into plain text")


def _cleaned(text: str, kinds: set[_Kind]) -> str:
    if "entity" in kinds:
        from html import unescape

        text = _ENTITY.sub(lambda match: unescape(match[0]), _ENTITY.sub(lambda match: unescape(match[0]), text))
    if kinds & {"entity", "tag"}:
        text = _BREAKS.sub("\n", text)
        text = _without(text, (tag for tag in _tags(text) if (tag["name"] or "").lower() not in _MEANINGFUL))
    if "bbcode" in kinds:
        text = _without(text, _bbcode(text))
    if "escape" in kinds:
        text = _CODE_UNITS.sub(lambda run: _decoded(run[0], "\\u", "utf-16-be"), _NEWLINE.sub("\n", text))
        text = _BYTES.sub(lambda run: _decoded(run[0], "\\x", "utf-8"), text)
    return text


def _without(text: str, matches: Iterable[re.Match[str]]) -> str:
    parts: list[str] = []
    position = 0
    for match in matches:
        parts.append(text[position : match.start()])
        position = match.end()
    return "".join((*parts, text[position:]))


def _decoded(run: str, sign: str, encoding: str) -> str:
    """What a run of escapes stands for; the run itself where it is no text in that encoding."""
    try:
        return bytes.fromhex(run.replace(sign, "")).decode(encoding)
    except UnicodeDecodeError:
        return run
