"""What ``audit`` says to a provider, and how it reads the answers, is OpenAI's protocol: its command line talks to the
stand-in provider through Prism, which holds every request and every answer against OpenAI's own OpenAPI file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="the package openai is not installed")

from audit.cli import main
from tests.train.provider.conversation import BASE, lines, rows
from tests.train.provider.prism import Proxied

pytestmark = pytest.mark.timeout(240)  # the first test of the file waits for npm and Prism

Run = Callable[..., int]


@pytest.fixture
def at(proxied: Proxied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``audit`` in an empty folder, with the key of the provider and (``train``) its address."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", proxied.server.key)

    def run(*words: str) -> int:
        told = ["--provider", "openai", "--base-url", proxied.watch.url, "--model", BASE, "--set", "poll_seconds=0.01"]
        return main([*words, *(told if words[0] == "train" else ()), "--no-progress"])

    return run


def _write(count: int, first: int = 0, path: str = "train.jsonl") -> None:
    Path(path).write_bytes(lines(rows(first + count)[first:]))


def _asked(proxied: Proxied) -> set[str]:
    """What was asked for, without the ids."""
    words = ("files", "fine_tuning", "jobs", "events", "checkpoints", "content", "models", "moderations", "batches")
    verbs = (*words, "pause", "resume", "cancel", "chat", "completions")
    return {
        f"{one.method} /"
        + "/".join(part if part in verbs else "*" for part in one.path.partition("?")[0][1:].split("/"))
        for one in proxied.watch.seen
    }


def test_a_hosted_run_says_nothing_that_openai_does_not_describe(
    proxied: Proxied, at: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(20)
    _write(12, first=20, path="validation.jsonl")
    words = ["--validation", "validation.jsonl", "--suffix", "demo", "--epochs", "2", "--set", "batch_size=4"]
    assert at("train", "train.jsonl", *words, "-o", "run") == 0, capsys.readouterr().err
    (job,) = proxied.server.state()["jobs"]
    assert (job["status"], job["hyperparameters"]["n_epochs"]) == ("succeeded", 2)
    assert job["fine_tuned_model"] in capsys.readouterr().out
    assert _asked(proxied) >= {
        "GET /models/*",
        "POST /moderations",
        "GET /files",
        "POST /files",
        "GET /files/*",
        "GET /fine_tuning/jobs",
        "POST /fine_tuning/jobs",
        "GET /fine_tuning/jobs/*",
        "GET /fine_tuning/jobs/*/events",
        "GET /fine_tuning/jobs/*/checkpoints",
        "GET /files/*/content",
    }
    proxied.watch.seen.clear()
    assert at("predict", "train.jsonl", "--model", "run", "-o", "out.jsonl") == 0
    assert _asked(proxied) == {"POST /chat/completions"}
    told = [json.loads(line)["output"] for line in Path("out.jsonl").read_text().splitlines()]
    assert told == [f"answer {number}" for number in range(20)]


def test_a_large_file_goes_in_parts_in_openais_words(
    proxied: Proxied, at: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.train.protocol.files.MOST_AT_ONCE", 1000)
    monkeypatch.setattr("audit.train.protocol.files.PART", 400)
    _write(15)
    assert at("train", "train.jsonl", "-o", "run") == 0
    asked = [one.path for one in proxied.watch.seen if one.path.startswith("/uploads") and one.method == "POST"]
    assert [path.rpartition("/")[2] for path in asked] == ["uploads", *["parts"] * (len(asked) - 2), "complete"]
    made = proxied.server.state()["jobs"][-1]["training_file"]
    assert proxied.server.content(made) == Path("run/train.jsonl").read_bytes()


def test_preferences_are_trained_on_in_openais_words(proxied: Proxied, at: Run) -> None:
    asked = {"messages": [{"role": "user", "content": "which"}]}
    some = [
        {
            "input": asked,
            "preferred_output": [{"role": "assistant", "content": f"this {number}"}],
            "non_preferred_output": [{"role": "assistant", "content": f"that {number}"}],
        }
        for number in range(12)
    ]
    Path("train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in some))
    assert at("train", "train.jsonl", "--set", "beta=0.2", "-o", "run") == 0
    made = proxied.server.state()["jobs"][-1]
    assert (made["method"]["type"], made["method"]["dpo"]["hyperparameters"]["beta"]) == ("dpo", 0.2)


def test_a_job_that_is_left_is_asked_for_stopped_and_followed_in_openais_words(proxied: Proxied, at: Run) -> None:
    # What a job is called while it is paused is not in OpenAI's file; its example of an answer says "queued".
    proxied.server.scenario(pause_statuses=["queued"])
    _write(13)
    assert at("train", "train.jsonl", "--no-wait", "-o", "run") == 0
    for action in ("status", "pause", "resume", "cancel"):
        assert main(["train", "-o", "run", "--job", action]) == 0
    assert proxied.server.state()["jobs"][-1]["status"] == "cancelled"
    proxied.server.scenario(pause_statuses=None)


@pytest.mark.parametrize("how", [(), ("--batch", "--batch-poll-seconds", "0.01")], ids=["live", "batch"])
def test_predictions_of_a_model_are_asked_for_in_openais_words(proxied: Proxied, at: Run, how: tuple[str, ...]) -> None:
    _write(14)
    words = ["--endpoint", proxied.watch.url, "--model", BASE, *how, "-o", "out.jsonl"]
    assert at("predict", "train.jsonl", *words) == 0
    assert Path("out.jsonl").read_bytes().count(b"The stand-in") == 14
    assert ("POST /batches" if how else "POST /chat/completions") in _asked(proxied)
