"""Who is asked: the arms of an evaluation and their replicates, from ``NAME=MODEL``. Loads no model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Final, NamedTuple

import msgspec

from audit.errors import InputError, UsageError, did_you_mean
from audit.rule.arms import ArmFacts
from audit.train.evaluation.facts import facts_of, is_run
from audit.train.evaluation.options import EvaluateOptions

EXAMPLE: Final = "--model raw=runs/raw --model remediated=runs/remediated"
_NAME: Final = re.compile(r"\w[\w+-]{0,63}")
"""What an arm may be called: its files bear the name."""


class Replicate(NamedTuple):
    """One model of an arm. ``model`` is its folder or name, ``endpoint`` the address of the server that has it (None:
    it is read in this process), ``examples`` how many training rows stand in its prompts."""

    arm: str
    seed: int
    model: str
    endpoint: str | None
    facts: ArmFacts

    @property
    def examples(self) -> int:
        """Training rows in every prompt."""
        return self.facts.examples

    @property
    def name(self) -> str:
        """``ARM-SEED``, as its files are called."""
        return f"{self.arm}-{self.seed}"

    @property
    def run_folder(self) -> Path | None:
        """The folder of the run that trained it, where it is one."""
        return Path(self.model) if self.endpoint is None and self.facts.identity else None


class _Said(NamedTuple):
    """An arm as it was named: models, and settings such as ``examples``."""

    models: list[str]
    settings: dict[str, str]


def replicates_of(options: EvaluateOptions) -> tuple[Replicate, ...]:
    """All replicates, arms in the order in which they were named.

    A run has the seed it was trained with, other models are numbered. Raises UsageError for what names no arm, two
    replicates of one seed and an untrained ``tiny``, InputError for a run that is not finished.
    """
    said = _said(options.models)
    addresses = dict(_pair(one, "--endpoint NAME=URL") for one in options.endpoints)
    unknown = next((name for name in addresses if name not in said), None)
    if unknown is not None:
        raise UsageError(
            f"--endpoint {unknown}=... names no arm", hint=f"--model {unknown}=MODEL says what it is called there"
        )
    if not said:
        raise UsageError("no model was named", hint=f"audit evaluate {EXAMPLE} test.jsonl -o evaluation")
    found = [one for arm in said for one in _replicates(arm, said, addresses)]
    seen: set[tuple[str, int]] = set()
    for one in found:
        if (one.arm, one.seed) in seen:
            raise UsageError(
                f"two replicates of {one.arm} have seed {one.seed}",
                hint="replicates are runs that were trained with different seeds",
            )
        seen.add((one.arm, one.seed))
    return tuple(found)


def _said(models: Sequence[str]) -> dict[str, _Said]:
    said: dict[str, _Said] = {}
    for text in models:
        name, rest = _pair(text, f"{EXAMPLE}")
        arm = said.setdefault(name, _Said([], {}))
        for part in filter(None, (part.strip() for part in rest.split(","))):
            key, equals, value = part.partition("=")
            if equals and key.isidentifier() and not Path(part).exists():
                arm.settings[key] = value
            else:
                arm.models.append(part)
        if unknown := next((key for key in arm.settings if key != "examples"), None):
            raise UsageError(f"an arm has no setting {unknown!r}", hint=did_you_mean(unknown, ("examples",)))
        if not arm.models:
            raise UsageError(f"the arm {name} has no model", hint=f"--model {name}=MODEL")
    return said


def _pair(text: str, hint: str) -> tuple[str, str]:
    """Name and rest of ``NAME=REST``; a model without a name is called by its last part."""
    name, equals, rest = text.partition("=")
    if not equals and hint == EXAMPLE:
        name, rest = re.sub(r"[^\w+-]", "-", PurePath(text).name), text
    if not _NAME.fullmatch(name) or not rest.strip():
        raise UsageError(f"{text!r} names no arm: letters, digits, _, + and - may stand before =", hint=hint)
    return name, rest.strip()


def _replicates(arm: str, said: Mapping[str, _Said], addresses: Mapping[str, str]) -> Iterator[Replicate]:
    examples = _examples(arm, said[arm].settings)
    for model in said[arm].models:
        if examples and model in said and model != arm:
            for other in _replicates(model, said, addresses):
                yield _shown(other, arm, examples)
            continue
        number = said[arm].models.index(model)
        one = _replicate(arm, number, model, addresses.get(arm))
        yield _shown(one, arm, examples) if examples else one


def _examples(arm: str, settings: Mapping[str, str]) -> int:
    given = settings.get("examples", "0")
    if not given.isascii() or not given.isdecimal() or int(given) > 1000 or ("examples" in settings and not int(given)):
        raise UsageError(
            f"{arm}: examples must be a number from 1 to 1000, not {given!r}", hint=f"{arm}=base,examples=8"
        )
    return int(given)


def _shown(one: Replicate, arm: str, examples: int) -> Replicate:
    facts = msgspec.structs.replace(one.facts, arm=arm, kind="few-shot", examples=examples)
    return one._replace(arm=arm, facts=facts)


def _replicate(arm: str, number: int, model: str, endpoint: str | None) -> Replicate:
    if endpoint is not None:
        return Replicate(arm, number, model, endpoint, ArmFacts(arm=arm, seed=number, kind="endpoint"))
    if model == "tiny" and not Path(model).exists():
        raise UsageError(
            f"{arm}=tiny: the built-in model has no weights before it is trained, so there is nothing to ask",
            hint="leave this arm out, or name a run",
        )
    folder = Path(model)
    if is_run(folder):
        facts = facts_of(folder, arm)
        return Replicate(arm, facts.seed, model, None, facts)
    if folder.is_dir() and (folder / "record.jsonl").is_file():
        raise InputError(f"the run in {model} has no model yet", hint="go on with it: audit train --resume")
    return Replicate(arm, number, model, None, ArmFacts(arm=arm, seed=number, kind="model", folder=_base_name(model)))


def _base_name(model: str) -> str:
    return PurePath(model).name or model
