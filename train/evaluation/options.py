"""What ``audit evaluate`` can be told, its defaults, and how they are checked. Asks nothing and loads no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_type_hints

import msgspec

from audit.config.load import FOUND
from audit.config.settings import Settings
from audit.errors import ConfigError, UsageError
from audit.model import Json
from audit.train.addresses import check_key_variable
from audit.train.prediction.options import AUTO, NONE

POLICY: Final = "outputs"
"""The policy that outputs are judged by where none is named."""
MOST: Final = 500
"""Questions for each attribute of which variants are made, and rows whose own answers are scored."""
GREEDY: Final = 200
"""Rows whose greedy text is compared with the label that was scored highest."""


MOST_EXAMPLES: Final = 1000
"""Training rows that a prompt may be asked to show."""


class Arm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An arm: the run folders, model folders or hub names that are its replicates, or the name of another arm whose
    models are asked with ``examples`` training rows in the prompt. ``deployment`` is what Azure calls the model of a
    hosted run."""

    name: str
    models: tuple[str, ...] = ()
    examples: int = 0
    deployment: str = ""


class EvaluateOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting of an evaluation.

    ``models`` are arms, or texts ``NAME=MODEL``: an arm and the run folder, model folder or hub name that is asked for
    it, several with commas or under one name as replicates; ``NAME=OTHER,examples=8`` is another arm's model (or a
    path) with so many training rows in the prompt, and ``NAME=RUN,deployment=NAME`` is a hosted run's model as Azure
    calls it. ``endpoints`` are ``NAME=URL``: the arm is asked of a server.

    ``judge`` names the arm that is to be signed, ``compare`` the same without remediation, ``base_arm`` the model
    before fine-tuning; "" goes by their names. ``train`` are the files of the training data that outputs are compared
    with; none means those that the judged run recorded, where they are found unchanged.

    ``labels``, ``max_new_tokens``, ``samples``, ``temperature``, ``device``, ``concurrency``, ``timeout``, ``retries``
    and ``key_variable`` are as for ``audit predict``, and so are ``batch`` and ``batch_poll_seconds`` for the arms that
    are asked of a server. ``only`` names the split that is asked; None means ``test``, else
    what the runs held out, else all rows. With ``counterfactual`` up to ``most`` questions for each attribute are asked
    again with another group in them; ``coupled`` says by attribute which values of other fields change with it
    (``{"sex": {"relationship": {"Husband": "Wife"}}}``), in place of what the data shows. ``greedy`` rows are answered
    as text, too, where labels are scored. The likelihood of ``answers`` of the rows is taken; None means 500 where
    answers are free text and 0 where they are labels.

    ``harm`` says in words what harm is at stake; ``policy`` is what is judged by (None: ``outputs``).
    """

    models: tuple[Arm | str, ...] = ()
    endpoints: tuple[str, ...] = ()
    judge: str = ""
    compare: str = ""
    base_arm: str = ""
    train: tuple[str, ...] = ()
    labels: str = AUTO
    max_new_tokens: int = 128
    samples: int = 1
    temperature: float = 0.0
    only: str | None = None
    counterfactual: bool = True
    most: int = MOST
    coupled: Mapping[str, Mapping[str, Mapping[str, str]]] = {}
    greedy: int = GREEDY
    answers: int | None = None
    harm: str = ""
    policy: str | None = None
    device: str = AUTO
    key_variable: str = "OPENAI_API_KEY"
    concurrency: int = 4
    timeout: float = 60.0
    retries: int = 4
    batch: bool = False
    batch_poll_seconds: float = 30.0
    force: bool = False


OF_ANSWERS: Final = (
    "labels",
    "max_new_tokens",
    "samples",
    "temperature",
    "counterfactual",
    "most",
    "coupled",
    "greedy",
    "answers",
)
"""Options that decide what is asked; they are written down."""
_LISTS: Final = ("endpoints", "train")
"""Options that are lists of texts."""


def read_options(settings: Settings, given: Mapping[str, Json]) -> EvaluateOptions:
    """The options: those of ``[evaluate]``, and over them those of the command line (texts allowed).

    Raises UsageError for a value that does not fit, and ConfigError for an address in a configuration file that nobody
    named: it may have come with the data.
    """
    table = settings.sections.get("evaluate", {})
    said = dict(table) if isinstance(table, Mapping) else {}
    is_found = settings.origins.get("config_file") == FOUND
    if "endpoints" in said and "endpoints" not in given and is_found:
        raise ConfigError(
            f"{settings.config_file} names endpoints, and nobody named {settings.config_file}",
            hint=f"if the file is yours: --config {settings.config_file}",
        )
    merged = {
        **_beside(settings.config_file, said),
        **{name: value for name, value in given.items() if value is not None},
    }
    for name in _LISTS:
        if name in merged:
            merged[name] = listed(merged[name])
    try:
        return checked(msgspec.convert(merged, EvaluateOptions, strict=False))
    except msgspec.ValidationError as error:
        raise _misfit(error, merged) from None


def listed(value: Json) -> Json:
    """A list of texts from a text, a list, or a table of names with a text each: ``{raw = "http://localhost/v1"}``."""
    if isinstance(value, str):
        return (value,)
    return tuple(f"{name}={one}" for name, one in value.items()) if isinstance(value, Mapping) else value


def arms_in(value: Json) -> Json:
    """Arms from a text, a list of texts, or a table of names with a text, a list or a table each:
    ``{raw = ["a", "b"], fewshot = {model = "raw", examples = 8}}``."""
    if isinstance(value, str):
        return (value,)
    return tuple(_arm(name, one) for name, one in value.items()) if isinstance(value, Mapping) else value


def _arm(name: str, value: Json) -> Json:
    if isinstance(value, str):
        return f"{name}={value}"
    said = dict(value) if isinstance(value, Mapping) else {"model": value}
    models = said.pop("model", ())
    return {"name": name, "models": (models,) if isinstance(models, str) else models, **said}


def _beside(config_file: str | None, said: Mapping[str, Json]) -> dict[str, Json]:
    """The table with what lies beside its file named as seen from the working directory: models, training data, the
    policy. Other names are names of models, arms and policies."""
    folder = Path(config_file or "").parent
    table = dict(said)
    if "models" in table:
        table["models"] = arms_in(table["models"])
    if folder == Path():
        return table

    def moved(name: Json) -> Json:
        beside = isinstance(name, str) and name and (folder / name).exists()
        return Path(os.path.normpath(folder / name)).as_posix() if beside else name

    def arm(one: Json) -> Json:
        if isinstance(one, Mapping):
            models = one["models"]
            return {**one, "models": tuple(map(moved, models)) if isinstance(models, list | tuple) else models}
        if not isinstance(one, str):
            return one
        name, equals, rest = one.partition("=")
        whole = moved(rest)
        return f"{name}{equals}{whole if whole != rest else ','.join(str(moved(part)) for part in rest.split(','))}"

    for name, each in (("models", arm), ("train", moved)):
        if isinstance(listing := listed(table.get(name)), list | tuple):
            table[name] = tuple(map(each, listing))
    return {**table, "policy": moved(table["policy"])} if "policy" in table else table


_KINDS: Final[Mapping[object, str]] = {int: "a whole number", float: "a number", bool: "true or false"}


def _misfit(error: msgspec.ValidationError, given: Mapping[str, Json]) -> UsageError:
    name = str(error).rpartition("$.")[2].rstrip("`").partition("[")[0]
    if name not in given:
        return UsageError(f"an option of evaluate has the wrong value: {error}")
    hint = get_type_hints(EvaluateOptions)[name]
    kind = _KINDS.get(hint, "a whole number" if name == "answers" else "a text or a list of texts")
    return UsageError(f"--{name.replace('_', '-')} must be {kind}, not {given[name]}")


_LEAST: Final[Mapping[str, float]] = {
    "temperature": 0, "samples": 1, "max_new_tokens": 1, "most": 0, "greedy": 0, "answers": 0, "concurrency": 1,
    "retries": 0,
}  # fmt: skip


def checked(options: EvaluateOptions) -> EvaluateOptions:
    """The options, if they fit. Raises UsageError."""
    check_key_variable(options.key_variable)
    for name, least in _LEAST.items():
        value = getattr(options, name)
        if value is not None and not least <= value < float("inf"):
            raise UsageError(f"--{name.replace('_', '-')} must be at least {least:g}, not {value}")
    for name in ("timeout", "batch_poll_seconds"):
        if not 0 < (seconds := getattr(options, name)) < float("inf"):
            raise UsageError(f"--{name.replace('_', '-')} must be above 0, not {seconds}")
    if options.samples > 1 and not options.temperature:
        raise UsageError(
            f"{options.samples} samples at temperature 0 would be the same reply over again", hint="--temperature 0.7"
        )
    if options.labels not in (AUTO, NONE) and "," not in options.labels:
        raise UsageError(f"--labels {options.labels!r} names fewer than two labels", hint="--labels yes,no")
    return options
