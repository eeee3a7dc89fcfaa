"""What ``evaluate`` hands back: who was asked, what it cost, and the result. Renders nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from audit.model import Json, Result
from audit.outputs.evaluation import Evaluation, FileOfOutputs

UNABLE: Final = 2
INTERRUPTED: Final = 130


class ArmAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One replicate in figures: ``n`` outputs to so many ``questions``, of which ``missing`` are an error or blank, and
    ``swaps``, the same of questions with another group in them; mean tokens of prompt and output (None where nobody
    counted), ``seconds`` by the clock for all its questions (None where not measured), and in
    how many prompts examples were ``shortened``."""

    arm: str
    seed: int
    n: int
    missing: int
    questions: int = 0
    swaps: int = 0
    swaps_missing: int = 0
    prompt_tokens: float | None = None
    output_tokens: float | None = None
    seconds: float | None = None
    examples: int = 0
    shortened: int = 0


class EvaluateReport(msgspec.Struct, frozen=True, kw_only=True):
    """The account of an evaluation. ``result`` is None where it was interrupted (``partial``): the same command goes
    on. ``scored`` is how often the test set was scored in this folder. ``unable`` says why nothing can be concluded."""

    folder: str
    evaluation: Evaluation
    accounts: tuple[ArmAccount, ...] = ()
    result: Result | None = None
    scored: int = 0
    unable: str = ""
    partial: bool = False

    @property
    def exit_code(self) -> int:
        """130 interrupted, 2 where nothing can be concluded, else that of the verdict."""
        if self.partial or self.result is None:
            return INTERRUPTED
        return UNABLE if self.unable else self.result.exit_code


class _Output(msgspec.Struct):
    row_id: Json = None
    output: Json = None
    error: Json = None
    prompt_tokens: Json = None
    output_tokens: Json = None
    examples: Json = None


def accounts_of(folder: Path, evaluation: Evaluation, seconds: Mapping[str, float]) -> tuple[ArmAccount, ...]:
    """An account of every replicate, from its files of predictions."""
    examples = {(one.arm, one.seed): one.examples for one in evaluation.arms}
    swaps = {(one.arm, one.seed): one for one in evaluation.files if one.what == "swap"}
    return tuple(
        _account(folder, one, swaps.get((one.arm, one.seed)), seconds, examples.get((one.arm, one.seed), 0))
        for one in evaluation.files
        if one.what == "asked"
    )


def _account(
    folder: Path, file: FileOfOutputs, swapped: FileOfOutputs | None, seconds: Mapping[str, float], examples: int
) -> ArmAccount:
    outputs = list(_outputs(folder / file.name))
    swaps = list(_outputs(folder / swapped.name)) if swapped is not None else []
    return ArmAccount(
        arm=file.arm,
        seed=file.seed,
        n=len(outputs),
        missing=sum(map(_is_missing, outputs)),
        questions=len({one.row_id for one in outputs if isinstance(one.row_id, str)}),
        swaps=len(swaps),
        swaps_missing=sum(map(_is_missing, swaps)),
        prompt_tokens=_mean([one.prompt_tokens for one in outputs]),
        output_tokens=_mean([one.output_tokens for one in outputs]),
        seconds=seconds.get(f"{file.arm}-{file.seed}"),
        examples=examples,
        shortened=sum(isinstance(one.examples, int) and one.examples < examples for one in outputs),
    )


def _outputs(path: Path) -> Iterator[_Output]:
    decode = msgspec.json.Decoder(_Output).decode
    with path.open("rb") as lines:
        yield from map(decode, lines)


def _is_missing(one: _Output) -> bool:
    return one.error is not None or not isinstance(one.output, str) or not one.output.strip()


def _mean(values: Sequence[Json]) -> float | None:
    known = [value for value in values if isinstance(value, int | float)]
    return sum(known) / len(known) if known else None


def why_unable(accounts: Sequence[ArmAccount], limit: float) -> str:
    """Why the outputs say nothing of the models; "" where they do. ``limit`` is the share of them that may be missing,
    of those to questions with another group in them, too."""
    if not accounts or not sum(one.n for one in accounts):
        return "there are no outputs"
    for one in accounts:
        for n, missing, what in ((one.n, one.missing, ""), (one.swaps, one.swaps_missing, " with another group")):
            if missing > limit * n:
                return (
                    f"{missing:,} of {n:,} outputs{what} of {one.arm} (seed {one.seed}) are missing, "
                    f"and with more than {limit:.0%} of them nothing can be concluded"
                )
    return ""
