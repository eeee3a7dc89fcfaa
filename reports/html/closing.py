"""The last sections: what was set aside and on whose word, terms, what the result rests on, and empty lines to sign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from audit.model import Json, Measure, Result
from audit.model.dossier import Reaudit
from audit.reports.html.blocks import Block, Cell, Command, Fold, Section, SignOff, Table, Text, facts
from audit.reports.html.tables import Measures
from audit.reports.html.words import NONE, count, scalar, with_interval
from audit.reports.summary import plural, shell_word
from audit.reports.view import View

MOST_FIGURES: Final = 250
MOST_INPUTS: Final = 12

TERMS: Final = (
    (
        "Protected attribute, sensitive feature",
        "a quality of a person, such as sex or age, by which groups are formed; law says the one, libraries the other",
    ),
    ("Favourable label", "the answer that is good for the person concerned, as the configuration names it"),
    ("Selection rate", "the share of a group's rows that have the favourable label"),
    ("Impact ratio", "a group's selection rate divided by that of the reference group"),
    (
        "Four-fifths screen",
        "a ratio below 0.8 that differs significantly from 1 (29 CFR 1607.4(D)): a screen, never the verdict",
    ),
    ("Reference", "the group, or the shares, that a group is compared with; named on every table"),
    ("n, effective n", "the rows that a figure rests on; copies and near-copies count as less than one each"),
    (
        "95 % interval",
        "a range made so that it holds the true value in 95 of 100 such data sets (Wilson's, for a share)",
    ),
    (
        "FAIL interval",
        "an interval widened for the number of groups compared; FAIL when all of it lies beyond the tolerance",
    ),
    ("PASS interval", "the one-sided 95 % bound of one group; PASS when it lies within the tolerance for every group"),
    (
        "INCONCLUSIVE",
        "there is too little data to say PASS or FAIL; the needed n says how many rows of a group would do",
    ),
    ("Total variation", "half the sum of the absolute differences of shares: 0 is equal, 1 is nothing in common"),
    ("Cramér's V", "how far one table of counts is from independence: 0 is none, 1 is complete"),
    ("Redundant row", "a row that repeats another that is kept"),
    ("By construction", "a figure that a procedure set and that is therefore no evidence"),
)
"""Terms and what they mean here."""

TERMS_OF_MODELS: Final = (
    (
        "Arm",
        "whose outputs they are: the base model, the one trained on the data as it was, the one trained on mended data",
    ),
    ("Seed, replicate", "the same training with another start and order; several tell the method from a lucky run"),
    ("Decision rule", "how an output becomes a label; laid down before and the same for every arm"),
    ("Threshold-only arm", "an arm computed from another by moving its cut-off: what costs no training"),
    ("Base rate", "the share of favourable labels among the test rows of a group, which may be unjust themselves"),
    (
        "Signed gap",
        "a group's rate less that of the reference; a gap that changed its sign was turned round, not closed",
    ),
    ("Parity difference", "the largest less the smallest selection rate of the groups (demographic parity)"),
    ("True positive rate, equal opportunity", "the share selected among those whose true label is favourable"),
    ("Equalised odds", "the larger of the differences in true and in false positive rates"),
    ("Calibration in the large", "the mean probability less the base rate; 0 is right"),
    ("Sensitivity", "flips of the answer when only the group changes, less flips under an edit that should not matter"),
    ("Amplification", "the gap of the decisions less the gap of the labels, on the same rows"),
    ("Points", "percentage points: the distance of two shares, 12 % less 10 % is 2 points"),
    ("Simultaneous interval", "wide enough to hold for all groups at once; one at a time, each interval for itself"),
    ("Macro F1", "the mean over the labels of the harmonic mean of precision and recall"),
    ("AUC", "how often a row with the label is given a higher probability than one without: 0.5 is chance"),
    ("Perplexity", "the exponential of the mean loss for each token: lower is better"),
    ("Brier score", "the mean squared distance of probability and truth: 0 is right"),
    ("ECE", "expected calibration error: the mean distance of probability and rate over bins"),
    ("McNemar, sign-flip test", "tests on pairs of answers to the same question: p is how likely chance alone is"),
    ("Not estimable", "there is nothing to divide by; it is neither 0 nor 1"),
    ("Exposure", "how much likelier a planted text is to the model than texts it never saw, in bits"),
    ("Effective rows", "how many rows of equal weight the weighted ones are worth (Kish)"),
)
"""Further ones, for a report that is about a model."""


def set_aside(result: Result) -> Section | None:
    """Findings that the configuration ignores and demands that were waived, with reason, owner and expiry."""
    head = ("What", "Findings", "Reason", "Owner", "Until")
    rows = [
        (
            Cell(entry.code, "" if entry.path == "*" else entry.path),
            Cell(count(entry.findings)),
            Cell(entry.reason or "no reason is given"),
            Cell(entry.owner or "nobody is named"),
            Cell(entry.expires or "no end is set", f"takes out nothing: {entry.void}" if entry.void else ""),
        )
        for entry in result.suppressed
    ]
    rows += [
        (
            Cell(waiver.what, "waived demand"),
            Cell(NONE),
            Cell(waiver.reason),
            Cell(waiver.owner or "nobody is named"),
            Cell(
                waiver.expires or "no end is set",
                "EXPIRED: no longer holds" if waiver.expired else "",
                "bad" if waiver.expired else "",
            ),
        )
        for waiver in (result.gate.waivers if result.gate else ())
    ]
    if not rows:
        return None
    return Section(
        "aside",
        "What was set aside, and on whose word",
        (Table("Ignored findings and waived demands", head, tuple(rows), right=(1,)),),
    )


def terms(*, of_model: bool = False) -> Section:
    """The glossary."""
    return Section("terms", "Terms", (facts(*TERMS, *(TERMS_OF_MODELS if of_model else ())),))


def evidence(
    result: Result, view: View, reaudit: Reaudit | None = None, *, settings: bool = True, figures: bool = True
) -> Section:
    """Everything that is needed to obtain the result again, with all ``settings`` and ``figures`` unless these stand
    elsewhere. Of outputs, ``reaudit`` says which arm is which."""
    held = result.evidence
    blocks: list[Block] = [
        facts(
            ("Tool", f"{held.tool} {held.version}".strip()),
            ("Judged as", f"{held.target} (as of {held.target_as_of})" if held.target else ""),
            ("Model", held.model or ""),
            ("Day of judgement", held.as_of or ""),
            ("Seed", str(held.seed)),
            ("Settings sha256", Cell(held.config_sha256, code=True)),
            ("Rules sha256", Cell(held.rules_sha256, code=True)),
            ("Policy sha256", Cell(result.gate.sha256 if result.gate else "", code=True)),
            ("Tokenizer", _inline(held.tokenizer)),
            ("Packages", ", ".join(f"{name} {version}" for name, version in sorted(held.packages.items()))),
        )
    ]
    if held.inputs:
        rows = tuple(
            (Cell(name, code=True), Cell(digest, code=True))
            for name, digest in sorted(held.inputs.items())[:MOST_INPUTS]
        )
        blocks.append(Table("Inputs", ("File", "sha256"), rows))
        if len(held.inputs) > MOST_INPUTS:
            blocks.append(Text(f"{len(held.inputs) - MOST_INPUTS:,} more stand in the JSON form of the result."))
    blocks.append(Text("To obtain this result again, with the same files and the same version:"))
    blocks.append(Command(reproduce(result, view)))
    blocks += _roles(result, reaudit or Reaudit())
    if held.config and settings:
        told = _well_formed(_set(held.config))
        text = msgspec.json.format(msgspec.json.encode(told, order="sorted"), indent=1).decode()
        blocks.append(Fold("All settings, those that are empty left out", (Command(text[:20_000]),)))
    if figures:
        blocks += _figures(result)
    return Section("evidence", "Evidence", tuple(blocks))


def _set(value: Json) -> Json:
    """The value without what is empty in it: options that nobody set."""
    if not isinstance(value, Mapping):
        return value
    kept = {key: _set(item) for key, item in value.items()}
    return {key: item for key, item in kept.items() if item not in (None, "", [], {}, ())}


def _well_formed(value: Json) -> Json:
    """The value with lone surrogates, which JSON cannot carry, made visible."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_well_formed(str(key)): _well_formed(item) for key, item in value.items()}
    return [_well_formed(item) for item in value] if isinstance(value, list | tuple) else value


