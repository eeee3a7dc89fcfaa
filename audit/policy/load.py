"""Reads policies: the built-in ones, those of users, and the ones they extend. Judges nothing.

A policy is a TOML file. What it extends is laid under it: its clauses come first, and a clause of the same name takes
the place of an earlier one.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from audit.config.sections import Complain, known
from audit.config.values import CODE_OR_PREFIX
from audit.errors import ConfigError, UsageError, did_you_mean
from audit.model import Json
from audit.policy.demands import (
    KINDS,
    AnyDemand,
    Disparity,
    Findings,
    MeasureWithin,
    Policy,
    PolicyFile,
    codes_of,
)

_FOLDER: Final = Path(__file__).parent / "data"
ALIASES: Final[Mapping[str, str]] = {"ll144": "nyc-ll144", "four-fifths": "ugesp-four-fifths", "ai-act": "eu-ai-act"}
"""Other names of built-in policies."""
DEFAULT: Final = "default"
OUTPUTS: Final = "outputs"
"""What outputs of a model are judged by where nobody says otherwise."""


@cache
def policy_names() -> tuple[str, ...]:
    """The names of the built-in policies, sorted: one per data file."""
    return tuple(sorted(name.removesuffix(".toml") for name in os.listdir(_FOLDER) if name.endswith(".toml")))


def load_policy(name: str) -> Policy:
    """The policy of a built-in name (or alias) or of a TOML file, with what it extends laid under it.

    Raises UsageError for a name that there is not, ConfigError for a file that cannot be read or does not fit.
    """
    return _resolved(_path_of(name, Path()), name, ())


def _path_of(name: str, folder: Path) -> Path:
    """Where a policy lies: a path (with a separator or ``.toml``), as seen from ``folder``, or a built-in name."""
    if name.endswith(".toml") or "/" in name or os.sep in name:
        return folder / name
    wanted = name.strip().lower().replace("_", "-")
    wanted = ALIASES.get(wanted, wanted)
    if wanted not in policy_names():
        listed = "policies: " + ", ".join(policy_names()) + "; or the path of a TOML file"
        raise UsageError(
            f"there is no policy {name!r}", hint=did_you_mean(wanted, [*policy_names(), *ALIASES]) or listed
        )
    return _FOLDER / f"{wanted}.toml"


Undecided: TypeAlias = Literal[0, 1, 3]


def _resolved(path: Path, shown: str, below: tuple[Path, ...]) -> Policy:
    """``below`` are the files that extend this one, to find a circle."""
    if path.resolve() in below:
        raise ConfigError(f"{shown}: the policy extends itself", hint="take it out of one extends = [...]")
    own = _read(path, shown)
    policy = Policy(name=own.name)
    for name in own.extends:
        parent = _resolved(_path_of(name, path.parent), name, (*below, path.resolve()))
        first = not policy.extends
        policy = _laid(policy, parent, (*policy.extends, *parent.extends, parent.name))
        if first:
            policy = replace(policy, alpha=parent.alpha, undecided=parent.undecided)
    return _finished(policy, own)


def _laid(under: Policy, over: Policy, extends: tuple[str, ...]) -> Policy:
    """Two policies that one extends, together."""
    return Policy(
        name=under.name,
        sources=_once(under.sources + over.sources),
        notes=_once(under.notes + over.notes),
        extends=tuple(dict.fromkeys(extends)),
        alpha=min(under.alpha, over.alpha),
        undecided=_stricter(under.undecided, over.undecided),
        rules={**under.rules, **over.rules},
        clauses=_by_name(under.clauses, over.clauses),
        not_covered=(*under.not_covered, *over.not_covered),
    )


def _stricter(first: Undecided, second: Undecided) -> Undecided:
    """The exit code for undecided clauses that lets less through: 1, then 3, then 0."""
    return min(first, second, key=(1, 3, 0).index)


def _finished(policy: Policy, own: PolicyFile) -> Policy:
    """The policy that ``own`` makes of what lies under it; clauses that it replaces are named in the notes."""
    there = {clause.name for clause in policy.clauses}
    replaced = [clause.name for clause in own.clause if clause.name in there]
    note = (f"{own.name} replaces clauses of what it extends: {', '.join(replaced)}",) if replaced else ()
    return Policy(
        name=own.name,
        title=own.title or own.name,
        as_of=own.as_of.isoformat() if own.as_of else "",
        sources=_once(policy.sources + own.sources),
        notes=_once(policy.notes + own.notes + note),
        extends=policy.extends,
        alpha=policy.alpha if own.alpha is None else own.alpha,
        undecided=policy.undecided if own.undecided is None else own.undecided,
        rules={**policy.rules, **own.rules},
        clauses=_by_name(policy.clauses, own.clause),
        not_covered=(*policy.not_covered, *own.not_covered),
    )


def _by_name(first: tuple[AnyDemand, ...], second: tuple[AnyDemand, ...]) -> tuple[AnyDemand, ...]:
    return tuple({clause.name: clause for clause in (*first, *second)}.values())


def _once(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


# ----------------------------------------------------------------------------- one file


def _read(path: Path, shown: str) -> PolicyFile:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        near = [entry.name for entry in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        raise ConfigError(
            f"policy {shown} cannot be read: {error.strerror or error}", hint=did_you_mean(path.name, near)
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"policy {shown} is not TOML: {error}") from None
    if "name" not in table:
        table["name"] = path.stem
    try:
        own = msgspec.convert(_known_keys(table, shown), PolicyFile)
    except msgspec.ValidationError as error:
        raise ConfigError(f"policy {shown}: {error}", hint="audit gate --explain-policy default shows one") from None
    for problem in _problems(own):
        raise ConfigError(f"policy {shown}: {problem}")
    return own


def _known_keys(table: dict[str, Json], shown: str) -> dict[str, Json]:
    """The table, after its keys have been compared with those there are: msgspec does not name the nearest."""

    def complain(key: tuple[str, ...], what: str, hint: str | None) -> ConfigError:
        return ConfigError(f'policy {shown}: "{".".join(key)}" {what}', hint=hint)

    table = known(table, PolicyFile.__struct_fields__, (), complain)
    clauses = table.get("clause", [])
    if isinstance(clauses, list):
        table["clause"] = [_known_clause(clause, ("clause", str(at)), complain) for at, clause in enumerate(clauses)]
    return table


def _known_clause(clause: Json, at: tuple[str, ...], complain: Complain) -> dict[str, Json]:
    kind = clause.get("kind") if isinstance(clause, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        hint = did_you_mean(kind, KINDS) if isinstance(kind, str) else None
        raise complain((*at, "kind"), f"must be one of {', '.join(KINDS)}, not {kind!r}", hint)
    return known(clause, ("kind", *KINDS[kind].__struct_fields__), at, complain)


def _problems(own: PolicyFile) -> list[str]:
    """What the types do not say."""
    names = [clause.name for clause in own.clause]
    found = [f"two clauses are called {name!r}" for name in sorted({n for n in names if names.count(n) > 1})]
    if own.alpha is not None and not 0 < own.alpha < 0.5:
        found.append("alpha must lie between 0 and 0.5")
    for clause in own.clause:
        found += [f"clause {clause.name!r}: {what}" for what in _problems_of(clause)]
    return found


def _problems_of(clause: AnyDemand) -> list[str]:
    found = [f"{code!r} is no rule code or prefix" for code in codes_of(clause) if not CODE_OR_PREFIX.fullmatch(code)]
    if isinstance(clause, Findings):
        if clause.max_share is not None and (len(clause.codes) != 1 or len(clause.codes[0]) != 6):
            found.append("max_share needs exactly one whole code: rows of several rules overlap")
        if clause.max_share is not None and not 0 <= clause.max_share <= 1:
            found.append("max_share must lie between 0 and 1")
        if clause.max < 0:
            found.append("max must be 0 or more")
    if isinstance(clause, MeasureWithin):
        bounds = [bound for bound in (clause.min, clause.max) if bound is not None]
        if not bounds or not all(isfinite(bound) for bound in bounds):
            found.append("a measure needs a min or a max that is a finite number")
    if isinstance(clause, Disparity):
        if not (0 < clause.tolerance <= 1 if clause.scale == "ratio" else 0 <= clause.tolerance < 1):
            found.append("the tolerance must lie between 0 and 1")
        if clause.alpha is not None and not 0 < clause.alpha < 0.5:
            found.append("alpha must lie between 0 and 0.5")
    return found
