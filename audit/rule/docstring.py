"""A rule's docstring and its options: what `audit explain` prints and what a configuration may set."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from audit.errors import RuleError, did_you_mean
from audit.rule.kinds import Rule


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a rule's docstring. ``bad`` and ``good`` are examples: JSON lines (or raw lines for ENC rules)."""

    summary: str
    why: str
    bad: tuple[str, ...]
    good: tuple[str, ...]
    do: str


def explain(rule: type[Rule]) -> Explanation:
    """The parts of a rule's docstring.

    Layout: a first sentence; a paragraph on what it costs; ``Bad:`` and ``Good:``, each followed by indented lines,
    one row of input per line, or many (``written_out``; in ENC rules Python escapes such as ``\\xff`` are undone);
    ``Do:`` and the remedy.
    Raises RuleError naming the missing part.
    """
    text = rule.__doc__ or ""
    parts: dict[str, list[str]] = {"summary": [], "why": [], "bad": [], "good": [], "do": []}
    current = "summary"
    for line in text.strip("\n").splitlines():
        stripped = line.strip()
        if stripped in ("Bad:", "Good:"):
            current = stripped[:-1].lower()
        elif stripped.startswith("Do:"):
            current = "do"
            parts["do"].append(stripped[3:].strip())
        elif current == "summary" and not stripped and parts["summary"]:
            current = "why"
        elif stripped:
            parts[current].append(stripped)
    for part, lines in parts.items():
        if not lines:
            raise RuleError(f"rule {getattr(rule, 'code', rule.__name__)}: its docstring has no {part!r} part")
    return Explanation(
        summary=" ".join(parts["summary"]),
        why=" ".join(parts["why"]),
        bad=tuple(parts["bad"]),
        good=tuple(parts["good"]),
        do=" ".join(parts["do"]).strip(),
    )


_TIMES: Final = re.compile(r"([0-9]{1,4}) x (.*)", re.DOTALL)


def written_out(rows: Sequence[str]) -> tuple[str, ...]:
    """The rows of an example, one by one: ``30 x {...}`` stands for thirty rows, numbered where ``{n}`` stands."""
    found: list[str] = []
    for row in rows:
        times = _TIMES.fullmatch(row)
        if times is None:
            found.append(row)
        else:
            found += [times[2].replace("{n}", str(number)) for number in range(1, int(times[1]) + 1)]
    return tuple(found)


def options(rule: type[Rule]) -> dict[str, Any]:
    """Option names of a rule and their defaults."""
    # Not msgspec.structs.fields: it evaluates every annotation, 30 ms for all rules.
    return dict(zip(rule.__struct_fields__, rule.__struct_defaults__, strict=True))


def _called(wanted: type) -> str:
    return "a list" if wanted is tuple else wanted.__name__


def with_options(rule: type[Rule], given: Mapping[str, Any]) -> Rule:
    """The rule with options from configuration. Raises RuleError for an unknown option or a wrong type."""
    defaults = options(rule)
    for key, value in given.items():
        if key not in defaults:
            raise RuleError(f"rule {rule.code} has no option {key!r}", hint=did_you_mean(key, defaults))
        wanted = type(defaults[key])
        if isinstance(value, list) and wanted is tuple:
            continue
        fits = isinstance(value, wanted) or (wanted is float and isinstance(value, int))
        if not fits or (isinstance(value, bool) and wanted is not bool):
            raise RuleError(f"option {key!r} of rule {rule.code} must be {_called(wanted)}, not {value!r}")
    return rule(**{key: tuple(v) if isinstance(v, list) else v for key, v in given.items()})
