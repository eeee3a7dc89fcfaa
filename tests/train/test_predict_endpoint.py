"""Predictions of an endpoint, against a real server on this machine: nothing is asked twice, nothing secret is kept."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from audit.errors import InputError, UsageError
from audit.train import endpoints
from audit.train.addresses import shown_address
from tests.train.asked import asked, chat, questions, read, write
from tests.train.served import Answer, completion, question, serving

pytest.importorskip("openai")
SECRET = "sk-very-secret-key-of-the-test"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "FIRST_WAIT", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)


def said(text: Any, logprobs: list[float] | None = None) -> Answer:
    body = completion(text).body
    body["usage"] = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    if logprobs is not None:
        tokens = [{"token": "a", "bytes": None, "logprob": value, "top_logprobs": []} for value in logprobs]
        body["choices"][0]["logprobs"] = {"content": tokens, "refusal": None}
    return Answer(200, body)


def kept(folder: Path) -> str:
    """Everything that a prediction leaves behind."""
    return "".join(path.read_text("utf-8") for path in sorted(folder.iterdir()) if "out" in path.name)


def test_answers_stand_in_row_order_whatever_order_they_come_in(tmp_path: Path) -> None:
    rows = questions(40)
    data = write(tmp_path / "in.jsonl", rows)
    with serving(lambda request, _: said(question(request).upper())) as server:
        report = asked(data, tmp_path / "out.jsonl", model="m", endpoint=server.url, concurrency=8)
    found = read(tmp_path / "out.jsonl")
    assert [line["output"] for line in found] == [row["messages"][0]["content"].upper() for row in rows]
    assert {(line["prompt_tokens"], line["output_tokens"], line["finish_reason"]) for line in found} == {(7, 2, "stop")}
    assert all(isinstance(line["seconds"], float) for line in found)
    assert (report.answers, report.errors) == (40, 0)
    assert len(server.asked) == 40


def test_only_prompt_tools_and_parameters_are_sent(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
    rows = [chat("a?", "the answer", tools=tools, metadata={"label": "secret"})]
    data = write(tmp_path / "in.jsonl", rows)
    with serving(lambda *_: said("b", [-0.5, -9999.0])) as server:
        asked(data, tmp_path / "out.jsonl", model="arm=m", endpoint=server.url, logprobs=True, max_new_tokens=9)
    (request,) = server.asked
    seed = request.pop("seed")
    assert request == {
        "model": "m", "messages": rows[0]["messages"][:1], "tools": tools, "max_tokens": 9, "temperature": 0.0,
        "logprobs": True,
    }  # fmt: skip
    assert 0 <= seed < 2**31
    assert server.keys == [f"Bearer {SECRET}"]
    (line,) = read(tmp_path / "out.jsonl")
    assert (line["token_logprobs"], line["arm"], line["tools"]) == ([-0.5, -9999.0], "arm", tools)


def test_what_fails_is_the_error_of_its_row_and_is_counted(tmp_path: Path) -> None:
    answers = {
        "late": Answer(429, {}, {"retry-after": "0.05"}),
        "down": Answer(500, {"error": {"message": "oops"}}),
        "filter": Answer(400, {"error": {"message": f"no, {SECRET}"}}),
        "broken": Answer(200, b"{broken"),
        "empty": Answer(200, {"choices": []}),
        "lost": Answer(None),
    }
    rows = [chat(name, "x") for name in ("fine", *answers, "also fine")]
    data = write(tmp_path / "in.jsonl", [*rows, {"messages": []}])

    def answer(request: dict[str, Any], before: int) -> Answer:
        found = answers.get(question(request), said("b"))
        return said("c") if question(request) == "late" and before == 1 else found

    with serving(answer) as server:
        report = asked(data, tmp_path / "out.jsonl", model="m", endpoint=server.url, retries=1)
    words = [(line["error"] or "none").partition(":")[0] for line in read(tmp_path / "out.jsonl")]
    assert words == ["none", "none", "server", "refused", "garbled", "garbled", "connection", "none", "no_messages"]
    assert report.failed == {"connection": 1, "garbled": 2, "no_messages": 1, "refused": 1, "server": 1}
    assert SECRET not in kept(tmp_path)


def test_slow_answers_are_given_up_in_time(tmp_path: Path) -> None:
    release = threading.Event()

    def answer(request: dict[str, Any], _: int) -> Answer:
        if question(request) == "slow":
            release.wait(5)
        return said("b")

    data = write(tmp_path / "in.jsonl", [chat("slow", "x"), chat("fast", "x")])
    with serving(answer) as server:
        report = asked(data, tmp_path / "out.jsonl", model="m", endpoint=server.url, timeout=0.2, retries=0)
        release.set()
    assert report.failed == {"timeout": 1}


def test_a_server_that_sends_a_byte_now_and_then_is_given_up_in_time_too(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as open_:

        def drip() -> None:
            with suppress(OSError):
                connection = open_.enter_context(listening.accept()[0])
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n")
                for _ in range(500):
                    connection.sendall(b" ")
                    threading.Event().wait(0.02)

        threading.Thread(target=drip, daemon=True).start()
        data = write(tmp_path / "in.jsonl", [*questions(1), {"messages": []}])
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        report = asked(data, tmp_path / "out.jsonl", model="m", endpoint=address, timeout=0.4, retries=0)
    assert report.failed == {"no_messages": 1, "timeout": 1}


def test_what_passes_is_asked_again_though_the_file_is_whole(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", [*questions(5), chat("bad", "x"), {"messages": []}])
    given: dict[str, Any] = {"model": "m", "retries": 0, "samples": 2, "temperature": 1.0, "logprobs": True}
    state = Counter[str]()

    def answer(request: dict[str, Any], _: int) -> Answer:
        if question(request) == "bad":
            return Answer(400, {})
        down = not state["up"] and question(request) == questions(5)[3]["messages"][0]["content"]
        return Answer(503, {}) if down else said(question(request), [-0.5])

    with serving(answer) as server:
        first = asked(data, tmp_path / "out.jsonl", endpoint=server.url, **given)
        state["up"], count = 1, len(server.asked)
        report = asked(data, tmp_path / "out.jsonl", endpoint=server.url, resume=True, **given)
        assert len(server.asked) == count + 2
        again = asked(data, tmp_path / "out.jsonl", endpoint=server.url, resume=True, **given)
        assert len(server.asked) == count + 2
    assert (first.passing, first.errors) == (2, 6)
    assert (report.passing, report.errors, report.found) == (0, 4, 12)
    assert again.failed == report.failed == {"no_messages": 2, "refused": 2}
    found = read(tmp_path / "out.jsonl")
    assert [line["output"] for line in found[:10:2]] == [row["messages"][0]["content"] for row in questions(5)]
    assert [line["token_logprobs"] for line in found[:10]] == [[-0.5]] * 10


def test_a_whole_file_that_was_changed_is_no_longer_taken_for_the_answers(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", questions(3))
    with serving(lambda *_: said("b")) as server:
        given: dict[str, Any] = {"model": "m", "endpoint": server.url}
        asked(data, tmp_path / "out.jsonl", **given)
        for changed in (b"", (tmp_path / "out.jsonl").read_bytes() + b"{}\n"):
            (tmp_path / "out.jsonl").write_bytes(changed)
            with pytest.raises(InputError, match="is not the file that was written"):
                asked(data, tmp_path / "out.jsonl", resume=True, **given)


def test_lone_surrogates_of_a_server_or_of_tools_end_nothing(tmp_path: Path) -> None:
    broken = "a \ud800 b"
    call = {"id": "1", "type": "function", "function": {"name": broken, "arguments": "{}"}}
    bodies = {name: said("fine").body for name in ("text", "finish", "call")}
    bodies["text"]["choices"][0]["message"]["content"] = broken
    bodies["finish"]["choices"][0]["finish_reason"] = broken
    bodies["call"]["choices"][0]["message"] |= {"content": None, "tool_calls": [call]}
    answers = {name: Answer(200, body) for name, body in bodies.items()}
    answers["error"] = Answer(400, {"error": {"message": broken}})
    tools = [{"type": "function", "function": {"name": "look", "description": broken}}]
    data = write(tmp_path / "in.jsonl", [chat(name, "x", tools=tools) for name in answers])
    with serving(lambda request, _: answers[question(request)]) as server:
        report = asked(data, tmp_path / "out.jsonl", model="m", endpoint=server.url)
    assert report.failed == {"refused": 1}
    found = read(tmp_path / "out.jsonl")
    assert found[0]["output"] == found[1]["finish_reason"] == "a \ufffd b"
    assert json.loads(found[2]["output"])["tool_calls"][0]["name"] == "a \ufffd b"
    assert "a \ufffd b" in found[3]["error"]


def test_json_that_is_too_deep_is_the_error_of_its_row(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", questions(1))
    deep = Answer(200, b"[" * 200_000 + b"]" * 200_000)
    with serving(lambda *_: deep) as server:
        report = asked(data, tmp_path / "out.jsonl", model="m", endpoint=server.url)
    assert report.failed == {"garbled": 1}


def test_counts_and_likelihoods_that_cannot_be_are_left_out(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", [chat(f"{n}?", "x") for n in range(3)])
    counts: list[Any] = [-1, 10**400, True]

    def answer(request: dict[str, Any], _: int) -> Answer:
        made = said("b", [True, -0.5] if question(request) == "0?" else [10**400, -0.5])
        made.body["usage"] = {"prompt_tokens": counts[int(question(request)[0])], "completion_tokens": 2}
        return made

    with serving(answer) as server:
        asked(data, tmp_path / "out.jsonl", model="m", endpoint=server.url, logprobs=True)
    found = read(tmp_path / "out.jsonl")
    assert {(line["prompt_tokens"], line["output_tokens"]) for line in found} == {(None, 2)}
    assert found[0]["token_logprobs"] == [None, -0.5]
    assert found[1]["token_logprobs"][0] is None


@pytest.mark.parametrize(
    "address",
    ["http://[::1/v1", "http://", "http://host:99999/v1", "http://host:x/v1", "ftp://a"],
)
def test_what_is_no_address_is_refused_as_it_was_given(tmp_path: Path, address: str) -> None:
    data = write(tmp_path / "in.jsonl", questions(1))
    with pytest.raises(UsageError, match="is no URL") as raised:
        asked(data, tmp_path / "out.jsonl", model="m", endpoint=address)
    assert address in str(raised.value)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_or_model_that_is_not_known_ends_it_with_a_word(tmp_path: Path, status: int) -> None:
    data = write(tmp_path / "in.jsonl", questions(9))
    wrong = Answer(status, {"error": {"message": f"wrong {SECRET}"}})
    with serving(lambda *_: wrong) as server, pytest.raises(UsageError, match="refuses m") as raised:
        asked(data, tmp_path / "out.jsonl", model="m", endpoint=server.url)
    assert SECRET not in str(raised.value)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_server_that_dies_ends_it_and_what_it_said_is_kept(tmp_path: Path, concurrency: int) -> None:
    data = write(tmp_path / "in.jsonl", questions(60))
    given: dict[str, Any] = {"model": "m", "concurrency": concurrency, "retries": 0}
    turn, back = itertools.count(1), threading.Event()
    told: list[str] = []

    def answer(request: dict[str, Any], _: int) -> Answer:
        if next(turn) > 20 and not back.is_set():  # next() is one step, so two requests never share a turn
            return Answer(None)
        told.append(question(request))
        return said("first")

    with serving(answer) as server:
        with pytest.raises(UsageError, match="cannot be reached") as raised:
            asked(data, tmp_path / "out.jsonl", endpoint=server.url, **given)
        kept_so_far = re.search(
            r"(\d+) answers so far stand in out.jsonl.partial, and --resume", raised.value.hint or ""
        )
        # Of two requests at a time one may still wait for its answer when the failures of the other end it, and a
        # failure that came before an answer is written as well, and is asked again.
        assert kept_so_far is not None
        assert int(kept_so_far[1]) == 20 if concurrency == 1 else int(kept_so_far[1]) >= 19
        back.set()
        report = asked(data, tmp_path / "out.jsonl", endpoint=server.url, resume=True, **given)
    assert (report.answers, report.errors) == (60, 0)
    assert report.found == 20 if concurrency == 1 else report.found >= 19
    assert len(set(told)) == 60
    assert len(set(told[:20]) & set(told[20:])) < concurrency  # nothing that was answered was asked again


CHILD = """
import sys
from audit.cli import main
raise SystemExit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
@pytest.mark.parametrize(("killed", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_killed_run_asks_nothing_twice(tmp_path: Path, killed: signal.Signals, code: int) -> None:
    data = write(tmp_path / "in.jsonl", questions(60))
    here, count = threading.Event(), Counter[str]()
    hold = threading.Event()

    def answer(request: dict[str, Any], _: int) -> Answer:
        count["asked"] += 1
        if count["asked"] > 30 and not count["again"]:
            here.set()
            hold.wait(20)
            return Answer(None)
        return said(question(request))

    with serving(answer) as server:
        words = ["predict", str(data), "-o", str(tmp_path / "out.jsonl"), "--model", "m", "--endpoint", server.url]
        words += ["--concurrency", "1", "--isolated", "--quiet"]
        with subprocess.Popen([sys.executable, "-c", CHILD, *words]) as child:
            assert here.wait(60)
            threading.Event().wait(0.5)  # what was said before is written by now
            child.send_signal(killed)
            assert child.wait(20) == code
        hold.set()
        answered = [one["messages"][0]["content"] for one in server.asked[:30]]
        stood = {line["row"] for line in read_whole(tmp_path / "out.jsonl.partial")}
        count["again"], first = 1, len(server.asked)
        report = asked(data, tmp_path / "out.jsonl", model="m", endpoint=server.url, resume=True, concurrency=1)
        later = [one["messages"][0]["content"] for one in server.asked[first:]]
    assert report.found == len(stood)
    wanted = [row["messages"][0]["content"] for row in questions(60)]
    assert sorted(later) == sorted(set(wanted) - {wanted[row] for row in stood})
    assert [line["output"] for line in read(tmp_path / "out.jsonl")] == wanted
    assert len(stood) == 30
    assert not set(answered) & set(later)


def read_whole(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file that may end in half a line."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def test_calls_of_tools_are_answers_too(tmp_path: Path) -> None:
    body = completion(None).body
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    body["choices"][0]["message"]["tool_calls"] = [call]
    data = write(tmp_path / "in.jsonl", questions(1))
    with serving(lambda *_: Answer(200, body)) as server:
        asked(data, tmp_path / "out.jsonl", model="m", endpoint=server.url)
    (line,) = read(tmp_path / "out.jsonl")
    assert json.loads(line["output"]) == {"tool_calls": [{"name": "look", "arguments": "{}"}]}


def test_no_key_and_no_password_is_kept(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", questions(3))
    with serving(lambda *_: said("b")) as server:
        address = server.url.replace("http://", "http://somebody:hunter2@") + "/"
        asked(data, tmp_path / "out.jsonl", model="m", endpoint=address)
        with pytest.raises(InputError, match="another endpoint"):
            asked(data, tmp_path / "out.jsonl", model="m", endpoint="http://127.0.0.1:1/v1", resume=True)
    everything = kept(tmp_path)
    assert "127.0.0.1" in everything
    assert not [word for word in (SECRET, "hunter2", "somebody", "OPENAI_API_KEY") if word in everything]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:pw@host.example:8443/v1?key=abc#x", "https://host.example:8443/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("http://u:p@host:notaport/v1?k=1", "http://host:notaport/v1"),
        ("localhost:8000", "localhost:8000"),
        ("me:pw@host", "host"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address: str, shown: str) -> None:
    assert shown_address(address) == shown


def test_labels_and_own_answers_need_the_model_itself(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", questions(1))
    for given in ({"labels": "a,b"}, {"score_answers": True}):
        with pytest.raises(UsageError, match="in this process"):
            asked(data, tmp_path / "out.jsonl", model="m", endpoint="http://localhost:1/v1", **given)
