"""The slow, exact look at one line: what its value is and everything that is wrong with its bytes and its JSON.

Used only for lines that the fast decode refuses or that the scan for suspects marks. Never raises for any bytes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

from audit.model import ABSENT, Absent, Json, Problem
from audit.read import spans
from audit.read.syntax import explain

MAX_DEPTH: Final = 1_000
"""Nesting levels beyond which a line is refused: Python's own recursion limit, near orjson's 1,024."""
MAX_DIGITS: Final = 4_300
"""Digits of an integer beyond which it is refused: CPython's default limit (CVE-2020-10735)."""
MAX_BAD_SEQUENCES: Final = 20
"""Invalid UTF-8 sequences reported per line."""
MAX_PLACES: Final = 100
"""Places of odd characters listed per string."""
MAX_PROBLEMS: Final = 1_000
"""Repeated keys, odd numbers and odd texts reported per line."""
MAX_TOKENS: Final = 3_000_000
"""Tokens looked at to place a problem; beyond it the problem is reported without its place."""

_WHITE: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_SEPARATOR: Final = re.compile(rb"\xe2\x80[\xa8\xa9]|\xc2\x85")
_ODD_BYTES: Final = re.compile(
    rb"\\(?:[bf]|u(?:00[01789]|[dD][89a-fA-F]))|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]"
)
# U+0085 is a line end to Unicode, so it counts as a line separator (when raw) and not as a control character.
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_TYPE_NAMES: Final = {list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


class Diagnosis(msgspec.Struct, frozen=True):
    """What one line holds and what is wrong with it. ``value`` is ABSENT when no value could be made of it.

    The value is there in spite of duplicate keys (last wins), non-finite or over-long numbers (as float), lone
    surrogates, control characters and invalid UTF-8 (each bad sequence as U+FFFD).
    """

    value: Json | Absent
    problems: tuple[Problem, ...] = ()


class _Notes:
    """What the JSON decoder met on its way; the places are looked up afterwards, only if there was anything."""

    def __init__(self) -> None:
        self.duplicate = self.non_finite = self.long_number = False

    def pairs(self, pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        made = dict(pairs)
        if len(made) != len(pairs):
            self.duplicate = True
        return made

    def constant(self, word: str) -> float:
        self.non_finite = True
        return float(word)

    def integer(self, digits: str) -> int | float:
        try:
            if len(digits.lstrip("-")) <= MAX_DIGITS:
                return int(digits)
        except ValueError:  # the interpreter was started with a lower limit
            pass
        self.long_number = True
        return float(digits)

    def real(self, digits: str) -> float:
        value = float(digits)
        if math.isinf(value):
            self.long_number = True
        return value


def diagnose(raw: bytes) -> Diagnosis:
    """The value of one line and its problems, in the order of their places.

    ``raw`` is the line without its newline. Places are byte offsets within ``raw``. A blank line gives one
    ``blank-line`` problem and no value.
    """
    if not raw.strip(_WHITE):
        return Diagnosis(ABSENT, (Problem(kind="blank-line", message="the line is blank", end=len(raw)),))
    problems: list[Problem] = []
    body = raw
    if raw.startswith(_BOM):
        problems.append(Problem(kind="bom", message="the line starts with a byte order mark", end=3))
        body = b"   " + raw[3:]  # keeps every offset
    if _many_brackets(body) and spans.depth(body) > MAX_DEPTH:
        return Diagnosis(ABSENT, (*problems, _too_deep(body)))
    problems.extend(_invalid_utf8(body))
    value, more = _parse(raw, body, bool(problems))
    problems.extend(more)
    if not (value is ABSENT or isinstance(value, dict)):
        problems.append(_not_object(value, body))
    problems.sort(key=lambda problem: (problem.start, problem.kind, problem.pointer))
    return Diagnosis(value, tuple(problems))


def _many_brackets(body: bytes) -> bool:
    return body.count(b"[") + body.count(b"{") > MAX_DEPTH


def _too_deep(body: bytes) -> Problem:
    return Problem(
        kind="too-deep",
        message=f"nested more than {MAX_DEPTH:,} levels deep",
        end=len(body),
        detail={"limit": MAX_DEPTH},
    )


def _not_object(value: Json, body: bytes) -> Problem:
    name = "null" if value is None else _TYPE_NAMES[type(value)]
    end = len(body.rstrip(_WHITE))
    start = len(body) - len(body.lstrip(_WHITE))
    return Problem(
        kind="not-object", message=f"the line holds {name}, not an object", start=start, end=end, detail={"type": name}
    )


# ----------------------------------------------------------------------------- bytes


def _invalid_utf8(body: bytes) -> list[Problem]:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return []
    bad = list(_bad_sequences(body))
    pointers = spans.pointers_at(body, [start for start, _, _ in bad])
    return [
        Problem(
            kind="invalid-utf8",
            message=f"{_hex(body[start:end])} not valid UTF-8 ({reason})",
            start=start,
            end=end,
            pointer=at,
            detail={"bytes": body[start:end].hex(), "reason": reason},
        )
        for (start, end, reason), at in zip(bad, pointers, strict=True)
    ]


def _hex(piece: bytes) -> str:
    shown = " ".join(f"0x{byte:02x}" for byte in piece)
    return f"byte {shown} is" if len(piece) == 1 else f"bytes {shown} are"


def _bad_sequences(body: bytes) -> Iterator[tuple[int, int, str]]:
    at = 0
    for _ in range(MAX_BAD_SEQUENCES):
        try:
            body[at:].decode("utf-8")
        except UnicodeDecodeError as error:
            yield at + error.start, at + error.end, error.reason
            at += error.end
        else:
            return


# ----------------------------------------------------------------------------- JSON


def _parse(raw: bytes, body: bytes, broken_bytes: bool) -> tuple[Json | Absent, list[Problem]]:
    text = body.decode("utf-8", "replace")
    notes = _Notes()
    decoder = json.JSONDecoder(
        object_pairs_hook=notes.pairs, parse_constant=notes.constant, parse_int=notes.integer, parse_float=notes.real
    )
    try:
        value: Json = decoder.decode(text)
    except json.JSONDecodeError as error:
        # Positions are only exact in a text where one code point stands for each bad byte.
        return ABSENT, [_not_json(raw, body, error if not broken_bytes else _again(decoder, body, error))]
    except RecursionError:
        return ABSENT, [_too_deep(body)]
    return value, list(islice(_details(body, notes), MAX_PROBLEMS))


def _again(decoder: json.JSONDecoder, body: bytes, first: json.JSONDecodeError) -> json.JSONDecodeError:
    try:
        decoder.decode(body.decode("utf-8", "surrogateescape"))
    except json.JSONDecodeError as error:
        return error
    return first


def _not_json(raw: bytes, body: bytes, error: json.JSONDecodeError) -> Problem:
    text = error.doc
    fault = explain(text, error)
    start = len(text[: fault.position].encode("utf-8", "surrogateescape"))
    length = len(text[fault.position : fault.position + fault.length].encode("utf-8", "surrogateescape"))
    at = spans.column(raw, start)
    return Problem(
        kind="truncated" if fault.truncated else "not-json",
        message=fault.message if fault.truncated else f"not JSON at column {at}: {fault.message}",
        start=start,
        end=start + length,
        detail={"cause": fault.cause, "column": at},
    )


def _details(body: bytes, notes: _Notes) -> Iterator[Problem]:
    """Places of what the decoder accepted but a row should not hold."""
    odd = _ODD_BYTES.search(body) is not None
    if not (odd or notes.duplicate or notes.non_finite or notes.long_number):
        return
    walk = spans.Walk(body, limit=MAX_TOKENS)
    keys: list[set[str]] = []
    end = 0
    for token in walk:
        piece, end = body[token.start : token.end], token.end
        if token.kind == "open":
            keys.append(set())
        elif token.kind == "close":
            keys.pop()
        elif token.kind == "atom":
            yield from _odd_atom(piece, token, walk)
        elif odd and _ODD_BYTES.search(piece):
            yield from _odd_text(body, token, walk.pointer())
        if notes.duplicate and token.kind == "key":
            yield from _repeated(piece, token, walk, keys[-1])
    if not walk.finished:
        yield from _without_places(notes)
        for start, stop in spans.strings(body, end):
            if odd and _ODD_BYTES.search(body, start, stop):
                yield from _odd_text(body, spans.Token("string", start, stop), "")


def _repeated(piece: bytes, token: spans.Token, walk: spans.Walk, seen: set[str]) -> Iterator[Problem]:
    key = spans.string_value(piece)
    if key in seen and f"\0{key}" not in seen:
        seen.add(f"\0{key}")
        message = f"the key {_quoted(key)} is repeated: only its last value counts"
        yield Problem(
            kind="duplicate-key",
            message=message,
            start=token.start,
            end=token.end,
            pointer=walk.pointer(),
            detail={"key": key[:100]},
        )
    seen.add(key)


def _quoted(key: str) -> str:
    return json.dumps(key if len(key) <= 60 else key[:59] + "…")


def _odd_atom(piece: bytes, token: spans.Token, walk: spans.Walk) -> Iterator[Problem]:
    if piece in (b"NaN", b"Infinity", b"-Infinity"):
        word = piece.decode("ascii")
        message = f"{word} is not JSON"
        yield Problem(
            kind="non-finite",
            message=message,
            start=token.start,
            end=token.end,
            pointer=walk.pointer(),
            detail={"literal": word},
        )
    elif _too_long(piece):
        message = f"a number of {len(piece):,} characters that programs cannot hold"
        yield Problem(
            kind="number-too-long",
            message=message,
            start=token.start,
            end=token.end,
            pointer=walk.pointer(),
            detail={"length": len(piece)},
        )


def _too_long(piece: bytes) -> bool:
    if piece in (b"true", b"false", b"null"):
        return False
    if piece.lstrip(b"-").isdigit():
        return len(piece.lstrip(b"-")) > MAX_DIGITS
    return math.isinf(float(piece))


def _odd_text(body: bytes, token: spans.Token, at: str) -> Iterator[Problem]:
    piece = body[token.start : token.end]
    text = spans.string_value(piece)
    for kind, pattern, name in (
        ("lone-surrogate", _SURROGATE, "half of a surrogate pair"),
        ("control-character", _CONTROL, "control character"),
    ):
        if pattern.search(text):
            yield _characters(kind, name, body, token, text, pattern, at)
    raw_places = [(found.start() + token.start, found.end() + token.start) for found in _SEPARATOR.finditer(piece)]
    if raw_places:
        yield _separators(body, raw_places, at, token.kind == "key")


def _characters(
    kind: str, name: str, body: bytes, token: spans.Token, text: str, pattern: re.Pattern[str], at: str
) -> Problem:
    places = [found.start() for found in islice(pattern.finditer(text), MAX_PLACES)]
    count = len(places) if len(places) < MAX_PLACES else pattern.subn("", text)[1]
    edges = spans.character_spans(body, (token.start, token.end), places)
    points = [f"U+{ord(character):04X}" for character in sorted(set(text)) if pattern.match(character)]
    return Problem(
        kind=kind,
        message=f"{name} {_few(points)} in a {'key' if token.kind == 'key' else 'text'}{_times(count)}",
        start=edges[0][0],
        end=edges[0][1],
        pointer=at,
        detail={
            "code_points": points[:MAX_PLACES],
            "count": count,
            "position": places[0],
            "spans": [list(edge) for edge in edges],
            "key": token.kind == "key",
        },
    )


def _separators(body: bytes, places: list[tuple[int, int]], at: str, in_key: bool) -> Problem:
    points = sorted({f"U+{ord(body[start:end].decode('utf-8')):04X}" for start, end in places})
    return Problem(
        kind="line-separator",
        message=f"line separator {_few(points)} written raw in a {'key' if in_key else 'text'}{_times(len(places))}",
        start=places[0][0],
        end=places[0][1],
        pointer=at,
        detail={
            "code_points": points,
            "count": len(places),
            "spans": [list(place) for place in places[:MAX_PLACES]],
            "key": in_key,
        },
    )


def _few(points: list[str]) -> str:
    return ", ".join(points[:5]) + (f" and {len(points) - 5} more" if len(points) > 5 else "")


def _times(count: int) -> str:
    return f" ({count:,} times)" if count > 1 else ""


def _without_places(notes: _Notes) -> Iterator[Problem]:
    for seen, kind, what in (
        (notes.duplicate, "duplicate-key", "keys are repeated"),
        (notes.non_finite, "non-finite", "numbers are not finite"),
        (notes.long_number, "number-too-long", "numbers are too long"),
    ):
        if seen:
            yield Problem(kind=kind, message=f"{what} (the line is too long to say all places)", detail={"key": ""})
