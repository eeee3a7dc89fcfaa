"""The configuration of another trainer while it is put together, with an account of every setting of ours.

Knows no trainer. What is not carried stands in the account with the reason; nothing is left out in silence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from audit.model import Json
from audit.train.exporting.options import ExportOptions
from audit.train.options import TrainOptions
from audit.train.outgoing.capabilities import Kind

ADAPTERS: Final = ("lora", "qlora")
"""Methods that train an adapter beside the weights."""

How: TypeAlias = Literal["carried", "changed", "in the rows", "not carried", "not asked for"]


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a setting of ``[train]``. ``to`` are the trainer's own keys and values; ``why`` is a sentence
    without a full stop wherever it is not simply carried."""

    name: str
    value: Json
    how: How
    to: Mapping[str, Json] = {}
    why: str = ""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What a configuration is made from: the settled options, the kind of the rows, the lines of each split that is
    written, and the ``model`` and ``template`` as they are to be named there (``template`` None: the model's own).
    ``counted``: the tokens of every row were."""

    options: ExportOptions
    kind: Kind
    lines: Mapping[str, int]
    model: str
    template: str | None = None
    counted: bool = False

    @property
    def train(self) -> TrainOptions:
        """The settings of the run."""
        return self.options.train


class Sheet:
    """``config`` are the trainer's keys in the order in which they were set. ``names`` are its own names of keys, where
    they differ from those of transformers."""

    def __init__(self, given: Given, names: Mapping[str, str] | None = None) -> None:
        self.given = given
        self.config: dict[str, Json] = {}
        self._names = dict(names or {})
        self._account: dict[str, Setting] = {}

    def put(self, **values: Json) -> None:
        """Set keys that stand for no setting of ours."""
        self.config |= self._named(values)

    def carry(self, name: str, why: str = "", /, **values: Json) -> None:
        """A setting as it is, under the trainer's keys."""
        self._note(name, "carried", why, values)

    def change(self, name: str, why: str, /, **values: Json) -> None:
        """A setting that means something slightly else there."""
        self._note(name, "changed", why, values)

    def in_rows(self, why: str, *names: str) -> None:
        """Settings that are in the rows already."""
        for name in names:
            self._note(name, "in the rows", why, {})

    def leave(self, why: str, *names: str) -> None:
        """Settings that the trainer is not told."""
        for name in names:
            self._note(name, "not carried", why, {})

    def unasked(self, *names: str) -> None:
        """Settings that have no effect in this run."""
        for name in names:
            self._note(name, "not asked for", "", {})

    def _named(self, values: Mapping[str, Json]) -> dict[str, Json]:
        return {self._names.get(key, key): value for key, value in values.items()}

    def _note(self, name: str, how: How, why: str, values: Mapping[str, Json]) -> None:
        named = self._named(values)
        self.config |= named
        value = msgspec.to_builtins(getattr(self.given.train, name))
        self._account[name] = Setting(name=name, value=value, how=how, to=named, why=why)

    def account(self) -> tuple[Setting, ...]:
        """Every setting in the order of ``TrainOptions``. A trainer that forgets one raises KeyError."""
        return tuple(self._account[name] for name in TrainOptions.__struct_fields__)


def yaml_of(config: Mapping[str, Json], heading: str) -> bytes:
    """Keys and values as YAML that readers of versions 1.1 and 1.2 read alike: every value is JSON, on one line."""
    lines = [f"# {heading}", *(f"{key}: {_scalar(value)}" for key, value in config.items())]
    return ("\n".join(lines) + "\n").encode()


def _scalar(value: Json) -> str:
    """JSON; a float with a dot and a signed exponent, without which YAML 1.1 reads a text (section 10.2.1.4)."""
    if isinstance(value, float):
        mantissa, mark, exponent = repr(value).partition("e")
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}{mark}{exponent}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_scalar(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_scalar, value)) + "]"
    if isinstance(value, str):  # YAML knows no pairs of surrogates, with which JSON escapes what lies beyond 16 bits
        return '"' + "".join(one if ord(one) > 0xFFFF else json.dumps(one)[1:-1] for one in value) + '"'
    return json.dumps(value)
