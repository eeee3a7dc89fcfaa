"""Holds the options that somebody hands in from Python against the types that they declare. Knows none of them."""

from __future__ import annotations

import os
from typing import TypeVar

import msgspec

from audit.errors import UsageError

T = TypeVar("T", bound=msgspec.Struct)


def typed(options: object, kind: type[T]) -> T:
    """The same options, of the types that ``kind`` declares: paths as text, lists as tuples.

    Raises UsageError naming the first that is of another type, or none of the words that are allowed.
    """
    try:
        return msgspec.convert(msgspec.to_builtins(options, enc_hook=_path), kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).replace("`", "").partition(" - at $.")
        place = f"{kind.__name__}.{where}" if where else kind.__name__
        raise UsageError(f"{place}: {what[:1].lower()}{what[1:]}") from None
    except TypeError as error:
        raise UsageError(f"{kind.__name__}: {error}") from None


def _path(value: object) -> str:
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    raise TypeError(f"a {type(value).__name__} is no value of an option")
