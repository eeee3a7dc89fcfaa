"""Judges the clauses on findings: how many there are, whether the rules ran, and what is new since a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from audit.model import Clause, Severity, Verdict
from audit.policy.demands import Findings, NewFindings, Ran, asks
from audit.policy.facts import Coverage, Facts, clause, coverage, undecided, waived
from audit.policy.words import percent, plural


def judge_findings(demand: Findings, facts: Facts) -> Clause:
    """FAIL when there are too many; PASS when there are not and every rule that the clause names has judged."""
    covered = coverage(demand.codes, facts, demand.without)
    if demand.max_share is not None:
        return _share(demand, demand.codes[0], demand.max_share, covered, facts)
    counted = _counted(covered.ran, demand.severities, facts)
    total = sum(counted.values())
    limit = asks(demand)
    if not covered.ran:
        return undecided(demand, limit, covered.missing, codes=demand.codes)
    verdict: Verdict = "FAIL" if total > demand.max else "NOT_ASSESSED" if covered.missing else "PASS"
    kinds = " or ".join(str(severity) for severity in demand.severities)
    found = ", ".join(f"{code} {count:,}" for code, count in counted.items())
    facts_said = [f"{plural(total, 'finding')} of severity {kinds}" + (f" ({found})" if found else "")]
    facts_said += [f"{plural(len(covered.ran), 'rule')} ran", *_beside(covered, facts)]
    if demand.without:
        facts_said.append(f"{', '.join(demand.without)} left to a waiver")
    worst = max(counted, key=lambda code: (counted[code], code), default="")
    return clause(
        demand,
        limit=limit,
        actual=f"{total:,}",
        value=float(total),
        n=facts.rows,
        verdict=verdict,
        sentence="; ".join(facts_said) + ".",
        codes=tuple(counted) or covered.ran,
        where=where(worst, facts) if verdict == "FAIL" else "",
    )


def _share(demand: Findings, code: str, most: float, covered: Coverage, facts: Facts) -> Clause:
    """The share of rows with a finding of one rule, of whatever severity."""
    limit = asks(demand)
    if covered.missing:
        return undecided(demand, limit, covered.missing, codes=(code,))
    counts = facts.result.counts.get(code, {})
    n = facts.rows
    # A finding of a copy is no further finding, but counts do not tell the two apart: too strict rather than too lax.
    rows = min(n, counts.get("rows", 0))
    if counts.get("findings") and not rows:
        reason = f"the findings of {code} are about whole files, and no share of rows can be told"
        return undecided(demand, limit, [reason], codes=(code,), where=where(code, facts))
    share = rows / n if n else 0.0
    verdict: Verdict = "FAIL" if share > most else "PASS"
    known = _beside(covered, facts)
    said = "; ".join([f"{rows:,} of {plural(n, 'row')} have a finding of {code} ({percent(share)})", *known])
    return clause(
        demand,
        limit=limit,
        actual=percent(share),
        value=round(share, 6),
        n=n,
        verdict=verdict,
        sentence=said + ".",
        codes=(code,),
        where=where(code, facts) if verdict == "FAIL" else "",
    )


def judge_ran(demand: Ran, facts: Facts) -> Clause:
    """PASS when every rule that the clause names has judged."""
    if (settled := waived(demand, facts)) is not None:
        return settled
    covered = coverage(demand.codes, facts)
    if covered.missing:
        return undecided(demand, asks(demand), covered.missing, codes=demand.codes)
    ran = f"{plural(len(covered.ran), 'rule')} ran: {', '.join(covered.ran)}"
    said = "; ".join([ran, *_left_out(facts), *covered.aside])
    return clause(
        demand,
        limit=asks(demand),
        actual=f"{len(covered.ran)} ran",
        verdict="PASS",
        sentence=said + ".",
        codes=covered.ran,
        n=facts.rows,
    )


def judge_new_findings(demand: NewFindings, facts: Facts) -> Clause:
    """FAIL when there is a finding that the baseline does not hold."""
    if not facts.compared:
        paste = '[check]\nbaseline = "audit-baseline.json"'
        reason = "there is no baseline to compare with; `audit baseline DATA -o audit-baseline.json` writes one"
        return undecided(demand, asks(demand), [reason], paste=paste)
    counted = _counted(facts.result.counts, demand.severities, facts)
    total, known = sum(counted.values()), sum(facts.result.known.values())
    found = f" ({', '.join(f'{code} {count:,}' for code, count in counted.items())})" if counted else ""
    worst = max(counted, key=lambda code: (counted[code], code), default="")
    return clause(
        demand,
        limit=asks(demand),
        actual=f"{total:,} new",
        value=float(total),
        n=facts.rows,
        verdict="FAIL" if total else "PASS",
        sentence="; ".join(
            [f"{plural(total, 'finding')}{found} not in the baseline", f"{known:,} in it", *_left_out(facts)]
        )
        + ".",
        codes=tuple(counted),
        where=where(worst, facts) if worst else "",
    )


def where(code: str, facts: Facts) -> str:
    """How to see the findings of a rule, and where the first one lies."""
    place = facts.first_place(code)
    return f"audit check --select {code}" + (f"; first at {place}" if place else "")


def _counted(codes: Iterable[str], severities: Iterable[Severity], facts: Facts) -> Mapping[str, int]:
    counts = {
        code: sum(facts.result.counts.get(code, {}).get(severity.value, 0) for severity in severities)
        for code in sorted(codes)
    }
    return {code: count for code, count in counts.items() if count}


def _left_out(facts: Facts) -> list[str]:
    """How many rows are none of ``n``."""
    return [f"{plural(facts.made, 'row')} copied or made up for balance not counted"] if facts.made else []


def _beside(covered: Coverage, facts: Facts) -> list[str]:
    """What a reader must know beside the number: rows and findings that were taken out, rules that did not judge."""
    said = _left_out(facts)
    said += [f"not assessed: {reason}" for reason in covered.missing]
    said += [f"nothing to judge for {reason}" for reason in covered.aside]
    known = sum(facts.result.known.get(code, 0) for code in covered.ran)
    if known:
        said.append(f"{plural(known, 'finding')} of the baseline not counted")
    taken = sum(
        entry.findings for entry in facts.result.suppressed if any(code.startswith(entry.code) for code in covered.ran)
    )
    if taken:
        said.append(f"{plural(taken, 'finding')} taken out by [[ignore]] not counted")
    return said
