"""Swaps of identity terms that keep a text grammatical, and their control swaps. Judges no rows."""

from audit.counterfactual.control import control_swap
from audit.counterfactual.counting import swap_all
from audit.counterfactual.prompts import variants_of
from audit.counterfactual.result import REASONS, Edit, Reason, Swap, SwapReport
from audit.counterfactual.swapping import swap
from audit.counterfactual.variants import SKIPPED, Prompt, PromptEdit, Variant, VariantPlan

__all__ = [
    "REASONS",
    "SKIPPED",
    "Edit",
    "Prompt",
    "PromptEdit",
    "Reason",
    "Swap",
    "SwapReport",
    "Variant",
    "VariantPlan",
    "control_swap",
    "swap",
    "swap_all",
    "variants_of",
]
