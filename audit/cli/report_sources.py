"""What the paths of ``audit report`` lead to: saved results, evaluations, runs, ledgers, or data. Judges nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import Final

import msgspec

from audit.errors import UsageError
from audit.model import Result
from audit.model.dossier import Dossier, Reaudit, Remedy, Training, judges_outputs
from audit.outputs.evaluation import EVALUATION, PREDICTIONS

RESULT_FILE: Final = "result.json"
PIPELINE: Final = "run.json"
"""The manifest of ``audit run``: what lies below its folder belongs to one report."""
PIPELINE_SCHEMA: Final = "audit.pipeline/"
RECORD: Final = "record.jsonl"
"""What a run of ``audit train`` writes (``audit.train.runs.record``)."""
LEDGER: Final = ".ledger.jsonl"
STAGES: Final = ("evaluate", "check")
"""Folders of an ``audit run`` whose results an earlier one is compared by."""
_FIRST: Final = 1 << 20
"""Bytes of a .json file that are looked at to tell a saved result from data."""


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """The paths by what they are. ``results`` are files of saved results, those in a folder of an evaluation left out.
    ``stages`` are results of later stages of an ``audit run``: of the data, the first is meant."""

    data: tuple[str, ...] = ()
    results: tuple[Path, ...] = ()
    evaluations: tuple[Path, ...] = ()
    runs: tuple[Path, ...] = ()
    ledgers: tuple[Path, ...] = ()
    stages: frozenset[Path] = frozenset()

    @property
    def saved(self) -> bool:
        """Whether something was named that was judged or done before."""
        return bool(self.results or self.evaluations or self.runs or self.ledgers)


def sources_of(paths: Sequence[str]) -> Sources:
    """The paths by what they are; the folder of an ``audit run`` stands for all that lies in it."""
    kinds: dict[str, list[Path]] = {"results": [], "evaluations": [], "runs": [], "ledgers": []}
    data, stages = [], set[Path]()
    for name in paths:
        path = Path(name)
        if is_pipeline(path):
            below = list(_below(path))
            for kind, found in below:
                kinds[kind].append(found)
            stages.update([found for kind, found in below if kind == "results"][1:])
        elif (known := _kind(path)) is not None:
            kinds[known[0]].append(known[1])
        else:
            data.append(name)
    return Sources(
        data=tuple(data), stages=frozenset(stages), **{kind: tuple(dict.fromkeys(some)) for kind, some in kinds.items()}
    )


class _Manifest(msgspec.Struct):
    schema: str = ""


def is_pipeline(path: Path) -> bool:
    """Whether a path is the folder of an ``audit run``: other programs write files of that name too."""
    try:
        return msgspec.json.decode((path / PIPELINE).read_bytes(), type=_Manifest).schema.startswith(PIPELINE_SCHEMA)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _kind(path: Path) -> tuple[str, Path] | None:
    """What a path is, and the file or folder that is read; None for data."""
    if path.is_dir():
        if (path / EVALUATION).is_file():
            return "evaluations", path
        if (path / RECORD).is_file():
            return "runs", path
        return ("results", path / RESULT_FILE) if (path / RESULT_FILE).is_file() else None
    if path.name.endswith(LEDGER) and path.is_file():
        return "ledgers", path
    if path.name == EVALUATION and path.is_file():
        return "evaluations", path.parent
    found = result_file(path)
    return None if found is None else ("results", found)


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Everything known in a folder and those in it, by name; what lies in a run or an evaluation is theirs."""
    for name in sorted(os.listdir(folder)):
        path = folder / name
        if path.is_dir():
            known = _kind(path)
            if known is not None:
                yield known
            if known is None or known[0] == "results":
                yield from _below(path)
        elif name.endswith(LEDGER):
            yield "ledgers", path


