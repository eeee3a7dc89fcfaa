"""``audit gate``: judges files by a policy, or shows a policy. The judging itself is ``audit.api.gate``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from audit.cli import EXIT_CLEAN
from audit.cli.check import add_output_flags, judge_and_show
from audit.cli.settings_flags import add_settings_flags
from audit.config.settings import Settings
from audit.errors import AuditError, UsageError
from audit.model import Result

if TYPE_CHECKING:
    from audit.engine.drive import Progress

MAX_PER_RULE: Final = 3
MOST_FIELDS: Final = 4
"""Fields that look like attributes of people and are proposed."""
MOST_GROUPS: Final = 20
"""Values of such a field beyond which they would first have to be put into bands."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit gate`` takes."""
    parser.add_argument("paths", nargs="*", default=[], metavar="PATH", help="files, folders, patterns, - for stdin")
    group = parser.add_argument_group("policy")
    group.add_argument("--policy", metavar="NAME|FILE", help="what to judge by (default: [gate] policy, else default)")
    group.add_argument("--explain-policy", metavar="NAME|FILE", help="show a policy and judge nothing")
    group.add_argument("--policies", action="store_true", help="list the built-in policies and judge nothing")
    add_settings_flags(parser)
    add_output_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Judge by the policy, or show one. Exit code 0 PASS, 1 FAIL, 3 undecided, 130 interrupted."""
    if hasattr(args, "policies") or hasattr(args, "explain_policy"):
        return _show(args)
    return judge_and_show(args, "gate", _gate, max_per_rule=MAX_PER_RULE)


def _gate(paths: Sequence[str], settings: Settings, progress: Callable[[Progress], None] | None) -> Result:
    from audit.api import gate

    judged = [*paths, *(path for _, path in settings.splits)]
    return gate(list(paths), settings=settings, progress=progress, look=lambda: fields_of_people(judged))


def _show(args: argparse.Namespace) -> int:
    from audit.policy.load import load_policy, policy_names
    from audit.reports.policy_table import FORMATS, explain_policy, list_policies

    form = getattr(args, "format", "text")
    if form not in FORMATS:
        raise UsageError(f"a policy has no form {form!r}", hint=f"forms: {', '.join(FORMATS)}")
    if hasattr(args, "explain_policy"):
        sys.stdout.writelines(explain_policy(load_policy(args.explain_policy), form))
    else:
        sys.stdout.writelines(list_policies([load_policy(name) for name in policy_names()], form))
    return EXIT_CLEAN


def fields_of_people(paths: Sequence[str]) -> Mapping[str, str]:
    """Name -> path of the fields that look like attributes of people, those with few values; {} for unreadable data."""
    from audit.cli.init import dotted
    from audit.cli.survey import ATTRIBUTES, survey

    try:
        seen = survey([path for path in paths if path != "-"])
    except AuditError:  # the run itself has said what is wrong
        return {}
    found: dict[str, str] = {}
    for field in seen.named(ATTRIBUTES):
        if field.is_closed and len(field.values) <= MOST_GROUPS:
            found.setdefault(field.name, dotted(field.path))
    return dict(list(found.items())[:MOST_FIELDS])
