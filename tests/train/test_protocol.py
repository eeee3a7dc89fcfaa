"""Calls to a provider when it is slow, broken, gone or talkative: what is tried again, and what is said."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytest.importorskip("openai")

from audit.errors import UsageError
from audit.train.addresses import cleaned, secrets_of
from audit.train.endpoints import Endpoint, Failed
from audit.train.prediction.remote import wants_newer_limit
from audit.train.protocol.connection import Connection, pages
from audit.train.protocol.failures import ON, ProviderError
from audit.train.protocol.files import content
from tests.train.provider.process import Provider

KEY = "sk-test-0123456789abcdef"
LIST = "GET /fine_tuning/jobs"


@contextmanager
def connected(url: str, waits: list[float], **options: Any) -> Iterator[Connection]:
    told = {"timeout": 30.0, "retries": 2, **options}
    with Connection("openai", base_url=url, sleep=waits.append, **told) as connection:
        yield connection


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def jobs(connection: Connection) -> list[Any]:
    return connection.read(lambda client: pages(client.fine_tuning.jobs.list(), 100), "asking for jobs")


def failing(server: Provider, waits: list[float], **options: Any) -> ProviderError:
    with connected(server.url, waits, **options) as connection, pytest.raises(ProviderError) as raised:
        jobs(connection)
    return raised.value


# ----------------------------------------------------------------------------- statuses


def test_too_many_requests_are_asked_again_after_the_wait_that_the_server_names(
    server: Provider, waits: list[float]
) -> None:
    server.fault(LIST, do="status", status=429, headers={"retry-after": "7"})
    with connected(server.url, waits) as connection:
        assert jobs(connection) == []
    assert waits == [7.0]


def test_too_many_requests_without_a_wait_are_asked_again_after_waits_that_double(
    server: Provider, waits: list[float]
) -> None:
    server.fault(LIST, do="status", status=429, times=0)
    error = failing(server, waits, retries=3)
    assert (error.kind, waits, len(server.requests())) == ("rate_limit", [0.5, 1.0, 2.0], 4)
    assert error.hint == f"wait for a while; {ON}"


def test_a_server_that_asks_for_an_hour_is_not_waited_for(server: Provider, waits: list[float]) -> None:
    server.fault(LIST, do="status", status=429, headers={"retry-after": "3600"}, times=0)
    assert (failing(server, waits).kind, waits) == ("rate_limit", [])


@pytest.mark.parametrize("code", ["insufficient_quota", "billing_hard_limit_reached"])
def test_an_account_without_money_is_asked_once(server: Provider, waits: list[float], code: str) -> None:
    body = {"error": {"message": "You exceeded your current quota.", "code": code, "type": code, "param": None}}
    server.fault(LIST, do="status", status=429, body=body, times=0)
    error = failing(server, waits)
    assert (error.kind, error.code, waits, len(server.requests())) == ("quota", code, [], 1)
    assert "You exceeded your current quota." in error.what
    assert "add some" in str(error.hint)


def test_a_server_that_fails_once_is_asked_again(server: Provider, waits: list[float]) -> None:
    server.fault(LIST, do="status", status=500)
    with connected(server.url, waits) as connection:
        assert jobs(connection) == []
    assert waits == [0.5]


def test_a_server_that_always_fails_is_asked_as_often_as_was_said(server: Provider, waits: list[float]) -> None:
    server.fault(LIST, do="status", status=503, times=0)
    error = failing(server, waits)
    assert (error.kind, error.status, len(server.requests())) == ("server", 503, 3)
    assert error.hint == ON


@pytest.mark.parametrize(("status", "kind"), [(401, "key"), (403, "forbidden"), (404, "missing"), (400, "refused")])
def test_a_refusal_is_not_asked_again(server: Provider, waits: list[float], status: int, kind: str) -> None:
    body = {"error": {"message": "No.", "code": "no_code", "param": "model", "type": "invalid_request_error"}}
    server.fault(LIST, do="status", status=status, body=body, times=0)
    error = failing(server, waits)
    assert (error.kind, waits, len(server.requests()), error.said) == (kind, [], 1, "No.")
    assert f"says No. ({status}, no_code, model, request" in error.what
    assert error.hint


def test_only_openai_itself_is_said_to_have_closed_fine_tuning(server: Provider, waits: list[float]) -> None:
    server.fault(LIST, do="status", status=403)
    assert "OpenAI" not in str(failing(server, waits).hint)


def test_an_error_that_is_all_nulls_has_a_message_all_the_same(server: Provider, waits: list[float]) -> None:
    server.fault(LIST, do="status", status=400, body={"error": {"message": None, "code": None, "param": None}})
    error = failing(server, waits)
    assert (error.kind, error.code) == ("refused", None)
    assert "(400, request" in error.what


def test_a_wrong_key_is_named_by_its_variable(
    server: Provider, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_KEY", "sk-wrong-0123456789")
    error = failing(server, waits, key_variable="OTHER_KEY")
    assert (error.kind, error.hint) == ("key", "check the key in the environment variable OTHER_KEY")


# ----------------------------------------------------------------------------- the wire


def test_no_answer_in_time_is_asked_for_again(server: Provider, waits: list[float]) -> None:
    server.fault(LIST, do="hang")
    with connected(server.url, waits, timeout=1.0) as connection:
        assert jobs(connection) == []
    assert waits == [0.5]


def test_a_byte_now_and_then_is_no_answer_in_time(server: Provider, waits: list[float]) -> None:
    server.fault(LIST, do="drip", every=0.02, times=0)
    error = failing(server, waits, timeout=0.5, retries=1)
    assert (error.kind, waits) == ("timeout", [0.5])
    assert "gave no answer in time" in error.what
    assert "--set timeout" in str(error.hint)


def test_a_connection_that_breaks_is_made_again(server: Provider, waits: list[float]) -> None:
    server.fault(LIST, do="drop")
    with connected(server.url, waits) as connection:
        assert jobs(connection) == []
    assert waits == [0.5]


def test_a_server_that_is_gone_has_got_nothing(server: Provider, waits: list[float]) -> None:
    server.kill()
    error = failing(server, waits)
    assert (error.kind, error.sent, error.is_unsettled, error.passes) == ("connection", False, False, True)
    assert "no connection to" in error.what


# ----------------------------------------------------------------------------- answers of another shape


@contextmanager
def answering(body: bytes, kind: str = "application/json", status: int = 200, **headers: str) -> Iterator[Any]:
    """A server that says the same to everything, and what it was asked."""
    asked: list[tuple[str, str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            asked.append((self.command, self.path, self.headers["authorization"]))
            self.send_response(status)
            for name, value in {"content-type": kind, **headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_address[1]}/v1", asked
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


ODD = [
    b"", b"<html>", b"{}", b"[]", b"[1]", b'"text"', b"null", b"5", b'{"data":5}', b'{"data":{"a":1}}',
    b'{"data":[1,null]}', b'{"data":[{"id":5}]}', b'{"error":{"message":"it broke"}}', b"[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("body", ODD, ids=lambda body: body[:20].decode())
@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_what_is_no_listing_is_never_taken_for_an_empty_one(body: bytes, kind: str, waits: list[float]) -> None:
    with (
        answering(body, kind) as (url, _),
        connected(url, waits) as connection,
        pytest.raises(ProviderError) as raised,
    ):
        jobs(connection)
    assert (raised.value.kind, waits) == ("garbled", [])
    assert "answered with something else than the protocol says" in raised.value.what


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'"text"'])
@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_what_is_no_object_is_said_to_be_none(body: bytes, kind: str, waits: list[float]) -> None:
    with (
        answering(body, kind) as (url, _),
        connected(url, waits) as connection,
        pytest.raises(ProviderError) as raised,
    ):
        connection.plain(connection.read(lambda client: client.files.retrieve("f"), "looking"), "looking")
    assert raised.value.kind == "garbled"


def test_pages_that_go_in_a_circle_end(waits: list[float]) -> None:
    page = b'{"object":"list","has_more":true,"data":[{"id":"a"},{"id":"b"}]}'
    with answering(page) as (url, asked), connected(url, waits) as connection:
        assert [one.id for one in jobs(connection)] == ["a", "b"]
    assert len(asked) == 2


def test_a_listing_ends_with_a_page_on_which_all_is_known(server: Provider, waits: list[float]) -> None:
    with connected(server.url, waits) as connection:
        for number in range(6):
            data = (f"{number}.jsonl", b'{"messages":[]}\n')
            connection.once(lambda client, data=data: client.files.create(file=data, purpose="fine-tune"), "uploading")

        def listed(known: tuple[str, ...]) -> int:
            before = len(server.requests())
            connection.read(lambda client: pages(client.files.list(limit=2), 100, known), "looking")
            return len(server.requests()) - before

        assert listed(()) == 3
        assert listed(("file-0006", "file-0005")) == 1


def test_a_redirect_is_not_followed(waits: list[float]) -> None:
    with answering(b'{"data":[]}') as (elsewhere, seen):
        to = {"location": f"{elsewhere}/fine_tuning/jobs?token={KEY}"}
        with (
            answering(b"", status=307, **to) as (url, _),
            connected(url, waits) as connection,
            pytest.raises(ProviderError) as raised,
        ):
            connection.once(lambda client: client.fine_tuning.jobs.create(model="m", training_file="f"), "making")
    assert seen == []
    assert raised.value.kind == "refused"
    assert raised.value.what.endswith(f"sends on to {elsewhere}/fine_tuning/jobs (307)")


def asked(url: str, **options: Any) -> object:
    """What an endpoint answers to one question."""
    question = {"messages": [{"role": "user", "content": "Hi"}]}
    with Endpoint(url, "m", purpose="tests", retries=0, **options) as endpoint:
        return next(answer for _, answer, _ in endpoint.ask([("one", question)]))


def test_an_endpoint_does_not_follow_a_redirect_either() -> None:
    with answering(b"{}") as (elsewhere, seen):
        to = {"location": f"{elsewhere}/chat/completions?token={KEY}"}
        with answering(b"", status=307, **to) as (url, _), pytest.raises(UsageError) as raised:
            asked(url)
    assert seen == []
    assert raised.value.what.endswith(f"sends on to {elsewhere}/chat/completions (307)")


def test_an_endpoint_says_what_the_server_calls_a_fault_without_the_key() -> None:
    body = f'{{"error":{{"message":"No: {KEY}.","code":"unsupported_parameter","param":"max_tokens","type":5}}}}'
    with answering(body.encode(), status=400) as (url, _):
        failed = asked(url)
    assert isinstance(failed, Failed)
    assert (failed.why, failed.code, failed.param) == ("refused", "unsupported_parameter", "max_tokens")
    assert "[key]" in failed.what
    assert wants_newer_limit(failed)
    with answering(body.replace("unsupported_parameter", KEY).encode(), status=400) as (url, _):
        assert getattr(asked(url), "code", None) == "[key]"


def test_an_endpoint_that_repeats_the_password_of_its_address_does_not_show_it() -> None:
    sent = base64.b64encode(b"user:hunter/hunter").decode()
    body = f'{{"error":{{"message":"No: hunter/hunter, Basic {sent}"}}}}'.encode()
    with answering(body, status=401) as (url, seen), pytest.raises(UsageError) as raised:
        asked(url.replace("http://", "http://user:hunter%2Fhunter@"))
    assert [key for *_, key in seen] == [f"Basic {sent}"]
    assert "No: [key], Basic [key]" in raised.value.what


@pytest.mark.parametrize(
    "made", [Connection, lambda **given: Endpoint("http://localhost:1", "m", purpose="t", **given)]
)
def test_a_key_in_the_place_of_its_variable_is_not_repeated(made: Any) -> None:
    with pytest.raises(UsageError) as raised:
        made(key_variable=KEY)
    assert KEY not in f"{raised.value.what} {raised.value.hint}"


def test_an_answer_that_is_nested_too_deeply_is_none(waits: list[float]) -> None:
    body = b'{"id":"f","status_details":' + b"[" * 300 + b"]" * 300 + b"}"
    with answering(body) as (url, _), connected(url, waits) as connection, pytest.raises(ProviderError) as raised:
        connection.plain(connection.read(lambda client: client.files.retrieve("f"), "looking"), "looking")
    assert raised.value.kind == "garbled"


def test_a_file_is_fetched_from_where_it_is_said_to_lie_without_the_key(waits: list[float]) -> None:
    with answering(b"step,train_loss\n", "text/csv") as (elsewhere, seen):
        to = {"location": elsewhere.replace("127.0.0.1", "localhost") + "/blob"}
        with answering(b"", status=302, **to) as (url, asked), connected(url, waits) as connection:
            assert content(connection, "file-1", "fetching") == b"step,train_loss\n"
    assert [key for *_, key in asked] == [f"Bearer {KEY}"]
    assert [key for *_, key in seen] == [None]


# ----------------------------------------------------------------------------- the key


def test_a_key_that_the_server_repeats_is_not_shown(waits: list[float]) -> None:
    body = (f'{{"error":{{"message":"{"x" * 990} {KEY} bad","code":"{KEY}","param":"{KEY}","type":"{KEY}"}}}}').encode()
    with (
        answering(body, status=400, **{"x-request-id": KEY}) as (url, _),
        connected(url, waits) as connection,
        pytest.raises(ProviderError) as raised,
    ):
        jobs(connection)
    error = raised.value
    assert "[key]" in error.what
    assert KEY[:9] not in f"{error.what} {error.hint} {error.code} {error.said}"
    assert error.__cause__ is None
    assert error.__context__ is None


def test_the_password_of_an_address_is_as_secret_as_the_key() -> None:
    found = secrets_of("sk/with+signs=1", "https://user:hunter%2Fhunter@example.org/v1")
    header = base64.b64encode(b"user:hunter/hunter").decode()
    text = f"sk/with+signs=1 sk%2Fwith%2Bsigns%3D1 hunter/hunter hunter%2Fhunter {header}"
    hidden = " ".join(["[key]"] * 5)
    assert cleaned({"a": [text], text: None}, found) == {"a": [hidden], hidden: None}


def test_a_word_that_stands_for_no_key_is_left_in_names() -> None:
    assert cleaned("ollama-7b", secrets_of("ollama", "http://localhost/v1")) == "ollama-7b"


def test_a_connection_and_its_attributes_do_not_show_the_key(waits: list[float]) -> None:
    with connected("http://127.0.0.1:1/v1", waits) as connection:
        assert KEY not in repr(connection) + repr(connection.client)


def test_a_key_that_is_no_text_of_a_header_is_refused(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-\u00fcml\u00e4ut-long-enough")
    with (
        pytest.raises(UsageError, match="OPENAI_API_KEY holds no key") as raised,
        connected("http://127.0.0.1:1", waits),
    ):
        pass
    assert "\u00fc" not in str(raised.value)


def test_no_key_is_needed_on_this_machine_only(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with connected("http://localhost:1/v1", waits):
        pass
    with pytest.raises(UsageError, match="needs a key"), connected("https://example.org/v1", waits):
        pass


def test_an_endpoint_that_is_closed_early_closes_when_its_last_request_has_ended(server: Provider) -> None:
    server.fault("POST /chat/completions", do="hang", seconds=1.0)
    endpoint = Endpoint(server.url, "gpt-4o-mini", purpose="tests", retries=0)
    question = {"messages": [{"role": "user", "content": "Hi"}]}

    def ask() -> None:
        with suppress(UsageError):  # nobody answered
            list(endpoint.ask([("one", question)]))

    asking = threading.Thread(target=ask)
    asking.start()
    while not server.requests():
        time.sleep(0.01)
    endpoint.close()
    assert not endpoint._client.is_closed()
    asking.join()
    assert endpoint._client.is_closed()
