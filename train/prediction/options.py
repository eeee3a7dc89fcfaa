"""What ``audit predict`` can be told, its defaults, and how they are checked. Asks nothing and loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Final, get_type_hints

import msgspec

from audit.errors import UsageError
from audit.model import Json
from audit.train.addresses import check_key_variable
from audit.train.runs.hosting import asked_at, is_hosted

AUTO: Final = "auto"
NONE: Final = "none"


class PredictOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting of a prediction. The model is that of the settings, or ``model``; ``arm`` is what its answers are
    called (default: the model's base name).

    ``labels`` are scored in place of writing: a list with commas between, ``none``, or ``auto``: the classes that the
    model was trained for, else the labels that the data is recognised to have. ``score_answers`` takes the likelihood
    of the answers that the rows have, and writes nothing. ``logprobs`` keeps the likelihood of every token.

    ``base`` is the folder of the model that an adapter belongs to, where it lies elsewhere than when it was trained.

    ``temperature`` 0 takes the likeliest token; above it ``samples`` replies are drawn for each row, which follow from
    seed, row and sample alone. ``max_new_tokens`` is the longest reply. ``only`` names the split whose rows are asked.

    ``endpoint`` is the base address of an OpenAI-compatible server, which is asked in place of a model in this process,
    at most ``concurrency`` requests at a time, each for ``timeout`` seconds and up to ``retries`` times again. With
    ``resume`` what was interrupted goes on, and answers that failed for a reason that may pass are asked for again.
    ``key_variable`` names the environment variable with its key.

    With ``batch`` the requests are handed in as files that the provider works off within a day, which it bills at its
    price for batches; it is asked every ``batch_poll_seconds`` how they stand. Answers are the same either way, and
    ``resume`` goes on with what was begun the other way.

    A ``model`` that is the folder of a hosted run stands for the model that the run made, asked where the run was:
    ``run`` is then that folder.
    """

    model: str | None = None
    base: str | None = None
    arm: str | None = None
    labels: str = AUTO
    score_answers: bool = False
    logprobs: bool = False
    temperature: float = 0.0
    samples: int = 1
    max_new_tokens: int = 128
    only: str | None = None
    device: str = AUTO
    endpoint: str | None = None
    key_variable: str = "OPENAI_API_KEY"
    concurrency: int = 4
    timeout: float = 60.0
    retries: int = 4
    batch: bool = False
    batch_poll_seconds: float = 30.0
    run: str | None = None
    resume: bool = False
    force: bool = False

    @property
    def declared(self) -> tuple[str, ...] | None:
        """The labels in the order in which they were named; None where they were not."""
        if self.labels in (AUTO, NONE):
            return None
        return tuple(dict.fromkeys(label.strip() for label in self.labels.split(",") if label.strip()))


_LEAST: Final[Mapping[str, float]] = {
    "temperature": 0,
    "samples": 1,
    "max_new_tokens": 1,
    "concurrency": 1,
    "retries": 0,
}


def options_from(given: Mapping[str, Json], model: str | None) -> PredictOptions:
    """Options of ``given`` (flags, texts allowed) for ``model``, which may be written ``ARM=MODEL``.

    Raises UsageError for a value that does not fit, and for two that do not go together.
    """
    try:
        options = msgspec.convert({"model": model, **given}, PredictOptions, strict=False)
    except msgspec.ValidationError as error:
        raise _misfit(error, given) from None
    if options.model is None:
        raise UsageError("no model was named", hint="audit predict --model runs/mine data.jsonl -o predictions.jsonl")
    arm, model = _named(options.model, options.arm)
    return checked(msgspec.structs.replace(options, arm=arm, model=model))


def of_hosted_run(options: PredictOptions) -> PredictOptions:
    """The options with address, model and key of a finished hosted run in place of its folder; others as they are.

    An address that was named stands. Raises InputError for a run that made no model or whose record was changed, and
    UsageError for one that was made where nobody here asks, or with Azure, which asks for the name of a deployment.
    """
    if options.model is None or options.run is not None or not is_hosted(Path(options.model)):
        return options
    found = asked_at(Path(options.model), options.endpoint)
    return msgspec.structs.replace(
        options,
        run=options.model,
        model=found.model,
        endpoint=found.address,
        key_variable=found.key_variable or options.key_variable,
    )


_KINDS: Final[Mapping[object, str]] = {int: "a whole number", float: "a number", bool: "true or false"}


def _misfit(error: msgspec.ValidationError, given: Mapping[str, Json]) -> UsageError:
    """What to say of a value of another kind than its option; msgspec names the place as ``$.samples``."""
    name = str(error).rpartition("$.")[2].rstrip("`")
    if name not in given:
        return UsageError(f"an option of predict has the wrong value: {error}")
    kind = _KINDS.get(get_type_hints(PredictOptions)[name], "a text")
    return UsageError(f"--{name.replace('_', '-')} must be {kind}, not {given[name]}")


def _named(model: str, arm: str | None) -> tuple[str, str]:
    """The arm and the model of ``ARM=MODEL`` or ``MODEL``."""
    name, equals, rest = model.partition("=")
    if equals and name and rest and "/" not in name and "\\" not in name:
        return arm or name, rest
    return arm or PurePath(model).name or model, model


def checked(options: PredictOptions) -> PredictOptions:
    """The options, if they fit, those of a hosted run resolved (``of_hosted_run``). Raises UsageError."""
    check_key_variable(options.key_variable)
    options = of_hosted_run(options)
    for name, least in _LEAST.items():
        value = getattr(options, name)
        if not least <= value < float("inf"):
            raise UsageError(f"--{name.replace('_', '-')} must be at least {least:g}, not {value}")
    for name in ("timeout", "batch_poll_seconds"):
        if not 0 < (seconds := getattr(options, name)) < float("inf"):
            raise UsageError(f"--{name.replace('_', '-')} must be above 0, not {seconds}")
    if options.batch and options.endpoint is None:
        raise UsageError(
            "--batch is for a provider that is asked, and no --endpoint was named",
            hint="--endpoint https://api.openai.com/v1, or the folder of a hosted run as --model",
        )
    if options.samples > 1 and not options.temperature:
        raise UsageError(
            f"{options.samples} samples at temperature 0 would be the same reply over again", hint="--temperature 0.7"
        )
    declared = options.declared
    if declared is not None and len(declared) < 2:
        raise UsageError(f"--labels {options.labels!r} names fewer than two labels", hint="--labels yes,no")
    if declared is not None and (options.score_answers or options.endpoint):
        other = "--score-answers" if options.score_answers else "--endpoint"
        raise UsageError(
            f"--labels are scored by a model in this process, which does not go with {other}", hint="--labels none"
        )
    if options.endpoint and options.base is not None:
        raise UsageError("--base is for an adapter that is read in this process, and --endpoint was named")
    if options.endpoint and options.score_answers:
        raise UsageError("--score-answers needs the model in this process, and --endpoint was named")
    return options