def result_file(path: Path) -> Path | None:
    """The saved result that a path leads to: a folder of ``--save`` or of ``audit run`` (what it judged last: the
    outputs, else the data), or a ``.json`` file that holds one object."""
    if is_pipeline(path):
        return next((file for stage in STAGES if (file := path / stage / RESULT_FILE).is_file()), None)
    if path.is_dir():
        return path / RESULT_FILE if (path / RESULT_FILE).is_file() else None
    if path.suffix.lower() != ".json" or not path.is_file():
        return None
    with path.open("rb") as stream:
        head = stream.read(_FIRST).lstrip(b"\xef\xbb\xbf \t\r\n")
    return None if _is_data(head) else path


def _is_data(head: bytes) -> bool:
    """Whether a .json file holds rows: a list, or an object a line. One object that ends further down is a result."""
    if head.startswith(b"["):
        return True
    first, _, rest = head.partition(b"\n")
    try:
        row = msgspec.json.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(row, dict) and "schema" not in row and (bool(rest.strip()) or "messages" in row)


def halves(results: Sequence[Result]) -> tuple[Result | None, Result | None]:
    """The judgement of data and that of outputs. Raises UsageError where there are two of a kind."""
    found = []
    for of_outputs, what in ((False, "data"), (True, "outputs of models")):
        some = [one for one in results if judges_outputs(one) == of_outputs]
        if len(some) > 1:
            raise UsageError(
                f"{len(some)} results of {what} were named, and a report is about one",
                hint="--compare OLD sets an earlier one beside it",
            )
        found.append(some[0] if some else None)
    return found[0], found[1]


def dossier(
    data: Result | None,
    outputs: Result | None,
    sources: Sources,
    previous: Result | None = None,
) -> Dossier:
    """Everything that was named, read. Raises InputError for what cannot be."""
    evaluation = next(iter(sources.evaluations), None)
    return Dossier(
        data=data,
        outputs=outputs,
        trainings=trainings(sources.runs, evaluation),
        remedies=tuple(_remedies(sources.ledgers)),
        reaudit=_reaudit(evaluation),
        previous=previous,
    )


def trainings(folders: Sequence[Path], evaluation: Path | None = None) -> tuple[Training, ...]:
    """What the runs were: those that the evaluation was made with under its names, and those of the folders."""
    if evaluation is None and not folders:
        return ()
    from audit.cli.evaluate import trainings_of
    from audit.train.runs.telling import training_of

    known = {} if evaluation is None else {(run.folder, run.seal): run for run in trainings_of(evaluation)}
    for folder in folders:
        run = training_of(folder)
        known.setdefault((run.folder, run.seal), run)
    return tuple(sorted(known.values(), key=lambda run: (run.arm, run.seed, run.folder)))


def _reaudit(evaluation: Path | None) -> Reaudit:
    if evaluation is None:
        return Reaudit()
    from audit.cli.evaluate import reaudit_of

    return reaudit_of(evaluation)


def found_again(result: Result, folder: Path) -> Result:
    """The result with the files that lie in its own folder named by where they are now; others as they were.

    A file counts as the one that was judged by its base name here and is compared by its hash before it is shown.
    """
    moved = {
        source.path: str(place)
        for source in result.sources
        if not Path(source.path).is_file()
        for place in (folder / PREDICTIONS / PurePath(source.path).name, folder / PurePath(source.path).name)
        if place.is_file()
    }
    if not moved:
        return result
    findings = (
        msgspec.structs.replace(one, place=msgspec.structs.replace(one.place, file=moved[one.place.file]))
        if one.place.file in moved
        else one
        for one in result.findings
    )
    sources = (msgspec.structs.replace(one, path=moved.get(one.path, one.path)) for one in result.sources)
    return msgspec.structs.replace(result, findings=tuple(findings), sources=tuple(sources))


def _remedies(ledgers: Sequence[Path]) -> Iterator[Remedy]:
    from audit.remedy.telling import remedy_of

    return map(remedy_of, ledgers)
