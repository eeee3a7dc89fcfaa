"""What ``audit fix`` prints, writes and returns, from the command line to the files and back."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import msgspec
import pytest

from audit.cli import main
from audit.remedy.fix.report import FixReport

USER_LAST = {
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Good day to you."},
        {"role": "user", "content": "bye"},
    ]
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AUDIT_")] + ["NO_COLOR", "FORCE_COLOR"]:
        monkeypatch.delenv(name, raising=False)


def row(number: int, role: str = "user", **metadata: str) -> dict[str, Any]:
    turns = [
        {"role": role, "content": f"What is {number} times {number * 7919}?"},
        {"role": "assistant", "content": f"It is {number * number * 7919}, I think."},
    ]
    return {"messages": turns, **({"metadata": metadata} if metadata else {})}


def mixed() -> list[Any]:
    """20 rows: one whose role is mended safely, one copy that is dropped on demand, one that ends with a user turn."""
    rows: list[Any] = [row(n) for n in range(1, 18)]
    return [*rows, row(100, "human"), row(5), USER_LAST]


def write(name: str, rows: list[Any]) -> str:
    Path(name).write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return name


def lines(name: str) -> list[Any]:
    return [json.loads(line) for line in Path(name).read_text(encoding="utf-8").splitlines()]


def command(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "audit", "fix", *words], capture_output=True, text=True, check=False, **more
    )


def present() -> set[str]:
    return {path.name for path in Path().iterdir()}


# ----------------------------------------------------------------------------- mending


def test_safe_fixes_are_written_beside_the_input_and_what_is_left_exits_1() -> None:
    rows = mixed()
    before = Path(write("train.jsonl", rows)).read_bytes()
    done = command("train.jsonl")
    assert done.returncode == 1
    assert done.stdout.startswith(
        "wrote train.fixed.jsonl: 20 of 20 rows (1 edited, 0 dropped, 0 quarantined, 19 untouched)\n"
    )
    assert "FMT103  unknown-role  edited     1\n" in done.stdout
    assert "--unsafe-fixes would mend 1 finding of FMT105\n" in done.stdout
    assert "--drop would remove the rows with 1 finding of DUP401\n" in done.stdout
    assert "to undo: audit fix --undo train.fixed.jsonl\n" in done.stdout
    assert "20 rows in" in done.stderr
    assert Path("train.jsonl").read_bytes() == before
    rows[17]["messages"][0]["role"] = "user"
    assert lines("train.fixed.jsonl") == rows


def test_with_every_fix_nothing_is_left_and_the_exit_code_is_0() -> None:
    write("train.jsonl", mixed())
    done = command("train.jsonl", "--unsafe-fixes", "-o", "out.jsonl")
    assert (done.returncode, "left" in done.stdout) == (0, False)
    assert "wrote out.jsonl: 19 of 20 rows (2 edited, 1 dropped, 0 quarantined, 17 untouched)\n" in done.stdout
    assert "rejected rows: out.rejected.jsonl\n" in done.stdout
    assert lines("out.rejected.jsonl") == [row(5)]
    assert main(["check", "out.jsonl"]) == 0


def test_drop_removes_rows_and_leaves_other_unsafe_fixes() -> None:
    write("train.jsonl", mixed())
    done = command("train.jsonl", "--drop")
    assert done.returncode == 1
    assert "19 of 20 rows (1 edited, 1 dropped" in done.stdout
    assert "--unsafe-fixes would mend 1 finding of FMT105\n" in done.stdout


def test_exit_zero_hides_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fix", write("train.jsonl", mixed()), "--exit-zero", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_the_json_form_is_the_report() -> None:
    write("train.jsonl", mixed())
    done = command("train.jsonl", "--format", "json", "--unsafe-fixes")
    report = msgspec.json.decode(done.stdout, type=FixReport)
    assert report.schema == "audit.fix/1"
    assert (report.rows.rows_in, report.rows.edited, report.rows.dropped) == (20, 2, 1)
    assert report.effect["rows"] == {"before": 20, "after": 19}
    assert report.by_code["DUP401"] == {"dropped": 1}
    assert done.returncode == 0


def test_the_effect_on_tokens_labels_and_groups_is_told() -> None:
    rows = [row(n, sex="f" if n % 2 else "m", label="yes" if n % 3 else "no") for n in range(80)]
    copies = [row(n, sex="f", label="yes") for n in range(1, 80, 2)]
    for number, copy in zip(range(1, 80, 2), copies, strict=True):
        copy["metadata"] = rows[number]["metadata"]
    Path("audit.toml").write_text(
        '[data]\nlabel = "metadata.label"\n[attributes.sex]\nfield = "metadata.sex"\n', encoding="utf-8"
    )
    write("train.jsonl", [*rows, *copies])
    done = command("train.jsonl", "--drop", "--max-removal", "1", "--select", "DUP401,TOK303")
    assert "tokens: " in done.stdout
    assert "trained on" in done.stdout
    assert (
        "f        80     40  66.67 % -> 50.00 %       40  50.00 % (39.3 to 60.7)  more often than the rest\n"
        in done.stdout
    )
    assert "sex: f has a removal rate of 50.0 % of 80 rows" in done.stdout


def test_several_inputs_are_each_fixed_beside_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    Path("b").mkdir()
    names = [write("a.jsonl", mixed()), write("b/c.jsonl", [row(n) for n in range(200, 205)])]
    assert main(["fix", *names]) == 1
    assert Path("a.fixed.jsonl").exists()
    assert "wrote a.fixed.jsonl" in capsys.readouterr().out


def test_the_same_is_written_for_any_number_of_processes() -> None:
    write("train.jsonl", mixed() * 3)
    done = [
        command("train.jsonl", "--drop", "--max-removal=1", "-o", f"{jobs}.jsonl", "--jobs", jobs)
        for jobs in ("1", "2")
    ]
    assert [one.returncode for one in done] == [1, 1]
    assert Path("1.jsonl").read_bytes() == Path("2.jsonl").read_bytes()


# ----------------------------------------------------------------------------- refusals


def test_an_existing_output_is_refused_unless_forced() -> None:
    write("train.jsonl", mixed())
    Path("train.fixed.jsonl").write_text("mine\n", encoding="utf-8")
    done = command("train.jsonl")
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert Path("train.fixed.jsonl").read_text(encoding="utf-8") == "mine\n"
    assert command("train.jsonl", "--force").returncode == 1
    assert len(lines("train.fixed.jsonl")) == 20


def test_more_removals_than_allowed_are_refused_and_named_by_rule() -> None:
    write("train.jsonl", [*(row(n) for n in range(10)), *[row(1)] * 20])
    done = command("train.jsonl", "--drop")
    assert done.returncode == 2
    assert "DUP401" in done.stderr
    assert "--max-removal" in done.stderr
    assert present() == {"train.jsonl"}
    assert "wrote train.fixed.jsonl: 10 of 30 rows" in command("train.jsonl", "--drop", "--max-removal", "0.7").stdout


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (["a.jsonl", "--diff", "-o", "b.jsonl"], "--diff does not go with -o: --diff writes nothing", ""),
        (["a.jsonl", "--diff", "--in-place"], "--diff does not go with --in-place", ""),
        (["a.jsonl", "--in-place", "-o", "b.jsonl"], "--in-place does not go with -o", ""),
        (["--undo", "a.fixed.jsonl", "--drop"], "--undo does not go with --drop", ""),
        (["a.jsonl", "--undo", "a.fixed.jsonl"], "--undo takes one output and no input", "audit fix --undo"),
        (["a.jsonl", "--max-removal", "3"], "--max-removal must be a share from 0 to 1, not '3'", "0.3 is 30 %"),
        (["a.jsonl", "--max-removal", "nan"], "--max-removal must be a share from 0 to 1, not 'nan'", "0.3 is 30 %"),
        (["a.jsonl", "--max-removal", "30%"], "--max-removal must be a share from 0 to 1, not '30%'", "0.3 is 30 %"),
        (["a.jsonl", "--unsafe-fix"], "there is no option --unsafe-fix", 'did you mean "--unsafe-fixes"?'),
        ([], "no data was named", "audit fix train.jsonl"),
    ],
)
def test_flags_that_make_no_sense_exit_2_with_a_sentence(
    capsys: pytest.CaptureFixture[str], words: list[str], what: str, hint: str
) -> None:
    write("a.jsonl", mixed())
    assert main(["fix", *words]) == 2
    said = capsys.readouterr()
    assert f"error: {what}" in said.err
    assert hint in said.err
    assert said.out == ""
    assert present() == {"a.jsonl"}


# ----------------------------------------------------------------------------- what would change


def test_a_diff_shows_every_change_writes_nothing_and_exits_1() -> None:
    write("train.jsonl", mixed())
    done = command("train.jsonl", "--diff", "--unsafe-fixes")
    assert done.returncode == 1
    shown = done.stdout.splitlines()
    assert shown[:3] == [
        "--- train.jsonl",
        "+++ train.jsonl (fixed)",
        '@@ line 18: FMT103 (replace "human" by "user") @@',
    ]
    assert shown[3].startswith('-{"messages": [{"role": "human"')
    assert shown[4].startswith('+{"messages": [{"role": "user"')
    assert "\\ dropped: the same conversation as line 5" in done.stdout
    assert "train.jsonl: would become 19 of 20 rows" in done.stderr
    assert present() == {"train.jsonl"}


def test_a_diff_of_a_file_with_nothing_to_fix_is_empty_and_exits_0() -> None:
    write("train.jsonl", [row(n) for n in range(5)])
    done = command("train.jsonl", "--diff", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_diff_as_json_is_the_report_of_what_would_be_done() -> None:
    write("train.jsonl", mixed())
    report = msgspec.json.decode(command("train.jsonl", "--diff", "--format=json").stdout, type=FixReport)
    assert (report.wrote, report.changed, report.rows.edited) == (False, True, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no head")
def test_a_reader_that_has_had_enough_is_no_error() -> None:
    write("train.jsonl", [row(n, "human") for n in range(3_000)])
    words = [sys.executable, "-m", "audit", "fix", "train.jsonl", "--diff", "--quiet"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait() == 1
        assert process.stderr is not None
        assert process.stderr.read() == b""


# ----------------------------------------------------------------------------- taking back


def test_undo_restores_the_input_byte_for_byte_and_says_where() -> None:
    before = Path(write("train.jsonl", mixed())).read_bytes()
    command("train.jsonl", "--unsafe-fixes")
    Path("train.jsonl").unlink()
    done = command("--undo", "train.fixed.jsonl", "-o", "again.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    assert "again.jsonl" in done.stdout
    assert Path("again.jsonl").read_bytes() == before


def test_undo_without_a_name_writes_beside_the_output_and_says_where() -> None:
    before = Path(write("train.jsonl", mixed())).read_bytes()
    command("train.jsonl", "--drop")
    known = present()
    done = command("--undo", "train.fixed.jsonl")
    assert done.returncode == 0
    assert done.stdout.startswith("restored train.restored.jsonl: 20 rows, ")
    assert present() - known == {"train.restored.jsonl"}
    assert Path("train.restored.jsonl").read_bytes() == before


def test_a_file_that_was_written_over_comes_back() -> None:
    before = Path(write("train.jsonl", mixed())).read_bytes()
    done = command("train.jsonl", "--in-place", "--unsafe-fixes")
    assert done.returncode == 0
    assert "as it was: train.jsonl.bak\n" in done.stdout
    assert Path("train.jsonl").read_bytes() != before
    assert Path("train.jsonl.bak").read_bytes() == before
    assert "to undo: audit fix --undo train.jsonl --in-place\n" in done.stdout
    assert command("--undo", "train.jsonl", "--in-place").returncode == 0
    assert Path("train.jsonl").read_bytes() == before


def test_undo_writes_over_no_other_file_unless_forced(capsys: pytest.CaptureFixture[str]) -> None:
    before = Path(write("train.jsonl", mixed())).read_bytes()
    main(["fix", "train.jsonl", "--drop"])
    Path("train.restored.jsonl").write_text("mine\n", encoding="utf-8")
    assert main(["fix", "--undo", "train.fixed.jsonl"]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["fix", "--undo", "train.fixed.jsonl", "--force", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["restored"] == "train.restored.jsonl"
    assert Path("train.restored.jsonl").read_bytes() == before


def test_a_packed_input_is_restored_under_its_own_ending() -> None:
    Path("train.jsonl.gz").write_bytes(gzip.compress("".join(json.dumps(one) + "\n" for one in mixed()).encode()))
    before = Path("train.jsonl.gz").read_bytes()
    main(["fix", "train.jsonl.gz", "--drop"])
    assert main(["fix", "--undo", "train.fixed.jsonl.gz"]) == 0
    assert Path("train.restored.jsonl.gz").read_bytes() == before


def test_a_diff_of_what_would_be_refused_says_so() -> None:
    write("train.jsonl", [*(row(n) for n in range(10)), *[row(1)] * 20])
    done = command("train.jsonl", "--diff", "--drop")
    assert done.returncode == 1
    assert done.stdout.count("\\ dropped: ") == 20
    assert "this would be refused: " in done.stderr


def test_undo_of_what_is_no_output_exits_2() -> None:
    write("train.jsonl", mixed())
    done = command("--undo", "train.jsonl")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


# ----------------------------------------------------------------------------- hostile data


def test_hostile_data_comes_out_inert(capsys: pytest.CaptureFixture[str]) -> None:
    corpus = json.loads((Path(__file__).parents[1] / "data" / "hostile.json").read_text(encoding="ascii"))
    Path("audit.toml").write_text(
        '[data]\nlabel = "metadata.label"\n[attributes.sex]\nfield = "metadata.sex"\n', encoding="utf-8"
    )
    rows: list[Any] = [row(n, "human", sex=text[:40], label=corpus[n % 7]) for n, text in enumerate(corpus[:40])]
    for number, text in enumerate(corpus):
        one = row(number, text)
        one["messages"][1]["content"] = text
        rows += [one, {text: number}, row(1, sex=text)]
    Path("train.jsonl").write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in rows) + b"\xff\x1b[2J\n")
    for words in (["--diff"], []):
        main(["fix", "train.jsonl", "--unsafe-fixes", "--max-removal", "1", "--preview", *words])
        shown = capsys.readouterr()
        for line in (shown.out + shown.err).split("\n"):
            assert not [char for char in line if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
            assert not re.search(r"##[A-Za-z]*\[|\A::", line)
    assert "wrote train.fixed.jsonl" in shown.out


# ----------------------------------------------------------------------------- interruptions


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
def test_an_interrupted_fix_writes_nothing_and_exits_130() -> None:
    line = json.dumps(row(1, "human")).encode() + b"\n"
    words = [sys.executable, "-m", "audit", "fix", "-", "-o", "out.jsonl", "--max-removal", "1"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    # More than the reader takes at once, so that rows have been judged when the signal comes.
    process.stdin.write(line * 100_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, b"interrupted: nothing was written\n")
    assert err == b""
    assert present() == set()
