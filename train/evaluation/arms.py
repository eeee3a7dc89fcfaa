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
from audit.train.evaluation.options import MOST_EXAMPLES, Arm, EvaluateOptions
from audit.train.runs.hosting import asked_at, is_hosted

EXAMPLE: Final = "--model raw=runs/raw --model remediated=runs/remediated"
_NAME: Final = re.compile(r"\w[\w+-]{0,63}")
"""What an arm may be called: its files bear the name."""


class Replicate(NamedTuple):
    """One model of an arm. ``model`` is its folder or name, ``endpoint`` the address of the server that has it (None:
    it is read in this process), ``examples`` how many training rows stand in its prompts. ``run_folder`` is the folder
    of the run that trained it, where it is one; of a hosted run, ``key_variable`` is the environment variable with the
    key of the server, where the run names one, and ``provider`` is whose it is."""

    arm: str
    seed: int
    model: str
    endpoint: str | None
    facts: ArmFacts
    run_folder: Path | None = None
    key_variable: str | None = None
    provider: str = ""

    @property
    def examples(self) -> int:
        """Training rows in every prompt."""
        return self.facts.examples

    @property
    def name(self) -> str:
        """``ARM-SEED``, as its files are called."""
        return f"{self.arm}-{self.seed}"


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


def _said(models: Sequence[str | Arm]) -> dict[str, Arm]:
    """The arms by name, what was said of one in several places joined."""
    said: dict[str, Arm] = {}
    for one in models:
        arm = _read(one) if isinstance(one, str) else one
        before = said.get(arm.name, Arm(name=arm.name))
        said[arm.name] = Arm(
            name=arm.name,
            models=before.models + arm.models,
            examples=arm.examples or before.examples,
            deployment=arm.deployment or before.deployment,
        )
    for arm in said.values():
        if not _NAME.fullmatch(arm.name):
            raise _no_arm(arm.name, EXAMPLE)
        if not arm.models:
            raise UsageError(f"the arm {arm.name} has no model", hint=f"--model {arm.name}=MODEL")
        if not 0 <= arm.examples <= MOST_EXAMPLES:
            raise _no_number(arm.name, str(arm.examples))
        if arm.deployment and len(arm.models) > 1:
            raise UsageError(f"the arm {arm.name} names one deployment for {len(arm.models)} models")
    return said


def _read(text: str) -> Arm:
    """An arm of ``NAME=REST``, or of a model, which is then called by its last part. What is there under its whole
    name is one model, whatever commas it has."""
    if "=" not in text or _is_there(text):
        name, rest = re.sub(r"[^\w+-]", "-", PurePath(text).name), text.strip()
    else:
        name, rest = _pair(text, EXAMPLE)
    if _is_there(rest):
        return Arm(name=name, models=(rest,))
    models: list[str] = []
    examples, deployment = 0, ""
    for part in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, value = part.partition("=")
        if not equals or not key.isidentifier() or _is_there(part):
            models.append(part)
        elif key == "deployment" and value:
            deployment = value
        elif key != "examples":
            raise UsageError(f"an arm has no setting {key!r}", hint=did_you_mean(key, ("examples", "deployment")))
        elif not value.isascii() or not value.isdecimal() or not 0 < int(value) <= MOST_EXAMPLES:
            raise _no_number(name, value)
        else:
            examples = int(value)
    return Arm(name=name, models=tuple(models), examples=examples, deployment=deployment)


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # too long for the name of a file
        return False


def _pair(text: str, hint: str) -> tuple[str, str]:
    """Name and rest of ``NAME=REST``."""
    name, _, rest = text.partition("=")
    if not _NAME.fullmatch(name) or not rest.strip():
        raise _no_arm(text, hint)
    return name, rest.strip()


def _no_arm(text: str, hint: str) -> UsageError:
    return UsageError(f"{text!r} names no arm: letters, digits, _, + and - may stand before =", hint=hint)


def _no_number(arm: str, given: str) -> UsageError:
    return UsageError(
        f"{arm}: examples must be a number from 1 to {MOST_EXAMPLES:,}, not {given!r}", hint=f"{arm}=base,examples=8"
    )


def _replicates(
    arm: str, said: Mapping[str, Arm], addresses: Mapping[str, str], above: tuple[str, ...] = ()
) -> Iterator[Replicate]:
    """The replicates of an arm; ``above`` are the arms whose models are those of this one."""
    if arm in above:
        circle = " -> ".join((*above[above.index(arm) :], arm))
        raise UsageError(f"no arm of {circle} has a model of its own", hint=f"--model {arm}=MODEL")
    examples = said[arm].examples
    for model in said[arm].models:
        if examples and model in said and model != arm:
            for other in _replicates(model, said, addresses, (*above, arm)):
                yield _shown(other, arm, examples)
            continue
        number = said[arm].models.index(model)
        one = _replicate(arm, number, model, addresses.get(arm), said[arm].deployment)
        yield _shown(one, arm, examples) if examples else one


def _shown(one: Replicate, arm: str, examples: int) -> Replicate:
    facts = msgspec.structs.replace(one.facts, arm=arm, kind="few-shot", examples=examples)
    return one._replace(arm=arm, facts=facts)


def _replicate(arm: str, number: int, model: str, endpoint: str | None, deployment: str) -> Replicate:
    folder = Path(model)
    if is_hosted(folder):
        return _hosted(arm, folder, endpoint, deployment)
    if deployment:
        raise UsageError(f"{arm}: a deployment is named of the model of a hosted run, and {model} is none")
    if endpoint is not None:
        return Replicate(arm, number, model, endpoint, ArmFacts(arm=arm, seed=number, kind="endpoint"))
    is_there = _is_there(model)
    if model == "tiny" and not is_there:
        raise UsageError(
            f"{arm}=tiny: the built-in model has no weights before it is trained, so there is nothing to ask",
            hint="leave this arm out, or name a run",
        )
    if is_there and is_run(folder):
        facts = facts_of(folder, arm)
        return Replicate(arm, facts.seed, model, None, facts, folder if facts.identity else None)
    if is_there and (folder / "record.jsonl").is_file():
        raise InputError(f"the run in {model} has no model yet", hint="go on with it: audit train --resume")
    return Replicate(arm, number, model, None, ArmFacts(arm=arm, seed=number, kind="model", folder=_base_name(model)))


def _hosted(arm: str, folder: Path, endpoint: str | None, deployment: str) -> Replicate:
    """The tuned model of a hosted run, asked where the run was made, or where somebody says that it is."""
    at, facts = asked_at(folder, endpoint, deployment), facts_of(folder, arm)
    return Replicate(arm, facts.seed, at.model, at.address, facts, folder, at.key_variable, at.provider)


def _base_name(model: str) -> str:
    return PurePath(model).name or model
