"""Finds e-mail addresses, and tells those of persons from those of roles and of examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from audit.identifiers.finding import Identifier, any_of, at_most, before
from audit.identifiers.mailboxes import ANY_DOMAIN, COUNTRIES_LIKE_FILES, ENDINGS, FILE_ENDINGS, NOBODY, ROLES

_LETTERS: Final = "A-Za-z0-9\u00c0-\u024f\u0400-\u04ff"
"""Of addresses: no Chinese or Thai, which is written without spaces and may follow an address at once."""
_AFTER_AT: Final = re.compile(
    rf"@((?:[{_LETTERS}](?:[{_LETTERS}_-]{{0,61}}[{_LETTERS}])?\.){{1,8}}[A-Za-z\u0430-\u044f][{_LETTERS}-]{{1,23}})"
    rf"(?![{_LETTERS}_])"
)
_LOCAL_TURNED: Final = re.compile(rf"[{_LETTERS}_+](?:[{_LETTERS}_.%+'-]{{0,63}}[{_LETTERS}_])?")
"""The part before the ``@``, read from its end, so that no beginning is tried in vain."""
_WRITTEN_OUT: Final = re.compile(
    r"(?<!\w)([a-z0-9][a-z0-9._+-]{1,40})(?: ?[\[({] ?at ?[\])}] ?|%40)"
    r"([a-z0-9-]{1,40}(?: ?(?:\.|[\[({] ?dot ?[\])}]|dot ) ?[a-z0-9-]{2,24}){1,3})(?!\w)",
    re.IGNORECASE,
)
_SPOKEN: Final = re.compile(
    r"(?<!\w)([a-z0-9_]{1,30}(?: (?:dot|underscore) [a-z0-9_]{1,30}){0,3}) at "
    r"([a-z0-9-]{1,40}(?: dot [a-z]{2,24}){1,3})(?!\w)",
    re.IGNORECASE,
)
_MAIL_HOSTS: Final = re.compile(
    r"(?:gmail|googlemail|yahoo|hotmail|outlook|icloud|proton(?:mail)?|aol|gmx|web|live|msn|qq|163|yandex|mail)\."
)
_DOT: Final = re.compile(r" ?(?:[\[({] ?dot ?[\])}]|\bdot ) ?", re.IGNORECASE)
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s@]*$")
_REACH: Final = 70
_GIVEN: Final = any_of(
    "my", "e-?mails?(?: address)?(?: me)?", "mail(?: me)?", "reply", "repl(?:y|ies) to", "contact(?: me)?",
    "reach(?: me)?", "write(?: me)?(?: to)?", "correo", "courriel", "adresse?", "schreib\\w*", "antwort\\w*",
    "responde\\w*", "écri\\w*",
    "邮箱", "邮件", "メール", "이메일", "ईमेल", "بريد", "почт",
)  # fmt: skip
"""Words that give an address for somebody's own."""
_FOR_EXAMPLES: Final = frozenset(("example", "test", "invalid", "localhost"))
"""Top-level names reserved by RFC 2606 and RFC 6761; ``example`` is reserved under com, net and org as well."""


def find_emails(text: str) -> Iterator[Identifier]:
    """Addresses in a text of ``finding.plain``, in order. Addresses of nobody, such as ``user@domain.com``, are left
    out; those of a role and those at a domain that stands for any are not sure. Those at a domain for examples are
    specimens, sure where a word gives them for somebody's own and the name is no role's."""
    for match in at_most(_AFTER_AT.finditer(text)):
        turned = _LOCAL_TURNED.match(text[max(0, match.start() - _REACH) : match.start()][::-1])
        if turned is None or not _may_begin(text, match.start() - turned.end()):
            continue
        found = _judged(text, match.start() - turned.end(), match.end(), turned[0][::-1], match[1])
        if found is not None:
            yield found


def find_written_out(text: str) -> Iterator[Identifier]:
    """Addresses such as ``maria [at] firm [dot] com``, ``maria%40firm.com`` and ``maria at gmail dot com`` in a text
    of ``finding.plain``, in order."""
    for match in at_most(_WRITTEN_OUT.finditer(text)):
        domain = _DOT.sub(".", match[2]).replace(" ", "")
        found = _judged(text, *match.span(), match[1], domain)
        if found is not None:
            yield found
    for match in at_most(_SPOKEN.finditer(text)):
        local = re.sub(r" dot ", ".", re.sub(r" underscore ", "_", match[1].lower()))
        domain = match[2].lower().replace(" dot ", ".")
        if "." in local or _MAIL_HOSTS.match(domain):
            found = _judged(text, *match.span(), local, domain)
            if found is not None:
                yield found


def _may_begin(text: str, start: int) -> bool:
    """Whether an address may begin here: not inside of a URL, and not after another ``@`` or a sign of a path."""
    if start and text[start - 1] in "@%":
        return False
    shortly_before = text[max(0, start - 200) : start]
    return "://" not in shortly_before or not _URL.search(shortly_before)


def _judged(text: str, start: int, end: int, local: str, domain: str) -> Identifier | None:
    labels = domain.lower().split(".")
    ending, name = labels[-1], local.lower()
    known = len(ending) == 2 or ending in ENDINGS or not ending.isascii() or ending.startswith("xn--")
    if _is_file(labels) or (labels[0].isdigit() and labels[1][0].isdigit()) or "*" in name:
        return None
    specimen = ending in _FOR_EXAMPLES or "example" in labels[-3:]
    if _is_nobody(name, labels, specimen):
        return None
    if specimen:
        sure = not _is_role(name) and _GIVEN.search(before(text, start)) is not None
    else:
        sure = known and labels[-2] not in ANY_DOMAIN and not _is_role(name)
    return Identifier(start, end, "email", f"{name}@{'.'.join(labels)}", sure, specimen=specimen)


def _is_nobody(name: str, labels: list[str], specimen: bool) -> bool:
    """Whether name and domain both say that somebody's own are to be put there."""
    stands_in = name in NOBODY or set(name) <= {"x", ".", "_"} or name.strip("0123456789") in NOBODY
    return stands_in and (specimen or labels[-2] in ANY_DOMAIN or labels[-2] == name or name == "git")


def _is_role(name: str) -> bool:
    first = re.split(r"[.+_-]", name, maxsplit=1)[0]
    return name in ROLES or first in ROLES


def _is_file(labels: list[str]) -> bool:
    ending = labels[-1]
    return ending in FILE_ENDINGS and (ending not in COUNTRIES_LIKE_FILES or labels[0][:1].isdigit())
