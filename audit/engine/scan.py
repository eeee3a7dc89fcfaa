"""The one-pass trigger scan: all triggers of all enabled text rules in one google-re2 Set, each text looked at once.

Which rule *may* have something to find is all it says; where and whether is the rule's ``find``. Rules without
triggers are asked by their ``suspect``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import re2

from audit.errors import RuleError
from audit.read.suspects import lines_with
from audit.rule import Run, TextRule

_CANARY = "\x02audit-canary\x03"
_CANARY_BYTES: Final = _CANARY.encode()
_ALONE: Final = [0]
"""What the Set says of a text with nothing in it but the canary."""
_MAX_MEMORY = 256 << 20
# A literal of ASCII that JSON never writes differently, unless it escapes a character that need not be escaped.
_SAFE_LITERAL = re.compile(r"(?:[A-Za-z0-9 _<>|=&%:;,'!#@~-]|\\[\[\]|(){}.*+?^$/_<>-])+")
_ESCAPED_ASCII = (r"\\u00[2-7]", r"\\/")


_Asked: TypeAlias = tuple[int, Callable[[str], bool]]
ANYBODY: Final = object()
"""In place of a role, where it does not matter who speaks."""


def _of_lines(pattern: str) -> str:
    """A pattern whose anchors match at the ends of lines, so that texts can be looked at one below the other."""
    return "(?m)" + pattern.replace(r"\A", "^").replace(r"\z", "$")


class TriggerScan:
    """Tells for a text which text rules must look at it, and for a chunk of raw lines which lines must be looked at."""

    def __init__(self, rules: Sequence[TextRule], run: Run, *, max_memory: int = _MAX_MEMORY) -> None:
        self.rules = tuple(rules)
        self._patterns: list[str] = []
        self._owners: list[int] = []
        for index, rule in enumerate(self.rules):
            for pattern in rule.triggers(run):
                self._patterns.append(pattern)
                self._owners.append(index)
        asked: list[_Asked] = [
            (index, rule.suspect) for index, rule in enumerate(self.rules) if type(rule).suspect is not TextRule.suspect
        ]
        self._suspecting = asked
        self._suspecting_all = [one for one in asked if self.rules[one[0]].roles is None]
        names = {role for rule in self.rules for role in rule.roles or ()}
        self._suspecting_of = {
            name: [one for one in asked if name in (self.rules[one[0]].roles or (name,))] for name in names
        }
        self.looks_elsewhere = any(rule.everywhere for rule in self.rules)
        self._set = self._compile_set(max_memory)
        self._singles: list[re2._Regexp] | None = None
        self._raw = self._compile_raw()

    def _compile_set(self, max_memory: int) -> re2.Set | None:
        options = re2.Options()
        options.max_mem = max_memory
        options.log_errors = False
        scan = re2.Set.SearchSet(options)
        scan.Add(re2.escape(_CANARY))
        for pattern, owner in zip(self._patterns, self._owners, strict=True):
            try:
                scan.Add(_of_lines(pattern))
            except re2.error as error:
                raise RuleError(f"rule {self.rules[owner].code}: trigger {pattern!r} is not RE2: {error}") from None
        try:
            scan.Compile()
        except re2.error:  # too many or too large patterns for max_memory
            return None
        return scan

    def _compile_raw(self) -> list[re2._Regexp] | None:
        """Patterns over raw JSON bytes, one of which every hit must match; None when a trigger is no safe literal.

        One for each first character: RE2 then looks for that byte at the speed of memory, eight times as fast as for
        several at once.
        """
        if not self._patterns or not all(_SAFE_LITERAL.fullmatch(pattern) for pattern in self._patterns):
            return None
        options = re2.Options()
        options.max_mem = _MAX_MEMORY
        options.encoding = re2.Options.Encoding.LATIN1
        by_first: dict[str, list[str]] = {}
        for pattern in (*self._patterns, *_ESCAPED_ASCII):
            by_first.setdefault(pattern[: 2 if pattern.startswith("\\") else 1], []).append(pattern)
        return [re2.compile("|".join(patterns).encode(), options) for patterns in by_first.values()]

    def candidates(self, lines: Sequence[bytes]) -> Sequence[int]:
        """Indices of the lines whose texts must be scanned (all of them where the raw bytes cannot tell)."""
        if not self.rules:
            return ()
        if self._raw is None or self._suspecting or self.looks_elsewhere:
            return range(len(lines))
        joined = b"\n".join(lines) + b"\n"
        return sorted({line for pattern in self._raw for line, _ in lines_with(pattern, joined)})

    def rules_for(self, text: str, role: object = ANYBODY, *, triggered: bool = True) -> Sequence[TextRule]:
        """The rules for what this role says that may find something in the text, each once, in order. ``triggered``
        False: it is known already (``may_hold``) that no trigger matches."""
        found = self._triggered(text) if triggered else ()
        if role is ANYBODY:
            asked = self._suspecting
        else:
            asked = self._suspecting_of.get(role, self._suspecting_all) if type(role) is str else self._suspecting_all
        suspecting = [index for index, suspect in asked if suspect(text)]
        if not suspecting:
            if not found:
                return ()
            chosen = found
        else:
            chosen = sorted({*found, *suspecting})
        rules = [self.rules[index] for index in chosen]
        return rules if role is ANYBODY else [rule for rule in rules if rule.roles is None or role in rule.roles]

    def may_hold(self, texts: Sequence[str]) -> bool:
        """Whether a trigger may match one of these texts: one look at all of them, where a look costs as much as the
        scan of 300 characters."""
        return bool(self._triggered("\n".join(texts) if len(texts) > 1 else texts[0]))

    def elsewhere(self, text: str) -> Sequence[TextRule]:
        """The rules that look at strings which nobody says and that may find something in this one."""
        return [self.rules[index] for index in self._triggered(text) if self.rules[index].everywhere]

    def _triggered(self, text: str) -> Sequence[int]:
        """Indices of the rules with a trigger in the text, ascending."""
        if not self._patterns:
            return ()
        # RE2 cannot hold lone surrogates; "?" keeps every offset and every other character.
        encoded = text.encode("utf-8", "replace")
        hits = self._set.Match(encoded + _CANARY_BYTES) if self._set is not None else ()
        if hits == _ALONE:
            return ()
        if not hits or 0 not in hits:
            # The Set's automaton ran out of memory: it then reports nothing at all, the canary included.
            return self._one_by_one(encoded)
        return sorted({self._owners[hit - 1] for hit in hits if hit})

    def _one_by_one(self, text: bytes) -> list[int]:
        if self._singles is None:
            self._singles = [re2.compile(_of_lines(pattern).encode()) for pattern in self._patterns]
        return sorted({o for o, single in zip(self._owners, self._singles, strict=True) if single.search(text)})
