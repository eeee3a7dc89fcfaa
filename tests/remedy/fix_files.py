"""Files to be mended: rows with every kind of mistake, in every kind of file."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from hypothesis import strategies as st

from audit.remedy.fix.report import FixOptions
from audit.remedy.ledger import LedgerLine, read_ledger


def chat(user: str, answer: str, **more: object) -> bytes:
    """A row of two turns."""
    messages = [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages, **more}).encode()


ROWS: Final = (
    chat("What is the capital of France?", "Paris."),
    chat("What is the capital of France?", "Paris.", metadata={"id": 1}),
    chat("What is the capital of Italy?", "Rome."),
    b'{"messages": [{"role": "User", "content": "Hi"}, {"role": "Assistant", "content": "Hello."}]}',
    b'{"messages":[{"role":"user","content":"A"},{"role":"assistant","content":"B","mood":"glad"}]}',
    b'{"conversation": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello there."}]}',
    b'{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": ""}]}',
    b'{"messages": [{"role": "user", "content": "Hi"}',
    b'{"messages": []}',
    b"[]",
    b"17",
    b"not json at all",
    b'{"messages": [{"role": "user", "content": "a\xff"}, {"role": "assistant", "content": "b"}]}',
    b'{"messages": [{"role": "user", "content": "a\x01b"}, {"role": "assistant", "content": "b\\ud800"}]}',
    b'\xef\xbb\xbf{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}',
    b'{"messages": [{"role": "user", "content": "sep\xe2\x80\xa8"}, {"role": "assistant", "content": "z"}]}',
    b"",
    b"  ",
)
"""Rows and blank lines."""

OPTIONS: Final = (
    FixOptions(max_removal=1),
    FixOptions(drop=True, max_removal=1),
    FixOptions(unsafe=True, max_removal=1),
)


def sha256(data: bytes) -> str:
    """The hash as ledgers write it."""
    return hashlib.sha256(data).hexdigest()


def lines_between(text: bytes) -> list[bytes]:
    """The lines of an output that are not blank, without their ends."""
    return [line.removesuffix(b"\r") for line in text.split(b"\n") if line.strip()]


def _lines(rows: Sequence[bytes], ends: Sequence[bytes], mark: bool, last: bool) -> bytes:
    ended = [row + ends[index % len(ends)] for index, row in enumerate(rows)]
    if ended and not last:
        ended[-1] = rows[-1]
    return (b"\xef\xbb\xbf" if mark else b"") + b"".join(ended)


def plain_files() -> st.SearchStrategy[bytes]:
    """JSON Lines with any line ends, with and without byte order mark, blank lines and last line end."""
    rows = st.lists(st.sampled_from(ROWS), max_size=9).map(lambda rows: [chat("First?", "Yes."), *rows])
    ends = st.sampled_from(((b"\n",), (b"\r\n",), (b"\n", b"\r\n"), (b"\r\n", b"\n", b"\n")))
    return st.builds(_lines, rows, ends, st.booleans(), st.booleans())


def _array(rows: Sequence[bytes]) -> bytes:
    return b"[\n" + b",\n".join(row for row in rows if row.startswith(b"{") and row.endswith(b"}")) + b"\n]\n"


MAKERS: Final[dict[str, Callable[[Sequence[bytes]], bytes]]] = {
    "x.json": _array,
    "x.jsonl.gz": lambda rows: gzip.compress(b"\r\n".join(rows) + b"\r\n", mtime=0),
    "x16.jsonl": lambda rows: (b"\n".join(rows) + b"\n").decode("utf-8", "replace").encode("utf-16"),
}
"""Kinds of files that are not plain JSON Lines."""


def ledger_lines(path: Path) -> list[LedgerLine]:
    """What a ledger tells of rows."""
    return list(read_ledger(path).lines())
