"""The options of a check, once: their names on the command line, in the environment and in the file, and their values.

Reads no file and knows no precedence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from audit.config.values import (
    codes,
    count,
    day,
    executor,
    positive,
    positive_count,
    processes,
    severity,
    size,
    splits,
    switch,
    text,
    texts,
    whole,
)
from audit.model import Json


class Option(msgspec.Struct, frozen=True):
    """One field of Settings: its table in the file (data, check or gate), how a value is read, what it means."""

    field: str
    table: str
    read: Callable[[Json], Json]
    meaning: str
    is_path: bool = False
    """True when the value may be a path, which a file means relative to itself."""
    each: str = ""
    """What the flag calls one of several values, where the field is a plural."""

    @property
    def key(self) -> str:
        """The key in the file."""
        return self.field.replace("_", "-")

    @property
    def flag(self) -> str:
        """The flag on the command line."""
        return "--" + (self.each or self.key)

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "AUDIT_" + self.field.upper()


OPTIONS: Final = (
    Option("files", "data", texts, "files, folders and patterns to check", is_path=True),
    Option("splits", "data", splits, "files of a split, such as train=a.jsonl", is_path=True, each="split"),
    Option("against", "data", texts, "file of evaluation rows that must not be in the data", is_path=True),
    Option("target_sample", "data", texts, "file of prompts as they come in use, to compare with", is_path=True),
    Option("lexicons", "data", texts, "file of words that mention groups", is_path=True, each="lexicon"),
    Option("known_citations", "data", texts, "file of citations that were checked", is_path=True),
    Option("target", "data", text, "what the file is for: a provider or a trainer"),
    Option("model", "data", text, "model to be tuned: sets tokenizer and limits", is_path=True),
    Option("tokenizer", "data", text, "encoding name, or path of a Hugging Face tokenizer", is_path=True),
    Option("select", "check", codes, "rules to run instead of the stable ones"),
    Option("extend_select", "check", codes, "rules to run as well"),
    Option("ignore", "check", codes, "rules not to run"),
    Option("preview", "check", switch, "also run the rules in preview"),
    Option("fail_on", "check", severity, "least severity that fails"),
    Option("as_of", "check", day, "the day for which dated facts are judged"),
    Option("max_findings", "check", count, "keep at most so many findings in the result"),
    Option("policy", "gate", text, "what a gate demands: a name, or a TOML file", is_path=True),
    Option("baseline", "check", text, "findings that are known, from `audit baseline`", is_path=True),
    Option("max_tokens", "check", positive_count, "longest example in tokens"),
    Option("epochs", "check", positive, "passes over the data, for the cost"),
    Option("max_cost", "check", positive, "most that training may cost, in US dollars"),
    Option("seed", "check", whole, "seed of everything that is drawn"),
    Option("allow_download", "check", switch, "fetch a tokenizer that is not on this machine"),
    Option("jobs", "check", processes, "processes to use (default: one for each usable core)"),
    Option("executor", "check", executor, "how to spread the work: auto, inline (one process) or processes"),
    Option("memory", "check", size, "what whole-dataset rules may keep in memory, such as 2GB (default: 512 MiB)"),
)
BY_FIELD: Final[Mapping[str, Option]] = {option.field: option for option in OPTIONS}
BY_KEY: Final[Mapping[str, Option]] = {option.key: option for option in OPTIONS}
WITHOUT_VARIABLE: Final = frozenset({"files", "splits"})
"""Options that cannot be set in the environment."""
