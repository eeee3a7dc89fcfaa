"""What must be equal for a run to go on bit for bit: data, settings, model, machine; what differs, and the way out.

Reads no checkpoint and trains nothing. torch is imported only where the machine is asked.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from audit.errors import InputError
from audit.evidence import installed_version
from audit.model import Json
from audit.train.models.base import recorded_name
from audit.train.options import TrainOptions

if TYPE_CHECKING:
    from audit.train.data.examples import Examples

_FREE: Final = frozenset({"keep", "tensorboard", "energy", "merge", "curve"})
"""Settings that change no weight: they may differ between a run and its resume."""
_BY_CONTENT: Final = frozenset(
    {"model", "revision", "chat_template", "threads", "device", "token_budget", "canaries", "canary_repeats"}
)
"""Settings that are compared by what they led to: hashes of files and sequences, the machine, the budget that was
settled."""
_KERNEL_VARIABLES: Final = (
    "DNNL_MAX_CPU_ISA", "MKL_CBWR", "MKL_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA",
)  # fmt: skip
_SHOWN: Final = 4
"""Differences that are spelt out in an error; the rest are named."""


class ResumeRefused(InputError):
    """A run cannot go on from what is in its folder: something differs, is missing or is damaged."""


class DataIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Hex sha256 of one split, from coarse to fine, so that a difference can be named.

    ``content`` covers the token ids of the sequences whatever their order, ``weights`` the same with all weights and
    labels, ``order`` the ids in order, ``whole`` everything (``Examples.sha256``: groups, classes and row ids, too).
    """

    sequences: int
    tokens: int
    content: str
    weights: str
    order: str
    whole: str


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What decides how sums are rounded.

    One and two threads are not bit-identical, nor are two builds or instruction sets. ``torch_build`` and ``kernels``
    are hashes: of torch's build settings, and of the variables that tell MKL and oneDNN which kernels to use.
    """

    threads: int
    device: str
    device_name: str
    processes: int
    torch: str
    torch_build: str
    cpu_capability: str
    processor: str
    mkl: bool
    mkldnn: bool
    kernels: str
    matmul_precision: str
    transformers: str
    peft: str


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that must be equal for a resume.

    ``order`` is a hash of the order in which examples are drawn (``order_identity``), ``config`` the settings
    (``config_identity``), ``tokenizer`` and ``template`` hashes, ``base_files`` the hash of every file of the base
    model by name. ``denominator``, ``token_budget`` (of a micro-batch) and ``strategy`` (of the objective) are what the
    run settled on before its first step.
    """

    train: DataIdentity
    validation: DataIdentity | None
    classes: tuple[str, ...]
    order: str
    config: dict[str, Json]
    tokenizer: str
    template: str
    base: str
    base_files: dict[str, str]
    denominator: float
    token_budget: int
    strategy: str
    machine: Machine


class Difference(NamedTuple):
    """``name`` is the path of a part (``config.lr``, ``machine.threads``, ``train.order``), with both values."""

    name: str
    recorded: Json
    current: Json


# ----------------------------------------------------------------------------- taking an identity


def data_identity(examples: Examples) -> DataIdentity:
    """The identity of the sequences of one split."""
    ids: list[bytes] = []
    weighted: list[bytes] = []
    for at in range(len(examples)):
        tokens, weights = examples.tokens_of(at)
        one = hashlib.sha256(tokens.tobytes())
        ids.append(one.digest())
        for column in (weights, examples.labels[at : at + 1], examples.row_weights[at : at + 1]):
            one.update(column.tobytes())
        weighted.append(one.digest())
    return DataIdentity(
        sequences=len(examples),
        tokens=len(examples.ids),
        content=_hash(sorted(ids)),
        weights=_hash(sorted(weighted)),
        order=_hash(ids),
        whole=examples.sha256,
    )


def config_identity(options: TrainOptions) -> dict[str, Json]:
    """The settings that decide the weights, as JSON holds them; without names of files, which are compared by hash."""
    skipped = _FREE | _BY_CONTENT
    settings = {key: value for key, value in msgspec.to_builtins(options).items() if key not in skipped}
    read_back: dict[str, Json] = json.loads(json.dumps(settings))
    return read_back


def order_identity(drawn: Iterable[int]) -> str:
    """A hash of an order of examples, such as that of the first epoch: it tells when other numbers are drawn."""
    return hashlib.sha256(" ".join(map(str, drawn)).encode()).hexdigest()


def machine_identity(device: str = "cpu", processes: int = 1) -> Machine:
    """This machine as torch sees it, with the number of threads that torch uses now. ``device`` as torch names it."""
    import torch

    on_cuda = device.startswith("cuda")
    told = " ".join(f"{name}={os.environ[name]}" for name in _KERNEL_VARIABLES if name in os.environ)
    return Machine(
        threads=torch.get_num_threads(),
        device=device,
        device_name=torch.cuda.get_device_name(device) if on_cuda else "",
        processes=processes,
        torch=str(torch.__version__),
        torch_build=hashlib.sha256(torch.__config__.show().encode()).hexdigest(),
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        processor=processor(),
        mkl=bool(torch.backends.mkl.is_available()),
        mkldnn=bool(torch.backends.mkldnn.is_available()),
        kernels=hashlib.sha256(told.encode()).hexdigest() if told else "default",
        matmul_precision=torch.get_float32_matmul_precision(),
        transformers=installed_version("transformers") or "none",
        peft=installed_version("peft") or "none",
    )


