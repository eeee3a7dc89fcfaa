"""The HTTP client below OpenAI's: a whole request has a limit, and goes to no address that nobody named.

Imports ``openai``. Tries nothing again and knows no errors but those of HTTP.
"""

from __future__ import annotations

from typing import Any, Final

import httpx2
from openai import DefaultHttpxClient

from audit.train.endpoints import Late, in_time

SLOWEST: Final = 100_000
"""Bytes a second that a connection is expected to carry at least; what is larger may take longer by as much."""
LARGEST_ANSWER: Final = 200_000_000
"""Bytes of a file that is fetched (the Batch API's limit: 200 MB)."""


class Client(DefaultHttpxClient):
    """A client whose requests end: ``timeout`` is a limit on every read, and on each request from its first byte to the
    last of its answer, with time for what is handed in and for a file that is fetched (``SLOWEST``).

    A redirect is an answer: it would take rows to an address that nobody named, and turn what is to be made into
    something that is read (RFC 9110, section 15.4). Only a file is fetched from where it is said to lie: without the
    key, if that is another host.
    """

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout=timeout, follow_redirects=False)
        self._seconds = timeout

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """The answer to a request. Raises ReadTimeout where it has not come in time."""
        is_content = request.method == "GET" and request.url.path.endswith("/content")
        options["follow_redirects"] = is_content
        carried = LARGEST_ANSWER if is_content else int(request.headers.get("content-length", 0))
        send = super().send
        try:
            return in_time(lambda: send(request, **options), self._seconds + carried / SLOWEST)
        except Late:
            raise httpx2.ReadTimeout("no whole answer in time", request=request) from None
