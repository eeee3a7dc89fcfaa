"""What a clause is judged by, and what the rules it rests on came to. Holds facts; decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Final

import msgspec

from audit.catalog import all_rules
from audit.model import Clause, Json, Measure, Result, Skipped, Waiver
from audit.policy.demands import AnyDemand, Assessed, Disparity, Policy, Ran, asks
from audit.policy.groups import canonical, declared
from audit.rule import Attribute

MARKED_COPIES: Final = "duplicates.exact.marked_copies"
"""The measure that says how many rows a remedy made of others."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One run as the clauses see it.

    ``waiver`` is what ``[fairness] not_applicable`` says. ``compared`` says whether a baseline was given,
    ``favourable`` whether a favourable label is configured. ``seen`` names fields of the data that look like attributes
    (attribute -> path), when asked: a look at the data costs time that only an undecided clause is worth.
    ``of_outputs``: the rows are outputs of models; only those of the arm that is to be signed are judged, and
    ``result`` counts only the findings on them. ``unsettled`` says by role why no arm has it
    for sure.
    """

    policy: Policy
    result: Result
    attributes: tuple[Attribute, ...] = ()
    use: Mapping[str, str] = {}
    waiver: Waiver | None = None
    compared: bool = False
    favourable: bool = True
    today: date | None = None
    seen: Callable[[], Mapping[str, str]] = dict
    of_outputs: bool = False
    unsettled: Mapping[str, str] = {}

    @property
    def rows(self) -> int:
        """Rows that count as evidence: those of the run that no remedy made of others."""
        return max(0, self.result.rows - self.made)

    @property
    def made(self) -> int:
        """Marked copies and made-up rows, as far as DUP401 has counted them."""
        made = 0
        for measure in self.measures(MARKED_COPIES):
            table = measure.table if isinstance(measure.table, dict) else {}
            made += sum(count for count in (measure.value, table.get("made_up")) if isinstance(count, int))
        return made

    @property
    def skipped(self) -> Mapping[str, Skipped]:
        """Rules that were not run, by code."""
        return {skipped.code: skipped for skipped in self.result.rules_skipped}

    def asked(self, demand: Disparity) -> tuple[str, ...]:
        """The attributes that a disparity clause is about."""
        return declared(self.attributes) if demand.attributes == "declared" else demand.attributes

    def cells(self) -> int:
        """Cells (clause and attribute) over which the policy's alpha is divided, judged or not: they were declared."""
        clauses = [clause for clause in self.policy.clauses if isinstance(clause, Disparity)]
        return max(1, sum(len(self.asked(clause)) for clause in clauses))

    def attribute(self, name: str) -> Attribute | None:
        """The configured attribute of that name, else the one of another word for it; None where there are several."""
        exact = [known for known in self.attributes if known.name == name]
        alike = [known for known in self.attributes if canonical(known.name) == canonical(name)]
        found = exact or alike
        return found[0] if len(found) == 1 else None

    def measures(self, name: str, attribute: str | None = None) -> list[Measure]:
        """The measures of a name; of one attribute where one is named, in its own name or in another word for it."""
        judged = self.result.roles.get("judged")
        named = [one for one in self.result.measures if one.name == name and one.arm in (None, judged)]
        if attribute is None:
            return named
        exact = [measure for measure in named if measure.attribute == attribute]
        if exact or " x " not in attribute:
            known = self.attribute(attribute)
            return exact or [measure for measure in named if known is not None and measure.attribute == known.name]
        return [measure for measure in named if canonical(measure.attribute or "") == canonical(attribute)]

    def first_place(self, code: str) -> str:
        """``file:line`` of the first finding of a code, "" for none that has a line."""
        for finding in self.result.findings:
            if finding.code == code and finding.place.line is not None:
                return f"{finding.place.file}:{finding.place.line}"
        return ""


class Coverage(msgspec.Struct, frozen=True):
    """The rules behind a clause: those that ran, why others did not judge (by name), and those that do not apply."""

    ran: tuple[str, ...]
    missing: tuple[str, ...]
    aside: tuple[str, ...]


def coverage(selectors: Iterable[str], facts: Facts, without: Iterable[str] = ()) -> Coverage:
    """What the rules of codes and prefixes came to.

    A prefix stands for the stable rules of its family; those of them that do not apply to this run stand aside, as
    long as one of the clause's rules ran. A rule that is named by its whole code has to have run.
    """
    statuses = {rule.code: rule.status for rule in all_rules()}
    ran: set[str] = set()
    missing: dict[str, list[str]] = {}
    aside: dict[str, list[str]] = {}
    for selector in selectors:
        codes = [selector] if len(selector) == 6 else _family(selector, statuses)
        if not codes:
            missing.setdefault("this version has no such rules", []).append(selector)
        for code in codes:
            if code in without:
                continue
            if code in facts.result.rules_run:
                ran.add(code)
                continue
            why, applies = _why_not(code, statuses, facts)
            (missing if applies or code == selector else aside).setdefault(why, []).append(code)
    if not ran and not missing:
        missing, aside = aside, {}
    return Coverage(tuple(sorted(ran)), _listed(missing), _listed(aside))


def _family(prefix: str, statuses: Mapping[str, str]) -> list[str]:
    return [code for code, status in statuses.items() if code.startswith(prefix) and status == "stable"]


def _why_not(code: str, statuses: Mapping[str, str], facts: Facts) -> tuple[str, bool]:
    """Why a rule did not judge, and whether it could have."""
    if code not in statuses:
        return "this version has no such rule", True
    skipped = facts.skipped.get(code)
    if skipped is None:
        return "not run", True
    words = {"off": f"turned off ({skipped.reason})", "preview": "in preview and not run"}
    return words.get(skipped.kind, skipped.reason), skipped.kind != "inapplicable"


def _listed(reasons: Mapping[str, list[str]]) -> tuple[str, ...]:
    return tuple(f"{', '.join(sorted(set(codes)))}: {reason}" for reason, codes in sorted(reasons.items()))


def clause(demand: AnyDemand, **more: Json) -> Clause:
    """A clause of the gate with what the policy says of it."""
    given: dict[str, Json] = {"name": demand.name, "demand": demand.demand, "crosswalk": demand.crosswalk, **more}
    return Clause(**given)


def waived(demand: Assessed | Ran, facts: Facts) -> Clause | None:
    """The clause as ``[fairness] not_applicable`` settles it, None where it does not."""
    waiver = facts.waiver
    if waiver is None or waiver.expired or not demand.waivable:
        return None
    said = f"Set aside until {waiver.expires} by {waiver.owner}: {waiver.reason}".rstrip(".")
    return clause(demand, limit=asks(demand), actual="waived", verdict="PASS", sentence=f"{said}.")


def undecided(demand: AnyDemand, limit: str, reasons: Iterable[str], **more: Json) -> Clause:
    """A clause that could not be judged, with every reason by name."""
    said = "; ".join(reasons)
    return clause(
        demand, limit=limit, **{"actual": "-", "verdict": "NOT_ASSESSED", "sentence": f"Not assessed: {said}.", **more}
    )
