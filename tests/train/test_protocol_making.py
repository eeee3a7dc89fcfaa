"""What must be at a provider once: found again rather than made again, and never paid for twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("openai")

from openai.types import FileObject

from audit.errors import InputError
from audit.train.protocol import files
from audit.train.protocol.connection import LONGEST_LOOK, LOOKS, Connection, pages
from audit.train.protocol.failures import ProviderError
from audit.train.protocol.files import LONGEST, Stored, content, stored
from tests.train.provider.process import Provider

MAKE = "POST /fine_tuning/jobs"
UNSETTLED = ["status-after", "drop-after", "garble-after", "hang-after"]
"""The job is made, and nobody says so."""
NOTHING_DONE = ["status", "drop", "garble", "hang"]


@pytest.fixture
def connection(
    server: Provider, waits: list[float], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Connection]:
    monkeypatch.setenv("OPENAI_API_KEY", server.key)
    timeout = 1.0 if "hang" in request.node.name else 30.0
    with Connection("openai", base_url=server.url, timeout=timeout, retries=2, sleep=waits.append) as made:
        yield made


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    row = '{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."}]}\n'
    path.write_text(row * 12)
    return path


def handed_in(connection: Connection, path: Path, **options: Any) -> Stored:
    return stored(connection, path, role="train", purpose="fine-tune", sleep=lambda _: None, **options)


def job(connection: Connection, file: str, *, paid: bool = True, doubtful: bool = False) -> Any:
    def find() -> Any:
        listed = connection.read(lambda client: pages(client.fine_tuning.jobs.list(), 100), "looking for the job")
        return listed[0] if listed else None

    def make(client: Any) -> Any:
        return client.fine_tuning.jobs.create(model="gpt-4o-mini-2024-07-18", training_file=file)

    def whole(client: Any) -> Any:
        made = make(client)
        connection.plain(made, "creating the job")
        return made

    return connection.made_once(find, whole, "creating the job", paid=paid, doubtful=doubtful)


def posts(server: Provider, path: str) -> int:
    return sum((method, asked) == ("POST", path) for method, asked, *_ in server.requests())


# ----------------------------------------------------------------------------- a job


@pytest.mark.parametrize("do", UNSETTLED)
def test_a_job_that_was_made_without_an_answer_is_found(
    server: Provider, connection: Connection, data: Path, do: str
) -> None:
    file = handed_in(connection, data)
    server.fault(MAKE, do=do)
    made = job(connection, file.id)
    assert made.found
    assert (len(server.state()["jobs"]), posts(server, "/fine_tuning/jobs")) == (1, 1)


@pytest.mark.parametrize("do", NOTHING_DONE)
def test_a_job_of_which_nobody_knows_is_lost_and_not_made_again(
    server: Provider, connection: Connection, data: Path, waits: list[float], do: str
) -> None:
    file = handed_in(connection, data)
    server.fault(MAKE, do=do)
    with pytest.raises(ProviderError) as raised:
        job(connection, file.id)
    assert (raised.value.kind, posts(server, "/fine_tuning/jobs")) == ("lost", 1)
    assert "nobody knows whether it was done" in raised.value.what
    assert "--resume" in str(raised.value.hint)
    assert len(waits) >= LOOKS
    assert sum(waits) >= connection.timeout
    assert waits == sorted(waits)
    assert waits[-1] <= LONGEST_LOOK


@pytest.mark.parametrize("do", NOTHING_DONE)
def test_what_costs_nothing_is_made_again(server: Provider, connection: Connection, data: Path, do: str) -> None:
    file = handed_in(connection, data)
    server.fault(MAKE, do=do)
    assert not job(connection, file.id, paid=False).found
    assert (len(server.state()["jobs"]), posts(server, "/fine_tuning/jobs")) == (1, 2)


def test_a_job_that_is_listed_late_is_found(server: Provider, connection: Connection, data: Path) -> None:
    file = handed_in(connection, data)
    server.scenario(hidden=2)
    server.fault(MAKE, do="drop-after")
    assert job(connection, file.id).found
    assert len(server.state()["jobs"]) == 1


def test_a_job_that_is_listed_very_late_is_lost_and_found_the_next_time(
    server: Provider, connection: Connection, data: Path
) -> None:
    file = handed_in(connection, data)
    server.scenario(hidden=9)  # eight looks are a minute's, and seven those of half of one
    server.fault(MAKE, do="drop-after")
    with pytest.raises(ProviderError) as raised:
        job(connection, file.id)
    assert raised.value.kind == "lost"
    assert job(connection, file.id, doubtful=True).found
    assert len(server.state()["jobs"]) == 1


def test_a_doubtful_job_that_there_is_not_is_made(server: Provider, connection: Connection, data: Path) -> None:
    file = handed_in(connection, data)
    assert not job(connection, file.id, doubtful=True).found
    assert len(server.state()["jobs"]) == 1


@pytest.mark.parametrize("do", ["status", "drop", "garble"])
def test_a_look_that_fails_after_a_paid_call_says_that_the_job_may_be_there(
    server: Provider, connection: Connection, data: Path, do: str
) -> None:
    file = handed_in(connection, data)
    server.fault(MAKE, do="drop-after")
    server.fault("GET /fine_tuning/jobs", nth=2, do=do, times=0)
    with pytest.raises(ProviderError) as raised:
        job(connection, file.id)
    assert (raised.value.kind, posts(server, "/fine_tuning/jobs")) == ("lost", 1)


@pytest.mark.parametrize("do", ["status", "garble"])
def test_nothing_is_made_where_nobody_can_say_what_is_there(
    server: Provider, connection: Connection, data: Path, do: str
) -> None:
    file = handed_in(connection, data)
    server.fault("GET /fine_tuning/jobs", do=do, times=0)
    with pytest.raises(ProviderError):
        job(connection, file.id, doubtful=True)
    assert server.state()["jobs"] == []


def test_a_job_that_was_refused_for_a_while_is_made_then(
    server: Provider, connection: Connection, data: Path, waits: list[float]
) -> None:
    file = handed_in(connection, data)
    server.fault(MAKE, do="status", status=429, headers={"retry-after": "3"}, times=2)
    assert not job(connection, file.id).found
    assert (waits, len(server.state()["jobs"])) == ([3.0, 3.0], 1)


def test_nobody_waits_after_the_last_refusal(
    server: Provider, connection: Connection, data: Path, waits: list[float]
) -> None:
    file = handed_in(connection, data)
    server.fault(MAKE, do="status", status=429, times=0)
    with pytest.raises(ProviderError) as raised:
        job(connection, file.id)
    assert (raised.value.kind, waits, posts(server, "/fine_tuning/jobs")) == ("rate_limit", [0.5, 1.0], 3)


def test_a_paid_call_that_never_left_is_made_again(connection: Connection, waits: list[float]) -> None:
    failures = [ProviderError("connection", "creating: no connection", sent=False)]

    def make(_: object) -> str:
        if failures:
            raise failures.pop()
        return "made"

    assert connection.made_once(lambda: None, make, "creating", paid=True).it == "made"
    assert waits == [0.5]


def test_an_account_without_money_asks_for_no_job_twice(
    server: Provider, connection: Connection, data: Path, waits: list[float]
) -> None:
    file = handed_in(connection, data)
    body = {"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}}
    server.fault(MAKE, do="status", status=429, body=body, times=0)
    with pytest.raises(ProviderError) as raised:
        job(connection, file.id)
    assert (raised.value.kind, waits, posts(server, "/fine_tuning/jobs")) == ("quota", [], 1)


# ----------------------------------------------------------------------------- files


def test_a_file_is_handed_in_once(server: Provider, connection: Connection, data: Path) -> None:
    first, again = handed_in(connection, data), handed_in(connection, data)
    assert (first.found, again.found, first.id) == (False, True, again.id)
    assert server.content(first.id) == data.read_bytes()
    assert first.name == f"train-{first.sha256[:32]}.jsonl"


@pytest.mark.parametrize("do", [*UNSETTLED, *NOTHING_DONE])
def test_a_file_is_there_once_whatever_became_of_the_answer(
    server: Provider, connection: Connection, data: Path, do: str
) -> None:
    server.fault("POST /files", do=do)
    found = handed_in(connection, data)
    assert [one["id"] for one in server.state()["files"]] == [found.id]


def test_a_file_that_was_changed_is_another(server: Provider, connection: Connection, data: Path) -> None:
    first = handed_in(connection, data)
    data.write_text(data.read_text() * 2)
    assert handed_in(connection, data).id != first.id


def test_a_file_that_the_provider_could_not_read_is_handed_in_again(
    server: Provider, connection: Connection, data: Path
) -> None:
    server.scenario(file_statuses=["uploaded", "error"], file_details="Example 3 cannot be parsed.")
    with pytest.raises(ProviderError) as raised:
        handed_in(connection, data)
    assert (raised.value.kind, raised.value.said) == ("refused", "Example 3 cannot be parsed.")
    assert "could not take the file in: Example 3 cannot be parsed." in raised.value.what
    server.scenario(file_statuses=["processed"], file_details=None)
    assert not handed_in(connection, data).found


@pytest.mark.parametrize("status", ["deleted", "error"])
def test_a_broken_file_is_no_file(server: Provider, connection: Connection, data: Path, status: str) -> None:
    server.scenario(file_statuses=["uploaded", status])
    with pytest.raises(ProviderError, match="it does not say why"):
        handed_in(connection, data)


def test_a_file_is_waited_for(server: Provider, connection: Connection, data: Path) -> None:
    server.scenario(file_statuses=["uploaded", "pending", "running", "processed"])
    waited: list[float] = []
    stored(connection, data, role="train", purpose="fine-tune", poll=2.0, sleep=waited.append)
    assert waited == [2.0, 2.0]


def test_a_file_that_is_never_ready_is_given_up(server: Provider, connection: Connection, data: Path) -> None:
    server.scenario(file_statuses=["pending"])
    with pytest.raises(ProviderError) as raised:
        handed_in(connection, data, poll=LONGEST / 3)
    assert raised.value.kind == "timeout"
    assert "the file is 'pending' after 1,800 seconds" in raised.value.what


def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_AT_ONCE", 100)
    monkeypatch.setattr(files, "PART", 256)


def test_a_large_file_goes_in_parts(
    server: Provider, connection: Connection, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_parts(monkeypatch)
    found = handed_in(connection, data)
    assert server.content(found.id) == data.read_bytes()
    assert handed_in(connection, data).found


@pytest.mark.parametrize("do", ["status", "drop", "drop-after"])
def test_a_part_that_does_not_arrive_is_sent_again_and_no_other(
    server: Provider, connection: Connection, data: Path, monkeypatch: pytest.MonkeyPatch, do: str
) -> None:
    in_parts(monkeypatch)
    server.fault("POST /uploads/*/parts", nth=2, do=do)
    found = handed_in(connection, data)
    assert server.content(found.id) == data.read_bytes()
    assert posts(server, "/uploads") == 1


@pytest.mark.parametrize("do", ["status-after", "drop-after", "garble-after", "drop", "garble"])
@pytest.mark.parametrize("match", ["POST /uploads", "POST /uploads/*/complete"])
def test_a_large_file_is_there_once_whatever_became_of_the_answer(
    server: Provider, connection: Connection, data: Path, monkeypatch: pytest.MonkeyPatch, match: str, do: str
) -> None:
    in_parts(monkeypatch)
    server.fault(match, do=do)
    found = handed_in(connection, data)
    assert [one["id"] for one in server.state()["files"]] == [found.id]


@pytest.mark.parametrize("do", [None, "drop-after"])
def test_a_file_that_changes_while_it_is_uploaded_is_refused(
    server: Provider, connection: Connection, data: Path, monkeypatch: pytest.MonkeyPatch, do: str | None
) -> None:
    once: Callable[..., Any] = connection.once
    right = data.read_text()

    def changed(call: Any, what: str) -> Any:
        if what == "uploading train.jsonl":
            data.write_text(right.replace("Hello", "Howdy"))  # of the same size
        return once(call, what)

    if do:
        server.fault("POST /files", do=do)
    with monkeypatch.context() as patched:
        patched.setattr(connection, "once", changed)
        with pytest.raises(InputError, match="was changed while it was uploaded"):
            handed_in(connection, data)
    data.write_text(right)
    assert server.content(handed_in(connection, data).id) == right.encode()


def test_a_file_that_is_not_the_recorded_one_is_not_uploaded(
    server: Provider, connection: Connection, data: Path
) -> None:
    with pytest.raises(InputError, match="is not as it was recorded"):
        handed_in(connection, data, expected="0" * 64)
    assert server.requests() == []
    assert not handed_in(connection, data, expected=hashlib.sha256(data.read_bytes()).hexdigest()).found


def test_a_file_that_is_not_there_is_said_to_be_missing(connection: Connection, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        handed_in(connection, tmp_path / "none.jsonl")


def test_the_bytes_of_a_file_come_as_they_are(server: Provider, connection: Connection, data: Path) -> None:
    found = handed_in(connection, data)
    server.fault("GET /files/*/content", do="status", status=502)
    assert content(connection, found.id, "fetching") == data.read_bytes()


def test_a_file_without_end_is_not_held_in_memory(
    server: Provider, connection: Connection, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = handed_in(connection, data)
    monkeypatch.setattr(files, "MOST_HELD", data.stat().st_size - 1)
    with pytest.raises(ProviderError, match="a file of more than 1,0") as raised:
        content(connection, found.id, "fetching")
    assert raised.value.kind == "garbled"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "id": json_values,
            "filename": json_values,
            "bytes": json_values,
            "status": json_values,
            "created_at": json_values,
        },
    ),
    json_values,
)
def test_whatever_is_said_of_a_file_is_read_or_garbled(told: dict[str, Any], details: Any) -> None:
    one = FileObject.construct(**told)
    assert files._is(one, "train.jsonl", 2) in (True, False)
    said = FileObject.construct(**told, status_details=details)
    with Connection(base_url="http://127.0.0.1:1/v1") as connection, pytest.MonkeyPatch.context() as patched:
        patched.setattr(connection, "read", lambda *_: said)
        with suppress(ProviderError):
            files._taken_in(connection, "file-1", "uploading", LONGEST, lambda _: None)
