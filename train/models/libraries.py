"""Loads torch and transformers with Python's garbage collector at rest, and changes nothing else.

They make a million objects that all stay; looking through them again and again takes a fifth of the CPU seconds that
loading takes.
"""

from __future__ import annotations

import gc

__all__ = ["logging"]

_collecting = gc.isenabled()
gc.disable()
try:
    import torch  # noqa: F401  (loaded here, used elsewhere)
    import transformers.modeling_utils  # noqa: F401
    from transformers.utils import logging
finally:
    if _collecting:
        gc.enable()
