"""What is checked before anything is run: whether the settings fit, and what may be read. Runs nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from audit.cli.pipeline.keys import beside
from audit.cli.pipeline.options import RunOptions
from audit.config.settings import Settings
from audit.errors import AuditError, ConfigError, OutputError, UsageError
from audit.outputs.arms import BASE, COMPARED, JUDGED
from audit.read.sources import find_sources


def check_sections(settings: Settings, options: RunOptions) -> None:
    """Raise ConfigError where a section of a stage that is run does not fit, in the words of the file."""
    checks = {"split": _split, "balance": _balance, "train": _train, "evaluate": _evaluate}
    for name, check in checks.items():
        if name not in options.stages:
            continue
        try:
            check(settings)
        except AuditError as error:
            raise ConfigError(f"{settings.config_file}: {_as_keys(error.what, name)}", hint=error.hint) from None


def _as_keys(what: str, section: str) -> str:
    """A message with the flags of a command named as keys of its section."""
    said = re.sub(r"--([a-z][a-z-]*)", lambda flag: flag[1].replace("-", "_"), what)
    return said if f"[{section}]" in said else f"[{section}] {said}"


def _split(settings: Settings) -> None:
    from audit.remedy.split.shares import SPLITS, shares_of

    section = settings.sections.get("split", {})
    shares_of({name: section[name] for name in SPLITS if name in section})


def _balance(settings: Settings) -> None:
    from audit.remedy.balance.options import checked, options_from

    if section := settings.sections.get("balance"):
        checked(options_from(section, {}))


def _train(settings: Settings) -> None:
    from audit.train.options import read_options

    read_options(settings)


def _evaluate(settings: Settings) -> None:
    from audit.policy.load import load_policy
    from audit.train.evaluation.options import POLICY, read_options

    said = read_options(settings, {})
    load_policy(said.policy or POLICY)
    own = (BASE, COMPARED, JUDGED)
    names = [one.partition("=")[0] if isinstance(one, str) else one.name for one in said.models]
    if taken := next((name for name in names if name in own), None):
        raise UsageError(f"models names an arm {taken!r}, which audit run makes itself", hint="call it otherwise")
    for key, name in (("judge", said.judge), ("compare", said.compare), ("base_arm", said.base_arm)):
        if name and name not in (*own, *names):
            raise UsageError(f"{key} = {name!r} is none of the arms: {', '.join((*own, *names))}")


def without_own(settings: Settings, folder: Path) -> Settings:
    """The settings with the files of folders and patterns named one by one, those in the own folder left out."""
    if all(Path(path).is_file() for path in settings.files):
        return settings
    own = Path(os.path.realpath(folder))
    found = [source.path for source in find_sources(list(settings.files))] if settings.files else []
    kept = tuple(path for path in found if not Path(os.path.realpath(path)).is_relative_to(own))
    return msgspec.structs.replace(settings, files=kept)


def check_folder(settings: Settings, folder: Path) -> None:
    """Raise UsageError where no data is named, OutputError where an input lies in the folder."""
    named = [*settings.files, *(path for _, path in settings.splits)]
    if not named:
        raise UsageError("no data was named", hint="files = [...] under [data] in audit.toml")
    own = Path(os.path.realpath(folder))
    for path in (*(source.path for source in find_sources(named)), *beside(settings)):
        if Path(os.path.realpath(path)).is_relative_to(own):
            raise OutputError(f"{folder} holds {path}, which is read", hint="-o names another folder")
