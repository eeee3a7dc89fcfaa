"""Finds where a text repeats itself: a unit over and over in a row, or lines and sentences that make up most of it.

Linear in the length of the text. What tables, code, numbers, laughter and verse repeat does not count.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from audit.read.patterns import pattern


class Repeated(NamedTuple):
    """What is repeated, where (code points), how often, and the share of the text that it makes up."""

    kind: str
    start: int
    end: int
    times: int
    share: float
    message: str


class _Loop(NamedTuple):
    start: int
    end: int
    period: int


_SHORTEST: Final = 80
_PROBE: Final = 20
"""Characters of a sample that is looked for again. A loop holds all its windows again, one period later."""
_STRIDE: Final = 40
_LONGEST_PERIOD: Final = 600
_REACH: Final = _LONGEST_PERIOD + _PROBE
_LEAST_TIMES: Final = 5
_LEAST_LONG_TIMES: Final = 3
_LONG_UNIT: Final = 60
_LEAST_SHARE: Final = 0.1
_LEAST_FILLED: Final = 400
"""Characters of a loop that is one whatever the share of the text that it fills."""
_LEAST_WORDS: Final = 50
_LEAST_LINES: Final = 300
"""Characters of a text of fewer words, of which repeated lines are counted."""
_DUPLICATE_SHARE: Final = 0.5
"""Of characters in lines that repeat. Gopher's bound for web pages is 0.2 (Rae et al. 2021, table A1)."""
_SQUEEZED: Final = 0.12
"""Compressed bytes over bytes, below which a long text can hardly say anything twice differently. Prose has 0.35 to
0.5 (measured on the answers of Dolly and LIMA), a loop of a sentence about 0.02."""
_LEAST_SQUEEZABLE: Final = 2_000
_CAP: Final = 200_000
"""Characters that are looked at from the beginning, and as many from the end."""
_RUN: Final = 60
"""Characters of a run of one letter."""
_FENCED: Final = pattern(r"^[ \t]{0,9}```[^\n]*\n.*?(?:^[ \t]{0,9}```|\Z)", re.MULTILINE | re.DOTALL)
_STRUCTURE: Final = pattern(r"^[ \t]{0,40}(?:\||\+-|</?\w).*$|^.*[{};][ \t]{0,9}$", re.MULTILINE)
_STRUCTURED: Final = pattern(r"\s*(?:[{\[]\s*[\"{\[\]}\d]|<[?!/\w])")
"""How JSON and XML begin. What they repeat is asked for by their schema."""
_LETTERS: Final = pattern(r"[^\W\d_]")
_WORD: Final = pattern(r"[^\W\d_]+")
_LAUGHS: Final = pattern(
    r"(?:(?:j[aei]|h[aeiou]|х[аеи]|k|w)+|[bm]?w?[aeioujhwх]*h[aeioujhx]*|[хаеи]+|ja|je|ji|lol|rs|kek|k|w|5|哈|呵|嘿|嘻|笑|草|ㅋ|ㅎ"
    r"|ه|ha|la|na|da|doo|oh|ah|yeah|blah|bla|nom|tick|tock|"
    r"ring|beep|boop|ding|dong|woof|meow|moo|quack|buzz|z|a|e|i|o|u|m|s|y|r|l|f|g|x)\Z",
    re.IGNORECASE,
)
_PIECE: Final = pattern(r"[^\n.!?。！？।؟]+[.!?。！？।؟]*")


