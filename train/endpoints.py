"""Asks an endpoint that speaks OpenAI's chat completions: a hosted one, vLLM, llama.cpp, Ollama. Knows no data.

Many requests at a time up to a limit, each tried again where that can help; a key that is read from the environment
and shown nowhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias, TypeVar

import msgspec

from audit.errors import UsageError
from audit.model import Json
from audit.train.addresses import (
    base_of,
    check_address,
    cleaned,
    client_of,
    key_in,
    no_key,
    secrets_of,
    shown_address,
)

if TYPE_CHECKING:
    from openai import OpenAI

LONGEST_WAIT: Final = 60.0
"""Seconds that a server may ask to wait (Retry-After); where it asks for more the request is given up."""
FIRST_WAIT: Final = 0.5
"""Seconds before the first retry where the server names none; each further wait is twice as long."""
AHEAD: Final = 4
"""Requests that wait for each worker, so that none is ever idle and millions are not held."""

Failure: TypeAlias = Literal["rate_limit", "server", "timeout", "connection", "expired", "refused", "garbled"]
"""Why a request gave nothing: still 429, 5xx, no answer in time, or no connection after the last retry; a batch that
ended before it came to it; another status of the 4xx (a content filter, a text too long); an answer that is no chat
completion."""

K = TypeVar("K")
T = TypeVar("T")
Request: TypeAlias = Mapping[str, Json]
"""What is sent, beside the model: ``messages`` and parameters by their names in the API."""


class Failed(msgspec.Struct, frozen=True):
    """Why a request gave nothing, whether asking again is no use, and the seconds that the server asks to wait.
    ``code`` and ``param`` are the server's own words for what is wrong and with which parameter, where it has any."""

    why: Failure
    what: str
    final: bool = False
    wait: float | None = None
    code: Json = None
    param: Json = None


