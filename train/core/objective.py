"""What is minimised: weighted cross-entropy over the trained tokens, or over the class of a row. Takes no step.

The output layer is the widest of a language model, and most positions carry no loss: it is applied to those that do, in
the cheapest way that a probe finds to agree with the model's own full forward pass. Losses that a model adds by itself
outside its logits (the router loss of a mixture of experts) are not part of it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from audit.errors import TrainingError
from audit.train.core.batches import Batch, collate, reach
from audit.train.core.optimiser import trained_parameters
from audit.train.core.place import Place
from audit.train.data.examples import Examples
from audit.train.models.heads import classify
from audit.train.models.prepared import Prepared, unwrapped

Strategy = Literal["gathered", "union", "full", "classify"]
"""How logits come about: the output layer on the hidden states of the trained positions; the model asked for the
positions that any sequence of the batch trains (``logits_to_keep``); all positions; a classification head."""

TOLERANCE: Final = 1e-6
"""Relative difference of the loss on the probe. Rounding in float32 stays below it, a soft cap or a factor does not."""
GRADIENT_TOLERANCE: Final = 1e-4
LOGIT_TOLERANCE: Final = 1e-4
SLACK: Final = 1000.0
"""By what the tolerances are multiplied where weights are in 16 bits or fewer."""
AMPLIFIED: Final = 100.0
"""The largest logit of the probe: a cap that bends nothing near 0, where a random start is, bends this."""
SHORTEST: Final = 8


class Losses(NamedTuple):
    """Of one micro-batch. ``total``: the sum of weight times cross-entropy in nats, with its graph. The rest by
    sequence, unweighted and without a graph: ``by_example`` the summed cross-entropy, ``tokens`` predicted, ``correct``
    of them, ``whole_right`` whether all were, ``predicted`` the class (-1 for language modelling)."""

    total: torch.Tensor
    by_example: torch.Tensor
    tokens: torch.Tensor
    correct: torch.Tensor
    whole_right: torch.Tensor
    predicted: torch.Tensor


class _Entropies(NamedTuple):
    """Of each thing that is predicted: logits, the truth, cross-entropy, and its weight."""

    logits: torch.Tensor
    truth: torch.Tensor
    entropy: torch.Tensor
    weights: torch.Tensor

    @property
    def total(self) -> torch.Tensor:
        return (self.entropy * self.weights.to(self.entropy.dtype)).sum()


class Objective(NamedTuple):
    """The loss of a model, and how its logits are computed."""

    model: torch.nn.Module
    strategy: Strategy
    causal: bool
    place: Place

    def total(self, batch: Batch) -> torch.Tensor:
        """The sum of weight times cross-entropy of a micro-batch that lies on the model's device, with its graph."""
        return self._entropies(batch).total

    def losses(self, batch: Batch) -> Losses:
        """The same, and how each sequence does."""
        found = self._entropies(batch)
        by_class, n = self.strategy == "classify", len(batch.indices)
        owner = torch.arange(n, device=found.truth.device) if by_class else batch.owner
        counted = (found.weights != 0).double()
        best = found.logits.detach().argmax(-1)

        def by_sequence(values: torch.Tensor) -> torch.Tensor:
            return torch.zeros(n, dtype=torch.float64, device=values.device).index_add_(0, owner, values)

        tokens, correct = by_sequence(counted), by_sequence(counted * (best == found.truth))
        return Losses(
            total=found.total,
            by_example=by_sequence(counted * found.entropy.detach().double()),
            tokens=tokens,
            correct=correct,
            whole_right=(correct == tokens) & (tokens > 0),
            predicted=best if by_class else torch.full_like(batch.labels, -1),
        )

    def logits(self, batch: Batch) -> torch.Tensor:
        """Of the trained positions (trained, vocabulary), or of the rows (sequences, classes)."""
        if self.strategy == "classify":
            scores: torch.Tensor = classify(self.model, batch.ids, batch.lengths)
            return scores
        return _logits(self.strategy, unwrapped(self.model), batch, self.causal)

    def _entropies(self, batch: Batch) -> _Entropies:
        with self.place.autocast():
            logits = self.logits(batch)
        if logits.dtype != torch.float64:
            logits = logits.float()
        truth, weights = batch.targets, batch.weights
        if self.strategy == "classify":
            truth, weights = batch.labels.clamp(min=0), torch.where(batch.labels >= 0, batch.row_weights, 0.0)
        return _Entropies(logits, truth, functional.cross_entropy(logits, truth, reduction="none"), weights)


def _forward(model: torch.nn.Module, batch: Batch, causal: bool, **more: object) -> torch.Tensor:
    """Right padding cannot be seen from in front of it, so that a model that reads forward needs no attention mask."""
    if not causal:
        width = torch.arange(batch.ids.shape[1], device=batch.ids.device)
        more["attention_mask"] = (width < batch.lengths[:, None]).long()
    else:
        more["use_cache"] = (
            False  # with a cache, positions without a mask are read across sequences (transformers 5.23)
        )
    return model(input_ids=batch.ids, **more)


