"""The paraphraser against a real server on this machine: what it sends, what it tries again, and when it gives up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from audit.errors import MissingExtra, UsageError
from audit.train import endpoints as module
from audit.train.paraphrase import INSTRUCTION, EndpointParaphraser
from tests.remedy.augmented import made, row
from tests.train.served import Answer, Server, completion, question, serving

pytest.importorskip("openai")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-test")


@contextmanager
def paraphraser(server: Server, **options: Any) -> Iterator[EndpointParaphraser]:
    with EndpointParaphraser(server.url, "m", **options) as found:
        yield found


def test_texts_come_back_in_their_order() -> None:
    with serving(lambda asked, _: completion(question(asked).upper())) as server, paraphraser(server) as asks:
        texts = [f"text {n}" for n in range(30)]
        assert asks.paraphrase(texts) == [text.upper() for text in texts]
        assert asks.paraphrase([]) == []
        assert not asks.failures


def test_the_instruction_the_text_a_temperature_and_a_seed_are_sent_and_nothing_else() -> None:
    with serving(lambda *_: completion("b")) as server, paraphraser(server) as asks:
        asks.paraphrase(["a"])
    (asked,) = server.asked
    assert asked["messages"] == [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": "a"}]
    assert set(asked) == {"messages", "model", "temperature", "seed"}
    assert server.keys == ["Bearer key-of-the-test"]


def test_seeds_depend_on_seed_text_and_turn_and_repeat_from_run_to_run() -> None:
    def seeds(**options: Any) -> list[int]:
        with serving(lambda *_: completion("b")) as server, paraphraser(server, concurrency=1, **options) as asks:
            asks.paraphrase(["a", "b"])
            asks.paraphrase(["a"])
        return [asked["seed"] for asked in server.asked]

    first = seeds()
    assert first == seeds()
    assert len(set(first)) == 3
    assert not set(first) & set(seeds(seed=1))


def test_too_many_requests_are_asked_again_after_the_wait_that_the_server_names() -> None:
    def answer(_: Any, before: int) -> Answer:
        return Answer(429, {"error": {"message": "slow"}}, {"retry-after": "0.2"}) if before < 2 else completion("b")

    with serving(answer) as server, paraphraser(server) as asks:
        began = time.monotonic()
        assert asks.paraphrase(["a"]) == ["b"]
        assert time.monotonic() - began >= 0.4
        assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("broken", "why", "requests"),
    [
        (Answer(429, {}), "rate_limit", 3),
        (Answer(500, {}), "server", 3),
        (Answer(503, b"<html>no</html>", {"content-type": "text/html"}), "server", 3),
        (Answer(429, {}, {"retry-after": "86400"}), "rate_limit", 1),
        (Answer(400, {"error": {"message": "content filter"}}), "refused", 1),
        (Answer(200, b"{broken"), "garbled", 1),
        (Answer(200, b"hello", {"content-type": "text/plain"}), "garbled", 1),
        (Answer(200, []), "garbled", 1),
        (Answer(200, {"choices": []}), "garbled", 1),
        (Answer(200, {"choices": [{"message": None}]}), "garbled", 1),
        (Answer(200, {"choices": [{"message": {"content": 7}}]}), "garbled", 1),
        (completion(None), "garbled", 1),
        (Answer(None), "connection", 3),
    ],
    ids=str,
)
def test_what_stays_broken_is_counted_and_harms_no_other_text(broken: Answer, why: str, requests: int) -> None:
    def answer(asked: dict[str, Any], _: int) -> Answer:
        return broken if question(asked) == "bad" else completion("fine")

    with serving(answer) as server, paraphraser(server, retries=2) as asks:
        assert asks.paraphrase(["good", "bad", "also good"]) == ["fine", None, "fine"]
        assert asks.failures == {why: 1}
        assert sum(question(asked) == "bad" for asked in server.asked) == requests


def test_an_answer_that_does_not_come_in_time_is_asked_for_again() -> None:
    slow = threading.Event()

    def answer(_: Any, before: int) -> Answer:
        if not before:
            slow.wait(5)
        return completion("b")

    with serving(answer) as server, paraphraser(server, timeout=0.3) as asks:
        assert asks.paraphrase(["a"]) == ["b"]
        slow.set()
        assert len(server.asked) == 2


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_or_model_that_is_not_known_ends_it(status: int) -> None:
    wrong = Answer(status, {"error": {"message": "no such thing"}})
    with serving(lambda *_: wrong) as server, paraphraser(server) as asks, pytest.raises(UsageError, match="no such"):
        asks.paraphrase(["a", "b", "c"])


def test_a_server_that_is_not_there_ends_it() -> None:
    with serving(lambda *_: completion("b")) as server:
        pass
    with paraphraser(server, retries=1) as asks, pytest.raises(UsageError, match="cannot be reached"):
        asks.paraphrase(["a", "b"])


def test_lone_surrogates_can_be_sent() -> None:
    with serving(lambda *_: completion("b")) as server, paraphraser(server) as asks:
        assert asks.paraphrase(["a \ud800"]) == ["b"]


def test_a_hosted_endpoint_needs_a_key_and_a_local_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UsageError, match="needs a key"):
        EndpointParaphraser("https://api.openai.com/v1", "m")
    monkeypatch.setenv("OTHER_KEY", "o")
    with serving(lambda *_: completion("b")) as server:
        with paraphraser(server) as asks:
            assert asks.paraphrase(["a"]) == ["b"]
        with paraphraser(server, key_variable="OTHER_KEY") as asks:
            assert asks.paraphrase(["a"]) == ["b"]
    assert server.keys[1] == "Bearer o"


def test_what_is_no_url_is_refused() -> None:
    with pytest.raises(UsageError, match="is no URL"):
        EndpointParaphraser("localhost:8000", "m")


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtra) as missing:
        EndpointParaphraser("http://localhost:1/v1", "m")
    assert "finetune-audit[openai]" in (missing.value.hint or "")


def test_what_an_endpoint_says_becomes_rows_or_is_refused() -> None:
    def answer(asked: dict[str, Any], _: int) -> Answer:
        text = question(asked)
        if "number 3" in text:
            return completion("I'm sorry, I cannot help with that.")
        if "number 4" in text:
            return Answer(400, {"error": {"message": "content filter"}})
        return completion(text.replace("How much is", "What is the price of"))

    rows = [row(f"How much is the woman's car number {n}?", note="secret") for n in range(6)] + [row("The man left.")]
    with serving(answer) as server, paraphraser(server) as asks:
        found = made(rows, {"gender female": 12}, kind="paraphrase", paraphraser=asks)
    count = found.counts["gender female"]
    assert count.made == 4
    assert (count.refused["declined"], count.refused["failed"]) == (2, 2)
    assert all(text.startswith("What is the price of the woman's car") for text in found.questions)
    assert "secret" not in json.dumps(server.asked)


CHILD = """
import sys
from audit.train.paraphrase import EndpointParaphraser
try:
    EndpointParaphraser(sys.argv[1], "m", timeout=60).paraphrase(["a", "b", "c", "d", "e"])
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
def test_ctrl_c_stops_at_once_though_the_server_does_not_answer() -> None:
    here, done = threading.Event(), threading.Event()

    def answer(*_: Any) -> Answer:
        here.set()
        done.wait(30)
        return Answer(None)

    with serving(answer) as server:
        command = [sys.executable, "-c", CHILD, server.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            assert here.wait(60)
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=20)
        done.set()
    assert (out.strip(), child.returncode) == ("interrupted", 0), err
    assert len(server.asked) <= 4


def test_a_lost_connection_of_a_last_text_throws_no_answer_away() -> None:
    lost = Answer(None)
    with (
        serving(lambda asked, _: lost if question(asked) == "last" else completion("fine")) as server,
        paraphraser(server, retries=0) as asks,
    ):
        assert asks.paraphrase(["first"]) == ["fine"]
        assert asks.paraphrase(["last"]) == [None]
        assert asks.failures == {"connection": 1}
