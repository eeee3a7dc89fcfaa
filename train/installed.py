"""Whether what training needs is installed, and what must be said to it before it is loaded. Only ``check_loads`` loads
some of it."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from audit.errors import MissingExtra

NEEDED: Final = ("torch", "transformers", "peft", "accelerate", "safetensors", "tokenizers")


def check_installed() -> None:
    """Raise MissingExtra naming the packages of the extra ``train`` that are not there."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"training needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed",
            hint='pip install "finetune-audit[train]"',
        )


def check_loads() -> None:
    """Load torch, which takes seconds. Raises MissingExtra where it is there and cannot be loaded."""
    try:
        import_module("torch")
    except (ImportError, OSError) as error:
        raise MissingExtra(
            f"training needs torch, which is installed and cannot be loaded: {error}",
            hint='pip install --force-reinstall "finetune-audit[train]"',
        ) from None


def rest_idle_threads() -> None:
    """Let torch's threads sleep while they wait for work, unless the user says otherwise. To be called before torch is
    loaded; changes no result.

    They spin otherwise, which on a machine that others use, too, took 30 steps of ``tiny`` on two threads from 5.9 to
    25 CPU seconds and from 17 to 35 seconds (OpenMP 5.2, section 21.7).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
