"""What a policy can demand: one struct for each kind of clause, and the policy that holds them. Judges nothing.

The fields of these structs are the keys of a policy file; ``kind`` says which struct a ``[[clause]]`` is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from audit.model import Json, Severity
from audit.policy.words import number, percent


class Demand(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """What all clauses have: a name of their own, what is demanded in words, and the provisions they bear on."""

    name: str
    demand: str
    crosswalk: tuple[str, ...] = ()


class Findings(Demand, frozen=True, kw_only=True, tag="findings"):
    """At most ``max`` findings of some severities, or, of one rule, at most the share ``max_share`` of rows with one.

    A prefix in ``codes`` stands for the stable rules of that family, a whole code for that rule whatever its status.
    ``without`` are codes that a recorded waiver has taken out.
    """

    codes: tuple[str, ...]
    severities: tuple[Severity, ...] = (Severity.ERROR,)
    max: int = 0
    max_share: float | None = None
    without: tuple[str, ...] = ()


class Ran(Demand, frozen=True, kw_only=True, tag="ran"):
    """Rules that must have judged the data, whatever they found, or ``waivable`` by ``[fairness] not_applicable``."""

    codes: tuple[str, ...]
    waivable: bool = False


class MeasureWithin(Demand, frozen=True, kw_only=True, tag="measure"):
    """A measure within bounds; of several (one for each group) all of them.

    ``code`` is the rule that gives it, ``rests_on`` other rules that must have run for it to mean anything.
    ``over_n`` compares value / n, a share; ``share`` says that the value itself is one. ``by_interval`` compares the
    whole interval instead of the value.
    """

    measure: str
    code: str = ""
    rests_on: tuple[str, ...] = ()
    attribute: str | None = None
    min: float | None = None
    max: float | None = None
    share: bool = False
    over_n: bool = False
    by_interval: bool = False


class Disparity(Demand, frozen=True, kw_only=True, tag="disparity"):
    """Rates of groups that lie within a tolerance of a reference: see ``audit.statistics.disparity.Question``.

    ``attributes`` are names, or ``declared`` for all that the configuration declares. ``alpha`` None: the policy's.
    """

    measure: str
    code: str
    attributes: Literal["declared"] | tuple[str, ...] = "declared"
    scale: Literal["ratio", "difference"] = "ratio"
    tolerance: float = 0.8
    reference: str = "best"
    side: Literal["low", "high", "both"] = "low"
    min_n: int = 30
    alpha: float | None = None


class Assessed(Demand, frozen=True, kw_only=True, tag="assessed"):
    """Groups that must have been looked at: the named ``attributes``, or ``any`` one.

    ``waivable`` allows ``[fairness] not_applicable`` in their place.
    """

    attributes: Literal["any"] | tuple[str, ...] = "any"
    waivable: bool = True


class Answered(Demand, frozen=True, kw_only=True, tag="answered"):
    """At most the share ``max_missing`` of the outputs of every arm may be missing, or nothing can be said of it."""

    code: str = "OUT212"
    measure: str = "outputs.missing"
    max_missing: float = 0.05


class Published(Demand, frozen=True, kw_only=True, tag="published"):
    """Rate tables that must be there, whatever they say. ``sex x race`` means the intersections of both.

    Categories of fewer than ``least_share`` of the rows with a known group are named.
    """

    measure: str
    code: str
    intersections_code: str = ""
    attributes: tuple[str, ...]
    least_share: float = 0.02


class Use(Demand, frozen=True, kw_only=True, tag="use"):
    """Fields of ``[use]`` that must be filled in."""

    fields: tuple[str, ...]


class NewFindings(Demand, frozen=True, kw_only=True, tag="new_findings"):
    """No finding of some severities that the baseline does not hold."""

    severities: tuple[Severity, ...] = (Severity.ERROR, Severity.WARNING)


AnyDemand: TypeAlias = Findings | Ran | MeasureWithin | Disparity | Assessed | Answered | Published | Use | NewFindings

KINDS: Final[Mapping[str, type[Demand]]] = {
    "findings": Findings,
    "ran": Ran,
    "measure": MeasureWithin,
    "disparity": Disparity,
    "assessed": Assessed,
    "answered": Answered,
    "published": Published,
    "use": Use,
    "new_findings": NewFindings,
}
"""``kind`` in a policy file -> the struct whose fields the clause has."""


class NotCovered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A provision that the policy's source holds and no clause bears on, and why."""

    ref: str
    why: str


class PolicyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy as its file says it, before those that it extends are laid under it."""

    name: str
    title: str = ""
    as_of: date | None = None
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    extends: tuple[str, ...] = ()
    alpha: float | None = None
    undecided: Literal[0, 1, 3] | None = None
    rules: Mapping[str, Mapping[str, Json]] = {}
    clause: tuple[AnyDemand, ...] = ()
    not_covered: tuple[NotCovered, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that is ready to judge by. ``undecided`` is the exit code of INCONCLUSIVE and NOT_ASSESSED.

    ``alpha`` is the one-sided error of all disparity clauses together. ``rules`` are options by code that it sets.
    """

    name: str
    title: str = ""
    as_of: str = ""
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    extends: tuple[str, ...] = ()
    alpha: float = 0.05
    undecided: Literal[0, 1, 3] = 3
    rules: Mapping[str, Mapping[str, Json]] = {}
    clauses: tuple[AnyDemand, ...] = ()
    not_covered: tuple[NotCovered, ...] = ()


IN_OUTPUTS: Final[Mapping[str, str]] = {"DEM104": "FAI201", "DEM110": "FAI201"}
"""Rule of a clause on groups in data -> the rule that gives the same table of a model's outputs."""


def over_outputs(demand: AnyDemand) -> AnyDemand:
    """The clause as it is judged over outputs of a model."""
    if isinstance(demand, Disparity):
        return replace(demand, code=IN_OUTPUTS.get(demand.code, demand.code))
    if isinstance(demand, Published):
        crossed = IN_OUTPUTS.get(demand.intersections_code, demand.intersections_code)
        return replace(demand, code=IN_OUTPUTS.get(demand.code, demand.code), intersections_code=crossed)
    if isinstance(demand, MeasureWithin):
        rests_on = tuple(IN_OUTPUTS.get(code, code) for code in demand.rests_on)
        return replace(demand, code=IN_OUTPUTS.get(demand.code, demand.code), rests_on=rests_on)
    return demand


def policy_over_outputs(policy: Policy) -> Policy:
    """The policy as it asks of a run over outputs of a model: its clauses, and the options of rules that it sets."""
    rules = {code: options for code, options in policy.rules.items() if code not in IN_OUTPUTS}
    for code, options in policy.rules.items():
        if code in IN_OUTPUTS:
            rules[IN_OUTPUTS[code]] = {**options, **rules.get(IN_OUTPUTS[code], {})}
    return replace(policy, rules=rules, clauses=tuple(map(over_outputs, policy.clauses)))


def codes_of(demand: AnyDemand) -> tuple[str, ...]:
    """Codes and prefixes of the rules that a clause rests on."""
    if isinstance(demand, Findings | Ran):
        return demand.codes
    if isinstance(demand, MeasureWithin):
        return tuple(code for code in (demand.code, *demand.rests_on) if code)
    if isinstance(demand, Disparity | Answered):
        return (demand.code,)
    if isinstance(demand, Published):
        return tuple(code for code in (demand.code, demand.intersections_code) if code)
    return ("DEM101",) if isinstance(demand, Assessed) else ()


def asks(demand: AnyDemand) -> str:
    """What a clause asks of figures, in a few words."""
    match demand:
        case Findings():
            kinds = "/".join(severity.value for severity in demand.severities)
            most = f"{demand.max:,} {kinds}" if demand.max_share is None else f"{percent(demand.max_share)} of rows"
            return f"at most {most}" if demand.max_share is not None or demand.max else f"no {kinds}"
        case Ran():
            return "must have run"
        case MeasureWithin():
            shown = percent if demand.share or demand.over_n else number
            bounds = (("at least", demand.min), ("at most", demand.max))
            return " and ".join(f"{word} {shown(bound)}" for word, bound in bounds if bound is not None)
        case Disparity():
            return _tolerance(demand)
        case Assessed():
            return "at least one attribute" if demand.attributes == "any" else ", ".join(demand.attributes)
        case Answered():
            return f"at most {percent(demand.max_missing)} missing"
        case Published():
            return "tables for " + ", ".join(demand.attributes)
        case Use():
            return ", ".join(demand.fields)
        case NewFindings():
            return "none new"


def _tolerance(demand: Disparity) -> str:
    against = {"best": "the best group", "rest": "the rest"}.get(demand.reference, demand.reference)
    if demand.scale == "difference":
        return f"difference at most {demand.tolerance:g} to {against}"
    if demand.side == "low":
        return f"ratio at least {demand.tolerance:g} to {against}"
    if demand.side == "high":
        return f"ratio at most {1 / demand.tolerance:.4g} to {against}"
    return f"ratio {demand.tolerance:g} to {1 / demand.tolerance:.4g} to {against}"
