"""Turns a chat into the pieces a model is trained on, and says which of them carry loss. No torch, no tokenizer.

``render(chat, template)`` is the one function that the token rules and the trainer share; ``prompt`` of a template
gives what a reply is asked for with. Templates are ``ChatML`` and,
imported only where it is needed because it loads Jinja, ``audit.render.jinja.JinjaTemplate``.
"""

from __future__ import annotations

from audit.model import Chat
from audit.render.chatml import ChatML
from audit.render.pieces import (
    Piece,
    Rendered,
    Sample,
    Stretch,
    Template,
    Trainable,
    before_reply,
    is_trained,
    trainable_tokens,
)

__all__ = [
    "ChatML",
    "Piece",
    "Rendered",
    "Sample",
    "Stretch",
    "Template",
    "Trainable",
    "before_reply",
    "is_trained",
    "render",
    "trainable_tokens",
]


def render(chat: Chat, template: Template) -> Rendered:
    """The samples a chat becomes under a template; a preference row becomes its prompt and the chosen answer."""
    return template.render(chat)
