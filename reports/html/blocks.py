"""What a section of the report is made of: paragraphs, facts, tables, figures, folds. Templates draw them."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

import msgspec

from audit.reports.html.charts import Chart

Tone: TypeAlias = Literal["", "good", "bad", "unsure", "none", "quiet", "badge-bad", "badge-unsure", "badge-quiet"]
"""How a word is coloured; the word itself always says the same."""


class Cell(msgspec.Struct, frozen=True):
    """One cell: its text, a second smaller line, whether it is literal text from data, and how it is coloured.

    ``level`` 0 to 5 is the depth of colour in a heat table.
    """

    text: str
    detail: str = ""
    tone: Tone = ""
    code: bool = False
    level: int = 0


class Table(msgspec.Struct, frozen=True):
    """A table with a caption. The first cell of a row is its header; columns in ``right`` hold numbers."""

    kind: ClassVar[str] = "table"
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    right: tuple[int, ...] = ()
    heat: bool = False


class Text(msgspec.Struct, frozen=True):
    """A paragraph; ``tone`` other than "" sets it off as a note."""

    kind: ClassVar[str] = "text"
    text: str
    tone: Tone = ""


class Heading(msgspec.Struct, frozen=True):
    """A heading inside a section, one level below the section's own."""

    kind: ClassVar[str] = "heading"
    text: str


class Facts(msgspec.Struct, frozen=True):
    """Terms, each with what is to be said of it."""

    kind: ClassVar[str] = "facts"
    pairs: tuple[tuple[str, Cell], ...]


class Bullets(msgspec.Struct, frozen=True):
    """A list of sentences."""

    kind: ClassVar[str] = "bullets"
    items: tuple[str, ...]


class Command(msgspec.Struct, frozen=True):
    """Lines to be typed or pasted as they are."""

    kind: ClassVar[str] = "command"
    text: str


class Figure(msgspec.Struct, frozen=True):
    """A chart with its title, the sentence that it shows, and its data as a table, ``open`` or behind a line."""

    kind: ClassVar[str] = "figure"
    title: str
    sentence: str
    chart: Chart
    table: Table
    open: bool = False


class Example(msgspec.Struct, frozen=True):
    """One finding: where it lies, what was seen, the line around it in three parts, what would mend it."""

    severity: str
    place: str
    message: str
    snippet: tuple[str, str, str] | None = None
    related: tuple[str, ...] = ()
    help: str = ""


class Examples(msgspec.Struct, frozen=True):
    """The findings of one rule that are shown, how many there are in all, and the help that they have in common."""

    kind: ClassVar[str] = "examples"
    code: str
    name: str
    severity: str
    total: int
    items: tuple[Example, ...]
    help: str = ""


class Fold(msgspec.Struct, frozen=True):
    """Blocks behind a line that opens them."""

    kind: ClassVar[str] = "fold"
    title: str
    blocks: tuple[Block, ...]


class SignOff(msgspec.Struct, frozen=True):
    """Empty lines for people to sign on."""

    kind: ClassVar[str] = "signoff"
    heads: tuple[str, ...]
    lines: int


Block: TypeAlias = Table | Text | Heading | Facts | Bullets | Command | Figure | Examples | Fold | SignOff


class Section(msgspec.Struct, frozen=True):
    """A part of the report under a heading; ``name`` is the anchor."""

    name: str
    title: str
    blocks: tuple[Block, ...]


def facts(*pairs: tuple[str, Cell | str | None]) -> Facts:
    """Facts from what is known: pairs without a text are left out."""
    cells = [(term, cell if isinstance(cell, Cell) else Cell(cell or "")) for term, cell in pairs]
    return Facts(tuple((term, cell) for term, cell in cells if cell.text))


def plain(*texts: str) -> tuple[Cell, ...]:
    """A row of plain cells."""
    return tuple(Cell(text) for text in texts)
