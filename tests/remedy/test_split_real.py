"""Splits of public files: nothing that belongs together straddles, told by the rules and by the files' own metadata."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

import audit
from audit.api.splitting import SplitOptions, split
from audit.remedy.split.report import SplitReport

CHAT = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "chat"
pytestmark = pytest.mark.skipif(not CHAT.is_dir(), reason="the shared data folder is absent")

NAMES = ("train", "validation", "test")
WINOBIAS = CHAT / "winobias.jsonl.gz"
EVERY = 7
"""Of toolformer so many-th row is taken: the whole takes half a minute."""
PERSON = re.compile(r"\b(?:he|she|him|her|his|hers|himself|herself)\b")


def packed_lines(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines()


def rows_in(folder: Path) -> list[tuple[str, Any]]:
    return [(name, json.loads(line)) for name in NAMES for line in (folder / f"{name}.jsonl").read_bytes().splitlines()]


def straddling(folder: Path, key: Any) -> int:
    """How many values of a key stand in two files."""
    homes = defaultdict(set)
    for name, row in rows_in(folder):
        homes[key(row)].add(name)
    return sum(len(found) > 1 for found in homes.values())


def is_divided(report: SplitReport) -> bool:
    """Each stratum to within one row, or its largest unit."""
    return all(
        abs(stratum.by_split[name] - share * stratum.rows) <= stratum.largest_unit
        for stratum in report.strata
        for name, share in report.shares.items()
    )


def findings(folder: Path, **more: Any) -> list[str]:
    splits = [(name, str(folder / f"{name}.jsonl")) for name in NAMES]
    result = audit.check([], splits=splits, select=["SPL501", "SPL502", "SPL503"], **more)
    return [finding.message for finding in result.findings]


@pytest.fixture(scope="module")
def winobias(tmp_path_factory: pytest.TempPathFactory) -> tuple[SplitReport, Path]:
    folder = tmp_path_factory.mktemp("winobias") / "out"
    options = SplitOptions(stratify=("gender", "stereotype"))
    attributes = {"gender": {"field": "metadata.gender"}, "stereotype": {"field": "metadata.stereotype"}}
    return split(str(WINOBIAS), folder, options=options, sections={"attributes": attributes}), folder


def test_winobias_is_divided_with_every_row_in_one_file(winobias: tuple[SplitReport, Path]) -> None:
    report, folder = winobias
    assert is_divided(report)
    assert Counter(json.dumps(row) for _, row in rows_in(folder)) == Counter(
        json.dumps(json.loads(line)) for line in packed_lines(WINOBIAS)
    )


def test_no_sentence_of_winobias_straddles_with_its_other_pronoun(winobias: tuple[SplitReport, Path]) -> None:
    _, folder = winobias
    assert straddling(folder, lambda row: PERSON.sub("_", row["messages"][0]["content"].lower())) == 0
    assert findings(folder) == []


def test_no_pair_of_winobias_straddles_when_its_number_is_the_group(tmp_path: Path) -> None:
    report = split(str(WINOBIAS), tmp_path / "out", options=SplitOptions(group=("metadata.pair",)))
    assert straddling(tmp_path / "out", lambda row: row["metadata"]["pair"]) == 0
    assert findings(tmp_path / "out", sections={"data": {"group": "metadata.pair"}}) == []
    assert is_divided(report)


def test_winobias_in_another_order_has_the_same_splits(winobias: tuple[SplitReport, Path], tmp_path: Path) -> None:
    lines = packed_lines(WINOBIAS)
    random.Random(5).shuffle(lines)
    (tmp_path / "shuffled.jsonl").write_bytes(b"\n".join(lines))
    options = SplitOptions(stratify=("gender", "stereotype"))
    attributes = {"gender": {"field": "metadata.gender"}, "stereotype": {"field": "metadata.stereotype"}}
    split(str(tmp_path / "shuffled.jsonl"), tmp_path / "out", options=options, sections={"attributes": attributes})
    found, again = (
        (Counter((name, json.dumps(row)) for name, row in rows_in(f))) for f in (winobias[1], tmp_path / "out")
    )
    assert found == again


def test_nothing_of_toolformer_straddles(tmp_path: Path) -> None:
    lines = packed_lines(CHAT / "gptteacher-toolformer.jsonl.gz")[::EVERY]
    (tmp_path / "data.jsonl").write_bytes(b"\n".join(lines))
    report = split(str(tmp_path / "data.jsonl"), tmp_path / "out")
    assert is_divided(report)
    assert report.units.rows_joined > 0.3 * report.rows
    assert straddling(tmp_path / "out", lambda row: " ".join(row["messages"][0]["content"].lower().split())) == 0
    assert straddling(tmp_path / "out", lambda row: re.sub(r"\d+", "#", row["messages"][0]["content"])) == 0
    assert findings(tmp_path / "out") == []


def test_no_near_duplicate_of_crows_pairs_straddles(tmp_path: Path) -> None:
    split(str(CHAT / "crows-pairs.jsonl.gz"), tmp_path / "out")
    splits = [(name, str(tmp_path / "out" / f"{name}.jsonl")) for name in NAMES]
    found = audit.check([], splits=splits, select=["DUP403"]).findings
    assert len(found) > 500
    assert [finding for finding in found for place in finding.related if place.file != finding.place.file] == []
