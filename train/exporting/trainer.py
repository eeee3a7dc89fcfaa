"""What the exporters of all trainers have in common: the names of their parts. Knows no trainer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from audit.errors import UsageError
from audit.model import Json
from audit.train.exporting.lines import Write
from audit.train.exporting.settings import Given, Sheet
from audit.train.options import TrainOptions
from audit.train.outgoing.capabilities import Kind

DATA: Final = "data"
OUTPUT: Final = "output"
"""Where the trainer is told to write; nothing of an export lies there."""
TEMPLATE: Final = "chat_template.jinja"


class Trainer(NamedTuple):
    """Another trainer: its name as in ``audit.train.outgoing.capabilities`` and the file with its configuration.

    ``write`` makes the lines of a row of a kind. ``configure`` fills a sheet in; ``beside`` are files that the data
    needs, by name; ``command`` begins training in the folder of the export. ``supervised`` says what is trained of a
    line, ``history`` how many messages of a line stand before what is trained. ``is_typed``: whether the reader of its
    data is told what the columns hold, and need not guess."""

    name: str
    configuration: str
    write: Callable[[Kind], Write]
    configure: Callable[[Given], Sheet]
    beside: Callable[[Given], Mapping[str, bytes]]
    command: Callable[[Kind], str]
    supervised: Callable[[Kind], str]
    history: Callable[[Mapping[str, Json]], int]
    is_typed: bool = False


def check_method(options: TrainOptions, title: str, *, freezes: bool = False) -> None:
    """Raise UsageError for settings of the method without which something else would be trained: frozen layers where
    the trainer has none, and a fraction as ``lora_alpha``."""
    if options.method == "freeze" and not freezes:
        raise UsageError(
            f'{title} has no setting that trains the last layers alone, and method = "freeze" asks for it',
            hint="--set method=lora, or method=full",
        )
    if options.method in ("lora", "qlora") and not float(options.lora_alpha).is_integer():
        raise UsageError(f"{title} takes whole numbers as lora_alpha, not {options.lora_alpha:g}")


def no_files(given: Given) -> Mapping[str, bytes]:
    """No files beside the data."""
    return {}