def may_repeat(text: str) -> bool:
    """Whether samples of a text stand in it again shortly before, or three of its lines or sentences are the same.

    Cheap, and True for every loop that ``repetition`` finds: a loop of s characters, which fills at least 80 and the
    tenth of the text up to 400, holds s - period - 20 places from which a sample stands in it one period before. The
    smallest are 43 in a row, 85 where units have 60 characters, and 234 in texts of 4,000; samples lie closer.
    """
    size = len(text)
    if size < _SHORTEST:
        return False
    if size > 2 * _CAP:
        return may_repeat(text[:_CAP]) or may_repeat(text[-_CAP:])
    find = text.find
    step = min(max(_STRIDE, size // 20), 5 * _STRIDE)
    reach = min(_REACH, size * 3 // 8)  # units that stand three times, the last not in full
    for at in range(step, size - _PROBE + 1, step):
        if find(text[at : at + _PROBE], at - reach if at > reach else 0, at + _PROBE - 1) >= 0:
            return True
    if size < _LEAST_LINES:
        return False
    for sign in ("\n", ". ") if text.isascii() else ("\n", ". ", "。"):
        parts = [part for part in text.split(sign) if len(part) >= _PROBE]
        if len(parts) - len(set(parts)) >= _LEAST_LONG_TIMES - 1:
            return True
    return False


def repetition(text: str) -> Repeated | None:
    """The loop of a text, or the lines that it repeats; None where it says everything once. Takes any string."""
    if len(text) < _SHORTEST or _STRUCTURED.match(text) is not None:
        return None
    shown = text if len(text) <= 2 * _CAP else text[:_CAP] + text[-_CAP:]
    offset = len(text) - len(shown)
    prose = _FENCED.sub(_blank, shown) if "```" in shown else shown
    if any(sign in prose for sign in "|{};<+"):
        prose = _STRUCTURE.sub(_blank, prose)
    loop = _longest_loop(prose)
    found = _told(prose, loop) if loop is not None else _lines(prose)
    if found is None or not offset or found.end <= _CAP:
        return found
    return found._replace(start=found.start + offset * (found.start >= _CAP), end=found.end + offset)


def _blank(match: re.Match[str]) -> str:
    """As many zero characters as the match has: they keep offsets and are never part of a loop."""
    return "\0" * len(match[0])


def _longest_loop(text: str) -> _Loop | None:
    loops = [loop for loop in _loops(text) if _counts(text, loop)]
    return max(loops, key=lambda loop: (loop.end - loop.start, -loop.start), default=None)


def _loops(text: str) -> Iterator[_Loop]:
    """Stretches that repeat with a period of at most 600 characters, from samples 40 characters apart."""
    at = 0
    while at + _PROBE < len(text):
        again = text.find(text[at : at + _PROBE], at + 1, at + _REACH)
        if again < 0:
            at += _STRIDE
            continue
        period = again - at
        start, end = at - _agreeing_before(text, at, period), again + _agreeing(text, at, period)
        yield _Loop(start, end, period)
        at = max(at + _STRIDE, end - period)


def _agreeing(text: str, at: int, period: int) -> int:
    """Characters from ``at`` on that stand again one period later."""
    step, done = 64, 0
    while True:
        if text[at + done : at + done + step] == text[at + done + period : at + done + period + step]:
            if at + done + period + step >= len(text):
                return len(text) - at - period
            done += step
            step = min(step * 2, 1 << 16)
        elif step == 1:
            return done
        else:
            step //= 2


def _agreeing_before(text: str, at: int, period: int) -> int:
    """Characters before ``at`` that stand again one period later; at most one stride, since an earlier sample is."""
    done = 0
    while done < min(at, _STRIDE + period) and text[at - done - 1] == text[at - done - 1 + period]:
        done += 1
    return done


def _counts(text: str, loop: _Loop) -> bool:
    """Whether a stretch is a loop of words: often enough, long enough, no numbers, no laughter, no rule of signs."""
    size = loop.end - loop.start
    least = _LEAST_LONG_TIMES if loop.period >= _LONG_UNIT else _LEAST_TIMES
    if size < max(_SHORTEST, least * loop.period - loop.period // 4):
        return False
    if size < min(_LEAST_SHARE * len(text), _LEAST_FILLED):
        return False
    unit = text[loop.start : loop.start + loop.period]
    letters = len(_LETTERS.findall(unit))
    if "\0" in unit or letters * 2 < len(unit.replace(" ", "")):
        return False
    words = {word.casefold() for word in _WORD.findall(unit + unit)}
    if loop.period <= 2 and not unit.isascii() and size < _RUN * 3:
        return False
    if all(_LAUGHS.match(word) for word in words):
        return len(words) > 1 and size >= _LEAST_FILLED * 2 and loop.period > _PROBE
    return not _is_laugh_run(words) and not _is_template(text, loop)


def _is_laugh_run(words: set[str]) -> bool:
    """Whether the only words are runs of two letters: "hahaha", "хахаха", "jajaja"."""
    return all(len(word) >= 6 and len(set(word)) <= 2 for word in words)


def _is_template(text: str, loop: _Loop) -> bool:
    """Whether a short line stands alone again and again: a form to fill in, a refrain, a column of one value."""
    unit = text[loop.start : loop.end].strip("\n").split("\n")
    return len(unit) >= 3 and len({line.strip() for line in unit}) <= 2 and max(map(len, unit)) <= 20


def _told(text: str, loop: _Loop) -> Repeated:
    size, period = loop.end - loop.start, loop.period
    times, share = size // period, round(size / len(text), 3)
    least = _LEAST_LONG_TIMES if period >= _LONG_UNIT else _LEAST_TIMES
    what = "1 character stands" if period == 1 else f"a stretch of {period} characters stands"
    said = f"{what} {times:,} times in a row and fills {share:.0%} of the answer; asked for less than {least} times"
    return Repeated("loop", loop.start, loop.end, times, share, said)


def _lines(text: str) -> Repeated | None:
    """Lines and sentences that stand three times or more and make up more than half of a text of 50 words or more."""
    pieces = [(match.start(), match[0].strip()) for match in _PIECE.finditer(text)]
    pieces = [(at, piece) for at, piece in pieces if len(piece) >= _PROBE and "\0" not in piece]
    counts = Counter(piece.casefold() for _, piece in pieces)
    repeated = [(at, piece) for at, piece in pieces if counts[piece.casefold()] >= _LEAST_LONG_TIMES]
    if not repeated or (len(_WORD.findall(text)) < _LEAST_WORDS and len(text) < _LEAST_LINES):
        return None
    said = text.replace("\0", "")
    filled = sum(len(piece) for _, piece in repeated)
    share = round(filled / max(len(said.strip()), 1), 3)
    if share <= _DUPLICATE_SHARE and not _is_squeezed(said):
        return None
    if _is_verse(pieces):
        return None
    at, piece = repeated[0]
    different = len({piece.casefold() for _, piece in repeated})
    subject = "1 line or sentence stands" if different == 1 else f"{different} lines or sentences stand"
    what = f"{subject} {len(repeated)} times{' in all' if different > 1 else ''}: {share:.0%} of the answer"
    return Repeated(
        "lines", at, at + len(piece), len(repeated), share, f"{what}; asked for at most {_DUPLICATE_SHARE:.0%}"
    )


def _is_squeezed(text: str) -> bool:
    raw = text.encode("utf-8", "replace")
    return len(raw) >= _LEAST_SQUEEZABLE and len(zlib.compress(raw, 1)) < _SQUEEZED * len(raw)


def _is_verse(pieces: list[tuple[int, str]]) -> bool:
    """Whether a text of short lines says at least four others between its refrains."""
    short = sum(len(piece) <= _LONG_UNIT for _, piece in pieces)
    once = [n for n in Counter(piece.casefold() for _, piece in pieces).values() if n == 1]
    return short >= 0.8 * len(pieces) and len(once) >= 4
