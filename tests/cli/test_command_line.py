"""What the command ``audit`` prints, writes and returns."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from audit.cli import main, parser
from audit.cli.commands import COMMANDS, GROUPS

GOOD = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
BAD = {"messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AUDIT_")] + ["NO_COLOR", "FORCE_COLOR"]:
        monkeypatch.delenv(name, raising=False)


def write_rows(name: str, *rows: object) -> str:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return name


def test_a_clean_file_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", write_rows("a.jsonl", GOOD)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("a.jsonl: 1 row, judged as generic")
    assert "PASS: nothing found in 1 row" in out


def test_findings_exit_1_and_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", write_rows("a.jsonl", GOOD, BAD)]) == 1
    captured = capsys.readouterr()
    assert "FMT104 error" in captured.out
    assert " --> a.jsonl:2:1" in captured.out
    assert "rows/s" in captured.err
    assert "peak memory" in captured.err


def test_exit_zero_hides_findings_but_not_that_nothing_could_be_judged() -> None:
    assert main(["check", write_rows("a.jsonl", BAD), "--exit-zero"]) == 0
    assert main(["check", "missing.jsonl", "--exit-zero"]) == 2


def test_a_missing_file_is_an_error_and_no_finding(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows("train.jsonl", GOOD)
    assert main(["check", "trian.jsonl"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert "hint: " in captured.err


def test_fail_on_decides_which_severity_fails() -> None:
    Path("a.jsonl").write_text(json.dumps(GOOD) + "\n\n" + json.dumps(GOOD) + "\n", encoding="utf-8")
    assert main(["check", "a.jsonl", "--select=ENC008"]) == 0
    assert main(["check", "a.jsonl", "--select=ENC008", "--fail-on", "warning"]) == 1


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (["chek"], "there is no command 'chek'", 'did you mean "check"?'),
        (["--vesion"], "there is no option --vesion", 'did you mean "--version"?'),
        (["check", "a", "--selct", "X"], "there is no option --selct", 'did you mean "--select"?'),
        (["check", "a", "--selct=X"], "there is no option --selct", 'did you mean "--select"?'),
        (["check", "a", "--format", "jsno"], "--format: 'jsno' is not one of", 'did you mean "json"?'),
        (["check", "a", "--select", "FMT999"], "--select: no rule has the code or prefix", "did you mean"),
        (
            ["check", "a", "--select", "FM?"],
            "--select 'FM?' is neither a rule code nor its beginning",
            "codes look like",
        ),
        (["check", "a", "--fail-on", "eror"], "--fail-on must be one of error, warning, info", 'did you mean "error"?'),
        (["check", "a", "-o", "x.jsno"], "x.jsno: the extension says no known format", ".txt, .json, .jsonl, .md"),
        (["check", "a", "--max-per-rule", "x"], "--max-per-rule must be a whole number", ""),
        (["check", "a", "--select"], "argument --select: expected one argument", "audit check --help"),
        (["check"], "no data was named", "audit check train.jsonl"),
        (["check", "--split", "a.jsonl"], "--split must be name=path, not 'a.jsonl'", "--split train=train.jsonl"),
        (["check", "--splits", "train=a"], "there is no option --splits", 'did you mean "--split"?'),
        (["check", "a", "--executor", "ray"], "--executor ray is for a later extra", "processes"),
        (["check", "a", "--executor", "inlien"], "--executor must be one of auto", 'did you mean "inline"?'),
        (["check", "a", "--memory", "1 parsec"], "--memory must be a size such as 512MB or 2 GiB", "units: kB, MB"),
        (["check", "a", "--jobs", "0"], "--jobs must be 1 or more, not 0", ""),
        (["explain", "FMT999"], "there is no rule 'FMT999'", "did you mean"),
        (["explain"], "the following arguments are required: CODE", "audit explain --help"),
        (["convert", "a"], "the following arguments are required", "audit convert --help"),
    ],
)
def test_a_wrong_word_exits_2_and_names_the_nearest(
    capsys: pytest.CaptureFixture[str], words: list[str], what: str, hint: str
) -> None:
    assert main(words) == 2
    err = capsys.readouterr().err
    assert f"error: {what}" in err
    assert hint in err


def test_reserved_families_are_accepted_although_they_have_no_rules() -> None:
    assert main(["check", write_rows("a.jsonl", GOOD), "--ignore", "SEC,PII,FAI", "--extend-select", "dup"]) == 0


def test_help_lists_the_commands_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for command in COMMANDS:
        assert f"  {command.name} " in out
        assert command.group in GROUPS
    assert all(f"\n{group}:\n" in out for group in GROUPS)
    assert "130" in out
    assert out.count("  audit ") >= 3


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: audit {command}")


def test_the_documented_parser_has_every_command() -> None:
    text = parser().format_help()
    assert "--version" in text


def test_paths_and_options_may_be_mixed() -> None:
    write_rows("a.jsonl", GOOD)
    write_rows("b.jsonl", BAD)
    assert main(["check", "a.jsonl", "--target", "generic", "b.jsonl", "--quiet"]) == 1


def test_several_files_are_written_in_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", write_rows("a.jsonl", BAD), "--format=concise"]
    for name in ("r.json", "r.jsonl", "r.md", "r.txt"):
        words += ["-o", name]
    assert main(words) == 1
    assert capsys.readouterr().out.startswith("a.jsonl:1:1: FMT104 error: ")
    assert json.loads(Path("r.json").read_bytes())["schema"] == "audit.result/1"
    assert json.loads(Path("r.jsonl").read_bytes().splitlines()[0])["code"] == "FMT104"
    assert Path("r.md").read_text(encoding="utf-8").startswith("# audit: FAIL")
    assert "FAIL: 1 error" in Path("r.txt").read_text(encoding="utf-8")
    assert sorted(path.name for path in Path().iterdir()) == ["a.jsonl", "r.json", "r.jsonl", "r.md", "r.txt"]


def test_an_input_is_never_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    name = write_rows("a.jsonl", BAD)
    before = Path(name).read_bytes()
    assert main(["check", name, "-o", "./a.jsonl"]) == 2
    assert "is an input" in capsys.readouterr().err
    assert Path(name).read_bytes() == before


def test_an_output_that_cannot_be_written_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", write_rows("a.jsonl", GOOD), "-o", "nowhere/r.json", "--exit-zero"]) == 2
    assert "folder nowhere does not exist" in capsys.readouterr().err


def test_a_saved_run_is_the_same_every_time_and_its_hashes_hold() -> None:
    name = write_rows("a.jsonl", BAD, GOOD)
    for folder in ("one", "two"):
        assert main(["check", name, "--save", folder, "--as-of", "2026-01-01", "--quiet"]) == 1
    manifest = json.loads(Path("one/manifest.json").read_bytes())
    assert sorted(manifest["files"]) == ["findings.jsonl.gz", "result.json"]
    for file, listed in manifest["files"].items():
        content = Path("one", file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == listed["sha256"]
        assert Path("two", file).read_bytes() == content
    assert b"FMT104" in gzip.decompress(Path("one/findings.jsonl.gz").read_bytes())


def test_standard_input_is_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(BAD).encode() + b"\n")))
    assert main(["check", "-", "--format", "concise"]) == 1
    assert capsys.readouterr().out.startswith("-:1:1: FMT104")


def test_files_come_from_the_configuration_when_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows("a.jsonl", BAD)
    Path("audit.toml").write_text('[data]\nfiles = ["a.jsonl"]\n[check]\nignore = ["FMT"]\n', encoding="utf-8")
    assert main(["check"]) == 0
    assert "settings from audit.toml" in capsys.readouterr().out


def test_a_code_in_the_configuration_that_is_no_rule_names_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows("a.jsonl", BAD)
    Path("audit.toml").write_text('[check]\nselect = ["ENX"]\n', encoding="utf-8")
    assert main(["check", "a.jsonl"]) == 2
    assert "error: audit.toml: no rule has the code or prefix 'ENX'" in capsys.readouterr().err


def test_colour_follows_the_flag_and_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = write_rows("a.jsonl", BAD)

    def colored(*more: str) -> bool:
        main(["check", name, *more])
        return "\x1b[" in capsys.readouterr().out

    assert not colored()
    assert colored("--color", "always")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert colored()
    assert not colored("--color=never")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colored()


def test_quiet_leaves_standard_error_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", write_rows("a.jsonl", GOOD), "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_config_shows_every_value_and_its_origin(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_SEED", "7")
    Path("audit.toml").write_text(
        '[data]\ntarget = "trl"\nlabel = "metadata.y"\n[rules.ENC009]\nmax_line_bytes = 9\n', encoding="utf-8"
    )
    assert main(["config", "--fail-on=info", "--format=json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    found = {entry["key"]: (entry["value"], entry["origin"]) for entry in shown["settings"]}
    assert shown["config_file"] == "audit.toml"
    assert found["data.target"] == ("trl", "audit.toml")
    assert found["check.seed"] == (7, "AUDIT_SEED")
    assert found["check.fail-on"] == ("info", "--fail-on")
    assert found["check.preview"] == (False, "default")
    assert found["data.label"] == ("metadata.y", "audit.toml")
    assert found["rules.ENC009.max_line_bytes"] == (9, "audit.toml")
    assert main(["config"]) == 0
    assert 'data.target                  "trl"' in capsys.readouterr().out


def test_config_shows_splits_by_name_and_memory_with_its_unit(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["config", "--split", "dev=b.jsonl", "--split=train=a.jsonl", "--split", "train=c.jsonl", "--memory=1g"]
    assert main([*words, "--against", "e.jsonl", "--against=f.jsonl"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [
        "data.splits",
        '{"validation":',
        '["b.jsonl"],',
        '"train":',
        '["a.jsonl",',
        '"c.jsonl"]}',
        "--split",
    ] in lines
    assert ["data.against", '["e.jsonl",', '"f.jsonl"]', "--against"] in lines
    assert ["data.files", "-", "default"] in lines
    assert ["check.memory", "1", "GB", "--memory"] in lines


def test_config_shows_the_field_of_splits_once(capsys: pytest.CaptureFixture[str]) -> None:
    Path("audit.toml").write_text('[data]\nsplits = "metadata.split"\n', encoding="utf-8")
    assert main(["config"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines() if "splits" in line] == [
        ["data.splits", '"metadata.split"', "audit.toml"]
    ]


def test_the_files_of_a_split_are_judged(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows("a.jsonl", GOOD)
    write_rows("b.jsonl", BAD)
    words = ["check", "--split", "train=a.jsonl", "--split", "dev=b.jsonl", "--select", "FMT", "--format", "json"]
    assert main(words) == 1
    result = json.loads(capsys.readouterr().out)
    assert {(source["path"], source["role"]) for source in result["sources"]} == {
        ("a.jsonl", "train"),
        ("b.jsonl", "validation"),
    }
    assert [finding["place"]["file"] for finding in result["findings"]] == ["b.jsonl"]


def test_a_file_that_is_named_both_ways_belongs_to_its_split(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows("a.jsonl", GOOD)
    write_rows("b.jsonl", GOOD)
    assert main(["check", ".", "--split", "test=./b.jsonl", "--select", "FMT1", "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert sorted((Path(source["path"]).name, source["role"]) for source in result["sources"]) == [
        ("a.jsonl", "data"),
        ("b.jsonl", "test"),
    ]


@pytest.mark.parametrize("flag", ["--split=test=b.jsonl", "--against=b.jsonl", "--target-sample=b.jsonl"])
def test_a_file_that_is_only_compared_with_is_never_overwritten(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    write_rows("a.jsonl", GOOD)
    before = Path(write_rows("b.jsonl", GOOD)).read_bytes()
    assert main(["check", "a.jsonl", flag, "-o", "b.jsonl"]) == 2
    assert "b.jsonl is an input" in capsys.readouterr().err
    assert Path("b.jsonl").read_bytes() == before


def test_how_a_check_is_run_changes_no_byte_of_its_result(capsys: pytest.CaptureFixture[str]) -> None:
    name = write_rows("a.jsonl", BAD, GOOD)
    for more in (["--jobs=1", "--executor=inline"], ["--jobs=2", "--executor=processes", "--memory=64MiB"]):
        main(["check", name, "--as-of=2026-01-01", "--format=json", "-o", f"{len(more)}.json", *more])
    assert Path("2.json").read_bytes() == Path("3.json").read_bytes()
    config = json.loads(Path("2.json").read_bytes())["evidence"]["config"]
    assert not {"jobs", "executor", "memory", "files", "splits", "against", "target_sample"} & set(config)


def test_rules_lists_every_rule_in_three_forms(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "--format", "json"]) == 0
    rules = json.loads(capsys.readouterr().out)
    assert [rule["code"] for rule in rules] == sorted(rule["code"] for rule in rules)
    assert main(["rules"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(rules) + 1
    assert main(["rules", "--format=markdown"]) == 0
    assert capsys.readouterr().out.startswith("| code | name |")


def test_explain_takes_a_code_a_name_or_a_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "enc009"]) == 0
    by_code = capsys.readouterr().out
    assert "[rules.ENC009]" in by_code
    assert "Bad:" in by_code
    assert main(["explain", "oversize"]) == 0
    assert capsys.readouterr().out == by_code
    assert main(["explain", "TCL"]) == 0
    assert "TCL201" in capsys.readouterr().out
    assert main(["explain", "ENC009", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["code"] == "ENC009"
    assert main(["explain", "ENC009", "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("# ENC009 oversize")


def test_convert_prints_its_account_and_exits_1_when_rows_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]}
    assert main(["convert", write_rows("a.jsonl", row), "-o", "b.jsonl", "--to", "openai-sft"]) == 0
    assert json.loads(Path("b.jsonl").read_bytes()) == GOOD
    assert "1 row written as openai-sft to b.jsonl" in capsys.readouterr().out
    assert main(["convert", write_rows("c.jsonl", row, 7), "-o", "-", "--to", "openai-sft"]) == 1
    captured = capsys.readouterr()
    assert "1 row skipped\n  c.jsonl:2: " in captured.err
    assert main(["convert", "a.jsonl", "-o", "d.jsonl", "--to", "openai-stf"]) == 2


def test_demo_writes_the_example_and_finds_its_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "here", "--check", "--format", "concise"]) == 1
    assert Path("here/loans.jsonl").exists()
    assert "here/loans.jsonl:" in capsys.readouterr().out


def people(count: int) -> list[object]:
    return [
        {
            "messages": [
                {"role": "user", "content": f"Application {index}"},
                {"role": "assistant", "content": "Approved" if index % 3 else "Declined"},
            ],
            "metadata": {
                "sex": ["f", "m"][index % 2],
                "patient_id": f"p{index // 2}",
                "id": index,
                "split": ["train", "test"][index % 5 == 0],
                "we\u202eird race\n": "x" if index % 2 else "y",
            },
        }
        for index in range(count)
    ]


def test_init_suggests_what_it_sees_and_check_accepts_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows("a.jsonl", *people(60))
    assert main(["init", "a.jsonl"]) == 0
    text = Path("audit.toml").read_text(encoding="utf-8")
    written = tomllib.loads(text)
    assert written["data"] == {
        "files": ["a.jsonl"],
        "target": "openai-sft",
        "label": "answer",
        "splits": "metadata.split",
        "id": "metadata.id",
        "group": "metadata.patient_id",
    }
    assert written["attributes"]["sex"] == {"field": "metadata.sex"}
    assert written["attributes"]["we\u202eird race\n"] == {"field": "/metadata/we\u202eird race\n"}
    assert "\u202e" not in text
    assert "# f 30, m 30" in text
    assert main(["check", "--exit-zero"]) == 0
    assert "settings from audit.toml" in capsys.readouterr().out


def test_init_takes_splits_from_the_names_of_the_files() -> None:
    for name in ("loans-train.jsonl", "loans_dev.jsonl", "more.jsonl", "trains.jsonl"):
        write_rows(name, GOOD)
    assert main(["init"]) == 0
    written = tomllib.loads(Path("audit.toml").read_text(encoding="utf-8"))["data"]
    assert written["files"] == ["more.jsonl", "trains.jsonl"]
    assert written["splits"] == {"train": ["loans-train.jsonl"], "validation": ["loans_dev.jsonl"]}
    assert main(["config"]) == 0


def test_init_leaves_files_of_one_split_together() -> None:
    write_rows("train-a.jsonl", GOOD)
    write_rows("train-b.jsonl", GOOD)
    assert main(["init"]) == 0
    text = Path("audit.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text)["data"]["files"] == ["train-a.jsonl", "train-b.jsonl"]
    assert '# Files of one split each: splits = { train = "train.jsonl"' in text
    assert '# Rows that belong together, and must stay in one split: group = "metadata.customer"' in text


def test_init_overwrites_nothing_unless_it_is_forced(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows("a.jsonl", GOOD)
    Path("audit.toml").write_text("# mine\n", encoding="utf-8")
    assert main(["init"]) == 2
    assert "--force overwrites it" in capsys.readouterr().err
    assert Path("audit.toml").read_text(encoding="utf-8") == "# mine\n"
    assert main(["init", "--force"]) == 0
    assert main(["check", "--select=ENC"]) == 0


def test_init_knows_answers_that_begin_with_one_of_few_words() -> None:
    rows = people(60)
    for index, row in enumerate(rows):
        row["messages"][1]["content"] += f" because of reason {index}."  # type: ignore[index]
    write_rows("a.jsonl", *rows)
    assert main(["init", "-o", "other.toml", "a.jsonl"]) == 0
    label = tomllib.loads(Path("other.toml").read_text(encoding="utf-8"))["data"]["label"]
    assert label == {"pattern": "^(Approved|Declined)"}


def run_command(*words: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "audit", *words], capture_output=True, check=False, **more)  # type: ignore[call-overload, no-any-return]


def test_a_reader_that_stops_early_is_no_error() -> None:
    write_rows("a.jsonl", *[BAD] * 3000)
    words = [sys.executable, "-m", "audit", "check", "a.jsonl", "--format=jsonl", "--quiet"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1


def test_a_terminal_without_unicode_gets_escapes() -> None:
    write_rows("größe.jsonl", BAD)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = run_command("check", "größe.jsonl", "--format=concise", env=environment)
    assert done.stdout.startswith(rb"gr\xf6\xdfe.jsonl:1:1: FMT104")
    assert done.returncode == 1


def test_version_and_help_import_no_model_and_no_heavy_library() -> None:
    for word, banned in (("--version", "msgspec argparse difflib audit.model audit.errors"), ("--help", "msgspec")):
        code = (
            "import sys; from audit.cli import main; code = main([sys.argv[1]]); "
            "print([n for n in sys.argv[2].split() if n in sys.modules]); sys.exit(code)"
        )
        heavy = f"{banned} numpy pandas pyarrow scipy torch transformers tokenizers tiktoken jinja2 re2"
        done = subprocess.run([sys.executable, "-c", code, word, heavy], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"


def test_a_group_of_people_is_an_attribute_and_no_group_of_rows() -> None:
    rows = people(60)
    for index, row in enumerate(rows):
        row["metadata"] = {"target_group": ["women", "men"][index % 2]}  # type: ignore[index]
    write_rows("a.jsonl", *rows)
    assert main(["init", "a.jsonl"]) == 0
    written = tomllib.loads(Path("audit.toml").read_text(encoding="utf-8"))
    assert "group" not in written["data"]
    assert written["attributes"] == {"target_group": {"field": "metadata.target_group"}}


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
def test_an_interruption_exits_130_and_marks_what_was_read() -> None:
    row = json.dumps(BAD).encode() + b"\n"
    words = [sys.executable, "-m", "audit", "check", "-", "--max-per-rule=1"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    # More than the reader takes at once, so that rows have been judged when the signal comes.
    process.stdin.write(row * 150_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    assert b"PARTIAL" in out
    assert b"PARTIAL" in err
