"""What memory a training step takes, from the shape of the model, and what this machine has. Loads no model.

The formula is that of Korthikanti et al. 2022, "Reducing Activation Recomputation in Large Transformer Models" (section
4.1), in elements instead of bytes of 16-bit numbers: 17 s b h for each layer, and 2.5 a s^2 b more where the scores of
attention are kept. Weights, gradients and the two moments of AdamW are counted as by Rajbhandari et al. 2020 ("ZeRO",
section 3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

_PER_LAYER: Final = 9
"""Elements of s b h that a layer keeps beside those of its feed-forward part: two norms, q, k, v and what attention
gives, its projection, and two residuals."""
_FUSED, _GATED, _BY_HAND = 2, 4, 5
"""Elements of s b times the inner width that a feed-forward part keeps: what goes into the activation function and what
comes out of it; of a gated one the gate and the product, too; of GPT-2's, which transformers computes operation by
operation, the tangent and both factors of the product, too."""
_FREED: Final = 0.5
"""What is freed and yet stays with the process, as a share of the activations, logits and gradients of one step: pieces
of other sizes do not fit into it (measured: 310 MB after six steps, 203 after the first; 4 layers of 128, CPU)."""
_LOGITS: Final = 3
"""Copies of the logits: themselves, their logarithmic softmax, their gradient."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Of a transformer: layers, hidden width, inner width of the feed-forward part and how many times as many elements
    as that it keeps for each token, heads, vocabulary (of a classification head its classes)."""

    layers: int
    hidden: int
    inner: int
    inner_kept: int
    heads: int
    vocabulary: int


class MicroBatch(msgspec.Struct, frozen=True, kw_only=True):
    """The largest one of a run: rows, tokens of the longest, and the positions of which logits are computed."""

    rows: int
    length: int
    logits: int


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that training takes at its peak, by what they hold. ``evaluation`` is what reading the validation rows
    takes, when there are no gradients and nothing is kept for them: of both the larger counts. ``freed`` is what the
    process keeps of memory that was freed, ``program`` are the libraries, the rows and whatever else it holds.
    ``available`` are the bytes that the machine has free, None where nobody can tell."""

    parameters: int
    gradients: int
    optimiser: int
    activations: int
    logits: int
    program: int
    evaluation: int = 0
    available: int | None = None

    @property
    def total(self) -> int:
        """All that is held at once."""
        return self.parameters + self.optimiser + self._passing + self.freed + self.program

    @property
    def freed(self) -> int:
        """What stays with the process when it was freed."""
        return int(_FREED * self._passing)

    @property
    def _passing(self) -> int:
        """What is held for a step or an evaluation, and then freed."""
        return max(self.gradients + self.activations + self.logits, self.evaluation)

    @property
    def fits(self) -> bool | None:
        """Whether there is enough; None where nobody can tell."""
        return None if self.available is None else self.total <= self.available + self.program


def memory_needed(
    shape: Shape,
    largest: MicroBatch,
    *,
    parameter_bytes: int,
    trained: int,
    bytes_each: int,
    checkpointing: bool = False,
    scores_kept: bool = False,
    program: int = 0,
    available: int | None = None,
    evaluated: MicroBatch | None = None,
) -> Memory:
    """What a step takes, and reading ``evaluated``, the largest micro-batch of the validation rows.

    ``parameter_bytes`` are those of all weights, ``trained`` counts the trained parameters, ``bytes_each`` is the size
    of an activation (4, under bf16 and fp16 2, under fp64 8). ``checkpointing``: of a layer only what goes into it is
    kept, beside one whole layer at a time. ``program`` is what the process takes already."""
    layer = _layer(shape, largest, scores_kept)
    tokens = largest.rows * largest.length
    kept = shape.layers * tokens * shape.hidden + layer if checkpointing else shape.layers * layer
    read = 0
    full = max(4, bytes_each if bytes_each == 8 else 4)
    if evaluated is not None:
        read = _layer(shape, evaluated, scores_kept) * bytes_each + _LOGITS * evaluated.logits * shape.vocabulary * full
    return Memory(
        parameters=parameter_bytes,
        gradients=trained * full,
        optimiser=2 * trained * full,
        activations=kept * bytes_each,
        logits=_LOGITS * largest.logits * shape.vocabulary * full,
        program=program,
        evaluation=read,
        available=available,
    )


def _layer(shape: Shape, batch: MicroBatch, scores_kept: bool) -> int:
    """Elements that one layer keeps of a micro-batch."""
    tokens = batch.rows * batch.length
    scores = int(2.5 * shape.heads * batch.length * tokens) if scores_kept else 0
    return tokens * (_PER_LAYER * shape.hidden + shape.inner_kept * shape.inner) + scores


def shape_of(config: object, classes: int = 0) -> Shape:
    """The shape that a model's configuration gives, under the names of transformers' families."""

    def first(*names: str, default: int = 0) -> int:
        return next((int(value) for name in names if isinstance(value := getattr(config, name, None), int)), default)

    hidden = first("hidden_size", "n_embd", "d_model")
    activation = str(getattr(config, "hidden_act", "") or getattr(config, "activation_function", ""))
    gated = "silu" in activation or getattr(config, "model_type", "").startswith("gemma")
    return Shape(
        layers=first("num_hidden_layers", "n_layer", "num_layers"),
        hidden=hidden,
        inner=first("intermediate_size", "n_inner", "ffn_dim", default=4 * hidden),
        inner_kept=_GATED if gated else _BY_HAND if activation == "gelu_new" else _FUSED,
        heads=first("num_attention_heads", "n_head", default=1),
        vocabulary=classes or first("vocab_size"),
    )


def available_memory(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes that this process may still take: what the system has free, or less where its control group allows less
    (cgroup v2); None on a system that does not tell."""
    told = _status(meminfo).get("MemAvailable")
    limit, used = _number(cgroup / "memory.max"), _number(cgroup / "memory.current")
    left = None if limit is None or used is None else max(0, limit - used)
    if told is None:
        return left
    return told if left is None else min(told, left)


def resident_memory(status: Path = Path("/proc/self/status")) -> int:
    """Bytes that this process takes now, 0 on a system that does not tell."""
    return _status(status).get("VmRSS", 0)


def _status(path: Path) -> Mapping[str, int]:
    """The lines ``Name: 123 kB`` of a file of the kernel, in bytes."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    parts = (line.replace(":", " ").split() for line in lines if line.endswith("kB"))
    return {part[0]: 1024 * int(part[1]) for part in parts}


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
