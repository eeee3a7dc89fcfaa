"""What the exporters of all trainers have in common: the names of their parts. Knows no trainer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from audit.errors import UsageError
from audit.model import Json
from audit.train.exporting.settings import ADAPTERS, Given, Sheet
from audit.train.options import TrainOptions
from audit.train.outgoing.capabilities import Kind
from audit.train.outgoing.rows import Write

DATA: Final = "data"
OUTPUT: Final = "output"
"""Where the trainer is told to write; nothing of an export lies there."""
TEMPLATE: Final = "chat_template.jinja"
PREFERENCE_TRAINS: Final = (
    "DPO over the preferred and the rejected answer of each line, all that stands before them as the prompt"
)
"""What each of them trains of a line with two answers."""


def _no_history(row: Mapping[str, Json]) -> int:
    return 0


class Trainer(NamedTuple):
    """Another trainer: its name as in ``audit.train.outgoing.capabilities`` and the file with its configuration.

    ``write`` makes the lines of a row, by its kind. ``configure`` fills a sheet in; ``command`` begins training in the
    folder of the export. ``supervised`` says what is trained of the line of a chat, ``history`` how many messages of it
    stand before that. ``card`` is the file that the data needs beside it, if any, and ``describe`` makes it.
    ``is_typed``: whether the reader of its data is told what the columns hold, and need not guess. ``apart`` makes the
    lines of a chat whose earlier turns the template rewrites (None: as of every other). ``unrendered`` is what may be
    otherwise where no row could be rendered, ``rewrites_tools``: it trains tools and calls in a format of its own,
    ``counts``: it can be told what becomes of lines that are too long."""

    name: str
    configuration: str
    write: Mapping[Kind, Write]
    configure: Callable[[Given], Sheet]
    command: Mapping[Kind, str]
    supervised: str
    history: Callable[[Mapping[str, Json]], int] = _no_history
    card: str | None = None
    describe: Callable[[Given], bytes] | None = None
    is_typed: bool = False
    apart: Write | None = None
    unrendered: str = ""
    rewrites_tools: bool = False
    counts: bool = False


def check_method(options: TrainOptions, title: str, *, freezes: bool = False) -> None:
    """Raise UsageError for settings of the method without which something else would be trained: frozen layers where
    the trainer has none, and a fraction as ``lora_alpha``."""
    if options.method == "freeze" and not freezes:
        raise UsageError(
            f'{title} has no setting that trains the last layers alone, and method = "freeze" asks for it',
            hint="--set method=lora, or method=full",
        )
    if options.method in ADAPTERS and not float(options.lora_alpha).is_integer():
        raise UsageError(f"{title} takes whole numbers as lora_alpha, not {options.lora_alpha:g}")
