"""What ``audit.toml`` adds to a policy, and what it may not take from it without a recorded waiver.

``[gate]`` tightens and adds; a bound that is weaker than the policy's is refused unless ``[[gate.waiver]]`` says why,
who and until when. An expired waiver does not count: the policy's own bound holds again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from audit.catalog import all_rules
from audit.config import sections
from audit.config.sections import GateTable, Waived
from audit.config.settings import Settings
from audit.config.values import CODE_OR_PREFIX
from audit.errors import ConfigError
from audit.model import Waiver
from audit.policy.demands import AnyDemand, Assessed, Disparity, Findings, MeasureWithin, Policy, Ran, codes_of
from audit.policy.groups import GROUP_MEASURES, canonical
from audit.policy.words import number, percent


class Said(msgspec.Struct, frozen=True):
    """What the configuration says to a gate: the policy with its additions, waivers, ``[use]``, notes."""

    policy: Policy
    use: Mapping[str, str] = {}
    waiver: Waiver | None = None
    waivers: tuple[Waiver, ...] = ()
    notes: tuple[str, ...] = ()


def said_in(settings: Settings, policy: Policy, today: date | None) -> Said:
    """The policy as the configuration leaves it.

    Raises ConfigError for a value of the wrong type and for a bound that weakens the policy without a waiver.
    """

    def complain(key: tuple[str, ...], what: str, hint: str | None) -> ConfigError:
        return ConfigError(f"{settings.config_file or 'sections'}: {sections.complaint(key, what)}", hint=hint)

    read = {
        name: sections.known(settings.sections.get(name, {}), keys, (name,), complain)
        for name, keys in sections.CHECKED_SECTIONS.items()
    }
    gate = sections.read_gate(read["gate"], complain)
    for code in gate.waivers:
        if code not in gate.max_share:
            hint = f"[gate] max_share.{code} = 0.05 says how far the policy's bound is moved"
            raise complain(("gate", "waiver"), f"for {code} waives nothing", hint)
    waived = sections.read_not_applicable(read["fairness"], complain)
    for code, share in gate.max_share.items():
        policy = _with_share(policy, code, share, gate, today)
    for steps, bound in gate.least:
        policy = _with_least(policy, steps, bound)
    for steps, bound in gate.most:
        policy = _with_most(policy, steps, bound)
    for name in gate.require:
        policy = _added(policy, _required(name))
    return Said(
        policy=policy,
        use=sections.read_use(read["use"], complain),
        waiver=None if waived is None else _waiver("groups are looked at", waived, today),
        waivers=tuple(
            _waiver(f"{code} in at most {percent(gate.max_share[code])} of rows", entry, today)
            for code, entry in gate.waivers.items()
        ),
        notes=_options_set(settings),
    )


def _waiver(what: str, waived: Waived, today: date | None) -> Waiver:
    return Waiver(
        what=what,
        reason=waived.reason,
        owner=waived.owner,
        expires=waived.expires.isoformat(),
        expired=_expired(waived, today),
    )


def _expired(waived: Waived, today: date | None) -> bool:
    return today is not None and waived.expires < today


def _options_set(settings: Settings) -> tuple[str, ...]:
    """A rule's options decide what it finds: those that the configuration sets are shown beside the verdict."""
    given = [
        f"{code} {name} = {value}" for code, table in sorted(settings.rules.items()) for name, value in table.items()
    ]
    return (f"options set by the configuration: {', '.join(given)}",) if given else ()


# ----------------------------------------------------------------------------- shares of rows


