"""What making up rows comes to: the rows, what was refused and why, and the account of every cell. Makes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

import msgspec

from audit.counterfactual import Reason as SwapReason
from audit.model import PointerEdit

Kind: TypeAlias = Literal["counterfactual", "noise", "paraphrase"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

Reason: TypeAlias = (
    SwapReason
    | Literal[
        "no_lexicon",
        "no_group",
        "sidecar",
        "shape",
        "tool_call",
        "metadata",
        "unwritable",
        "script",
        "no_user_text",
        "no_word",
        "failed",
        "empty",
        "length",
        "declined",
        "numbers",
        "links",
        "quotes",
        "placeholders",
        "code_changed",
        "names",
        "identity",
        "unchanged",
        "label",
        "group",
        "exists",
        "near_source",
        "near_copy",
    ]
)
"""Why a row was not made, or was made and refused.

Beside the reasons of ``audit.counterfactual``: ``no_lexicon``: no lexicon has both groups. ``no_group``: the cell is of
rows without a group, or of several. ``sidecar``: the group stands in a file that knows no made-up rows. ``shape``: the
text of a turn is not one string of the row. ``tool_call``: a call mentions the group. ``metadata``: a field names the
group, and how the other one would be named is not known. ``unwritable``: the mark cannot be written into the row.
``script``: not in Latin letters. ``no_user_text``: nothing that a user says, or in several pieces. ``no_word``: no
word that may be misspelt. ``failed``: the paraphraser gave none. ``empty``, ``length``, ``declined``, ``numbers``,
``links``, ``quotes``, ``placeholders``, ``code_changed``, ``names``, ``identity``: what is wrong with a paraphrase.
``unchanged``: it says what its source says. ``label``, ``group``: read again, the row has another label, or is not of
the cell. ``exists``: the data, or a row made before, has the same prompt or conversation. ``near_source``: the turn is
nearly that of the source. ``near_copy``: the row is nearly another row.
"""


class MadeUp(NamedTuple):
    """A row made of ``source_row`` (its ordinal) for ``cell``: its bytes without a line end, and ``how``: the kind."""

    source_row: int
    cell: int
    raw: bytes
    how: Kind


class CellCount(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a cell: rows wanted and made, rows that one could be made of, and drafts refused by reason.

    A row of which drafts were refused counts once a draft. ``made`` is below ``wanted`` where ``sources`` ran out.
    """

    cell: int
    wanted: int
    made: int
    sources: int
    refused: Mapping[str, int]


class Changes(NamedTuple):
    """How a row becomes another: the edits of its bytes, and the user's text before and after; of a twin, whose change
    is the point, two empty texts."""

    edits: tuple[PointerEdit, ...]
    before: str = ""
    after: str = ""


class Refused(Exception):
    """Raised inside this package where a row cannot be made of another; never leaves it."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
