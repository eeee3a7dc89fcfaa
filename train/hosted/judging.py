"""Judges the files that are to be handed in as the provider would, and names what it would refuse by the user's rows.

The rules are those that speak of what a provider takes; nothing that a configuration says silences one of them here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from audit.api import check
from audit.catalog import rule_by_code
from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.engine.finish import TRAIN
from audit.errors import InputError
from audit.model import Finding, Result, Severity
from audit.targets import load_target
from audit.tokens.models import resolve_model
from audit.train.hosted.options import HostedOptions
from audit.train.hosted.uploaded import LineOf, UploadedRow, origins
from audit.train.runs.folder import UPLOADS

ASKED: Final = (
    "ENC006", "ENC007", "ENC009", "FMT", "TCL", "TOK301", "TOK302", "TOK303", "TOK306", "TOK307",
)  # fmt: skip
"""Rules of what a provider takes: values, form, tools, sizes and lengths, the price, tokens that it refuses. The other
rules on bytes have nothing to find in a file that was just written."""
OF_QUALITY: Final = ("FMT106", "FMT107", "FMT115", "FMT116", "FMT117", "TCL204")
"""Rules among them that speak of what is learnt, which is for the gate."""
_CUT: Final = frozenset({"TOK301", "TOK302"})
"""What the provider takes and cuts."""
_TAKEN: Final = _CUT | {"ENC007", "FMT109"}
"""Errors for which no provider is known to refuse a file: rows that are cut, control characters, empty texts."""
_CONTROL_TOKENS: Final = "TOK306"
_TOO_FEW: Final = "FMT114"
"""The least number of rows is known of training files."""
_BESIDE: Final[Mapping[str, str]] = {
    **dict.fromkeys(_CUT, "; the provider cuts what is too long"),
    _TOO_FEW: " for a training file; whether the provider takes so few for validation is not published",
}
NAMED: Final = 10
"""Findings that an error names."""


def judged(
    folder: Path,
    role: str,
    target: str,
    options: HostedOptions,
    settings: Settings,
    progress: Callable[[Progress], None] | None = None,
) -> Result:
    """What the rules say of the file of a role. Of the settings only what decides how tokens are counted, and how the
    work is done, is used. Raises KeyboardInterrupt where it was interrupted."""
    result = check(
        [],
        settings=Settings(
            splits=((role, str(folder / UPLOADS[role])),),
            target=target,
            model=model_name(options),
            tokenizer=None if unused_tokenizer(options, settings) else settings.tokenizer,
            allow_download=settings.allow_download,
            select=ASKED,
            ignore=OF_QUALITY,
            as_of=settings.as_of,
            epochs=None if options.epochs is None else float(options.epochs),
            seed=settings.seed,
            jobs=settings.jobs,
            executor=settings.executor,
            memory=settings.memory,
        ),
        progress=progress,
    )
    if result.partial:
        raise KeyboardInterrupt
    return result


def model_name(options: HostedOptions) -> str:
    """The model as the tables of models and prices are asked for it."""
    named = options.model
    return f"azure/{named}" if options.provider == "azure" and "/" not in named else named


def unused_tokenizer(options: HostedOptions, settings: Settings) -> str:
    """A sentence where the provider's model has another encoding than the tokenizer of the settings, which is then not
    used; "" otherwise."""
    known = resolve_model(model_name(options))
    if settings.tokenizer is None or known.assumed or settings.tokenizer == known.encoding:
        return ""
    return f"--tokenizer {settings.tokenizer} is not used: {options.model} reads {known.encoding}"


def refuse_refused(folder: Path, role: str, result: Result, options: HostedOptions) -> None:
    """Raise InputError for what the provider would refuse a file for, naming the user's own rows."""
    target = load_target(result.evidence.target)
    refused = [one for one in result.findings if _is_refused(one, role, target.special_tokens)]
    if not refused:
        return
    rows = _origins(folder, role, refused)
    # Copies of one row have one place.
    told = list(dict.fromkeys(_sentence(one, role, rows) for one in refused))
    more = f"; and {len(told) - NAMED:,} more" if len(told) > NAMED else ""
    is_short = options.hold_out and any(one.code == _TOO_FEW for one in refused)
    raise InputError(
        f"{target.title} would refuse the rows for {role}: {'; '.join(told[:NAMED])}{more}",
        hint="add rows, or hold fewer of them out (--hold-out)"
        if is_short
        else f"`audit check --target {target.name}` shows all, `audit fix` mends what can be mended",
    )


def notes_of(folder: Path, role: str, result: Result) -> Iterator[str]:
    """A sentence for each rule that found something which the provider takes all the same; they quote no row."""
    target = load_target(result.evidence.target)
    taken: dict[str, list[Finding]] = {}
    for one in result.findings:
        worth = one.severity is not Severity.INFO and one.code != "TOK303"
        if worth and not _is_refused(one, role, target.special_tokens):
            taken.setdefault(one.code, []).append(one)
    rows = _origins(folder, role, [one for some in taken.values() for one in some])
    for code, found in sorted(taken.items()):
        name = rule_by_code(code).name
        own = [rows[role, one.place.line] for one in found if (role, one.place.line or 0) in rows and one.place.line]
        different = list(dict.fromkeys(one.shown for one in own))
        where = (
            f" in {len(different):,} row{'' if len(different) == 1 else 's'}, first {different[0]}" if different else ""
        )
        yield f"the rows for {role}: {code} {name}{where}{_BESIDE.get(code, '')}"


def _is_refused(finding: Finding, role: str, special_tokens: Sequence[str]) -> bool:
    if finding.severity is not Severity.ERROR or finding.code in _TAKEN:
        return False
    if finding.code == _TOO_FEW:
        return role == TRAIN
    if finding.code == _CONTROL_TOKENS:  # those of other models' templates are taken as plain text
        tokens = finding.evidence.get("tokens")
        return isinstance(tokens, list) and not set(special_tokens).isdisjoint(tokens)
    return True


def _origins(folder: Path, role: str, findings: Sequence[Finding]) -> Mapping[LineOf, UploadedRow]:
    return origins(folder, {(role, one.place.line) for one in findings if one.place.line is not None})


def _sentence(finding: Finding, role: str, rows: Mapping[LineOf, UploadedRow]) -> str:
    row = rows.get((role, finding.place.line or 0))
    where = "" if row is None else f"{row.shown}{f' {finding.place.pointer}' if finding.place.pointer else ''} "
    return f"{where}{finding.code} {finding.message}"
