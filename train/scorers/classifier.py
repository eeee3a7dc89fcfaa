"""Scores of texts from a sequence classifier in a folder, as ``transformers`` saves one. Downloads nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

from audit.errors import InputError, MissingExtra
from audit.read.characters import well_formed

LONGEST: Final = 512
"""Tokens read at a time where the model does not say how many it can read."""
OVERLAP: Final = 32
"""Tokens that two windows of a longer text share; the text has the highest score of its windows."""
WINDOWS: Final = 16
"""Windows that the model is given at a time."""
HARMLESS: Final = frozenset(
    {"neutral", "safe", "ok", "none", "clean", "normal", "harmless", "benign", "neither", "acceptable", "positive"}
    | {
        "nontoxic",
        "non_toxic",
        "not_toxic",
        "sfw",
        "nothate",
        "non_hate",
        "no_hate",
        "not_hate",
        "not_nsfw",
        "nonoffensive",
    }
    | {"nonhateful", "non_hateful", "not_hateful", "not_offensive", "non_offensive"}
)
"""Labels that say that nothing is wrong, in lower case with ``_`` for spaces and hyphens: no category to report."""


class ClassifierScorer:
    """A classifier of texts. Its categories are its labels but those of ``HARMLESS``.

    Scores are sigmoids where the model says that labels do not exclude one another or has but one, else a softmax.
    The folder is read when the first text is scored. Raises InputError for a folder without a model in safetensors,
    MissingExtra without ``torch`` and ``transformers``.
    """

    def __init__(self, folder: str, *, name: str = "classifier") -> None:
        self.name = name
        self._folder = folder
        self._loaded: tuple[Any, Any] | None = None
        if not os.path.isfile(os.path.join(folder, "config.json")):
            raise InputError(
                f"there is no classifier in {folder}: it has no config.json",
                hint="name the folder that `save_pretrained` wrote",
            )
        if find_spec("torch") is None or find_spec("transformers") is None:
            raise MissingExtra(
                "a classifier needs the packages torch and transformers", hint='pip install "finetune-audit[train]"'
            )

    def __reduce__(self) -> tuple[object, ...]:
        return ClassifierScorer, (self._folder,), {"name": self.name}

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """For each text the score from 0 to 1 of each label, in order. Every window of a long text is read; of one
        without tokens there is nothing to say."""
        tokenizer, model = self._load()
        longest = _longest(tokenizer, model)
        encoded = tokenizer(
            [well_formed(text) for text in texts],
            truncation=True,
            max_length=longest,
            stride=min(OVERLAP, longest // 4),
            return_overflowing_tokens=True,
        )
        owners = encoded.pop("overflow_to_sample_mapping", list(range(len(texts))))
        # A text may have no token, where the tokenizer adds none of its own: there is nothing to score then.
        kept = [at for at, ids in enumerate(encoded["input_ids"]) if ids]
        windows = {key: [values[at] for at in kept] for key, values in encoded.items()}
        found: list[dict[str, float]] = [{} for _ in texts]
        for at, scores in zip(kept, _scores(tokenizer, model, windows, len(kept)), strict=True):
            owner = owners[at]
            for label, score in scores.items():
                found[owner][label] = max(found[owner].get(label, 0.0), score)
        return list(found)

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            from transformers import AutoModelForSequenceClassification, AutoTokenizer

            from audit.train.models.prepared import quietly

            try:
                with quietly():
                    tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
                    model = AutoModelForSequenceClassification.from_pretrained(
                        self._folder, local_files_only=True, use_safetensors=True
                    )
            except (OSError, ValueError, KeyError, RuntimeError) as error:
                raise InputError(f"the classifier in {self._folder} cannot be loaded: {error}") from None
            self._loaded = (tokenizer, model.eval())
        return self._loaded


def _longest(tokenizer: Any, model: Any) -> int:
    """Tokens that the model reads at a time: what the tokenizer says (a huge number for "not known") or the model."""
    limits = [tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None)]
    known = [limit for limit in limits if isinstance(limit, int) and 8 <= limit <= 1_000_000]
    return min([*known, LONGEST])


def _scores(tokenizer: Any, model: Any, windows: Mapping[str, Any], count: int) -> list[dict[str, float]]:
    """The scores of every window."""
    import torch

    labels = model.config.id2label
    alone = model.config.problem_type == "multi_label_classification" or model.config.num_labels == 1
    found: list[dict[str, float]] = []
    for first in range(0, count, WINDOWS):
        some = {key: values[first : first + WINDOWS] for key, values in windows.items()}
        batch = tokenizer.pad(some, return_tensors="pt")
        with torch.inference_mode():
            logits = model(**batch).logits.double()
        shares = torch.sigmoid(logits) if alone else torch.softmax(logits, dim=-1)
        for row in shares.tolist():
            found.append({labels[at]: score for at, score in enumerate(row) if not _is_harmless(labels[at])})
    return found


def _is_harmless(label: str) -> bool:
    return label.lower().replace("-", "_").replace(" ", "_") in HARMLESS
