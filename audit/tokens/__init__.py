"""Token counts, offline: encodings, model names, limits, prices and the counter that the engine uses.

Downloads nothing unless asked, and judges nothing: the TOK rules do that.
"""

from __future__ import annotations

from audit.tokens.counter import Counter, PlainTurn, make_counter
from audit.tokens.encodings import load_encoding
from audit.tokens.limits import Limit, example_limit
from audit.tokens.models import Lifecycle, ModelInfo, lifecycle, resolve_model

__all__ = [
    "Counter",
    "Lifecycle",
    "Limit",
    "ModelInfo",
    "PlainTurn",
    "example_limit",
    "lifecycle",
    "load_encoding",
    "make_counter",
    "resolve_model",
]
