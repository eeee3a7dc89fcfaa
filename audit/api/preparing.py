"""What a run needs before it starts: settings, the run, readers of what was named, and its means. Judges nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from audit.catalog import Plan, plan
from audit.config.attributes import attributes_of
from audit.config.fields import fields_of
from audit.config.load import FOUND
from audit.config.options import BY_FIELD
from audit.config.settings import Settings
from audit.config.values import Invalid
from audit.engine.drive import Means, Reader
from audit.engine.executors import Executor, Inline
from audit.errors import ConfigError, UsageError, did_you_mean
from audit.model import Source
from audit.read.lines import SourceReader
from audit.read.rows import RowsReader
from audit.read.sources import find_sources
from audit.rule import Rule, Run
from audit.rule.run import Scorer
from audit.targets import load_target

if TYPE_CHECKING:
    from audit.policy.baseline import Baseline


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
        known_citations=settings.known_citations,
        model=settings.model,
        as_of=settings.as_of or datetime.now(UTC).date(),
        max_tokens=settings.max_tokens,
        epochs=settings.epochs,
        max_cost=settings.max_cost,
        seed=settings.seed,
    )


def with_references(run: Run, settings: Settings) -> Run:
    """The run with the files that the data is compared with, which are read here."""
    if run.judged == "outputs" or (not settings.against and not settings.target_sample):
        return run
    from audit.read.references import read_reference

    return msgspec.structs.replace(
        run,
        against=read_reference(settings.against) if settings.against else None,
        target_sample=read_reference(settings.target_sample) if settings.target_sample else None,
    )


def prepared(settings: Settings, run: Run | None = None) -> tuple[Run, Plan]:
    """The run (``run``, or one made anew) with all that the rules chosen for it need, and these rules."""
    run = with_references(run or make_run(settings), settings)
    chosen = plan(settings, run)
    if any("tokens" in rule.needs for rule in chosen.rules):
        run = with_counter(run, settings)
    return with_scorers(run, chosen.rules, settings), chosen


def with_scorers(run: Run, rules: Sequence[Rule], settings: Settings) -> Run:
    """The run with the scorers that options of the rules name, those left as they are that were handed in. Raises
    ConfigError for code, a model or an address that a configuration file names which nobody named: it may have come
    with the data.

    The trainer's rooms are reached by name, as the catalogue reaches the rules: nothing here imports them, and they are
    loaded when a scorer is asked for.
    """
    names = sorted({name for rule in rules if isinstance(name := getattr(rule, "scorer", None), str) and name})
    missing = [name for name in names if name not in run.scorers]
    if not missing:
        return run
    found = settings.origins.get("config_file") == FOUND and settings.origins.get("rules") == settings.config_file
    for name in missing if found else ():
        if ":" in name:
            raise ConfigError(
                f"{settings.config_file} names the scorer {name!r}, and nobody named {settings.config_file}",
                hint=f"if the file is yours: --config {settings.config_file}",
            )
    load: Callable[[str], Scorer] = import_module("audit.train.scorers.by_name").load_scorer
    return msgspec.structs.replace(run, scorers={**run.scorers, **{name: load(name) for name in missing}})


def baseline_of(settings: Settings) -> Baseline | None:
    """The baseline that the settings name."""
    if settings.baseline is None:
        return None
    from audit.policy.baseline import read_baseline

    return read_baseline(settings.baseline)


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


def readers_of(data: Any, settings: Settings) -> Sequence[Reader]:
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
