"""Policies over real rows with known rates: in Adult, 30.6 % of men and 10.9 % of women earn more than 50K."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

import audit
from audit.model import Result
from benchmarks.accuracy import SHARED

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")

ROWS = 6_000


@pytest.fixture(scope="module")
def adult(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("adult") / "adult.jsonl"
    with gzip.open(SHARED / "chat" / "adult.jsonl.gz") as packed:
        path.write_bytes(b"".join(packed.readlines()[:ROWS]))
    return path


def gated(path: Path, policy: str, *attributes: str, **gate: Any) -> Result:
    """Only the rules that the policies rest on are run."""
    sections = {
        "data": {"label": "metadata.label", "favourable": ">50K"},
        "attributes": {name: {"field": f"metadata.{name}"} for name in attributes},
        "gate": gate,
    }
    return audit.gate(path, policy, sections=sections, select=["DEM101", "DEM104", "DEM110"], as_of="2026-11-21")


def verdicts(result: Result) -> dict[str, str]:
    assert result.gate is not None
    return {clause.name: clause.verdict for clause in result.gate.clauses}


def test_the_rates_of_women_fail_the_four_fifths_ratio(adult: Path) -> None:
    result = gated(adult, "ugesp-four-fifths", "sex")
    assert result.gate is not None
    (clause,) = result.gate.clauses
    assert (clause.verdict, clause.group, result.exit_code) == ("FAIL", "Female", 1)
    assert clause.interval is not None
    assert clause.interval[0] < 0.358 < clause.interval[1] < 0.8


def test_without_race_the_new_york_tables_are_not_assessed_by_name(adult: Path) -> None:
    result = gated(adult, "ll144", "sex")
    assert verdicts(result) == {
        "rates: sex": "PASS",
        "rates: race": "NOT_ASSESSED",
        "rates: sex x race": "NOT_ASSESSED",
    }
    assert result.exit_code == 3


def test_with_all_three_tables_there_is_no_pass_mark(adult: Path) -> None:
    result = gated(adult, "nyc-ll144", "race", "sex")
    assert set(verdicts(result).values()) == {"PASS"}
    assert result.gate is not None
    assert "smallest impact ratio 0.4" in result.gate.clauses[0].sentence
    assert result.exit_code == 0


@pytest.mark.parametrize(("least", "verdict"), [(0.2, "PASS"), (0.5, "FAIL"), (0.4, "INCONCLUSIVE")])
def test_a_bound_of_the_configuration_is_judged_by_intervals(adult: Path, least: float, verdict: str) -> None:
    result = gated(adult, "ll144", "sex", min={"impact_ratio": {"sex": least}})
    assert verdicts(result)["least impact_ratio of sex"] == verdict


def test_groups_that_are_declared_are_assessed(adult: Path) -> None:
    assert verdicts(gated(adult, "default", "sex"))["groups"] == "PASS"
