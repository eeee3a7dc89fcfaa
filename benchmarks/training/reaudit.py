"""The loop on Adult: five seeds of an arm as the data is and of one with weights, judged against each other.

``python -m benchmarks.training --reaudit [--keep FOLDER]`` trains ten models (half an hour of one core); what stands in
the folder already is not done again. The figures are those of the result, beside the bars that they are held to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.training.whole_runs import ADULT_CONFIG, WAIVER, adult_split, process, timed, write_rows

SEEDS: Final = (0, 1, 2, 3, 4)
ARMS: Final[Mapping[str, str]] = {"raw": "train.jsonl", "remediated": "train.balanced.jsonl"}
"""Arm -> what it is trained on."""
SEX: Final = "sex"
VERDICTS: Final = (0, 1, 3)
"""How ``audit evaluate`` ends where it has judged, whatever it found."""
MISSED: Final = "  MISSED"


class Bar(NamedTuple):
    """A figure, what it came to, and what was asked of it."""

    what: str
    value: float
    least: float

    def __str__(self) -> str:
        return f"  {self.what}: {self.value:.4f} (bar {self.least:g}){'' if self.value >= self.least else MISSED}"


def adult(folder: Path) -> list[str]:
    """Train what is missing in the folder, ask all arms, judge them, and print the figures."""
    config = folder / "audit.toml"
    if not config.exists():
        train, test = adult_split()
        write_rows(folder / "train.jsonl", train)
        write_rows(folder / "test.jsonl", test)
        config.write_text(ADULT_CONFIG, "utf-8")
    shared = ["--config", str(config), "--quiet"]
    balanced = folder / ARMS["remediated"]
    if not balanced.exists():
        told = ["--by", "label,sex", "--method", "reweight", "--cap", "none", "-o", str(balanced)]
        timed(process, ["balance", str(folder / "train.jsonl"), *told, *shared])
    for seed in SEEDS:
        for arm, data in ARMS.items():
            run = folder / "runs" / f"{arm}-{seed}"
            if not (run / "record.sha256").exists():
                told = ["-o", str(run), "--seed", str(seed), "--set", "threads=1", "--waive", WAIVER, "--no-evaluate"]
                timed(process, ["train", str(folder / data), *told, *shared])
    out = folder / "evaluation"
    models = [word for arm in ARMS for seed in SEEDS for word in ("--model", f"{arm}={folder}/runs/{arm}-{seed}")]
    told = ["--train", str(folder / "train.jsonl"), "-o", str(out), *shared]
    spent = timed(process, ["evaluate", str(folder / "test.jsonl"), *models, *told], VERDICTS)
    result = json.loads((out / "result.json").read_text("utf-8"))
    return [f"Adult, {len(SEEDS)} seeds of {' and '.join(ARMS)}; asked and judged in {spent}", *_figures(result)]


def _figures(result: Mapping[str, Any]) -> Iterator[str]:
    cause = attribution(result)
    parity = comparison(result, "demographic_parity_difference", SEX)
    accuracy, auc, rate = (comparison(result, name) for name in ("accuracy", "auc", "selection_rate"))
    ratio = comparison(result, "demographic_parity_ratio", SEX)
    yield from map(
        str,
        (
            Bar("demographic parity difference falls by", -parity["share"], 0.45),
            Bar("  and by at least (one-sided 95 % t bound)", -parity["share_bound"], 0.35),
            Bar("impact ratio rises by", ratio["change"], 0.2),
            Bar("overall selection rate stays within 0.03: less", 0.03 - abs(rate["change"]), 0),
            Bar("accuracy changes by", accuracy["change"], -0.015),
            Bar("AUC changes by", auc["change"], -0.02),
            Bar("accuracy of raw", accuracy["from"], 0.84),
            Bar("arms differ in row weights alone", cause["attributable"] and cause["value"] == "row weights", 1),
        ),
    )
    for name, attribute in (
        ("demographic_parity_difference", SEX),
        ("demographic_parity_ratio", SEX),
        ("accuracy", None),
    ):
        for kind in ("remediation", "threshold"):
            yield f"  {kind}: {comparison(result, name, attribute, kind)['sentence']}"
    for name in ("true_positive_gap", "false_positive_gap", "mean_probability"):
        for one in _measures(result, name, SEX):
            yield f"  {one['table']['comparisons'][0]['sentence']}"
    yield f"  {cause['sentence']}"


def _measures(result: Mapping[str, Any], metric: str, attribute: str | None) -> Sequence[Mapping[str, Any]]:
    found = [one for one in result["measures"] if one["name"] == "arms.change" and one["table"]["metric"] == metric]
    return [one for one in found if one["table"]["attribute"] == attribute]


def comparison(
    result: Mapping[str, Any], metric: str, attribute: str | None = None, kind: str = "remediation"
) -> Mapping[str, Any]:
    """One comparison of a metric of a saved result."""
    (measure,) = _measures(result, metric, attribute)
    (found,) = [one for one in measure["table"]["comparisons"] if one["kind"] == kind]
    comparison: Mapping[str, Any] = found
    return comparison


def attribution(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the arms differ in: ``value``, and whether a change can be laid to it."""
    (measure,) = [one for one in result["measures"] if one["name"] == "arms.attribution"]
    return {**measure["table"], "value": measure["value"]}
