"""Rows made up for cells that lack them: counterfactual twins, misspelt variants, paraphrases. Writes no file."""

from audit.remedy.balance.augment.making import NEEDS, Augmentation, augment
from audit.remedy.balance.augment.paraphrase import Paraphraser
from audit.remedy.balance.augment.result import KINDS, CellCount, Kind, MadeUp, Reason

__all__ = ["KINDS", "NEEDS", "Augmentation", "CellCount", "Kind", "MadeUp", "Paraphraser", "Reason", "augment"]
