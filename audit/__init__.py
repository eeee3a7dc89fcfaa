"""Judge chat fine-tuning data before it is trained on: ``audit.check("train.jsonl")``.

Names are resolved when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit.api import balance, check, fix, gate, split
    from audit.api.fixing import undo
    from audit.errors import AuditError
    from audit.model import Finding, Measure, Record, Result, Severity
    from audit.remedy.balance.options import BalanceOptions
    from audit.remedy.fix.report import FixOptions
    from audit.remedy.split.report import SplitOptions
    from audit.rule import DatasetRule, Hit, LineRule, RecordRule, Rule, Run, Span, SummaryRule, TextRule

__all__ = [
    "AuditError",
    "BalanceOptions",
    "DatasetRule",
    "Finding",
    "FixOptions",
    "Hit",
    "LineRule",
    "Measure",
    "Record",
    "RecordRule",
    "Result",
    "Rule",
    "Run",
    "Severity",
    "Span",
    "SplitOptions",
    "SummaryRule",
    "TextRule",
    "balance",
    "check",
    "fix",
    "gate",
    "split",
    "undo",
]

_HOMES = {
    **dict.fromkeys(("balance", "check", "fix", "gate", "split"), "audit.api"),
    "undo": "audit.api.fixing",
    "BalanceOptions": "audit.remedy.balance.options",
    "FixOptions": "audit.remedy.fix.report",
    "SplitOptions": "audit.remedy.split.report",
    "AuditError": "audit.errors",
    "Finding": "audit.model",
    "Measure": "audit.model",
    "Record": "audit.model",
    "Result": "audit.model",
    "Severity": "audit.model",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'audit' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES.get(name, "audit.rule")), name)
    globals()[name] = value
    return value