def _logits(strategy: Strategy, model: torch.nn.Module, batch: Batch, causal: bool) -> torch.Tensor:
    if strategy == "gathered":
        hidden = _forward(model.base_model, batch, causal).last_hidden_state  # (sequences, width, hidden)
        return model.get_output_embeddings()(hidden.flatten(0, 1).index_select(0, batch.positions))
    if strategy == "union":
        width = batch.ids.shape[1]
        kept, place = torch.unique(batch.positions % width, return_inverse=True)
        logits = _forward(model, batch, causal, logits_to_keep=kept).logits  # (sequences, kept, vocabulary)
        return logits.flatten(0, 1).index_select(0, batch.positions // width * len(kept) + place)
    return _forward(model, batch, causal).logits.flatten(0, 1).index_select(0, batch.positions)


def objective_for(prepared: Prepared, examples: Examples, *, place: Place | None = None) -> Objective:
    """The objective of a prepared model over its training examples, with the first strategy that agrees with the full
    forward pass on a probe: in loss, in the logits when they are large, and in the gradient of what is trained.

    Raises TrainingError where examples and model do not go together.
    """
    place = place or Place()
    if prepared.task == "classify":
        return Objective(prepared.model, "classify", prepared.causal, place)
    if examples.is_classified:
        raise TrainingError("the examples have classes and no trained tokens, and the model writes text")
    place.settle(prepared.model)
    model = unwrapped(prepared.model)
    if (probe := probe_batch(examples, place)) is None:
        return Objective(prepared.model, "full", prepared.causal, place)
    usable = (one for one in _offered(model) if _agrees(one, prepared.model, probe, prepared.causal))
    return Objective(prepared.model, next(usable, "full"), prepared.causal, place)


def probe_batch(examples: Examples, place: Place) -> Batch | None:
    """Two short sequences of different length with trained tokens: padding and masks are in it, and the full logits of
    it are small. None where nothing is trained."""
    trained = np.flatnonzero(examples.loss_weights() > 0)
    if not len(trained):
        return None
    read = reach(examples)
    by_length = trained[np.lexsort((trained, read[trained]))]
    enough = by_length[read[by_length] >= SHORTEST]
    first = int(enough[0]) if len(enough) else int(by_length[-1])
    longer = by_length[read[by_length] > read[first]]
    return collate(examples, [first, *longer[:1].tolist()], place.device, read)


def _offered(model: torch.nn.Module) -> Iterator[Strategy]:
    head = getattr(model, "get_output_embeddings", lambda: None)()
    if head is not None and getattr(model, "base_model", model) is not model:
        yield "gathered"
    if "logits_to_keep" in inspect.signature(model.forward).parameters:
        yield "union"


class _Probed(NamedTuple):
    loss: float
    gradient: list[torch.Tensor]
    largest: float


def _agrees(strategy: Strategy, model: torch.nn.Module, batch: Batch, causal: bool) -> bool:
    """Whether the strategy gives what the full forward pass gives, on the probe as it is and with logits amplified."""
    slack = 1.0 if all(one.dtype in (torch.float32, torch.float64) for one in model.parameters()) else SLACK
    with judging(model):
        full = _probed("full", model, batch, causal)
        factor = AMPLIFIED / max(full.largest, 1e-12)
        try:
            tried = _probed(strategy, model, batch, causal)
            large, same = (_amplified(one, model, batch, causal, factor) for one in ("full", strategy))
        except (AttributeError, TypeError, ValueError, IndexError, RuntimeError) as error:
            if _lacks_memory(error):
                raise
            return False  # the model is built in another way than the strategy takes it to be
    return (
        abs(tried.loss - full.loss) <= slack * TOLERANCE * max(abs(full.loss), 1e-3)
        and _distance(tried.gradient, full.gradient) <= slack * GRADIENT_TOLERANCE
        and _distance([same], [large]) <= slack * LOGIT_TOLERANCE
    )


def _lacks_memory(error: Exception) -> bool:
    """Whether torch says that memory ran out: on the processor it does so by a RuntimeError like any other."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _distance(tried: list[torch.Tensor], truth: list[torch.Tensor]) -> float:
    """Euclidean, as a share of the length of the truth."""
    apart = math.fsum(float((one - other).double().square().sum()) for one, other in zip(tried, truth, strict=True))
    length = math.fsum(float(one.double().square().sum()) for one in truth)
    return math.sqrt(apart / length) if length else math.inf if apart else 0.0


def _probed(strategy: Strategy, model: torch.nn.Module, batch: Batch, causal: bool) -> _Probed:
    parameters = list(trained_parameters(model).values())
    logits = _logits(strategy, unwrapped(model), batch, causal)
    loss = functional.cross_entropy(logits.double(), batch.targets)
    gradient = torch.autograd.grad(loss, parameters, allow_unused=True)
    found = [torch.zeros(1) if part is None else part for part in gradient]
    return _Probed(loss.item(), found, float(logits.detach().abs().max()))


def _amplified(strategy: Strategy, model: torch.nn.Module, batch: Batch, causal: bool, factor: float) -> torch.Tensor:
    """The logits where the output layer's own are ``factor`` times what they are."""
    head = unwrapped(model).get_output_embeddings()
    if head is None:
        return torch.zeros(1)
    hook = head.register_forward_hook(lambda module, given, made: made * factor)
    try:
        with torch.no_grad():
            return _logits(strategy, unwrapped(model), batch, causal).double()
    finally:
        hook.remove()


@contextmanager
def judging(model: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode, without dropout, while it lasts; each module is put back as it was."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training
