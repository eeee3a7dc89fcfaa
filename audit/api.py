"""What the command line, a notebook and pytest all call. Orchestrates; judges and renders nothing itself."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from audit.catalog import Plan, plan
from audit.config.attributes import attributes_of
from audit.config.fields import fields_of
from audit.config.options import BY_FIELD
from audit.config.settings import Ignore, Settings
from audit.config.values import Invalid
from audit.engine.drive import Driven, Means, Progress, Reader, drive
from audit.engine.executors import Executor, Inline
from audit.engine.finish import summarise
from audit.errors import UsageError, did_you_mean
from audit.evidence import collect, sha256
from audit.model import Evidence, Finding, Json, Measure, Result, Source, SourceSummary, Suppressed
from audit.read.lines import SourceReader
from audit.read.rows import RowsReader
from audit.read.sources import find_sources
from audit.rule import Run
from audit.targets import load_target

if TYPE_CHECKING:
    from audit.policy.baseline import Baseline, Compared


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
    readers = _readers(data, settings)
    baseline = _baseline(settings)
    run = with_references(run, settings)
    chosen = plan(settings, run)
    if any("tokens" in rule.needs for rule in chosen.rules):
        run = with_counter(run, settings)
    driven = drive(readers, chosen.rules, run, means(settings), progress)
    findings, suppressed = _suppress(driven.outcome.findings, settings.ignores, run.as_of, recorded=recorded)
    compared = None
    if baseline is not None:
        from audit.policy.baseline import compare

        compared = compare(findings, baseline, [rule.code for rule in chosen.rules])
    return _conclude(driven, chosen, settings, run, findings, suppressed, compared)


def _baseline(settings: Settings) -> Baseline | None:
    """The baseline that the settings name, read before the work is done."""
    if settings.baseline is None:
        return None
    from audit.policy.baseline import read_baseline

    return read_baseline(settings.baseline)


def override(settings: Settings, config: Mapping[str, Any]) -> Settings:
    """Settings with some fields replaced, types checked. Raises UsageError for an unknown name or a wrong value."""
    fields = Settings.__struct_fields__
    values: dict[str, Any] = {name: getattr(settings, name) for name in fields}
    for key, value in config.items():
        if key not in fields:
            raise UsageError(f"there is no setting {key!r}", hint=did_you_mean(key, fields))
        option = BY_FIELD.get(key)
        try:
            values[key] = value if option is None or value is None else option.read(value)
        except Invalid as problem:
            raise UsageError(f"{key} {problem.what}", hint=problem.hint) from None
    try:
        return msgspec.convert(msgspec.to_builtins(values), Settings)
    except msgspec.ValidationError as error:
        raise UsageError(f"a setting has the wrong value: {error}") from None


def make_run(settings: Settings) -> Run:
    """What the rules may know: the target, the model and the day. The token counter is added where a rule needs it."""
    return Run(
        target=load_target(settings.target),
        fields=fields_of(settings),
        attributes=attributes_of(settings),
        lexicons=settings.lexicons,
        model=settings.model,
        as_of=settings.as_of or datetime.now(UTC).date(),
        max_tokens=settings.max_tokens,
        epochs=settings.epochs,
        max_cost=settings.max_cost,
        seed=settings.seed,
    )


def with_references(run: Run, settings: Settings) -> Run:
    """The run with the files that the data is compared with, which are read here."""
    if not settings.against and not settings.target_sample:
        return run
    from audit.read.references import read_reference

    return msgspec.structs.replace(
        run,
        against=read_reference(settings.against) if settings.against else None,
        target_sample=read_reference(settings.target_sample) if settings.target_sample else None,
    )


def with_counter(run: Run, settings: Settings) -> Run:
    """The run with the token counter of its tokenizer or model, which is slow to load."""
    from audit.tokens import make_counter

    counter = make_counter(
        settings.tokenizer, settings.model, allow_download=settings.allow_download, max_tokens=settings.max_tokens
    )
    return msgspec.structs.replace(run, tokens=counter)


def means(settings: Settings) -> Means:
    """How a run is carried out: nothing of it may change what is found."""
    jobs = settings.jobs or usable_cores()
    chosen: Executor | None = None
    if settings.executor == "inline":
        chosen = Inline()
    elif settings.executor == "processes":
        from audit.engine.processes import Processes

        chosen = Processes(jobs)
    return Means(
        executor=chosen, processes=jobs, memory=settings.memory, with_counter=partial(with_counter, settings=settings)
    )


def usable_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _readers(data: Any, settings: Settings) -> Sequence[Reader]:
    """Readers of what was named, and of the files of the splits after it. A file named both ways has its split."""
    given = [str(data)] if isinstance(data, str) or hasattr(data, "__fspath__") else data
    splits = [source for name, path in settings.splits for source in find_sources([path], role=name)]
    if not isinstance(given, list | tuple) or not all(isinstance(i, str) or hasattr(i, "__fspath__") for i in given):
        return [RowsReader(data), *map(SourceReader, splits)]
    if not given and not splits:
        return [RowsReader(data)]
    in_splits: dict[str, str] = {}
    for source in splits:
        if in_splits.setdefault(_real(source), source.role) != source.role:
            raise UsageError(
                f"{source.path} is in two splits: {in_splits[_real(source)]} and {source.role}",
                hint="name every file in one split only",
            )
    files = [source for source in find_sources([str(path) for path in given]) if _real(source) not in in_splits]
    return [SourceReader(source) for source in (*files, *splits)]


def _real(source: Source) -> str:
    return source.path if source.path == "-" else os.path.realpath(source.path)


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


def _suppress(
    findings: Sequence[Finding], ignores: Sequence[Ignore], today: date | None, *, recorded: bool
) -> tuple[list[Finding], tuple[Suppressed, ...]]:
    """Take out what the configuration ignores; an entry that is void no longer does, and says why."""
    if not ignores:
        return list(findings), ()
    void = [_void(entry, today, recorded=recorded) for entry in ignores]
    taken = [0] * len(ignores)
    kept: list[Finding] = []
    for finding in findings:
        live = (i for i, entry in enumerate(ignores) if not void[i] and _covers(entry, finding))
        index = next(live, None)
        if index is None:
            kept.append(finding)
        else:
            taken[index] += 1
    return kept, tuple(map(_suppressed, ignores, taken, void))


def _void(entry: Ignore, today: date | None, *, recorded: bool) -> str:
    """Why an entry takes out nothing, "" where it does."""
    if entry.expires is not None and today is not None and entry.expires < today:
        return f"expired on {entry.expires.isoformat()}"
    missing = [name for name, value in (("owner", entry.owner), ("expiry day", entry.expires)) if not value]
    return f"has no {' and no '.join(missing)}, which a policy asks for" if recorded and missing else ""


def _covers(entry: Ignore, finding: Finding) -> bool:
    if not finding.code.startswith(entry.code.upper()):
        return False
    return entry.path == "*" or fnmatch.fnmatch(finding.place.file or "", entry.path)


def _suppressed(entry: Ignore, findings: int, void: str) -> Suppressed:
    return Suppressed(
        code=entry.code,
        path=entry.path,
        reason=entry.reason,
        findings=findings,
        owner=entry.owner,
        expires=entry.expires.isoformat() if entry.expires else None,
        void=void,
    )


__all__: Sequence[str] = ("Json", "Progress", "check", "gate", "make_run", "override")
