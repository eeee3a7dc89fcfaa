"""The names of files as other programs want them: relative to the working directory, with forward slashes, as URIs.

Opens nothing; asks the system only for the working directory.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Final
from urllib.parse import quote

from audit.model import Result

NO_FILE: Final[Mapping[str, str]] = {"-": "stdin", "<rows>": "rows"}
"""What stands for input that is no file: platforms ask for a path at every finding."""


def portable(path: str) -> str:
    """The path relative to the working directory, with forward slashes; absolute where it lies outside."""
    if path in NO_FILE:
        return NO_FILE[path]
    try:
        near = PurePath(os.path.relpath(path or "."))
    except ValueError:  # Windows: on another drive
        return Path(path).as_posix()
    if near.parts[:1] == ("..",):
        return Path(os.path.abspath(path)).as_posix()
    return near.as_posix()


def is_outside(path: str) -> bool:
    """True for a portable path that is absolute."""
    return PurePath(path).is_absolute()


def uri(path: str) -> str:
    """The URI of a portable path (RFC 3986): a relative reference, or ``file:///...`` for an absolute path.

    Every byte that is not an unreserved character or a slash is percent-encoded, undecodable ones as they lie in the
    file system, so that no text in a path can be read as a scheme, a query or markup.
    """
    try:
        raw = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = path.encode("utf-8", "surrogatepass")
    encoded = quote(raw, safe="/")
    if not is_outside(path):
        return encoded
    return "file://" + ("" if encoded.startswith("/") else "/") + encoded


def first_file(result: Result) -> str:
    """The path that stands for findings about the data as a whole: that of the first source, else ``rows``."""
    return portable(result.sources[0].path) if result.sources else NO_FILE["<rows>"]