def _inline(values: Mapping[str, Json]) -> str:
    return ", ".join(f"{key} {scalar(value)}" for key, value in sorted(values.items()) if value not in ("", None))


def _roles(result: Result, told: Reaudit) -> Iterator[Block]:
    """That a command line does not say which arm is which: an evaluation does."""
    roles = (("to be signed", told.judged), ("without remediation", told.compared), ("before fine-tuning", told.base))
    said = ", ".join(f"{arm} is {role}" for role, arm in roles if arm)
    if said:
        yield Text(
            f"Here {said}: the command above takes the roles from the names of the arms; audit evaluate with --judge, "
            "--compare and --base-arm says them, and knows the runs and the training data.",
            "quiet",
        )


def reproduce(result: Result, view: View) -> str:
    """The command line that gives this result, as far as the result knows it."""
    held, config = result.evidence, result.evidence.config
    words = ["audit", "check" if result.gate is None else "gate"]
    for source in result.sources:
        words += (
            [shell_word(source.path)]
            if source.role == "data"
            else ["--split", shell_word(f"{source.role}={source.path}")]
        )
    if result.gate is not None:
        words += ["--policy", shell_word(result.gate.policy)]
    if view.config_file:
        words += ["--config", shell_word(view.config_file)]
    for name in ("target", "model", "tokenizer", "max_tokens", "epochs", "max_cost", "fail_on", "seed"):
        if config.get(name) not in (None, "", "generic", "error", 0):
            words += [f"--{name.replace('_', '-')}", shell_word(scalar(config[name]).replace(",", ""))]
    for name in ("select", "extend_select", "ignore"):
        given = config.get(name)
        if isinstance(given, list) and given:
            words += [f"--{name.replace('_', '-')}", shell_word(",".join(map(str, given)))]
    if config.get("preview") is True:
        words.append("--preview")
    if held.as_of:
        words += ["--as-of", shell_word(held.as_of)]
    return " ".join(words)


