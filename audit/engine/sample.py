"""A sample of the rows before the first one is judged: what templates they share. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from audit.engine.batch import ParsedBatch
from audit.errors import InputError
from audit.model import Source
from audit.read.chunks import Chunk
from audit.read.suspects import suspect_lines

SAMPLE_BYTES: Final = 2 << 20
"""Bytes of all sources together that are sampled: a few thousand rows, 0.1 seconds."""
LEAST_BYTES: Final = 64 << 10
"""Bytes of each source, however many there are."""
PLACES: Final = 64
"""Places of a file that is not sampled whole: a file sorted by topic shows all its topics."""


def spread(source: Source, size: int) -> Iterator[Chunk]:
    """Whole lines of a plain file: all of them where they are ``size`` bytes or fewer, else from evenly spread places.

    Raises InputError when the file cannot be read.
    """
    stored = source.size or 0
    places = 1 if stored <= size else PLACES
    try:
        with open(source.path, "rb") as file:
            for place in range(places):
                file.seek(stored * place // places)
                text = file.read(size // places)
                start = 0 if place == 0 else text.find(b"\n") + 1
                lines = text[start:].split(b"\n")
                if places > 1:
                    lines.pop()  # cut somewhere
                if lines:
                    yield Chunk(source=source, lines=lines, suspects=set(suspect_lines(b"\n".join(lines) + b"\n")))
    except OSError as error:
        raise InputError(f"cannot read {source.path}: {error.strerror or error}") from error


def texts_of(chunks: Iterable[Chunk]) -> Iterator[str]:
    """What is said in every row that can be parsed."""
    for chunk in chunks:
        yield from ParsedBatch(chunk, texts=True).texts