def processor() -> str:
    """The name of the processor's model, as the system tells it: MKL chooses its kernels by it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            named = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    except OSError:
        named = ""
    return named or platform.processor() or platform.machine()


def _hash(digests: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(digests)).hexdigest()


# ----------------------------------------------------------------------------- comparing two


def compare(recorded: Identity, current: Identity) -> tuple[str, ...]:
    """The names of the parts that differ; none: the run may go on."""
    return tuple(difference.name for difference in differences(recorded, current))


def differences(recorded: Identity, current: Identity) -> tuple[Difference, ...]:
    """What differs: settings first, which the rest may follow from, then in the order of the fields; of each split only
    the coarsest difference, which the others follow."""
    before, now = _flat(msgspec.to_builtins(recorded)), _flat(msgspec.to_builtins(current))
    found: list[Difference] = []
    for name in dict.fromkeys((*before, *now)):
        if before.get(name) == now.get(name) and (name in before) == (name in now):
            continue
        split = name.partition(".")[0]
        if split in ("train", "validation") and any(one.name.partition(".")[0] == split for one in found):
            continue
        found.append(Difference(name, before.get(name), now.get(name)))
    return tuple(sorted(found, key=lambda one: not one.name.startswith("config.")))


def refuse(where: str, recorded: Identity, current: Identity) -> None:
    """Raise ResumeRefused naming what differs, both values and the way out; return where nothing does."""
    found = differences(recorded, current)
    if not found:
        return
    told = "; ".join(_told(one) for one in found[:_SHOWN])
    rest = ", ".join(_named(one.name) for one in found[_SHOWN:])
    more = f"; and {len(found) - _SHOWN} more: {rest}" if rest else ""
    raise ResumeRefused(f"{where} cannot be gone on from: {told}{more}", hint=_way_out(found[0]))


def _flat(value: Mapping[str, Json], before: str = "") -> dict[str, Json]:
    """Nested maps as one, with a dot between the keys; only what is a field of ours is opened, not settings' values."""
    flat: dict[str, Json] = {}
    for key, item in value.items():
        if isinstance(item, dict) and not before:
            flat |= _flat(item, f"{key}.")
        elif item is not None or before:  # a split that is not there has no parts
            flat[before + key] = item
    return flat


_WORDS: Final[Mapping[str, str]] = {
    "sequences": "the number of {split} sequences",
    "tokens": "the number of {split} tokens",
    "content": "the text of the {split} data (tokens)",
    "weights": "a weight or label of the {split} data",
    "order": "the order of the {split} data",
    "whole": "a group, class or row id of the {split} data",
}
_PLAIN: Final[Mapping[str, str]] = {
    "classes": "the classes or their order",
    "order": "the order in which examples are drawn",
    "tokenizer": "the tokenizer",
    "template": "the chat template",
    "base": "the base model",
    "denominator": "the denominator of the loss",
    "token_budget": "the token budget of a micro-batch",
    "strategy": "the strategy of the objective",
    "machine.threads": "the number of threads",
    "machine.torch": "the version of torch",
    "machine.torch_build": "the build of torch",
    "machine.cpu_capability": "the CPU capability that torch uses",
    "machine.kernels": "the variables that choose kernels (" + ", ".join(_KERNEL_VARIABLES) + ")",
}


def _told(one: Difference) -> str:
    return f"{_named(one.name)} is {_short(one.current)} and was {_short(one.recorded)}"


def _named(name: str) -> str:
    part, _, key = name.partition(".")
    if name in _PLAIN:
        return _PLAIN[name]
    if part in ("train", "validation") and key in _WORDS:
        return _WORDS[key].format(split="training" if part == "train" else part)
    if part == "config":
        return f"the setting {key}"
    if part == "base_files":
        return f"the base model's file {key}"
    return key.replace("_", " ")


def _short(value: Json) -> str:
    if value is None:
        return "not there"
    if isinstance(value, str):
        is_hash = len(value) == 64 and not value.strip("0123456789abcdef")
        return value[:12] if is_hash else repr(value[:40] + ("..." if len(value) > 40 else ""))
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 40 else text[:37] + "..."


def _way_out(first: Difference) -> str:
    part, _, key = first.name.partition(".")
    anew = "or train anew into another output folder"
    if part in ("train", "validation", "classes", "order", "denominator"):
        return f"give the data as it was when the run began, {anew}"
    if part == "config" or first.name in ("machine.threads", "machine.device", "token_budget"):
        setting = key if part == "config" else first.name.rpartition(".")[2]
        was = "take it out" if first.recorded is None else f"set it back to {_short(first.recorded)}"
        return f"[train] {setting}: {was}, {anew}"
    if first.name in ("machine.torch", "machine.transformers", "machine.peft"):
        return f"install {key} {_short(first.recorded)}, {anew}"
    if part == "machine":
        return f"go on where the run began: another machine or build rounds otherwise; {anew}"
    return f"put back what was there when the run began, {anew}"


def told_options(options: TrainOptions) -> dict[str, Json]:
    """The options as they are recorded: models and files by their name, never by an absolute place."""
    told: dict[str, Json] = msgspec.to_builtins(options)
    for name in ("model", "chat_template"):
        if isinstance(told[name], str):
            told[name] = recorded_name(str(told[name]))
    return told
