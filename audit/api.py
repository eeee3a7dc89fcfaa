"""What the command line, a notebook and pytest all call. Orchestrates; judges and renders nothing itself."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Protocol

import msgspec

from audit.catalog import Plan, plan
from audit.config.settings import Ignore, Settings
from audit.engine.fold import Fold, Outcome, summarise
from audit.errors import UsageError, did_you_mean
from audit.evidence import collect
from audit.model import Finding, Json, Result, Source, SourceSummary, Suppressed
from audit.read.lines import Chunk, SourceReader
from audit.read.rows import RowsReader
from audit.read.sources import find_sources
from audit.rule import Run
from audit.targets import load_target


class Progress(msgspec.Struct, frozen=True):
    """How far a check has come. ``bytes`` are as read from the source, ``total`` its size where it is known."""

    source: str
    bytes: int
    total: int | None
    rows: int
    errors: int
    warnings: int


class Reader(Protocol):
    """What the engine reads from: an iterable of chunks that can say afterwards what it has read."""

    @property
    def source(self) -> Source: ...
    @property
    def summary(self) -> SourceSummary: ...
    def __iter__(self) -> Iterator[Chunk]: ...


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
    run = make_run(settings)
    chosen = plan(settings, run)
    if any("tokens" in rule.needs for rule in chosen.rules):
        run = with_counter(run, settings)
    fold, partial, summaries = _read(readers, Fold(chosen.rules, run), progress)
    outcome = fold.finish()
    return _conclude(outcome, chosen, settings, run, summaries, partial)


def override(settings: Settings, config: Mapping[str, Any]) -> Settings:
    """Settings with some fields replaced, types checked. Raises UsageError for an unknown name or a wrong value."""
    fields = Settings.__struct_fields__
    for key in config:
        if key not in fields:
            raise UsageError(f"there is no setting {key!r}", hint=did_you_mean(key, fields))
    given = {key: (value,) if key in _LISTS and isinstance(value, str) else value for key, value in config.items()}
    values = {**{name: getattr(settings, name) for name in fields}, **given}
    try:
        return msgspec.convert(msgspec.to_builtins(values), Settings)
    except msgspec.ValidationError as error:
        raise UsageError(f"a setting has the wrong value: {error}") from None


_LISTS = ("files", "select", "extend_select", "ignore")


def make_run(settings: Settings) -> Run:
    """What the rules may know: the target, the model and the day. The token counter is added where a rule needs it."""
    return Run(
        target=load_target(settings.target),
        model=settings.model,
        as_of=settings.as_of or datetime.now(UTC).date(),
        max_tokens=settings.max_tokens,
        epochs=settings.epochs,
        max_cost=settings.max_cost,
        seed=settings.seed,
    )


def with_counter(run: Run, settings: Settings) -> Run:
    """The run with the token counter of its tokenizer or model, which is slow to load."""
    from audit.tokens import make_counter

    counter = make_counter(
        settings.tokenizer, settings.model, allow_download=settings.allow_download, max_tokens=settings.max_tokens
    )
    return msgspec.structs.replace(run, tokens=counter)


def _readers(data: Any, settings: Settings) -> Sequence[Reader]:
    if isinstance(data, str) or hasattr(data, "__fspath__"):
        data = [str(data)]
    if (
        isinstance(data, list | tuple)
        and data
        and all(isinstance(item, str) or hasattr(item, "__fspath__") for item in data)
    ):
        return [SourceReader(source) for source in find_sources([str(path) for path in data])]
    return [RowsReader(data)]


def _read(
    readers: Iterable[Reader], fold: Fold, progress: Callable[[Progress], None] | None
) -> tuple[Fold, bool, list[SourceSummary]]:
    summaries: list[SourceSummary] = []
    partial = False
    for reader in readers:
        read = 0
        try:
            for chunk in reader:
                batch = fold.take(chunk)
                read += batch.bytes
                if progress is not None:
                    progress(
                        Progress(reader.source.path, read, reader.source.size, fold.rows, fold.errors, fold.warnings)
                    )
        except KeyboardInterrupt:
            partial = True
        summaries.append(reader.summary)
        if partial:
            break
    return fold, partial, summaries


def _conclude(
    outcome: Outcome,
    chosen: Plan,
    settings: Settings,
    run: Run,
    summaries: Sequence[SourceSummary],
    partial: bool,
) -> Result:
    findings, suppressed = _suppress(outcome.findings, settings.ignores, run.as_of)
    counts = _counts(findings)
    failed = any(finding.severity.rank <= settings.fail_on.rank for finding in findings)
    shown = findings if settings.max_findings is None else findings[: settings.max_findings]
    sources = tuple(summarise(summary, outcome) for summary in summaries)
    return Result(
        verdict="FAIL" if failed else "PASS",
        rows=outcome.rows,
        partial=partial,
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
