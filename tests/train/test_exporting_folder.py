"""The folder of an export: the same bytes, what is replaced and what is left alone, and the gate before it all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from audit.errors import InputError, OutputError, UsageError
from audit.train.exporting import running
from audit.train.exporting.folder import staging
from audit.train.exporting.options import ExportOptions
from audit.train.exporting.running import export
from audit.train.runs.gating import GateDecision, GateFailed
from tests.train.exported import (
    TRAINERS,
    WAIVER,
    chat,
    made,
    options_of,
    rows_of_chats,
    settings_of,
    turn,
    write_rows,
)

WEIGHED = settings_of(weight="metadata.weight")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("to", TRAINERS)
def test_the_same_data_and_settings_give_the_same_bytes(tmp_path: Path, to: str) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made(tmp_path / name, rows_of_chats(), to, WEIGHED, hold_out=0.3)
    first, second = (contents(tmp_path / name / "out") for name in ("one", "two"))
    assert first == second
    assert {"export.json", "gate.json", "rows.jsonl", "data/train.jsonl", "data/validation.jsonl"} <= set(first)
    assert not any(str(tmp_path).encode() in content for content in first.values())


def test_a_dry_run_writes_nothing_and_counts_the_same(tmp_path: Path) -> None:
    dry = made(tmp_path, rows_of_chats(), "trl", WEIGHED, dry_run=True).export
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl"]
    real = made(tmp_path, rows_of_chats(), "trl", WEIGHED).export
    assert (dry.splits, dry.settings, dry.gate) == (real.splits, real.settings, None)
    assert dry.files.items() <= real.files.items()


def test_force_replaces_only_what_an_export_wrote(tmp_path: Path) -> None:
    made(tmp_path, rows_of_chats(), "trl")
    with pytest.raises(OutputError, match="holds an export already"):
        made(tmp_path, rows_of_chats(), "axolotl")
    (tmp_path / "out" / "output").mkdir()
    (tmp_path / "out" / "output" / "model").write_text("trained")
    made(tmp_path, rows_of_chats(), "axolotl", force=True)
    names = set(contents(tmp_path / "out"))
    assert "output/model" in names
    assert "axolotl.yaml" in names
    assert not names & {"trl.yaml", "data/README.md"}


def test_what_was_changed_since_is_not_replaced(tmp_path: Path) -> None:
    made(tmp_path, rows_of_chats(), "trl")
    before = contents(tmp_path / "out")
    with (tmp_path / "out" / "trl.yaml").open("a") as file:
        file.write("seed: 1\n")
    with pytest.raises(OutputError, match=r"trl\.yaml was changed"):
        made(tmp_path, rows_of_chats(), "trl", force=True)
    assert contents(tmp_path / "out").keys() == before.keys()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "export.json").write_text('{"schema": "audit.export/1", "files": {"../rows.jsonl": {}}}')
    for force in (False, True):
        with pytest.raises(OutputError, match="no export's"):
            made(tmp_path, rows_of_chats(), force=force)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file"):
        export([str(tmp_path / "rows.jsonl")], tmp_path / "file", to="trl", options=options_of("org/model"))


def test_data_is_never_written_over(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", rows_of_chats())
    with pytest.raises(OutputError, match="which the run reads"):
        export([str(data)], tmp_path, to="trl", options=options_of("org/model"), settings=settings_of())


def test_an_export_that_is_refused_leaves_the_earlier_one(tmp_path: Path) -> None:
    made(tmp_path, rows_of_chats(), "trl")
    before = contents(tmp_path / "out")
    with pytest.raises(InputError):
        made(tmp_path, [*rows_of_chats(), chat(turn("assistant", "x"))], "trl", force=True)
    assert contents(tmp_path / "out") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "rows.jsonl"]


def test_the_gate_comes_first(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", rows_of_chats(6) * 3)
    with pytest.raises(GateFailed):
        export([str(data)], tmp_path / "out", to="trl", options=options_of("org/model"), settings=settings_of())
    assert not (tmp_path / "out").exists()
    report = made(tmp_path, rows_of_chats(6) * 3)
    assert report.export.gate.verdict == "FAIL"
    assert report.export.gate.waiver.who == "A. Jones"


def test_an_unknown_trainer_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no export to 'axolotle'") as refused:
        made(tmp_path, rows_of_chats(), "axolotle")
    assert "axolotl" in (refused.value.hint or "")


def test_a_model_in_a_folder_is_named_as_seen_from_the_export(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    data = write_rows(tmp_path / "rows.jsonl", rows_of_chats())
    options = options_of(tmp_path / "base", chat_template="chatml", max_steps=3)
    export([str(data)], tmp_path / "a" / "out", to="trl", options=options, settings=settings_of(), waive=WAIVER)
    config = yaml.safe_load((tmp_path / "a" / "out" / "trl.yaml").read_text())
    assert config["model_name_or_path"] == "../../base"
    assert config["chat_template_path"] == "chat_template.jinja"
    assert config["max_steps"] == 3
    assert "<|im_start|>" in (tmp_path / "a" / "out" / "chat_template.jinja").read_text()
    assert isinstance(options, ExportOptions)


def test_data_that_changes_after_the_gate_judged_it_is_not_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = running.pass_gate

    def judged_and_changed(*given: Any, **named: Any) -> GateDecision:
        decision = judge(*given, **named)
        write_rows(tmp_path / "rows.jsonl", rows_of_chats(17))
        return decision

    monkeypatch.setattr(running, "pass_gate", judged_and_changed)
    with pytest.raises(InputError, match=r"the data file rows\.jsonl changed after the gate judged it"):
        made(tmp_path, rows_of_chats())
    assert not (tmp_path / "out").exists()


def test_an_export_is_made_on_the_file_system_where_it_will_lie(tmp_path: Path) -> None:
    (tmp_path / "mounted").mkdir()
    with staging(tmp_path / "mounted") as staged:
        assert staged.parent == tmp_path / "mounted"
    with staging(tmp_path / "mounted" / "a" / "new") as staged:
        assert staged.parent == tmp_path / "mounted"
    assert list((tmp_path / "mounted").iterdir()) == []


def test_what_a_killed_export_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "out" / ".audit-export.abc.tmp").mkdir(parents=True)
    made(tmp_path, rows_of_chats())
    assert (tmp_path / "out" / "export.json").exists()
