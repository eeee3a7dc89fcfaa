"""Writes results to files, never over an input. Renders nothing itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from audit.config.settings import Settings
from audit.errors import OutputError
from audit.model import Result
from audit.reports.view import View
from audit.writing import write_whole

MANIFEST_SCHEMA: Final = "audit.manifest/1"


def add_redaction_flag(group: argparse._ArgumentGroup) -> None:
    """Declare ``--no-redact``."""
    group.add_argument(
        "--no-redact", action="store_true", help="show personal data and secrets of the data as they are"
    )


def wants_redaction(args: argparse.Namespace) -> bool:
    """Whether what identifies somebody is replaced by its kind: yes, unless the flag says no."""
    return not hasattr(args, "no_redact")


def check_writable(names: Iterable[str], inputs: Sequence[str]) -> None:
    """Raise OutputError for a file that cannot be written or is itself an input, before the work is done."""
    for name in names:
        path = Path(name)
        if not path.parent.is_dir():
            raise OutputError(
                f"{name} cannot be written: folder {path.parent} does not exist", hint="create the folder"
            )
        if path.is_dir():
            raise OutputError(f"{name} cannot be written: it is a folder", hint="name a file")
        for other in inputs:
            if other != "-" and path.exists() and Path(other).exists() and path.samefile(other):
                raise OutputError(f"{name} is an input and is not overwritten", hint="choose another name")


def inputs_of(settings: Settings) -> list[str]:
    """The files that a run reads: the data, and what it is judged with. None of them may be written over."""
    from audit.config.attributes import files_named

    data = [*settings.files, *(path for _, path in settings.splits)]
    known = [settings.baseline] if settings.baseline else []
    beside = [
        *settings.against,
        *settings.target_sample,
        *settings.lexicons,
        *settings.known_citations,
        *files_named(settings),
    ]
    return [*data, *beside, *known]


def save(result: Result, folder: str, view: View) -> None:
    """Write ``result.json``, ``findings.jsonl.gz`` and, last, ``manifest.json`` with the sha256 of both.

    Same result, same bytes: the compressed file carries no time and no name.
    """
    import gzip
    import hashlib

    from audit.reports import render
    from audit.reports.encode import encode

    root = Path(folder)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be created: {error.strerror or error}") from None
    document = "".join(render(result, "json", view)).encode()
    findings = gzip.compress("".join(render(result, "jsonl", view)).encode(), compresslevel=6, mtime=0)
    files = {"result.json": document, "findings.jsonl.gz": findings}
    for name, content in files.items():
        write_whole(root / name, [content])
    listed = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in files.items()
    }
    manifest = {"schema": MANIFEST_SCHEMA, "tool": result.evidence.tool, "files": listed}
    write_whole(root / "manifest.json", [(encode(manifest, indent=2) + "\n").encode()])


def append_job_summary(result: Result, view: View, environment: Mapping[str, str]) -> None:
    """Append the Markdown form to the file that ``GITHUB_STEP_SUMMARY`` names, as far as GitHub shows it.

    Nothing where the variable is not set or the file is full. Raises OutputError for a file that cannot be written.
    """
    name = environment.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    from audit.reports import shown
    from audit.reports.github import SUMMARY_BYTES, job_summary

    try:
        with open(name, "ab") as file:
            text = job_summary(shown(result, view), view, SUMMARY_BYTES - file.tell())
            file.write(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise OutputError(f"the job summary {name} cannot be written: {error.strerror or error}") from None
