"""What one report may tell beside a result: the runs that trained the models, the remedies of the data, an earlier one.

Holds values only. Everything here was written down by a command when it ran; nothing is computed anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from audit.model.gate import Gate
from audit.model.result import Result
from audit.model.values import Json


class LossPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The mean loss for each trained token in nats after a step: of the steps since the point before, and of the
    validation rows; None where it was not taken."""

    step: int
    train: float | None = None
    validation: float | None = None


class Association(msgspec.Struct, frozen=True):
    """How far the label goes with an attribute (Cramér's V, 0 to 1): in the rows, and in what the loss weighs them."""

    rows: float | None = None
    weighed: float | None = None


class HandedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was handed to a provider: what for (``role``), its base name, rows, size and sha256, and its id there
    ("" where it never got there)."""

    role: str
    name: str
    rows: int
    bytes: int
    sha256: str
    id: str = ""


class Hosted(msgspec.Struct, frozen=True, kw_only=True):
    """What only a run at a provider has, as its record tells it.

    ``status`` is that of the job when it was last seen, "" before there was one; ``error`` why it failed, in words.
    ``tuned`` is the name of the model that came of it. ``trained_tokens`` are those that the provider charged for, over
    all epochs, ``cost`` what they cost at the quoted price in the currency of ``quote``; None where it is not known.
    ``quote``, ``lifecycle``, ``moderation`` and ``lowering`` (what became of row weights) are what was found out before
    anything was handed in.
    """

    provider: str
    address: str
    job: str = ""
    status: str = ""
    error: str = ""
    tuned: str = ""
    trained_tokens: int | None = None
    cost: float | None = None
    checkpoints: int = 0
    files: tuple[HandedIn, ...] = ()
    hyperparameters: Mapping[str, Json] = {}
    quote: Mapping[str, Json] = {}
    lifecycle: Mapping[str, Json] = {}
    moderation: Mapping[str, Json] = {}
    lowering: Mapping[str, Json] = {}


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """One run as its record tells it.

    ``arm`` is what an evaluation calls the run ("" where none does), ``folder`` its base name. ``state`` is "finished"
    for a sealed run. ``rows`` were read, ``used`` trained on; ``effective_rows`` is how many rows of equal weight these
    are worth (Kish), ``groups`` the used rows by attribute and group. ``weights`` says which weights are in the model.
    ``gate`` is what the data was judged by before, ``waived_by`` and ``waived_why`` who went on all the same.
    ``energy_method`` says how the energy was measured, or why it was not (``energy_kwh`` is None then). ``inputs`` are
    the sha256 of the files by base name. ``hosted`` is what a provider did (None: trained here); of such a run nobody
    knows the numbers of parameters and planned steps, what was measured with a clock, and the energy.
    """

    arm: str = ""
    seed: int = 0
    folder: str = ""
    state: Literal["finished", "started", "begun"] = "finished"
    model: str = ""
    method: str = ""
    task: str = ""
    parameters: int = 0
    parameters_trained: int = 0
    rows: int = 0
    used: int = 0
    effective_rows: float = 0.0
    tokens: int = 0
    trained_tokens: int = 0
    truncated: int = 0
    dropped: Mapping[str, int] = {}
    groups: Mapping[str, Mapping[str, int]] = {}
    association: Mapping[str, Association] = {}
    steps: int = 0
    planned: int = 0
    stopped: str = ""
    best_step: int | None = None
    best_measure: str = ""
    best_value: float | None = None
    weights: str = ""
    curve: tuple[LossPoint, ...] = ()
    settings: Mapping[str, Json] = {}
    inputs: Mapping[str, str] = {}
    gate: Gate | None = None
    waived_by: str = ""
    waived_why: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int | None = None
    energy_kwh: float | None = None
    energy_method: str = ""
    machine: str = ""
    seal: str = ""
    notes: tuple[str, ...] = ()
    hosted: Hosted | None = None

    @property
    def weighted(self) -> bool:
        """Whether some rows weigh more than others."""
        return 0 < self.effective_rows < self.used - 0.5

    @property
    def lack(self) -> str:
        """Why no model has come of the run, in words; "" where one has."""
        if self.state != "finished":
            return "the run has not ended"
        if self.hosted is None or self.hosted.tuned:
            return ""
        return f"its job {self.hosted.status}" if self.hosted.status != "succeeded" else "its job names no model"


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """What a command did to one file, as its ledger accounts for it: ``rows_in`` = untouched + edited + dropped +
    quarantined.

    ``source`` and ``output`` are base names. ``by_code`` counts rows by the rule on whose word something was done to
    them. ``weights`` counts rows by the weight that was written, ``ess`` is how many rows of equal weight these are
    worth (Kish's effective sample size), None where none was written. ``effect`` is what the ledger says of the data
    as a whole.
    """

    command: str
    source: str = ""
    output: str = ""
    source_sha256: str = ""
    output_sha256: str = ""
    rows_in: int = 0
    untouched: int = 0
    edited: int = 0
    dropped: int = 0
    quarantined: int = 0
    copied: int = 0
    added: int = 0
    by_code: Mapping[str, Mapping[str, int]] = {}
    weights: tuple[tuple[float, int], ...] = ()
    ess: float | None = None
    settings: Mapping[str, Json] = {}
    effect: Json = None

    @property
    def rows_out(self) -> int:
        """The rows of the output."""
        return self.untouched + self.edited + self.copied + self.added


class Reaudit(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation says of itself beside its result: the arm to be signed, the one without remediation and the
    one before fine-tuning ("" for none), the ``harm`` that somebody feared, how often this test set was ``scored`` in
    the folder (None: not known), and how long each arm took to answer in seconds by the clock. ``data`` are the files
    that were asked about by base name, ``notes`` what could not be done or speaks against the figures, ``unable`` why
    nothing was judged ("" where it was)."""

    judged: str = ""
    compared: str = ""
    base: str = ""
    harm: str = ""
    scored: int | None = None
    seconds: Mapping[str, float] = {}
    examples: Mapping[str, int] = {}
    data: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unable: str = ""


class Dossier(msgspec.Struct, frozen=True, kw_only=True):
    """All that one report is about: the judgement of the data, that of the outputs, what lies between, and an earlier
    judgement that either is compared with."""

    data: Result | None = None
    outputs: Result | None = None
    trainings: tuple[Training, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    reaudit: Reaudit = Reaudit()
    previous: Result | None = None


OUTPUT_RULES = ("OUT", "FAI")
"""How the codes of rules begin that judge outputs of a model and nothing else."""


def judges_outputs(result: Result) -> bool:
    """Whether a result is of outputs of a model."""
    codes = (*result.rules_run, *(measure.code for measure in result.measures))
    return any(code.startswith(OUTPUT_RULES) for code in codes)


def dossier_of(result: Result) -> Dossier:
    """A dossier that holds a result alone."""
    return Dossier(outputs=result) if judges_outputs(result) else Dossier(data=result)
