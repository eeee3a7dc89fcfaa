"""Real public data with known truth: what must be found is found, and clean rows stay clean."""

from __future__ import annotations

from pathlib import Path

import pytest

import audit
from audit.cli import main
from benchmarks.accuracy import CODES, MUTANTS, SHARED, TARGET, broken, codes_by_line, truth

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")

CHAT = sorted((SHARED / "chat").glob("*.jsonl.gz")) if SHARED.is_dir() else []
RAW = (
    sorted(p for p in (SHARED / "raw").rglob("*") if p.is_file() and p.name not in ("SOURCE.md", "provenance.json"))
    if SHARED.is_dir()
    else []
)


@pytest.fixture(scope="module")
def found() -> dict[int, set[str]]:
    return codes_by_line(broken())


@pytest.mark.parametrize("defect", sorted(CODES))
def test_every_injected_defect_is_found_with_its_code(defect: str, found: dict[int, set[str]]) -> None:
    missed = [line for line in truth()[defect] if CODES[defect] not in found.get(line, set())]
    assert missed == []


def test_clean_rows_have_no_error_and_hardly_a_warning() -> None:
    result = audit.check(MUTANTS / "clean.jsonl", target=TARGET)
    warned = {f.place.line for f in result.findings if f.severity == "warning" and f.scope == "row"}
    assert [f.message for f in result.findings if f.severity == "error"] == []
    assert len(warned) <= 0.01 * result.rows


@pytest.mark.parametrize("path", [*CHAT, *RAW], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_public_file_is_read_to_its_end(path: Path) -> None:
    result = audit.check(path, ignore=["TOK"])
    (source,) = result.sources
    assert source.sha256
    assert source.rows == result.rows == sum(source.shapes.values())


@pytest.mark.parametrize("path", CHAT, ids=lambda path: path.name)
def test_init_writes_a_configuration_that_check_accepts(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", str(path)]) == 0
    assert (tmp_path / "audit.toml").is_file()
    assert main(["check", "--extend-select", "ENC", "--ignore", "TOK", "--no-progress"]) in (0, 1)


def test_the_cookbook_example_gives_the_published_counts() -> None:
    toy = SHARED / "raw" / "openai-cookbook-toy" / "toy_chat_fine_tuning.jsonl"
    result = audit.check(toy, model="gpt-3.5-turbo-0125")
    measures = {m.name: m for m in result.measures}
    total = measures["tokens.total"].table
    assert result.rows == 5
    assert (total["min"], total["max"]) == (26, 8032)
    assert measures["tokens.billable"].value == 8242


def test_the_same_input_gives_the_same_bytes() -> None:
    import msgspec

    path = MUTANTS / "broken.jsonl.gz"
    first, second = (msgspec.json.encode(audit.check(path, target=TARGET, as_of="2026-11-21")) for _ in range(2))
    assert first == second
