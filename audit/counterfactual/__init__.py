"""Swaps of identity terms that keep a text grammatical, and their control swaps. Judges no rows."""

from audit.counterfactual.control import control_swap
from audit.counterfactual.counting import swap_all
from audit.counterfactual.result import REASONS, Edit, Reason, Swap, SwapReport
from audit.counterfactual.swapping import swap

__all__ = ["REASONS", "Edit", "Reason", "Swap", "SwapReport", "control_swap", "swap", "swap_all"]
