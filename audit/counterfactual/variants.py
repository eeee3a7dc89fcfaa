"""What is asked beside a question to see what the group alone changes: its swaps, their controls, and what was skipped.

Values only; ``prompts`` makes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from audit.model import Json

Partners: TypeAlias = Mapping[str, Mapping[str, str]]
"""Field -> value -> the value that takes its place when the group is exchanged."""

OFF_MANIFOLD: Final = "off_manifold"
SKIPPED: Final[Mapping[str, str]] = {
    "unknown_group": "the row is of no known group",
    "one_group": "no other group is in the data",
    "not_stated": "the prompt does not state the group",
    "stated_otherwise": "the prompt states another group than the row",
    "several_groups": "the prompt states more than one group",
    "mentioned_elsewhere": "other words of the prompt mention the group",
    "parts": "a message is not plain text",
    OFF_MANIFOLD: "another field has a value that does not occur with the other group",
}
"""Why a prompt has no swap, beside the reasons of a swap of running text (``audit.counterfactual.REASONS``)."""


class Prompt(NamedTuple):
    """A question: its ordinal, its messages as a predictions row has them, and the groups of its row by attribute."""

    row: int
    messages: Sequence[Mapping[str, Json]]
    groups: Mapping[str, str]


class PromptEdit(NamedTuple):
    """Code points ``start`` to before ``end`` of the content of a message, what stood there and what stands there."""

    message: int
    start: int
    end: int
    before: str
    after: str


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A question asked otherwise: with another group in it (``swap``), or edited in as many words within its group.

    ``pair_id`` names the swap; a control has that of its swap, the first of those with the same control text.
    """

    row: int
    kind: Literal["swap", "control"]
    messages: tuple[dict[str, Json], ...]
    pair_id: str
    attribute: str
    from_group: str
    to_group: str
    edits: tuple[PromptEdit, ...]


class VariantPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All variants, by row and attribute, a control right behind its swap.

    ``tried`` counts questions that were looked at, once for each attribute; ``skipped`` those without a swap, by reason
    (and for each group that a table could not be swapped to); ``without_control`` the swaps of which the effect of the
    edit cannot be told from that of the group. ``coupled`` are the fields that were swapped together, by attribute.
    """

    variants: tuple[Variant, ...]
    skipped: Mapping[str, int]
    tried: int
    swaps: int
    controls: int
    without_control: int
    coupled: Mapping[str, Partners] = {}

    @property
    def off_manifold(self) -> int:
        """Swaps that were not made since they would give a row such as the data never has."""
        return self.skipped.get(OFF_MANIFOLD, 0)


def edited(messages: Sequence[Mapping[str, Json]], edits: Sequence[PromptEdit]) -> tuple[dict[str, Json], ...]:
    """The messages with the edits made; edits of one message are in order and do not overlap."""
    changed = [dict(message) for message in messages]
    for edit in reversed(edits):
        text = str(changed[edit.message]["content"])
        changed[edit.message]["content"] = text[: edit.start] + edit.after + text[edit.end :]
    return tuple(changed)