class Endpoint:
    """A server and a model of it. Close it after use.

    ``url`` is the base URL (``http://localhost:8000/v1``). The key is read from the environment variable
    ``key_variable``; servers that need none get a placeholder. An answer may take ``timeout`` seconds, from the request
    to its last byte. 429, 5xx, timeouts and lost connections are tried again up to ``retries`` times, after the wait
    that the server asks for (``first_wait`` where it asks for none, then twice as long each time). Raises MissingExtra
    without the package ``openai`` (``purpose`` says what needs it), and UsageError for what is no URL and without a key
    for a hosted endpoint.
    """

    named_by: ClassVar[str] = "--endpoint"
    """The option that gives the address, for hints."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        purpose: str,
        key_variable: str = "OPENAI_API_KEY",
        timeout: float = 60.0,
        retries: int = 4,
        concurrency: int = 4,
        first_wait: float | None = None,
    ) -> None:
        check_address(url)
        url = base_of(url)
        self.shown = shown_address(url)
        self.model = model
        key = key_in(key_variable)
        self._secrets = secrets_of(key, url)
        if not key and "api.openai.com" in url:
            raise no_key(self.shown, key_variable)
        self._client = client_of(url, key, timeout, purpose)
        self._retries = retries
        self._concurrency = concurrency
        self._first_wait = FIRST_WAIT if first_wait is None else first_wait
        self._timeout = timeout
        self._answered = False
        self._lock = threading.Lock()
        self._under_way = 0
        self._closing = False

    def close(self) -> None:
        """Close the connections, as soon as no request is under way: the socket of one that is would stay open."""
        with self._lock:
            self._closing = True
        self._close_idle()

    def _close_idle(self) -> None:
        with self._lock:
            idle = self._closing and not self._under_way
        if idle:
            self._client.close()

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, requests: Iterable[tuple[K, Request]]) -> Iterator[tuple[K, object | Failed, float]]:
        """The answer to every request under its key, as they come in: a completion as ``openai`` reads it, or why there
        is none; and the seconds it took, waits included. Requests are taken as they are needed.

        Raises UsageError where the endpoint cannot be used at all: it knows no such key or model, no request ever got
        a connection, or many in a row got none. Ctrl-C, and whoever stops taking answers, drop what has not been asked
        yet and wait for no answer.
        """
        waiting = iter(requests)
        jobs: SimpleQueue[tuple[K, Request]] = SimpleQueue()
        done: SimpleQueue[tuple[K, object, float]] = SimpleQueue()
        stop, open_ = threading.Event(), 0
        more = threading.Semaphore(0)
        lost: list[tuple[K, Failed, float]] = []
        workers = 0
        try:
            while True:
                while open_ < self._concurrency * AHEAD and (job := next(waiting, None)) is not None:
                    jobs.put(job)
                    more.release()
                    open_ += 1
                    if workers < self._concurrency:  # daemons: an answer that never comes holds up no exit
                        workers += 1
                        given = (jobs, done, more, stop)
                        threading.Thread(target=self._work, args=given, daemon=True).start()
                if not open_:
                    break
                key, answer, seconds = done.get()
                open_ -= 1
                if isinstance(answer, BaseException):
                    raise answer
                if isinstance(answer, Failed) and answer.why == "connection":
                    lost.append((key, answer, seconds))
                    if len(lost) >= self._concurrency * AHEAD:  # nobody waits for thousands of them
                        raise self._unreachable(lost[0][1])
                    continue
                self._answered = True
                yield from lost
                lost.clear()
                yield key, answer, seconds
            if lost and not self._answered:
                raise self._unreachable(lost[0][1])
            yield from lost
        finally:
            stop.set()
            for _ in range(workers):
                more.release()

    def _unreachable(self, failed: Failed) -> UsageError:
        return UsageError(f"{self.shown} cannot be reached: {failed.what}", hint=f"check {self.named_by}")

    def _work(
        self,
        jobs: SimpleQueue[tuple[K, Request]],
        done: SimpleQueue[tuple[K, object, float]],
        more: threading.Semaphore,
        stop: threading.Event,
    ) -> None:
        """Ask one thing after the other until nobody wants more."""
        while more.acquire() and not stop.is_set():
            try:
                key, request = jobs.get_nowait()
            except Empty:
                return
            began = time.monotonic()
            try:
                done.put((key, self._ask(request, stop.wait), time.monotonic() - began))
            except UsageError as error:
                done.put((key, error, 0.0))
                return
            except BaseException as error:
                done.put((key, error, 0.0))
                if stop.is_set():  # nobody waits for the answer, and the connections may be closed
                    return
                raise

    def _ask(self, request: Request, wait: Callable[[float], bool]) -> object | Failed:
        """The answer to one request, asked again as often as is allowed."""
        answer = self._in_time(request)
        for attempt in range(self._retries):
            if not isinstance(answer, Failed) or answer.final:
                break
            seconds = self._first_wait * 2**attempt if answer.wait is None else answer.wait
            if seconds > LONGEST_WAIT or wait(seconds):
                break
            answer = self._in_time(request)
        return answer

    def _in_time(self, request: Request) -> object | Failed:
        """The answer to one request, or that there was none in time."""
        try:
            return in_time(lambda: self._counted(request), self._timeout)
        except Late:
            return Failed("timeout", f"no whole answer in {self._timeout:g} seconds")

    def _counted(self, request: Request) -> object | Failed:
        with self._lock:
            self._under_way += 1
        try:
            return self._ask_once(request)
        finally:
            with self._lock:
                self._under_way -= 1
            self._close_idle()

    def _method(self, client: OpenAI) -> Callable[..., object]:
        """What of the API is asked."""
        method: Callable[..., object] = client.chat.completions.create
        return method

    def _ask_once(self, request: Request) -> object | Failed:
        import openai

        try:
            completion: object = self._method(self._client)(model=self.model, **request)
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            raise UsageError(
                f"{self.shown} refuses {self.model}: {self._clean(error.message)}",
                hint="check the key, the URL and the model",
            ) from None
        except openai.APIStatusError as error:
            status, headers = error.status_code, error.response.headers
            if 300 <= status < 400:
                to = self._clean(redirected_to(headers))
                hint = f"name that address, if it is the right one: nothing is sent there unasked ({self.named_by})"
                raise UsageError(f"{self.shown} sends on to {to} ({status})", hint=hint) from None
            code, param = cleaned([error.code, error.param], self._secrets)
            return of_status(status, self._clean(error.message), headers, code=code, param=param)
        except openai.APITimeoutError as error:
            return Failed("timeout", error.message)
        except openai.APIConnectionError as error:
            return Failed("connection", error.message)
        except (openai.OpenAIError, ValueError, RecursionError) as error:  # the last: JSON in JSON in JSON
            return Failed("garbled", self._clean(str(error)), final=True)
        return completion

    def _clean(self, text: str) -> str:
        """Servers have been seen to repeat the key that they refuse."""
        return str(cleaned(text, self._secrets))


class Late(Exception):
    """There was no whole answer in time."""


def in_time(call: Callable[[], T], seconds: float) -> T:
    """What ``call`` returns or raises within ``seconds``; raises Late where it takes longer. A client's own limit is
    one on every read, which a server that sends a byte now and then never comes to; what it sends afterwards is for
    nobody."""
    found: SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = SimpleQueue()

    def work() -> None:
        try:
            found.put((call(), None))
        except BaseException as error:  # noqa: BLE001 it is raised below, where it is waited for
            found.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        answer = found.get(timeout=min(seconds, threading.TIMEOUT_MAX))
    except Empty:
        raise Late from None
    if answer[1] is not None:
        raise answer[1]
    return answer[0]


def of_status(status: int, what: str, headers: Mapping[str, str], *, code: Json = None, param: Json = None) -> Failed:
    """What an HTTP status that is no success means."""
    if status == 429:
        return Failed("rate_limit", what, wait=asked_wait(headers), code=code, param=param)
    if status >= 500 or status in (408, 409):
        return Failed("server", what, wait=asked_wait(headers), code=code, param=param)
    return Failed("refused", what, final=True, code=code, param=param)


def redirected_to(headers: Mapping[str, str]) -> str:
    """Where a redirect leads, as it may be shown once it is cleaned."""
    return shown_address(headers.get("location", "")) or "nowhere"


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """What Retry-After asks for in seconds (RFC 9110, section 10.2.3); None for a date, or nothing."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if seconds >= 0 else None


def text_of(completion: object) -> str | Failed:
    """The text of the first choice; servers answer with all kinds of things."""
    content = getattr(getattr(first_choice(completion), "message", None), "content", None)
    return content if isinstance(content, str) else Failed("garbled", "no text in the answer", final=True)


def first_choice(completion: object) -> object | None:
    """The first choice of a completion, None where it has none."""
    choices = getattr(completion, "choices", None)
    return choices[0] if isinstance(choices, list) and choices else None