def _with_share(policy: Policy, code: str, share: float, gate: GateTable, today: date | None) -> Policy:
    """The policy with at most this share of rows with a finding of a code."""
    weaker = _weaker_than(policy, code, share)
    waived = gate.waivers.get(code)
    if weaker and waived is None:
        raise ConfigError(
            f"[gate] max_share.{code} = {share:g} is weaker than the policy {policy.name}: {weaker}",
            hint=f'record it: [[gate.waiver]] code = "{code}", reason = "...", owner = "...", expires = 2027-01-31',
        )
    if weaker and waived is not None and _expired(waived, today):
        return policy
    clauses = [_moved(clause, code, share) for clause in policy.clauses]
    changed = msgspec.structs.replace(policy, clauses=tuple(clauses))
    if any(_limits(clause, code) for clause in clauses):
        return changed
    demand = f"rows with a finding of {code} are few enough"
    return _added(changed, Findings(name=f"share of {code}", demand=demand, codes=(code,), max_share=share))


def _limits(clause: AnyDemand, code: str) -> bool:
    """Whether a clause bounds the share of rows of this one rule."""
    if isinstance(clause, Findings):
        return clause.max_share is not None and clause.codes == (code,)
    return isinstance(clause, MeasureWithin) and clause.code == code and clause.max is not None and _is_share(clause)


def _is_share(clause: MeasureWithin) -> bool:
    return clause.share or clause.over_n


def _counts(clause: AnyDemand, code: str) -> bool:
    """Whether a clause counts the findings of a rule, among others."""
    if not isinstance(clause, Findings) or clause.max_share is not None or code in clause.without:
        return False
    return any(code.startswith(selector) for selector in clause.codes)


def _weaker_than(policy: Policy, code: str, share: float) -> str:
    """The bound of the policy that a share is weaker than, "" for none."""
    for clause in policy.clauses:
        if _counts(clause, code) and share > 0:
            return f"{clause.name} counts every finding of {code}"
        if _limits(clause, code):
            bound = clause.max_share if isinstance(clause, Findings) else clause.max  # type: ignore[union-attr]
            if bound is not None and share > bound:
                return f"{clause.name} allows at most {percent(bound)}"
    return ""


def _moved(clause: AnyDemand, code: str, share: float) -> AnyDemand:
    if isinstance(clause, Findings) and _counts(clause, code) and share > 0:
        return msgspec.structs.replace(clause, without=(*clause.without, code))
    if isinstance(clause, Findings) and _limits(clause, code):
        return msgspec.structs.replace(clause, max_share=share)
    if isinstance(clause, MeasureWithin) and _limits(clause, code):
        return msgspec.structs.replace(clause, max=share)
    return clause


# ----------------------------------------------------------------------------- least values and what is required


def _with_least(policy: Policy, steps: tuple[str, ...], bound: float) -> Policy:
    """The policy with a least value: ``(measure, attribute)``, or the name of a measure with dots in it."""
    by_attribute = len(steps) == 2 and steps[0] in GROUP_MEASURES
    measure, attribute = steps if by_attribute else (".".join(steps), None)
    name = f"least {measure}" + (f" of {attribute}" if attribute else "")
    if measure == "impact_ratio" and attribute is not None:
        return _added(policy, _ratio(name, attribute, bound))
    for clause in policy.clauses:
        if isinstance(clause, MeasureWithin) and clause.measure == measure and clause.min is not None:
            same = canonical(clause.attribute or "") == canonical(attribute or "")
            if same and bound < clause.min:
                raise ConfigError(
                    f"[gate] min.{'.'.join(steps)} = {bound:g} is weaker than the policy {policy.name}: "
                    f"{clause.name} asks for at least {number(clause.min)}",
                    hint="take it out, or write a policy of your own",
                )
    if by_attribute and measure not in _OF_ALL_GROUPS:
        raise ConfigError(
            f"[gate] min.{measure}.{attribute} would judge all groups together",
            hint=f"min.impact_ratio.{attribute} judges each group by its interval",
        )
    code = GROUP_MEASURES.get(measure, "")
    demand = f"{measure} is large enough"
    return _added(
        policy, MeasureWithin(name=name, demand=demand, measure=measure, code=code, attribute=attribute, min=bound)
    )


_OF_ALL_GROUPS: Final = ("cramers_v", "detectable_ratio", "group_share", "worst_group")
"""Measures by attribute of which one figure stands for its groups, or for each of them."""
_DIFFERENCES: Final = ("demographic_parity_difference", "equal_opportunity_difference", "equalised_odds_difference")
"""Those of outputs of which a largest value can be asked."""


