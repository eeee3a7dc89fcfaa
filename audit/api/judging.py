"""Judging data, with a policy or without. Orchestrates; the judging itself is the engine's and the rules'."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from audit.api.preparing import baseline_of, make_run, means, override, prepared, readers_of
from audit.catalog import Plan
from audit.config.settings import Settings
from audit.engine.drive import Driven, Progress, drive
from audit.engine.finish import summarise
from audit.evidence import collect, sha256
from audit.model import Evidence, Finding, Measure, Result, SourceSummary, Suppressed
from audit.policy.suppression import suppress
from audit.rule import Run

if TYPE_CHECKING:
    from audit.policy.baseline import Compared


def check(
    data: Any,
    *,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
    **config: Any,
) -> Result:
    """Judge data and return the result.

    ``data`` is a path, a list of paths (files, directories, globs, ``-``), an iterable of row objects, a pandas
    DataFrame or an Arrow table. ``config`` are fields of ``Settings`` (``target="openai-sft"``, ``select=["ENC"]``,
    ``as_of="2026-11-21"``, ``rules={"ENC009": {"max_line_bytes": 10_000}}``); it is laid over ``settings``.

    An interruption (Ctrl-C) ends the reading early: the result is then marked ``partial``.
    Raises UsageError, ConfigError and InputError for what the caller can put right; bad data is never an exception.
    """
    settings = override(settings or Settings(), config)
    return _judged(data, settings, make_run(settings), progress)


def gate(
    data: Any,
    policy: str | None = None,
    *,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
    look: Callable[[], Mapping[str, str]] = dict,
    **config: Any,
) -> Result:
    """Judge data as ``check`` does, and the result by a policy: ``result.gate`` holds its clauses and their verdict.

    ``policy`` is a built-in name or the path of a TOML file; None means that of the settings, else ``default``. Rules
    in preview that it names are run. ``[[ignore]]`` entries count only with an owner and an expiry day. ``look`` names
    fields of the data that look like attributes, for the lines to paste; it changes no verdict. Raises what ``check``
    raises, and ConfigError for a policy that cannot be read or that the configuration weakens without a waiver.
    """
    from audit.policy.additions import said_in, under_policy
    from audit.policy.facts import Facts
    from audit.policy.judge import judge
    from audit.policy.load import DEFAULT, load_policy

    settings = override(settings or Settings(), config)
    run = make_run(settings)
    said = said_in(settings, load_policy(policy or settings.policy or DEFAULT), run.as_of)
    result = _judged(data, under_policy(settings, said.policy), run, progress, recorded=True)
    facts = Facts(
        policy=said.policy,
        result=result,
        attributes=run.attributes,
        use=said.use,
        waiver=said.waiver,
        compared=settings.baseline is not None,
        favourable=bool(run.fields.favourable),
        today=run.as_of,
        seen=cache(look),
    )
    decision = judge(facts, said.waivers, said.notes)
    return msgspec.structs.replace(result, verdict=decision.verdict, gate=decision)


def _judged(
    data: Any,
    settings: Settings,
    run: Run,
    progress: Callable[[Progress], None] | None,
    *,
    recorded: bool = False,
) -> Result:
    """The result of one run. ``recorded``: what is ignored must have an owner and an expiry day."""
    readers = readers_of(data, settings)
    baseline = baseline_of(settings)  # read before the work is done
    run, chosen = prepared(settings, run)
    driven = drive(readers, chosen.rules, run, means(settings), progress)
    findings, suppressed = suppress(driven.outcome.findings, settings.ignores, run.as_of, recorded=recorded)
    compared = None
    if baseline is not None:
        from audit.policy.baseline import compare

        compared = compare(findings, baseline, [rule.code for rule in chosen.rules])
    return _conclude(driven, chosen, settings, run, findings, suppressed, compared)


def _conclude(
    driven: Driven,
    chosen: Plan,
    settings: Settings,
    run: Run,
    found: Sequence[Finding],
    suppressed: tuple[Suppressed, ...],
    compared: Compared | None,
) -> Result:
    outcome = driven.outcome
    findings = found if compared is None else compared.new
    counts = _counts(findings)
    failed = any(finding.severity.rank <= settings.fail_on.rank for finding in findings)
    shown = findings if settings.max_findings is None else findings[: settings.max_findings]
    sources = tuple(summarise(summary, outcome) for summary in driven.summaries)
    return Result(
        verdict="FAIL" if failed else "PASS",
        rows=outcome.rows,
        partial=driven.partial,
        truncated=len(findings) - len(shown),
        sources=sources,
        findings=tuple(shown),
        measures=(*outcome.measures, *_against_baseline(compared)),
        rules_run=tuple(rule.code for rule in chosen.rules),
        rules_skipped=chosen.skipped,
        suppressed=suppressed,
        known={} if compared is None else compared.known,
        counts=counts,
        evidence=_evidence(settings, run, chosen, sources),
    )


def _evidence(settings: Settings, run: Run, chosen: Plan, sources: Sequence[SourceSummary]) -> Evidence:
    """The policy and the baseline are told by their content, not by where they lie."""
    evidence = collect(msgspec.structs.replace(settings, policy=None, baseline=None), run, chosen.rules, sources)
    if settings.baseline is None:
        return evidence
    hashes = {**evidence.inputs, settings.baseline: sha256(Path(settings.baseline).read_bytes())}
    return msgspec.structs.replace(evidence, inputs=hashes)


def _against_baseline(compared: Compared | None) -> Iterable[Measure]:
    """``baseline.findings``: how many are new, of all that there are, with the known and those no longer there."""
    if compared is None:
        return
    new, known = len(compared.new), sum(compared.known.values())
    table = {"new": new, "known": known, "gone": compared.gone}
    yield Measure(code="", name="baseline.findings", value=new, table=table, n=new + known)


def _counts(findings: Iterable[Finding]) -> Mapping[str, Mapping[str, int]]:
    """Exact numbers per code: findings, rows with a row-scope finding, and each severity."""
    counts: dict[str, dict[str, int]] = {}
    rows: dict[str, set[tuple[str | None, int | None]]] = {}
    for finding in findings:
        of_code = counts.setdefault(finding.code, {"findings": 0, "rows": 0})
        of_code["findings"] += 1
        of_code[finding.severity.value] = of_code.get(finding.severity.value, 0) + 1
        if finding.scope == "row":
            rows.setdefault(finding.code, set()).add((finding.place.file, finding.place.line))
    for code, places in rows.items():
        counts[code]["rows"] = len(places)
    return dict(sorted(counts.items()))
