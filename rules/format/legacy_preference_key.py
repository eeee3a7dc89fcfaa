"""FMT118: preference rows that name their answers as an earlier specification did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar, Final

from audit.model import Applicability, PointerEdit, Record, Severity
from audit.rule import Hit, RecordRule, Run
from audit.rules.format.reading import read_as, safely

_PRESENT_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {"preferred_completion": "preferred_output", "non_preferred_completion": "non_preferred_output"}
)
"""openai-openapi 2024-12 to 2025-06 -> OpenAI's guide, Azure, Together and Fireworks."""


class LegacyPreferenceKey(RecordRule, frozen=True):
    r"""A preference row names its answers `preferred_completion` and `non_preferred_completion`.

    OpenAI's public specification called them so until June 2025, while its guide and every provider that reads these
    rows say `preferred_output` and `non_preferred_output`: the old names are refused as a missing key.

    Bad:
        {"input": {"messages": [{"role": "user", "content": "Hi"}]}, "preferred_completion": [{"role": "assistant", "content": "Hello."}], "non_preferred_completion": [{"role": "assistant", "content": "What?"}]}
    Good:
        {"input": {"messages": [{"role": "user", "content": "Hi"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}], "non_preferred_output": [{"role": "assistant", "content": "What?"}]}
    Do: rename the keys; `audit fix` does it.
    """  # noqa: E501

    code: ClassVar[str] = "FMT118"
    name: ClassVar[str] = "legacy-preference-key"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """At most one hit for a row, for both keys."""
        if record.shape != "openai-dpo":
            return
        data = record.data
        old = [key for key in _PRESENT_NAMES if key in data]
        if not old or read_as(record, run.target) is None:
            return
        new = [_PRESENT_NAMES[key] for key in old]
        fix = None
        if not any(key in data for key in new):
            renames = [PointerEdit("rename", f"/{key}", _PRESENT_NAMES[key]) for key in old]
            fix = safely("rename to " + " and ".join(new), *renames)
        yield self.hit(f"the row has {' and '.join(old)}; now named {' and '.join(new)}", f"/{old[0]}", fix=fix)
