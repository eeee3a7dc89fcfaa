"""What a search and a learning curve hand back, and how they are kept as JSON. Computes and renders nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from audit.errors import InputError
from audit.model import Json
from audit.train.options import Metric
from audit.train.search.scores import Difference, Figure
from audit.writing import write_whole

SEARCH_FILE: Final = "search.json"
CURVE_FILE: Final = "curve.json"
TRIALS_FOLDER: Final = "trials"
POINTS_FOLDER: Final = "shares"

Answer = Literal["lowered", "raised", "cannot be told"]
_Report = TypeVar("_Report", "SearchReport", "CurveReport")


class RowCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was trained on: rows, sequences made of them, trained tokens, and rows by attribute and group."""

    rows: int
    examples: int
    trained_tokens: int
    groups: Mapping[str, Mapping[str, int]] = {}


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What all runs share. ``files`` are the sha256 of the data by base name, ``train`` and ``validation`` those of all
    that training and measuring depend on; ``options`` are what the values of a trial are laid over. ``gate`` is the
    verdict on the data."""

    seed: int
    options: Mapping[str, Any]
    files: Mapping[str, str]
    train: str
    validation: str
    train_rows: int
    validation_rows: int
    gate: str


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One training run. ``figure`` is the measure that chooses, of the best weights on the validation rows, and
    ``figures`` all measures that are defined. ``failed`` says why there are none. ``seal`` is that of the run's record.
    ``from_best`` is the chosen trial's measure less this one's.
    """

    number: int
    values: Mapping[str, Json]
    folder: str
    steps: int = 0
    best_step: int = 0
    stopped: str = ""
    figure: Figure | None = None
    figures: Mapping[str, Figure] = {}
    failed: str = ""
    seal: str = ""
    from_best: Difference | None = None


class SearchReport(msgspec.Struct, frozen=True, kw_only=True):
    """A search so far. ``best`` is the number of the chosen trial (0: none yet); trials in ``not_distinguishable`` are
    not told apart from it by these validation rows. ``interval`` says what the intervals are."""

    schema: str = "audit.search/1"
    version: str
    method: str
    metric: Metric
    interval: str
    wanted: int
    space: Mapping[str, Any]
    basis: Basis
    trials: tuple[Trial, ...] = ()
    best: int = 0
    not_distinguishable: tuple[int, ...] = ()
    finished: bool = False
    interrupted: Literal["", "SIGINT", "SIGTERM"] = ""
    notes: tuple[str, ...] = ()

    @property
    def chosen(self) -> Trial | None:
        """The best trial."""
        return self.trials[self.best - 1] if self.best else None


class CurvePoint(msgspec.Struct, frozen=True, kw_only=True):
    """A run on a share of the training rows: what it was trained on, and its best weights' measures on the validation
    rows; ``groups`` holds the loss of each group by attribute."""

    share: float
    folder: str
    trained_on: RowCounts
    steps: int
    best_step: int
    figures: Mapping[str, Figure]
    groups: Mapping[str, Mapping[str, Figure]] = {}
    seal: str = ""


class Slope(msgspec.Struct, frozen=True, kw_only=True):
    """How the validation loss of all rows, or of a group, changed with the training rows between the last two shares.

    ``per_doubling`` is in nats for twice as many rows, negative where more rows lowered the loss. ``answer``: whether
    more rows lowered or raised it, or that it cannot be told.
    """

    attribute: str = ""
    group: str = ""
    n: int
    per_doubling: Difference
    answer: Answer
    sentence: str


class CurveReport(msgspec.Struct, frozen=True, kw_only=True):
    """Runs on nested shares of the training rows, smallest first, all measured on the same validation rows."""

    schema: str = "audit.curve/1"
    version: str
    interval: str
    shares: tuple[float, ...]
    basis: Basis
    points: tuple[CurvePoint, ...] = ()
    slopes: tuple[Slope, ...] = ()
    finished: bool = False
    interrupted: Literal["", "SIGINT", "SIGTERM"] = ""
    notes: tuple[str, ...] = ()


def write_report(report: SearchReport | CurveReport, path: Path) -> None:
    """Write it as one line of plain ASCII, keys sorted: the same report, the same bytes. Raises OutputError."""
    kept = msgspec.structs.replace(report, interrupted="")
    line = json.dumps(msgspec.to_builtins(kept), sort_keys=True, separators=(",", ":"), allow_nan=False)
    write_whole(path, [line.encode("ascii"), b"\n"])


def comparable(value: Any) -> bytes:
    """The same bytes for values that are kept as the same JSON."""
    return json.dumps(msgspec.to_builtins(value), sort_keys=True).encode("ascii")


def differing(kept: SearchReport | CurveReport, fresh: SearchReport | CurveReport, names: Sequence[str]) -> list[str]:
    """Which of the fields ``names``, and which parts of the basis, are no longer what was kept."""
    pairs = [(name, getattr(kept, name), getattr(fresh, name)) for name in names]
    pairs += [(name, getattr(kept.basis, name), getattr(fresh.basis, name)) for name in Basis.__struct_fields__]
    return [name for name, old, new in pairs if comparable(old) != comparable(new)]


def read_search_report(path: Path) -> SearchReport | None:
    """What ``write_report`` wrote, None where nothing is there. Raises InputError for something else."""
    return _read(path, SearchReport)


def read_curve_report(path: Path) -> CurveReport | None:
    """What ``write_report`` wrote, None where nothing is there. Raises InputError for something else."""
    return _read(path, CurveReport)


def _read(path: Path, kind: type[_Report]) -> _Report | None:
    try:
        text = path.read_text("ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} cannot be read: {error}", hint="use another output folder") from None
    try:
        return msgspec.convert(json.loads(text), kind)
    except (ValueError, msgspec.ValidationError) as error:
        raise InputError(f"{path.name} is not what was written: {error}", hint="use another output folder") from None
