"""Models of a few thousand parameters with a random start, examples of random tokens, and runs made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
)

from audit.train.core.batches import Schedule, denominator
from audit.train.core.learner import Parts
from audit.train.core.objective import objective_for
from audit.train.core.place import ALONE, Place, World, place_for
from audit.train.core.state import Evaluation, Progress, Snapshot, StepLog
from audit.train.data.examples import NO_CLASS, Example, Examples
from audit.train.models.base import Base
from audit.train.models.prepared import Prepared, describe
from audit.train.options import TrainOptions

VOCABULARY = 40
SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "attn_implementation": "sdpa",
}


def llama(**more: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**{**SHAPE, **more}))


def llama_classifier(classes: int) -> torch.nn.Module:
    torch.manual_seed(0)
    return LlamaForSequenceClassification(LlamaConfig(**SHAPE, num_labels=classes))


def gemma(cap: float | None = 30.0) -> torch.nn.Module:
    torch.manual_seed(0)
    shape = {
        **SHAPE,
        "attn_implementation": "eager",
        "head_dim": 8,
        "sliding_window": 32,
        "final_logit_softcapping": cap,
    }
    return Gemma2ForCausalLM(Gemma2Config(**shape))


def gpt2(dropout: float = 0.0) -> torch.nn.Module:
    torch.manual_seed(0)
    shape = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, "bos_token_id": 1, "eos_token_id": 1}
    rates = {"resid_pdrop": dropout, "embd_pdrop": dropout, "attn_pdrop": dropout}
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, **shape, **rates))


def bert(classes: int) -> torch.nn.Module:
    torch.manual_seed(0)
    shape = {name: value for name, value in SHAPE.items() if name != "num_key_value_heads"}
    rates = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return BertForSequenceClassification(BertConfig(**shape, **rates, num_labels=classes))


def prepared(model: torch.nn.Module, task: Any = "chat", *, causal: bool = True) -> Prepared:
    parameters, trainable = describe(model)
    return Prepared(model, Base("random"), parameters, trainable, 64, causal, task)


def example(tokens: Sequence[int], weights: Sequence[float], row: int = 0) -> Example:
    return Example(np.array(tokens, np.int32), np.array(weights, np.float64), row)


def chats(n: int, *, seed: int = 0, weighted: bool = True, **more: Any) -> Examples:
    """Sequences of 4 to 24 tokens, of which those after the prompt are trained."""
    draw = np.random.default_rng(seed)
    made = []
    for row in range(n):
        length = int(draw.integers(4, 25))
        prompt = int(draw.integers(1, length))
        weights = np.zeros(length)
        weights[prompt:] = draw.uniform(0.5, 3.0) if weighted else 1.0
        made.append(example(draw.integers(2, VOCABULARY, length).tolist(), weights.tolist(), row))
    return Examples(made, row_ids=[f"row-{row}" for row in range(n)], **more)


def labelled(n: int, classes: int = 3, *, seed: int = 0) -> Examples:
    """Sequences without trained tokens, whose first token tells the class."""
    draw = np.random.default_rng(seed)
    made = []
    for row in range(n):
        label = int(draw.integers(classes))
        tokens = [2 + label, *draw.integers(10, VOCABULARY, int(draw.integers(3, 20))).tolist()]
        made.append(example(tokens, [0.0] * len(tokens), row)._replace(label=label, weight=float(draw.uniform(0.5, 2))))
    assert all(one.label != NO_CLASS for one in made)
    return Examples(made, classes=[f"class-{code}" for code in range(classes)], row_ids=[f"row-{i}" for i in range(n)])


def options(**more: Any) -> TrainOptions:
    defaults: dict[str, Any] = {
        "batch_size": 4, "epochs": 2, "lr": 1e-2, "threads": 1, "device": "cpu", "precision": "fp32",
    }  # fmt: skip
    return TrainOptions(**{**defaults, **more}).settled


def parts(
    model: torch.nn.Module,
    train: Examples,
    settings: TrainOptions,
    *,
    validation: Examples | None = None,
    budget: int = 40,
    world: World = ALONE,
    task: Any = "chat",
    causal: bool = True,
) -> Parts:
    place: Place = place_for(settings)._replace(world=world)
    ready = prepared(model, task, causal=causal)
    schedule = Schedule(len(train), settings.batch_size, settings.epochs, settings.max_steps)
    objective = objective_for(ready, train, place=place)
    return Parts(ready, objective, train, validation, schedule, denominator(train, schedule), budget, settings, place)


class Kept:
    """An observer that keeps copies of everything."""

    def __init__(self) -> None:
        self.logs: list[StepLog] = []
        self.evaluations: list[tuple[Evaluation, Progress]] = []
        self.saved: list[tuple[Snapshot, bool]] = []

    def stepped(self, log: StepLog) -> None:
        self.logs.append(log)

    def evaluated(self, evaluation: Evaluation, progress: Progress) -> None:
        self.evaluations.append((evaluation, progress))

    def save(self, snapshot: Snapshot, best: bool) -> None:
        model = {name: one.clone() for name, one in snapshot.model.items()}
        state = {name: one.clone() for name, one in snapshot.optimiser.items()}
        self.saved.append((Snapshot(snapshot.progress, model, state), best))


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: one.detach().clone() for name, one in model.named_parameters()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether every bit is equal."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """The largest difference."""
    return max(float((one[name] - other[name]).abs().max()) for name in one)
