"""What reasons for the end of an answer mean, by the names that servers give them. Looks at no answer."""

from __future__ import annotations

from typing import Final

CUT_OFF: Final = frozenset({"length", "max_tokens"})
"""Of an answer that ran into the limit of tokens."""
