"""The contract a rule fulfils. The engine, the catalogue and the reports know rules only through this package.

A rule is one small frozen struct in one file. Its fields are its options, with defaults. Its docstring has fixed
parts (a first sentence, what it costs, ``Bad:``, ``Good:``, ``Do:``) and is the text of ``audit explain CODE``;
its examples run as tests. A rule may be of several kinds at once (FMT101 judges each row *and* the mix of the file).
"""

from __future__ import annotations

from audit.rule.arms import ArmFacts, Canary, Comparison, CurvePoint, ReferenceRow, TrainedOn, TrainingCell
from audit.rule.docstring import Explanation, explain, options, with_options, written_out
from audit.rule.kinds import DatasetRule, Hit, LineRule, RecordRule, Rule, Span, Status, SummaryRule, TextRule
from audit.rule.run import Attribute, Fields, PlainTurn, Reference, Run, Scorer, TokenCounter
from audit.rule.views import (
    COPY,
    NO_COPY,
    SYNTHETIC,
    WEIGHTED,
    AttributeColumn,
    Batch,
    Context,
    NearCluster,
    NearClusters,
    Product,
    RowRange,
    Summary,
    ToolRow,
)

__all__ = [
    "COPY",
    "NO_COPY",
    "SYNTHETIC",
    "WEIGHTED",
    "ArmFacts",
    "Attribute",
    "AttributeColumn",
    "Batch",
    "Canary",
    "Comparison",
    "Context",
    "CurvePoint",
    "DatasetRule",
    "Explanation",
    "Fields",
    "Hit",
    "LineRule",
    "NearCluster",
    "NearClusters",
    "PlainTurn",
    "Product",
    "RecordRule",
    "Reference",
    "ReferenceRow",
    "RowRange",
    "Rule",
    "Run",
    "Scorer",
    "Span",
    "Status",
    "Summary",
    "SummaryRule",
    "TextRule",
    "TokenCounter",
    "ToolRow",
    "TrainedOn",
    "TrainingCell",
    "explain",
    "options",
    "with_options",
    "written_out",
]
