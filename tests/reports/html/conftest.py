"""Results as a check of real data makes them: Adult's counts by sex and race, a policy's decision, findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import pytest

from audit.model import (
    Applicability,
    Clause,
    Evidence,
    Finding,
    Fix,
    Gate,
    Json,
    Measure,
    Place,
    Related,
    Result,
    Severity,
    Skipped,
    SourceSummary,
    Suppressed,
    Waiver,
)
from audit.statistics.intervals import wilson

ADULT = {"Female": (1179, 10771), "Male": (6662, 21790)}
RACE = {
    "Amer-Indian-Eskimo": (36, 311),
    "Asian-Pac-Islander": (276, 1039),
    "Black": (387, 3124),
    "Other": (25, 271),
    "White": (7117, 27816),
}
CROSSED = {
    "Female x Black": (90, 1555), "Female x Other": (6, 109), "Female x White": (1028, 8642),
    "Male x Black": (297, 1569), "Male x Other": (19, 162), "Male x White": (6089, 19174),
}  # fmt: skip


def shares(attribute: str, counts: Mapping[str, tuple[int, int]], expected: float | None = None) -> Measure:
    total = sum(n for _, n in counts.values())
    groups = [
        {"group": name, "n": n, "share": n / total, "interval": list(wilson(n, total)), "reference": expected}
        for name, (_, n) in counts.items()
    ]
    table = {
        "attribute": attribute, "kind": "declared", "source": f"field metadata.{attribute}", "rows": total + 7,
        "min_n": 30, "reference": "uniform (a choice)", "null_mean": 0.003, "null_95": 0.007,
        "groups": [*groups, {"group": "unknown", "n": 7, "compared": False}],
    }  # fmt: skip
    return Measure(
        code="DEM101", name="representation", value=0.169, interval=(0.164, 0.174), n=total, table=table,
        attribute=attribute,
    )  # fmt: skip


def rates(attribute: str, counts: Mapping[str, tuple[int, int]], name: str = "selection_rate", **more: Json) -> Measure:
    total, hits = sum(n for _, n in counts.values()), sum(hit for hit, _ in counts.values())
    best = max(counts, key=lambda group: counts[group][0] / counts[group][1])
    top = counts[best][0] / counts[best][1]
    groups = []
    for group, (hit, n) in counts.items():
        ratio = hit / n / top
        low = ratio * 0.94 - 3 / n
        verdict = "FAIL" if ratio * 1.06 < 0.8 else "PASS" if low > 0.8 else "INCONCLUSIVE"
        entry = {
            "group": group,
            "n": n,
            "hits": hit,
            "rate": hit / n,
            "interval": list(wilson(hit, n)),
            "effective_n": n * 0.93,
        }
        if group == best:
            entry["compared"] = False
        else:
            entry |= {
                "estimate": ratio, "estimate_interval": [low, ratio * 1.06 + 3 / n],
                "pass_interval": [low + 0.01, None], "verdict": verdict, "required_n": 480, "reference": best,
                "screen": ratio < 0.8,
                "sentence": f"{group} has the favourable label in {hit / n:.1%} of {n:,} rows, {best} in {top:.1%}.",
            }  # fmt: skip
        groups.append(entry)
    table = {
        "attribute": attribute, "kind": "declared", "source": f"field metadata.{attribute}", "rows": total + 7,
        "min_n": 30, "reference": "best", "groups": groups, "unknown": {"group": "unknown", "n": 7, "hits": 0},
        "favourable": [">50K"], "question": {"scale": "ratio", "tolerance": 0.8, "reference": "best", "alpha": 0.05},
        "verdict": "FAIL", "sentence": f"{attribute}: the rates differ beyond the tolerance of 0.8.",
    }  # fmt: skip
    return Measure(
        code="DEM104", name=name, value=hits / total, interval=wilson(hits, total), level=0.95, n=total, table=table,
        attribute=attribute, **more,
    )  # fmt: skip


def measures() -> tuple[Measure, ...]:
    labels = [
        {"label": "<=50K", "rows": 24720, "share": 0.759, "low": 0.7544, "high": 0.7637},
        {"label": ">50K", "rows": 7841, "share": 0.241, "low": 0.2363, "high": 0.2456},
    ]
    grid = {
        "groups": ["Female", "Male"],
        "labels": ["<=50K", ">50K"],
        "counts": [[9592, 1179], [15128, 6662]],
        "p": 0.0,
    }
    words = [{"word": "husband", "group": "Male", "rows": 13192, "other_rows": 1, "odds": 87.1, "z": 41.2, "q": 1e-12}]
    lengths = {"min": 101, "p5": 104.0, "p50": 107.0, "p95": 111.0, "p99": 113.0, "max": 120}
    return (
        Measure(code="LBL602", name="labels.rows", n=32561, table=labels, level=0.95),
        Measure(code="LBL602", name="labels.effective_number", value=1.73, n=32561),
        Measure(code="TOK303", name="tokens.total", value=3_481_000, n=32561, table=lengths, unit="tokens"),
        Measure(code="TOK303", name="tokens.over_limit", value=0, n=32561, unit="rows"),
        Measure(code="DUP401", name="duplicates.exact.redundant_rows", value=388, n=32561),
        Measure(code="DUP401", name="duplicates.exact.groups", value=323, n=32561),
        Measure(code="DUP403", name="duplicates.near.redundant_rows", value=111, n=32561),
        Measure(code="DUP403", name="duplicates.near.groups", value=84, n=32561),
        Measure(code="DUP403", name="duplicates.near.group_sizes", n=84, table={"2": 69, "3": 12, "4": 2, "13": 1}),
        Measure(code="DUP407", name="duplicates.redundant_rows", value=490, n=32561),
        Measure(
            code="SPL501", name="splits.overlap.exact", value=0.1035, interval=(0.0909, 0.1176), n=2000, split="test",
            group="train", table={"rows": 2000, "rows_shared": 207},
        ),
        shares("sex", ADULT, 0.5),
        rates("sex", ADULT),
        Measure(
            code="DEM104", name="impact_ratio", value=0.358, interval=(0.338, 0.379), n=10771, attribute="sex",
            group="Female", table={"reference": "Male", "verdict": "FAIL"},
        ),
        Measure(
            code="DEM103", name="cramers_v", value=0.216, interval=(0.205, 0.226), n=32561, table=grid, attribute="sex"
        ),
        Measure(code="DEM106", name="associated_words", value=12, n=32561, table={"words": words}, attribute="sex"),
        Measure(code="DEM109", name="detectable_ratio", value=0.94, n=10771, attribute="sex", group="Female"),
        rates("sex", {"Female": (21, 10771), "Male": (64, 21790)}, "finding_rate", group="DUP401"),
        shares("race", RACE),
        rates("race", RACE),
        rates("sex x race", CROSSED),
    )  # fmt: skip


def gate() -> Gate:
    clauses = (
        Clause(
            name="impact_ratio.sex", demand="the favourable label goes to all groups of sex alike",
            limit="at least 0.8", actual="0.358 for Female", verdict="FAIL", value=0.358, interval=(0.338, 0.379),
            level=0.95, n=10771,
            attribute="sex", group="Female", codes=("DEM104",), where="section Groups, sex",
            sentence="Female has the favourable label in 10.9% of 10,771 rows, Male in 30.6% of 21,790.",
            crosswalk=("29 CFR 1607.4(D)",),
        ),
        Clause(
            name="impact_ratio.race", demand="the favourable label goes to all groups of race alike",
            limit="at least 0.8", actual="0.347 for Other", verdict="INCONCLUSIVE", value=0.347, interval=(0.2, 1.1),
            level=0.95, n=271, required_n=1450, attribute="race", group="Other",
            sentence="271 rows of Other are too few to say more.", paste="[attributes.race]\nmin_n = 100",
        ),
        Clause(
            name="unknown.age", demand="the group of age is known", limit="at most 5 %", actual="nothing",
            verdict="NOT_ASSESSED", sentence="No attribute age is configured.", paste='[attributes.age]\nfield = "?"',
        ),
        Clause(
            name="share.FMT", demand="rows are well formed", limit="at most 0 %", actual="0 %", verdict="PASS",
            value=0.0, interval=(0.0, 0.0001), level=0.95, n=32561, sentence="No row has an error of form.",
        ),
    )  # fmt: skip
    waiver = Waiver(
        what="max_share.DUP", reason="copies are meant", owner="A. Person", expires="2026-01-01", expired=True
    )
    return Gate(
        policy="default", title="Default policy", as_of="2026-11-21", sha256="ab" * 32, verdict="FAIL", exit_code=1,
        clauses=clauses, waivers=(waiver,), use={"purpose": "credit"}, notes=("The regulation sets no number.",),
    )  # fmt: skip


def finding(number: int, code: str = "DUP401", severity: Severity = Severity.WARNING) -> Finding:
    place = Place(file="adult.jsonl", line=number + 2, column=1, offset=None, pointer="/messages/1/content")
    fix = Fix(Applicability.DROP, "keep the first of the equal rows, move this one to the rejected file")
    message = f"the same conversation as line {number:,}, in a row that equals an earlier one as a whole"
    related = (Related(file="adult.jsonl", line=number),)
    return Finding(
        code=code, severity=severity, scope="row", message=message, place=place, related=related, fix=fix,
        fingerprint=f"{code}{number}",
    )  # fmt: skip


def made(findings: Sequence[Finding], **more: Json) -> Result:
    counts: dict[str, dict[str, int]] = {}
    for one in findings:
        of_code = counts.setdefault(one.code, {"findings": 0, "rows": 0})
        of_code["findings"] += 1
        of_code["rows"] += 1
        of_code[one.severity.value] = of_code.get(one.severity.value, 0) + 1
    base = Result(
        verdict="FAIL",
        rows=32568,
        sources=(
            SourceSummary(path="adult.jsonl", role="train", rows=32568, lines=32568, bytes=18_000_000, sha256="cd" * 32,
                shapes={"openai-sft": 32560, "unknown": 8}),
        ),
        findings=tuple(findings),
        measures=measures(),
        rules_run=("DEM101", "DEM104", "DUP401", "ENC001", "FMT105"),
        rules_skipped=(Skipped("SPL504", "no evaluation file is given"), Skipped("FMT115", "preview", "preview")),
        suppressed=(Suppressed(code="FMT110", path="*", reason="stripped", findings=3, owner="me"),),
        known={"ENC008": 2},
        counts=counts,
        gate=gate(),
        evidence=Evidence(
            tool="finetune-audit",
            version="1",
            target="openai-sft",
            target_as_of="2025-05-20",
            tokenizer={"name": "o200k_base", "exact": True},
            as_of="2026-11-21",
            inputs={"adult.jsonl": "cd" * 32},
            config={"max_tokens": 128, "fail_on": "error"},
            config_sha256="ef" * 32,
            packages={"msgspec": "0.21"},
        ),
    )  # fmt: skip
    return msgspec.structs.replace(base, **more)


@pytest.fixture
def full() -> Result:
    """A result in which every section has something to say."""
    return made([finding(n) for n in range(3)] + [finding(9, "FMT105", Severity.ERROR)])


@pytest.fixture
def two_hundred() -> Result:
    """The same with more findings than a report shows."""
    codes = ("DUP401", "DUP403", "FMT105", "LBL601", "SPL501", "SPL502", "TCL201", "TCL204", "TOK301", "TOK306")
    return made([finding(n, codes[n % 10]) for n in range(400)])


@pytest.fixture
def rate_measure() -> Callable[..., Measure]:
    """Makes a rate table from the hits and rows of every group."""
    return rates


@pytest.fixture
def share_measure() -> Callable[..., Measure]:
    """Makes a table of shares from the hits and rows of every group."""
    return shares
