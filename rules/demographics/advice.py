"""The remedies that this family only shows, as the commands that carry them out. Each needs a person's reason first."""

from __future__ import annotations

import shlex

from audit.model import Applicability, Fix
from audit.rule import Run

LABEL = "label"
"""What the label is called where a command asks by what to balance or to stratify."""


def balance(first: str, *by: str, more: str = "") -> Fix:
    """Advice to weigh or resample the training rows, once what stands in ``first`` has been done."""
    command = f"audit balance --by {shlex.quote(','.join(by))}{more}"
    return Fix(Applicability.SHOWN, f"{first}: {command}")


def augment(attribute: str) -> Fix:
    """Advice to add rows in which the groups change places."""
    return balance("add rows in which the groups change places", attribute, more=" --method augment")


def split_again(attribute: str, run: Run) -> Fix:
    """Advice to split so that every part holds rows of every group."""
    group = f" --group {shlex.quote(run.fields.group)}" if run.fields.group is not None else ""
    command = f"audit split --stratify {shlex.quote(f'{LABEL},{attribute}')}{group}"
    return Fix(Applicability.SHOWN, f"split again so that every split holds enough rows of each group: {command}")
