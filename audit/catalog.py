"""Which rules there are and which of them run: families, third-party entry points, select and ignore.

Rules are reached by name only (the family table in ``audit.rules`` and the entry point group ``audit.rules``), so that
nothing below imports them and a family is loaded when it is asked for.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module

import msgspec

from audit.config.settings import Settings
from audit.errors import RuleError, UsageError, did_you_mean
from audit.model import Skipped
from audit.rule import Rule, Run, explain, with_options

ENTRY_POINTS = "audit.rules"
_CODE = re.compile(r"[A-Z]{3}[0-9]{3}")


class Plan(msgspec.Struct, frozen=True):
    """The rules to run, with their options, and those that were left out and why."""

    rules: tuple[Rule, ...]
    skipped: tuple[Skipped, ...]


@cache
def all_rules() -> tuple[type[Rule], ...]:
    """Every rule there is, built in and third party, sorted by code. Raises RuleError for a code clash."""
    by_code: dict[str, type[Rule]] = {}
    for rule in [*_built_in(), *_third_party()]:
        code = getattr(rule, "code", None)
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            raise RuleError(f"{rule.__module__}.{rule.__qualname__} has no code of three capitals and three digits")
        if code in by_code:
            raise RuleError(
                f"two rules have the code {code}: {_name(by_code[code])} and {_name(rule)}",
                hint="codes are never reused: the plugin must choose another one",
            )
        by_code[code] = rule
    return tuple(by_code[code] for code in sorted(by_code))


def _name(rule: type[Rule]) -> str:
    return f"{rule.__module__}.{rule.__qualname__}"


def _built_in() -> Iterable[type[Rule]]:
    families: Mapping[str, str] = import_module("audit.rules").FAMILIES
    for module in families.values():
        yield from import_module(module).RULES


def _has_plugins() -> bool:
    """False when no installed distribution can name the entry point group; True also where that cannot be told."""
    from importlib.machinery import PathFinder

    from audit.evidence import metadata_folders

    if any(finder is not PathFinder and hasattr(finder, "find_distributions") for finder in sys.meta_path):
        return True
    # A zip or an egg holds its metadata inside.
    if any(os.path.isfile(place) or str(place).endswith(".egg") for place in sys.path):
        return True
    return any(_names_group(folder) for folder in metadata_folders(tuple(sys.path)))


def _names_group(folder: str) -> bool:
    try:
        with open(os.path.join(folder, "entry_points.txt"), "rb") as stream:
            return ENTRY_POINTS.encode() in stream.read()
    except OSError:
        return False


def _third_party() -> Iterable[type[Rule]]:
    # Importing importlib.metadata takes longer than looking whether there is anything to find.
    if not _has_plugins():
        return
    from importlib.metadata import entry_points

    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: (point.name, point.value)):
        try:
            module = point.load()
        except (ImportError, AttributeError) as error:
            raise RuleError(
                f"the rule plugin {point.name} = {point.value} cannot be loaded: {error}",
                hint="reinstall or remove the plugin's package",
            ) from error
        rules = getattr(module, "RULES", None)
        if not isinstance(rules, tuple):
            raise RuleError(f"the rule plugin {point.name} = {point.value} has no RULES tuple")
        yield from rules


def prefixes() -> tuple[str, ...]:
    """Families that can be selected, those of plugins among them, sorted."""
    return tuple(sorted({rule.code[:3] for rule in all_rules()}))


def rule_by_code(code: str) -> type[Rule]:
    """The rule with a code. Raises UsageError naming the nearest."""
    wanted = code.upper()
    for rule in all_rules():
        if rule.code == wanted or rule.name == code.lower():
            return rule
    known = [*(rule.code for rule in all_rules()), *(rule.name for rule in all_rules())]
    raise UsageError(f"there is no rule {code!r}", hint=did_you_mean(code, known) or "`audit rules` lists all rules")


def check_selector(selector: str) -> str:
    """A code or prefix in capitals. Raises UsageError for one that can match nothing."""
    wanted = selector.strip().upper()
    codes = [rule.code for rule in all_rules()]
    if wanted == "ALL" or (wanted and any(code.startswith(wanted) for code in codes)):
        return wanted
    hint = did_you_mean(wanted, [*codes, *prefixes()]) or "`audit rules` lists all rules"
    raise UsageError(f"no rule has the code or prefix {selector!r}", hint=hint)


def plan(settings: Settings, run: Run) -> Plan:
    """The rules that the settings select, ready to run, and why the others are not."""
    select = None if settings.select is None else tuple(map(check_selector, settings.select))
    extend = tuple(map(check_selector, settings.extend_select))
    if settings.known_citations:  # who names citations that were checked asks for the rule that reads them
        extend += (check_selector("ANS809"),)
    ignore = tuple(map(check_selector, settings.ignore))
    known = {rule.code for rule in all_rules()}
    for code in settings.rules:
        if code.upper() not in known:
            raise UsageError(
                f"options are given for {code!r}, which is no rule", hint=did_you_mean(code.upper(), known)
            )
    chosen: list[Rule] = []
    skipped: list[Skipped] = []
    for rule_type in all_rules():
        rule = with_options(rule_type, settings.rules.get(rule_type.code, {}))
        left_out = _left_out(rule_type, select, extend, ignore, settings.preview)
        if left_out is None and (reason := _of_another_kind(rule_type, run) or rule.applies_to(run)) is not None:
            left_out = Skipped(rule_type.code, reason)
        if left_out is None:
            chosen.append(rule)
        else:
            skipped.append(left_out)
    return Plan(tuple(chosen), tuple(skipped))


def _of_another_kind(rule: type[Rule], run: Run) -> str | None:
    """Why a rule is not for what this run judges; None when it is."""
    if rule.judges in ("both", run.judged):
        return None
    return "judges data, and these are outputs of models" if rule.judges == "data" else "judges outputs of models"


def _left_out(
    rule: type[Rule], select: Sequence[str] | None, extend: Sequence[str], ignore: Sequence[str], preview: bool
) -> Skipped | None:
    """Why a rule is not run, or None. The longest selector that matches decides: an ignored prefix may hold a chosen
    code."""
    named = _longest(rule.code, [*(select or ()), *extend])
    silenced = _longest(rule.code, ignore)
    if silenced >= 0 and silenced >= named:
        return Skipped(rule.code, "ignored", "off")
    if select is not None and named < 0:
        return Skipped(rule.code, "not selected", "off")
    if rule.status == "preview" and not preview and rule.code not in [*(select or ()), *extend]:
        return Skipped(rule.code, "preview: runs with --preview or when selected by its code", "preview")
    if rule.status == "deprecated" and rule.code not in [*(select or ()), *extend]:
        return Skipped(rule.code, "deprecated", "off")
    return None


def _longest(code: str, selectors: Iterable[str]) -> int:
    """The length of the longest selector that matches; -1 for none, 0 for ``ALL``."""
    return max((0 if s == "ALL" else len(s) for s in selectors if s == "ALL" or code.startswith(s)), default=-1)


def check_rule_types(rules: Iterable[type[Rule]]) -> None:
    """Raise RuleError for the first rule whose class or docstring is incomplete. Used by the contract battery."""
    for rule in rules:
        for field in ("code", "name", "severity"):
            if not hasattr(rule, field):
                raise RuleError(f"{_name(rule)} has no {field}")
        explain(rule)
