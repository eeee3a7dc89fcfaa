"""Judging data, with a policy or without. Orchestrates; the judging itself is the engine's and the rules'."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from audit.api.preparing import baseline_of, make_run, means, override, prepared, readers_of
from audit.catalog import Plan
from audit.config.settings import Settings
from audit.engine.drive import Driven, Progress, Reader, driving
from audit.engine.finish import Finished, summarise
from audit.evidence import collect, sha256
from audit.model import Evidence, Finding, Measure, Result, SourceSummary, Suppressed
from audit.policy.suppression import suppress
from audit.rule import Comparison, Product, Run, TrainedOn

if TYPE_CHECKING:
    from audit.api.outputs import OfJudged
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
    readers = readers_of(data, settings)
    return _judged(readers, settings, run_over(readers, settings, progress), progress).result


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
    settings = override(settings or Settings(), config)
    readers = readers_of(data, settings)
    run = run_over(readers, settings, progress)
    return _gated(readers, policy, settings, run, progress, look)


def judge_outputs(
    files: Sequence[str],
    *,
    settings: Settings,
    comparison: Comparison,
    trained_on: TrainedOn | None = None,
    policy: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Judge files of predictions by a policy, knowing what their arms are and what they were trained on.

    ``policy`` None means that of the settings, else ``outputs``. Raises what ``gate`` raises.
    """
    from audit.api.outputs import as_outputs

    readers = readers_of(list(files), msgspec.structs.replace(settings, splits=()))
    run = msgspec.structs.replace(
        as_outputs(make_run(settings), settings), comparison=comparison, trained_on=trained_on
    )
    return _gated(readers, policy, msgspec.structs.replace(settings, against=()), run, progress, dict)


def _gated(
    readers: Sequence[Reader],
    policy: str | None,
    settings: Settings,
    run: Run,
    progress: Callable[[Progress], None] | None,
    look: Callable[[], Mapping[str, str]],
) -> Result:
    from audit.policy.additions import said_in, under_policy
    from audit.policy.demands import policy_over_outputs
    from audit.policy.facts import Facts
    from audit.policy.judge import judge
    from audit.policy.load import DEFAULT, OUTPUTS, load_policy

    default = OUTPUTS if run.judged == "outputs" else DEFAULT
    said = said_in(settings, load_policy(policy or settings.policy or default), run.as_of)
    asked = policy_over_outputs(said.policy) if run.judged == "outputs" else said.policy
    judged = _judged(readers, under_policy(settings, asked), run, progress, gated=True)
    facts = Facts(
        policy=said.policy,
        result=judged.counted,
        attributes=run.attributes,
        use=said.use,
        waiver=said.waiver,
        compared=settings.baseline is not None,
        favourable=bool(run.fields.favourable),
        today=run.as_of,
        seen=cache(look),
        of_outputs=run.judged == "outputs",
        unsettled=judged.unsettled,
    )
    decision = judge(facts, said.waivers, said.notes)
    return msgspec.structs.replace(judged.result, verdict=decision.verdict, gate=decision)


def run_over(readers: Sequence[Reader], settings: Settings, progress: Callable[[Progress], None] | None = None) -> Run:
    """What the rules may know before a row is judged. Over outputs of models, the files that the settings name to
    compare with are what the models were trained on."""
    from audit.api.outputs import are_outputs, as_outputs, trained_on

    run = make_run(settings)
    if not are_outputs(readers):
        return run
    if not settings.against:
        return as_outputs(run, settings)
    return msgspec.structs.replace(
        as_outputs(run, settings), trained_on=trained_on(settings.against, settings, progress)
    )


class _Judged(NamedTuple):
    """A result; what of it a gate counts, which over outputs is what was found of the arm to be signed; and why
    no arm has a role for sure, by role."""

    result: Result
    counted: Result
    unsettled: Mapping[str, str]


def _judged(
    readers: Sequence[Reader],
    settings: Settings,
    run: Run,
    progress: Callable[[Progress], None] | None,
    *,
    gated: bool = False,
) -> _Judged:
    """The result of one run. ``gated``: what is ignored must have an owner and an expiry day, and outputs are told
    apart by their arms."""
    baseline = baseline_of(settings)  # read before the work is done
    run, chosen = prepared(settings, run)
    by_arm = gated and run.judged == "outputs"
    wanted: frozenset[Product] = frozenset({"outputs"}) if by_arm else frozenset()
    with driving(readers, chosen.rules, run, means(settings), progress, wanted=wanted) as (driven, finished):
        roles = _roles(finished, run) if by_arm or any("outputs" in rule.needs for rule in chosen.rules) else {}
        judged, unsettled = _by_arm(driven, finished, run, roles) if by_arm else (None, {})
    findings, suppressed = suppress(driven.outcome.findings, settings.ignores, run.as_of, recorded=gated)
    compared = None
    if baseline is not None:
        from audit.policy.baseline import compare

        compared = compare(findings, baseline, [rule.code for rule in chosen.rules])
    result = _conclude(driven, chosen, settings, run, findings, suppressed, compared)
    result = msgspec.structs.replace(result, roles=roles)
    return _Judged(result, result if judged is None else _counted(result, findings, compared, judged), unsettled)


def _by_arm(
    driven: Driven, finished: Finished, run: Run, roles: Mapping[str, str]
) -> tuple[OfJudged, Mapping[str, str]]:
    from audit.api.outputs import of_judged
    from audit.outputs.arms import unsettled

    outputs = finished.outputs()
    return of_judged(driven.outcome, outputs, roles.get("judged", "")), unsettled(outputs, run)


def _counted(result: Result, found: Sequence[Finding], compared: Compared | None, judged: OfJudged) -> Result:
    """The result with the findings and rows of the judged arm alone."""
    counts = _counts(filter(judged.counts, found if compared is None else compared.new))
    shown = tuple(filter(judged.counts, result.findings))
    return msgspec.structs.replace(result, counts=counts, findings=shown, rows=result.rows - judged.rows)


def _roles(finished: Finished, run: Run) -> Mapping[str, str]:
    """Which arm of outputs is which."""
    from audit.outputs.arms import roles

    return {role: arm for role, arm in roles(finished.outputs(), run)._asdict().items() if arm}


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
