"""The settings of one run, after flags, environment and files have been merged. Holds values; loads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, Literal

import msgspec

from audit.model import Json, Severity

DEFAULT_MEMORY: Final = 512 << 20
"""Bytes that whole-dataset rules may fill before they write to disk."""


class Ignore(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[ignore]]`` entry: findings of ``code`` (or a prefix) in files matching ``path`` are suppressed
    and counted.

    ``reason`` is mandatory. After ``expires`` the entry no longer applies and says so.
    """

    code: str
    reason: str
    path: str = "*"
    owner: str | None = None
    expires: date | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every value a check can be told. ``origins`` says where each came from ("default", "audit.toml", "--target" ...).

    ``select`` None means the stable rules. ``rules`` holds options by code. ``sections`` holds the parsed tables that
    later commands read (``data``, ``attributes``, ``fairness``, ``use``, ``gate``, ``split``, ...), names checked.
    ``tokenizer`` is an encoding name or the path of a Hugging Face tokenizer folder or ``tokenizer.json``.

    ``splits`` are pairs of a split's name and a path, judged beside ``files``, which have no split. ``against`` and
    ``target_sample`` are compared with and not judged. ``lexicons`` are laid over the built-in ones,
    ``known_citations`` are files of citations that were checked. ``jobs`` None means one process for each usable core;
    ``memory`` is in bytes. ``jobs``, ``executor`` and ``memory`` change no result. ``policy`` is what `audit gate`
    judges by, a built-in name or a file; None means ``default``. ``baseline`` is a file of findings that are known.
    """

    files: tuple[str, ...] = ()
    splits: tuple[tuple[str, str], ...] = ()
    against: tuple[str, ...] = ()
    target_sample: tuple[str, ...] = ()
    lexicons: tuple[str, ...] = ()
    known_citations: tuple[str, ...] = ()
    target: str = "generic"
    model: str | None = None
    tokenizer: str | None = None
    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    preview: bool = False
    fail_on: Severity = Severity.ERROR
    as_of: date | None = None
    max_findings: int | None = None
    policy: str | None = None
    baseline: str | None = None
    max_tokens: int | None = None
    epochs: float | None = None
    max_cost: float | None = None
    seed: int = 0
    allow_download: bool = False
    jobs: int | None = None
    executor: Literal["auto", "inline", "processes"] = "auto"
    memory: int = DEFAULT_MEMORY
    rules: Mapping[str, Mapping[str, Json]] = {}
    ignores: tuple[Ignore, ...] = ()
    sections: Mapping[str, Json] = {}
    config_file: str | None = None
    origins: Mapping[str, str] = {}
