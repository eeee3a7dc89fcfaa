"""``audit predict`` on the command line: what is asked for, what is printed, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from audit.cli import main
from tests.train.served import Answer, completion, question, serving

pytest.importorskip("openai")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    turns = [[{"role": "user", "content": text}, {"role": "assistant", "content": "x"}] for text in ("one?", "two?")]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in turns))
    return path


def test_the_account_is_printed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(lambda request, _: completion(question(request))) as server:
        words = ["predict", str(data), "-o", "out.jsonl", "--model", "mine=m", "--endpoint", server.url]
        assert main(words) == 0
    out = capsys.readouterr()
    assert out.out == "2 rows asked, 2 answers of mine in out.jsonl\n"
    assert "2 rows in" in out.err
    assert main([*words[:4], "--model", "m", "--endpoint", "http://localhost:1/v1"]) == 2
    assert "exists already" in capsys.readouterr().err


def test_what_may_pass_is_said_and_asked_again(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    down = [True]
    with serving(
        lambda request, _: Answer(500, {}) if down and question(request) == "one?" else completion("b")
    ) as server:
        words = ["predict", str(data), "--model", "m", "--endpoint", server.url, "-o", "out.jsonl", "--retries", "0"]
        assert main(words) == 0
        assert "1 failed for passing reasons: --resume asks them again" in capsys.readouterr().out
        down.clear()
        assert main([*words, "--resume"]) == 0
        assert "2 answers of m in out.jsonl" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_narrow_terminal_is_left_with_the_closing_line_only(data: Path) -> None:
    import pty

    with serving(lambda *_: completion("b")) as server:
        words = ["predict", str(data), "-o", "out.jsonl", "--model", "m", "--endpoint", server.url, "--isolated"]
        ours, theirs = pty.openpty()
        child = "import sys; from audit.cli import main; raise SystemExit(main(sys.argv[1:]))"
        environment = {**os.environ, "COLUMNS": "30"}
        subprocess.run([sys.executable, "-c", child, *words], stderr=theirs, stdout=subprocess.DEVNULL, env=environment)
        os.close(theirs)
        shown = os.read(ours, 1 << 16).decode()
        os.close(ours)
    lines = shown.replace("\r\n", "\n").split("\n")
    assert max(len(part) for part in lines[0].split("\r")[:-1]) < 30
    assert [bool(line.strip()) for line in lines] == [True, False]


def test_the_account_can_be_had_as_json(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(lambda *_: completion("b")) as server:
        words = ["predict", str(data), "-o", "out.jsonl", "--model", "m", "--endpoint", server.url, "--format", "json"]
        assert main([*words, "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"] == 2


def test_errors_are_counted_and_only_errors_are_a_failure(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(request: dict[str, object], _: int) -> Answer:
        return Answer(400, {"error": {"message": "no"}}) if question(request) == "one?" else completion("b")

    with serving(answer) as server:
        words = ["predict", str(data), "--model", "m", "--endpoint", server.url]
        assert main([*words, "-o", "some.jsonl"]) == 0
        assert "1 answer failed: refused" in capsys.readouterr().out
    with serving(lambda *_: Answer(400, {})) as server:
        assert main([*words[:4], "--endpoint", server.url, "-o", "none.jsonl"]) == 2
    assert len(Path("none.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "o.jsonl"], "no model was named"),
        (["--model", "m"], "no file to write"),
        (["--model", "m", "-o", "o.jsonl", "--samples", "3"], "temperature 0"),
        (["--model", "m", "-o", "o.jsonl", "--samples", "many"], "--samples must be a whole number, not many"),
        (["--model", "m", "-o", "o.jsonl", "--concurrency", "1.5"], "--concurrency must be a whole number, not 1.5"),
        (["--model", "m", "-o", "o.jsonl", "--temperature", "hot"], "--temperature must be a number, not hot"),
        (["--model", "m", "-o", "o.jsonl", "--labels", "one"], "fewer than two"),
        (["--model", "m", "-o", "o.jsonl", "--timeout", "0"], "above 0"),
        (["--model", "m", "-o", "nowhere/o.jsonl"], "is no folder"),
        (["--model", "m", "-o", "o.jsonl", "--endpoint", "localhost"], "is no URL"),
        (["--model", "m", "-o", "o.jsonl", "--endpoints", "x"], "no option --endpoints"),
    ],
)
def test_what_does_not_fit_is_said(data: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(["predict", str(data), *words]) == 2
    assert said in capsys.readouterr().err


def test_no_data_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "--model", "m", "-o", "o.jsonl", "--isolated"]) == 2
    assert "no data was named" in capsys.readouterr().err
