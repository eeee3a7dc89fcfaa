"""Cuts a JSON array, or JSON values printed over several lines, into its elements, in constant memory.

Finds where elements begin and end and judges nothing else; an element that is broken comes out as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from audit.model import Problem
from audit.read.chunks import Row

GROW_BYTES: Final = 1 << 20
"""Bytes read on at least when an element goes on beyond what has been read."""

_SEPARATORS: Final = re.compile(rb"[ \t\r\n,]*+")
# A raw line break cannot stand in a JSON string, so a string that meets one is broken and ends there.
# Whole strings are skipped; then comes a bracket (group 1), a broken string (group 2), or the end.
_NEXT: Final = re.compile(
    rb'[^"{}\[\]]*+(?:"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+"[^"{}\[\]]*+)*+'
    rb'(?:([{}\[\]])|("[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+\\?)|\Z)'
)
_FIRST_KEY: Final = re.compile(rb'\{[ \t\r\n]*("[^"\\\n]{0,100}")')
_LOOSE: Final = re.compile(rb'(?:[^,\[\]{}\n"]++|"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+"?)++|[\]}"]')
_OPENER: Final = {0x7D: 0x7B, 0x5D: 0x5B}
_ARRAY: Final = 0x5B
_KEY_ROOM: Final = 512


class ElementSplitter:
    """Iterating yields one Row per element; afterwards ``lines`` counts lines and ``problems`` is what is left to say.

    The bytes of an element are those of the file, with its line breaks made spaces, so that offsets in it hold; only
    an element with a broken string keeps its line breaks. A missing bracket costs the element it is missing in: the
    next one is recognised by its indentation and first key, or by the end of the array.
    """

    def __init__(self, blocks: Iterable[bytes], *, offset: int = 0) -> None:
        self.lines = 0
        self._blocks = iter(blocks)
        self._base = offset
        self._text = b""
        self._at = 0
        self._ended = False
        self._indent: bytes | None = None
        self._whole = self._strings_whole = True
        self._in_array = self._was_array = False
        self._pending: list[Problem] = []
        self._said: set[str] = set()
        self._open_line = False

    def __iter__(self) -> Iterator[Row]:
        self._open_array()
        count = 0
        while self._to_next(count):
            end = self._container() if self._text[self._at] in b"{[" else self._loose()
            raw = self._text[self._at : end]
            if self._strings_whole:
                raw = raw.replace(b"\r\n", b"  ").replace(b"\n", b" ")
            row = Row(raw.rstrip(b" \t\r\n"), self.lines + 1, self._base + self._at, tuple(self._pending))
            self._pending = []
            count += 1
            yield row
            self._pass(end)

    def problems(self) -> list[Problem]:
        """What is wrong at the end of the file."""
        found = list(self._pending)
        if self._in_array and self._whole:
            message = "the JSON array is not closed: the file was cut, or its last bracket is missing"
            found.append(Problem(kind="truncated-file", message=message, file=True, detail={"reason": "open array"}))
        return found

    # ------------------------------------------------------------------ the buffer

    def _grow(self) -> bool:
        """Drop what was passed and read on, at least as much again as is kept, so that growing stays linear."""
        if self._ended:
            return False
        kept = self._text[self._at :]
        pieces, wanted = [kept], max(GROW_BYTES, len(kept))
        while wanted > 0:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
                break
            pieces.append(block)
            wanted -= len(block)
        self._base += self._at
        self._text, self._at = b"".join(pieces), 0
        return len(pieces) > 1

    def _pass(self, end: int) -> None:
        self.lines += self._text.count(b"\n", self._at, end)
        if end > self._at:
            self._open_line = self._text[end - 1] != 0x0A
        self._at = end

    # ------------------------------------------------------------------ between elements

    def _open_array(self) -> None:
        self._skip_separators()
        if self._text[self._at : self._at + 1] == b"[":
            self._in_array = self._was_array = True
            self._pass(self._at + 1)
            self._indent = b""

    def _skip_separators(self) -> bytes:
        """Pass white space and commas; returns what was passed (of a very long run its last part)."""
        while True:
            found = _SEPARATORS.match(self._text, self._at)
            end = found.end() if found else self._at
            passed = self._text[self._at : end]
            if end < len(self._text):
                self._pass(end)
                return passed
            if not self._grow():
                self._pass(len(self._text))
                return passed

    def _to_next(self, count: int) -> bool:
        """Go to the next element; False at the end of the file."""
        passed = self._skip_separators()
        while self._in_array and self._text[self._at : self._at + 1] == b"]":
            if b"," in passed:
                self._say("trailing comma", "a comma stands before the end of the array")
            self._in_array = False
            self._pass(self._at + 1)
            passed = self._skip_separators()
        if self._at >= len(self._text):
            self._close_lines()
            return False
        self._judge_separator(passed.count(b","), count)
        if b"\n" in passed or count:
            self._indent = passed.rpartition(b"\n")[2] if b"\n" in passed else None
        return True

    def _judge_separator(self, commas: int, count: int) -> None:
        if not self._was_array:
            return
        if not self._in_array:
            self._say("text after the array", "more follows after the end of the array")
        elif count and commas == 0 and self._whole:
            self._say("missing comma", "a comma is missing between two elements of the array")
        elif commas > (1 if count else 0):
            self._say("extra comma", "a comma too many stands between elements of the array")

    def _say(self, cause: str, message: str) -> None:
        if cause not in self._said:
            self._said.add(cause)
            text = f"the array is not JSON: {message} (line {self.lines + 1})"
            self._pending.append(Problem(kind="not-json", message=text, file=True, detail={"cause": cause}))

    def _close_lines(self) -> None:
        if self._open_line:
            self.lines += 1
            self._open_line = False

    # ------------------------------------------------------------------ elements

    def _loose(self) -> int:
        """The end of an element that is no container: a string, a number, anything up to the next comma or line."""
        self._whole = self._strings_whole = True
        while True:
            found = _LOOSE.match(self._text, self._at)
            length = found.end() - self._at if found else 1
            if self._at + length < len(self._text) or not self._grow():
                return self._at + length

    def _container(self) -> int:
        """The end of the object or array that starts here: its closing bracket, or where the next one must begin."""
        self._whole = self._strings_whole = True
        stack: list[int] = []
        scan = self._at
        while True:
            found = _NEXT.match(self._text, scan)
            if found is None or self._may_go_on(found):
                kept, ended = scan - self._at, self._ended
                if ended:
                    self._whole = False
                    return len(self._text)
                self._grow()
                scan = self._at + kept
                continue
            scan = found.end()
            if found.lastindex == 2:
                self._strings_whole = False
                continue
            mark = self._text[scan - 1]
            if mark in _OPENER:
                taken = self._close(stack, _OPENER[mark])
                if not stack or not taken:
                    return scan if taken else scan - 1
            elif mark == 0x7B and stack and self._is_next_element(scan - 1):
                self._whole = False
                return self._at + len(self._text[self._at : scan - 1].rstrip(b" \t\r\n,"))
            else:
                stack.append(mark)

    def _may_go_on(self, found: re.Match[bytes]) -> bool:
        """Whether this can only be told when more has been read: the end, a string, the key behind a brace."""
        if found.lastindex is None:
            return True
        room = _KEY_ROOM if self._text[found.end() - 1] == 0x7B else 0
        return not self._ended and found.end() + room >= len(self._text)

    def _close(self, stack: list[int], opener: int) -> bool:
        """Take a closing bracket: True when it belongs to the element, False when the element ended before it.

        One of the wrong kind closes what is open inside its partner, too. One without a partner in the element ends
        the element if it can close the array, and is passed over if not.
        """
        self._whole = self._whole and stack[-1] == opener
        if opener in stack:
            while stack.pop() != opener:
                pass
            return True
        return not (opener == _ARRAY and self._in_array)

    def _is_next_element(self, brace: int) -> bool:
        """Whether a brace inside an unclosed element starts the next one: it opens a line with the same indentation
        and has the same first key."""
        text, start, indent = self._text, self._at, self._indent
        if indent is None or text[brace - len(indent) - 1 : brace] != b"\n" + indent:
            return False
        if text[max(start, brace - _KEY_ROOM) : brace].rstrip()[-1:] == b":":
            return False
        mine, other = _FIRST_KEY.match(text, start), _FIRST_KEY.match(text, brace)
        return mine is not None and other is not None and mine.group(1) == other.group(1)
