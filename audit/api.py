"""What the command line, a notebook and pytest all call. Orchestrates; judges and renders nothing itself."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import msgspec

from audit.catalog import Plan, plan
from audit.config.fields import fields_of
from audit.config.options import BY_FIELD
from audit.config.settings import Ignore, Settings
from audit.config.values import Invalid
from audit.engine.drive import Driven, Means, Progress, Reader, drive
from audit.engine.executors import Executor, Inline
from audit.engine.finish import summarise
from audit.errors import UsageError, did_you_mean
from audit.evidence import collect
from audit.model import Finding, Json, Result, Source, Suppressed
from audit.read.lines import SourceReader
from audit.read.rows import RowsReader
from audit.read.sources import find_sources
from audit.rule import Run
from audit.targets import load_target


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
    readers = _readers(data, settings)
    run = with_references(make_run(settings), settings)
    chosen = plan(settings, run)
    if any("tokens" in rule.needs for rule in chosen.rules):
        run = with_counter(run, settings)
    driven = drive(readers, chosen.rules, run, means(settings), progress)
    return _conclude(driven, chosen, settings, run)


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


def _conclude(driven: Driven, chosen: Plan, settings: Settings, run: Run) -> Result:
    outcome = driven.outcome
    findings, suppressed = _suppress(outcome.findings, settings.ignores, run.as_of)
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
        measures=tuple(outcome.measures),
        rules_run=tuple(rule.code for rule in chosen.rules),
        rules_skipped=chosen.skipped,
        suppressed=suppressed,
        counts=counts,
        evidence=collect(settings, run, chosen.rules, sources),
    )


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
    findings: Sequence[Finding], ignores: Sequence[Ignore], today: date | None
) -> tuple[list[Finding], tuple[Suppressed, ...]]:
    """Take out what the configuration ignores; an entry past its expiry day no longer does."""
    live = [entry for entry in ignores if entry.expires is None or today is None or entry.expires >= today]
    taken = [0] * len(live)
    kept: list[Finding] = []
    for finding in findings:
        index = next((i for i, entry in enumerate(live) if _covers(entry, finding)), None)
        if index is None:
            kept.append(finding)
        else:
            taken[index] += 1
    return kept, tuple(_suppressed(entry, count) for entry, count in zip(live, taken, strict=True))


def _covers(entry: Ignore, finding: Finding) -> bool:
    if not finding.code.startswith(entry.code.upper()):
        return False
    return entry.path == "*" or fnmatch.fnmatch(finding.place.file or "", entry.path)


def _suppressed(entry: Ignore, findings: int) -> Suppressed:
    return Suppressed(
        code=entry.code,
        path=entry.path,
        reason=entry.reason,
        findings=findings,
        owner=entry.owner,
        expires=entry.expires.isoformat() if entry.expires else None,
    )


__all__: Sequence[str] = ("Json", "Progress", "check", "make_run", "override")
