"""How the prompt of a row reads: what its user asked for, and what was said before. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audit.model import Message

if TYPE_CHECKING:
    from audit.phrases.harm import Reading


def prompt_reading(prompt: Sequence[Message]) -> Reading:
    """Harmful, benign or unclear, of all that the user said and of the assistant's turns in between."""
    from audit.phrases.harm import harm_in_all

    asked = [message.text for message in prompt if message.role == "user"]
    heard = [message.text for message in prompt if message.role == "assistant"]
    return harm_in_all(asked, heard)