def _with_most(policy: Policy, steps: tuple[str, ...], bound: float) -> Policy:
    """The policy with a largest value, which the whole interval has to respect where there is one."""
    by_attribute = len(steps) == 2 and steps[0] in GROUP_MEASURES
    measure, attribute = steps if by_attribute else (".".join(steps), None)
    if by_attribute and measure not in (*_OF_ALL_GROUPS, *_DIFFERENCES):
        raise ConfigError(
            f"[gate] max.{measure}.{attribute} would judge all groups together",
            hint=f"max.demographic_parity_difference.{attribute} = 0.1 bounds how far groups may lie apart",
        )
    for clause in policy.clauses:
        if isinstance(clause, MeasureWithin) and clause.measure == measure and clause.max is not None:
            same = canonical(clause.attribute or "") == canonical(attribute or "")
            if same and bound > clause.max:
                raise ConfigError(
                    f"[gate] max.{'.'.join(steps)} = {bound:g} is weaker than the policy {policy.name}: "
                    f"{clause.name} asks for at most {number(clause.max)}",
                    hint="take it out, or write a policy of your own",
                )
    return _added(
        policy,
        MeasureWithin(
            name=f"most {measure}" + (f" of {attribute}" if attribute else ""),
            demand=f"{measure} is small enough",
            measure=measure,
            code=GROUP_MEASURES.get(measure, ""),
            attribute=attribute,
            max=bound,
            by_interval=measure in _DIFFERENCES[:2],  # there is none of equalised odds
        ),
    )


def _ratio(name: str, attribute: str, bound: float) -> Disparity:
    """A least impact ratio is judged by intervals, as every disparity is."""
    if not 0 < bound <= 1:
        raise ConfigError(f"[gate] min.impact_ratio.{attribute} must lie above 0 and not above 1, not {bound:g}")
    return Disparity(
        name=name,
        demand="no group has a rate much below that of the best group",
        measure="selection_rate",
        code="DEM104",
        attributes=(attribute,),
        tolerance=bound,
    )


def _required(name: str) -> Assessed | Ran:
    """An attribute that must be looked at, or a rule that must have run."""
    if CODE_OR_PREFIX.fullmatch(name) and len(name) >= 3:
        return Ran(name=f"{name} required", demand=f"{name} has judged the data", codes=(name,))
    return Assessed(
        name=f"{name} required", demand=f"the groups of {name} are looked at", attributes=(name,), waivable=False
    )


def _added(policy: Policy, demand: AnyDemand) -> Policy:
    kept = [clause for clause in policy.clauses if clause.name != demand.name]
    return msgspec.structs.replace(policy, clauses=(*kept, demand))


# ----------------------------------------------------------------------------- what the policy asks of the run


def under_policy(settings: Settings, policy: Policy) -> Settings:
    """The settings with the rules in preview that the policy names by their code, and the options that it sets.

    A rule that the settings leave out stays out: its clauses are then not assessed, by name. Raises ConfigError where
    the configuration sets an option otherwise than the policy.
    """
    for code, options in policy.rules.items():
        for name, value in options.items():
            given = settings.rules.get(code, {}).get(name, value)
            if given != value:
                raise ConfigError(
                    f"[rules.{code}] {name} = {given!r} differs from what the policy {policy.name} sets: {value!r}",
                    hint="take it out, or write a policy of your own that extends this one and sets it",
                )
    rules = {**settings.rules}
    for code, options in policy.rules.items():
        rules[code] = {**rules.get(code, {}), **options}
    named = {code for clause in policy.clauses for code in codes_of(clause)}
    preview = tuple(rule.code for rule in all_rules() if rule.code in named and rule.status == "preview")
    extended = settings.extend_select if settings.select is not None else (*settings.extend_select, *preview)
    return msgspec.structs.replace(settings, rules=rules, extend_select=tuple(dict.fromkeys(extended)))
