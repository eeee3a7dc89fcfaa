"""Where a run computes: device, numbers, threads, and the other processes that share the work.

Sets torch's global switches while a run goes and puts them back. Knows no model and no data.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, NamedTuple

import torch

from audit.errors import ConfigError, UsageError
from audit.train.options import TrainOptions

_HALF: Final = {"bf16": torch.bfloat16, "fp16": torch.float16}
_BUCKET: Final = 1 << 24
"""Elements that are summed over the processes at once: 64 MiB of float32."""


class World(NamedTuple):
    """The processes of a run. Each takes every ``size``-th micro-batch of the same batch, beginning at ``rank``."""

    rank: int = 0
    size: int = 1

    def summed(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum of the tensor over all processes, the same in each."""
        if self.size == 1:
            return tensor
        from accelerate.utils import reduce

        total: torch.Tensor = reduce(tensor, reduction="sum")
        return total

    def sum_gradients(self, parameters: list[torch.nn.Parameter]) -> None:
        """Put the sum over all processes into every gradient; a process without one counts as 0."""
        if self.size == 1:
            return
        bucket: list[torch.nn.Parameter] = []
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            if bucket and (
                bucket[0].dtype != parameter.dtype or sum(one.numel() for one in bucket) + parameter.numel() > _BUCKET
            ):
                self._sum_bucket(bucket)
                bucket = []
            bucket.append(parameter)
        self._sum_bucket(bucket)

    def _sum_bucket(self, bucket: list[torch.nn.Parameter]) -> None:
        if not bucket:
            return
        flat = self.summed(torch.cat([parameter.grad.reshape(-1) for parameter in bucket]))
        for parameter, part in zip(bucket, flat.split([one.numel() for one in bucket]), strict=True):
            parameter.grad = part.view_as(parameter)


ALONE: Final = World()


class Place(NamedTuple):
    """``dtype`` is that of the trained weights; ``half`` the type that matrix products are done in under autocast."""

    device: torch.device = torch.device("cpu")
    precision: str = "fp32"
    dtype: torch.dtype = torch.float32
    half: torch.dtype | None = None
    threads: int = 1
    world: World = ALONE

    def autocast(self) -> AbstractContextManager[object]:
        """The context that forward passes run in."""
        return nullcontext() if self.half is None else torch.autocast(self.device.type, dtype=self.half)

    def settle(self, model: torch.nn.Module) -> None:
        """Bring a model to the device, and to float64 where that is what is computed in. One that is quantised stays
        where it was loaded."""
        if getattr(model, "is_quantized", False):
            return
        model.to(self.device, self.dtype) if self.dtype == torch.float64 else model.to(self.device)

    def seed(self, number: int) -> None:
        """Begin the generators of the processor and of the device anew."""
        torch.manual_seed(number)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Deterministic kernels and the threads of this place, while it lasts; torch's switches and its generators are
        put back after.

        Memory that torch hands out unset is not filled (its debugging aid under deterministic kernels): nothing here
        reads it, and filling costs a pass over every tensor.
        """
        before = (
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,
        )
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            try:
                torch.set_num_threads(self.threads)
                torch.use_deterministic_algorithms(True)
                torch.utils.deterministic.fill_uninitialized_memory = False
                yield
            finally:
                torch.set_num_threads(before[0])
                torch.use_deterministic_algorithms(before[1], warn_only=before[2])
                torch.utils.deterministic.fill_uninitialized_memory = before[3]

    @property
    def described(self) -> dict[str, str | int]:
        """For the record and for comparing two runs: everything here that changes a bit of the result."""
        return {
            "device": self.device.type,
            "precision": self.precision,
            "threads": self.threads,
            "processes": self.world.size,
        }


def place_for(options: TrainOptions) -> Place:
    """The place that the settings ask for. ``device = "auto"`` is a CUDA device where there is one, else the processor;
    ``precision = "auto"`` is bfloat16 on a CUDA device that has it, else float32 (a probe of speed could choose
    otherwise after a resume, and change the result). Processes are those that ``accelerate launch`` began.

    Raises ConfigError for a device that is not there, or a precision that it cannot compute in.
    """
    world, device = _world(), _device(options.device)
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed one
        if world.size > 1 and options.device in ("auto", "cuda"):
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", world.rank)))
        if device.index is not None:
            # Every process has a device of its own, and "cuda" is that of the process: what is recorded and compared
            # does not depend on which one it is.
            torch.cuda.set_device(device)
            device = torch.device("cuda")
    precision = options.precision
    if precision == "auto":
        precision = "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    if precision == "fp16" and device.type != "cuda":
        raise ConfigError(
            "[train] precision fp16 needs a CUDA device: its gradients underflow without scaled losses",
            hint='use precision = "bf16", or "fp32"',
        )
    return Place(
        device=device,
        precision=precision,
        dtype=torch.float64 if precision == "fp64" else torch.float32,
        half=_HALF.get(precision),
        threads=options.threads or torch.get_num_threads(),
        world=world,
    )


def alone(what: str) -> None:
    """Raise UsageError where a launcher began several processes: ``what`` is done by one."""
    if _processes() > 1:
        raise UsageError(f"{what} by one process, and {_processes()} were begun", hint="leave out `accelerate launch`")


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"[train] there is no device {name!r}", hint="auto, cpu, cuda or cuda:0") from None
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"[train] device {name!r} is not supported", hint="auto, cpu, cuda or cuda:0")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"[train] device {name!r} is not on this machine", hint='device = "auto" takes what is there')
    return device


def _world() -> World:
    """The processes that a launcher began (it sets WORLD_SIZE), joined through accelerate."""
    if _processes() < 2:
        return ALONE
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    return World(state.process_index, state.num_processes)


def _processes() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))