def _figures(result: Result) -> Iterator[Block]:
    """Every figure of the whole data; those of groups stand in their own section, where small ones are withheld."""
    whole = [m for m in Measures(result) if m.value is not None and m.attribute is None and m.name != "rows.share"]
    if not whole:
        return
    head = ("Measure", "Of", "Value", "n")
    table = Table("Figures of the whole data", head, tuple(map(_figure, whole[:MOST_FIGURES])), right=(2, 3))
    blocks: list[Block] = [table]
    if len(whole) > MOST_FIGURES:
        blocks.append(Text(f"{len(whole) - MOST_FIGURES:,} more stand in the JSON form of the result."))
    yield Fold(f"All {plural(len(whole), 'figure')} of the whole data", tuple(blocks))


def _figure(measure: Measure) -> tuple[Cell, ...]:
    value = measure.value
    if isinstance(value, int | float) and measure.interval is not None:
        said = with_interval(value, measure.interval, count)
    else:
        said = f"{scalar(value)} {measure.unit or ''}".rstrip()
    of = ", ".join(part for part in (measure.split, measure.group, measure.arm) if part)
    note = "by construction" if measure.by_construction else ""
    return Cell(measure.name, measure.code), Cell(of), Cell(said, note), Cell(count(measure.n))


def sign_off() -> Section:
    """Empty lines for people: the tool decides nothing and signs nothing."""
    return Section(
        "signoff",
        "Sign-off",
        (
            Text(
                "To be filled in by people. This report states what was measured; whether the data may be used, and "
                "what law demands, is for those who sign to decide."
            ),
            SignOff(("Name", "Role", "Decision", "Date", "Signature"), 3),
            Text("Conditions and remaining risks:"),
            SignOff(("Condition or risk", "Owner", "Until"), 3),
        ),
    )
