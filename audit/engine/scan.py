"""The one-pass trigger scan: all triggers of all enabled text rules in one google-re2 Set, each text looked at once.

Which rule *may* have something to find is all it says; where and whether is the rule's ``find``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import re2

from audit.errors import RuleError
from audit.read.suspects import lines_with
from audit.rule import Run, TextRule

_CANARY = "\x02audit-canary\x03"
_MAX_MEMORY = 256 << 20
# A literal of ASCII that JSON never writes differently, unless it escapes a character that need not be escaped.
_SAFE_LITERAL = re.compile(r"(?:[A-Za-z0-9 _<>|=&%:;,'!#@~-]|\\[\[\]|(){}.*+?^$/_<>-])+")
_ESCAPED_ASCII = (r"\\u00[2-7]", r"\\/")


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
                scan.Add(pattern)
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
        if not self._patterns:
            return ()
        if self._raw is None:
            return range(len(lines))
        joined = b"\n".join(lines) + b"\n"
        return sorted({line for pattern in self._raw for line, _ in lines_with(pattern, joined)})

    def rules_for(self, text: str) -> Iterator[TextRule]:
        """The rules with a trigger in the text, each once, in order."""
        # RE2 cannot hold lone surrogates; "?" keeps every offset and every other character.
        encoded = text.encode("utf-8", "replace")
        hits = self._set.Match(encoded + _CANARY.encode()) if self._set is not None else ()
        if 0 not in hits:
            # The Set's automaton ran out of memory: it then reports nothing at all, the canary included.
            return (self.rules[owner] for owner in self._one_by_one(encoded))
        return (self.rules[owner] for owner in sorted({self._owners[hit - 1] for hit in hits if hit}))

    def _one_by_one(self, text: bytes) -> list[int]:
        if self._singles is None:
            self._singles = [re2.compile(pattern.encode()) for pattern in self._patterns]
        return sorted({o for o, single in zip(self._owners, self._singles, strict=True) if single.search(text)})
