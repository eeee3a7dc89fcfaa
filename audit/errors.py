"""The errors a user can meet, drawn as a tree. Bad *data* is never one of these: it is a finding.

AuditError            something the user can put right; the command line prints it and exits 2
├── UsageError        a flag, command, code or option value that does not exist or does not fit
├── ConfigError       a configuration file that cannot be read, or holds a key or value that is unknown
├── InputError        a data file that is missing, unreadable, or a container that cannot be opened
├── OutputError       a result that cannot be written
├── RemovalError      a remedy that would take away more rows than it may
├── RuleError         a rule (usually a plugin's) that breaks the contract: code clash, bad option, bad docstring
├── TrainingError     a training run that cannot go on: nothing to learn, a loss that is no number
├── WorkerDied        a worker process that the system ended, again and again, at the same part of the work
└── MissingExtra      an optional package is needed for what was asked

Everything else that reaches the top is a bug and stays a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable


class AuditError(Exception):
    """What went wrong, where, and what to try. ``hint`` is printed on a line of its own."""

    def __init__(self, what: str, *, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


class UsageError(AuditError):
    """A flag, command, rule code or value on the command line that does not exist or does not fit."""


class ConfigError(AuditError):
    """A configuration file that cannot be read, or a key or value in it that is unknown."""


class InputError(AuditError):
    """A data file that is missing or unreadable, or a container that cannot be opened."""


class OutputError(AuditError):
    """A result that cannot be written where it was asked for."""


class RemovalError(AuditError):
    """A remedy that would take away more rows than it may, or a whole source or group; nothing was written."""


class RuleError(AuditError):
    """A rule that breaks the contract: a code clash, a bad option, a docstring without its parts."""


class TrainingError(AuditError):
    """A training run that cannot begin or go on: nothing has a loss weight, or a loss or gradient is no number."""


class WorkerDied(AuditError):
    """A worker process that ended at ``job`` without an answer, the last two times with no other job beside it.

    ``exit_code`` is negative for a signal. Who knows what the job is raises the error again with ``doing`` in words.
    """

    def __init__(self, job: object, exit_code: int, *, doing: str = "a part of the work") -> None:
        killed = exit_code < 0
        how = f"killed by signal {-exit_code}" if killed else f"exit code {exit_code}"
        memory = "most often memory has run out: give it more, or use `--jobs 1`, which needs the least"
        super().__init__(
            f"a worker process ended again and again ({how}) at {doing}",
            hint=memory if killed else "`--jobs 1` does without worker processes, and shows why",
        )
        self.job = job
        self.exit_code = exit_code


class MissingExtra(AuditError):
    """An optional package that is needed for what was asked is not installed."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word closest to a misspelt one, or None when nothing is close.

    Case is ignored. The cutoff is difflib's own default (0.6), a little lower for short words.
    """
    import difflib  # only a misspelt word needs it

    by_lower = {name.lower(): name for name in sorted(known)}
    hits = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6 if len(word) > 4 else 0.5)
    return by_lower[hits[0]] if hits else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint line for a misspelt word, or None when nothing is close."""
    close = nearest(word, known)
    return f'did you mean "{close}"?' if close else None
