"""Regular expressions that are compiled when they are first used. Knows no pattern itself.

Compiling all patterns of the project takes longer than the check of a small file, which needs few of them.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def pattern(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What ``re.compile`` gives, later: at the first use of a method or an attribute, which may raise ``re.error``."""
    return cast("re.Pattern[AnyStr]", _Later(source, flags))


class _Later:
    """Takes the place of a compiled pattern. The methods that were used are its own from then on, at no cost a call."""

    def __init__(self, source: str | bytes, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        """A method or an attribute of the compiled pattern."""
        compiled = self.__dict__.get("_compiled")
        if compiled is None:
            compiled = self._compiled = re.compile(self._source, self._flags)
        value = getattr(compiled, name)
        setattr(self, name, value)
        return value
