"""Whether a hosted run may be gone on with: same data, options, address and files. Asks nobody and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from audit.config.settings import Settings
from audit.evidence import file_sha256
from audit.model import Json
from audit.train.addresses import shown_address
from audit.train.hosted.job import key_of
from audit.train.hosted.options import HostedOptions, told_options
from audit.train.hosted.preparing import Prepared
from audit.train.protocol.connection import address_of, place_of
from audit.train.runs.chain import read_entries, read_entry
from audit.train.runs.folder import BEGAN, MODERATION
from audit.train.runs.hosting import HostedBegun, HostedRun, hosted_in
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.refusing import hashes_of, refuse_other_files

OF_ASKING: Final = frozenset({"base_url", "key_variable", "poll_seconds", "timeout", "retries", "wait"})
"""Options that may be others when a run is gone on with: they say how the provider is asked. The address that
``base_url`` leads to may not."""
_ANEW: Final = "or train anew into another output folder"


def hosted_run(folder: Path) -> HostedRun:
    """The hosted run of a folder. Raises ResumeRefused where the run there is one on this machine."""
    run = hosted_in(read_entries(folder))
    if run is None:
        raise ResumeRefused(
            f"the run in {folder} is one on this machine, and a provider was named",
            hint=f"--provider local goes on with it, {_ANEW}",
        )
    return run


def recorded_options(folder: Path) -> Mapping[str, Json]:
    """The options with which the run was begun, as ``told_options`` says them."""
    options: Mapping[str, Json] = read_entry(folder, BEGAN)["options"]
    return options


def refuse_other_command(folder: Path, data: Any, options: HostedOptions, settings: Settings) -> None:
    """Raise ResumeRefused where the finished run of a folder is that of other options or other data. The provider is
    not asked."""
    _refuse_other_options(folder, hosted_run(folder).begun, options)
    refuse_other_files(read_entry(folder, "data")["files"], hashes_of(data, settings))


def refuse_other_run(folder: Path, options: HostedOptions, prepared: Prepared) -> None:
    """Raise ResumeRefused where the run that was begun in a folder is another than the one that was prepared."""
    begun = hosted_run(folder).begun
    _refuse_other_options(folder, begun, options)
    refuse_other_files(read_entry(folder, "data")["files"], {name: file.sha256 for name, file in prepared.read.items()})
    if begun.key != key_of(prepared.files, options, prepared.method, begun.address):
        raise ResumeRefused(
            f"the run in {folder} cannot be gone on with: from the same data other files would be handed in now",
            hint=f"give settings and sidecars as they were when the run began, {_ANEW}",
        )
    _refuse_other_moderation(folder, begun)


def _refuse_other_moderation(folder: Path, begun: HostedBegun) -> None:
    """Raise ResumeRefused where the rows that were flagged are no longer those that the record tells of."""
    recorded, path = begun.moderation.get("sha256"), folder / MODERATION
    now = file_sha256(path) if path.is_file() else None
    if now != recorded:
        raise ResumeRefused(f"{MODERATION} in {folder} is not as it was recorded", hint=f"put it back, {_ANEW}")


def _refuse_other_options(folder: Path, begun: HostedBegun, options: HostedOptions) -> None:
    """A method that nobody named is the one that was settled on."""
    before = {**recorded_options(folder), "method": begun.method}
    now = {**told_options(options), "method": options.method or begun.method}
    for name, value in now.items():
        if name not in OF_ASKING and before.get(name) != value:
            raise _other(folder, f"the setting {name}", value, before.get(name), f"[train] {name}")
    address = shown_address(address_of(options.provider, options.base_url))
    if place_of(address) != place_of(begun.address):
        raise _other(folder, "the address", address, begun.address, "--base-url")


def _other(folder: Path, what: str, now: Json, before: Json, where: str) -> ResumeRefused:
    return ResumeRefused(
        f"the run in {folder} cannot be gone on with: {what} is {now} and was {before}",
        hint=f"{where}: set it back, {_ANEW}",
    )
