"""What the command line, a notebook and pytest all call: judging, mending, balancing, splitting. Renders nothing.

Modules that change data are imported when they are asked for: a check must start fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from audit.api.judging import check, gate, judge_outputs
from audit.api.preparing import make_run, means, override, with_counter, with_references
from audit.engine.drive import Progress

if TYPE_CHECKING:
    from audit.api.balancing import balance
    from audit.api.fixing import fix
    from audit.api.splitting import split

_LATER: Final = {
    "fix": "audit.api.fixing",
    "balance": "audit.api.balancing",
    "split": "audit.api.splitting",
}

__all__ = [
    "Progress",
    "balance",
    "check",
    "fix",
    "gate",
    "judge_outputs",
    "make_run",
    "means",
    "override",
    "split",
    "with_counter",
    "with_references",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
