"""The stand-in provider as a test uses it: its process, what it is told to do, and what it has seen."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.train.provider import faults
from tests.train.provider.asking import KEY, seen
from tests.train.provider.store import Store

ROOT: Final = Path(__file__).resolve().parents[3]


class Provider:
    """A stand-in provider. ``url`` is its base URL, ``key`` the only key that it takes."""

    def __init__(self, folder: Path, **scenario: Any) -> None:
        self.folder = folder
        self.store = Store(folder)
        self.store.set_scenario(**scenario)
        self.key: str = scenario.get("key", KEY)
        self._process: subprocess.Popen[str] | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        """The base URL of OpenAI's protocol."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def azure_url(self) -> str:
        """The same server as Azure's users name theirs: without a path."""
        return f"http://127.0.0.1:{self.port}"

    # ------------------------------------------------------------------ its process

    def start(self) -> None:
        """Start it, at the port that it had before; what it remembers is as it was."""
        command = [sys.executable, "-S", "-m", "tests.train.provider.server", "--state", str(self.folder)]
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.strip().isdigit(), "the stand-in provider did not start"
        self.port = int(line)

    def kill(self) -> None:
        """End its process at once, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def close(self) -> None:
        self.kill()
        self.store.close()

    # ------------------------------------------------------------------ what it is told

    def scenario(self, **changes: Any) -> None:
        """How it behaves from now on; the names are those of ``provider``."""
        self.store.set_scenario(**changes)

    def fault(self, match: str = "*", nth: int = 1, do: str = "status", times: int = 1, **more: Any) -> None:
        """Go wrong at the ``nth`` request from now on that fits ``match``, and at the ``times`` - 1 after it (0: for
        ever). ``match`` is such as ``POST /fine_tuning/jobs`` or ``GET /files/*``; ``*`` alone is every request.

        ``do``: ``status`` (answer with ``status``, ``body`` and ``headers``), ``hang`` (no answer for ``seconds``),
        ``drop`` (hang up), ``garble`` (a page of HTML), ``drip`` (a byte every ``every`` seconds for ``seconds``,
        then the answer), ``kill`` (SIGKILL to ``pid``, a number or a file with one, and no answer), ``die`` (SIGKILL to
        the server itself). With ``-after`` the request is carried out before; without it nothing is done.
        """
        kinds = {*faults.KINDS, *(f"{kind}{faults.AFTER}" for kind in faults.KINDS)}
        if do not in kinds:
            raise ValueError(f"{do!r} is none of {sorted(kinds)}")
        pid = {"pid": more["pid"] if isinstance(more["pid"], int) else str(more["pid"])} if "pid" in more else {}
        self.store.add_fault({"match": match, "nth": nth, "do": do, "times": times, **more, **pid})

    def no_faults(self) -> None:
        """Take all faults back."""
        self.store.clear_faults()

    # ------------------------------------------------------------------ what it has seen

    def requests(self) -> list[tuple[str, str, int | None, int]]:
        """Method, path without ``/v1`` and query, status (None: no answer) and number of every request."""
        return self.store.requests()

    def state(self) -> dict[str, list[dict[str, Any]]]:
        """All that there is at the provider, oldest first: ``files``, ``jobs``, ``batches``, ``events``,
        ``checkpoints``, ``uploads``, as the protocol describes them."""
        kinds = ("file", "job", "event", "checkpoint", "upload")
        told = {f"{kind}s": [seen(one) for one in self.store.all(kind)] for kind in kinds}
        return told | {"batches": [seen(one) for one in self.store.all("batch")]}

    def content(self, identity: str) -> bytes:
        """The bytes of a file."""
        return self.store.content(identity)


@contextmanager
def provider(folder: Path, **scenario: Any) -> Iterator[Provider]:
    """A stand-in provider with an empty memory (unless ``folder`` holds one of before).

    Its scenario: ``statuses`` that a job goes through, one with each look at it; ``error`` of a job that fails;
    ``null_error`` (errors are objects of nulls); ``result`` (``csv``, ``base64``, ``none``, ``garbled``); ``steps`` of
    a job; ``trained_tokens``; ``models`` (more of them, with what there is to say, None to take one away); ``flagged``
    (a text that moderation flags, or texts with their categories); ``no_moderation`` (404); ``batch_statuses``,
    ``batch_errors`` (``data`` of one that fails); ``file_statuses``, ``file_details``; ``answers`` to last messages;
    ``refuse_max_tokens``; ``metadata_filter`` False (jobs are listed whatever they are filtered by); ``hidden``,
    ``hidden_files``, ``hidden_batches`` (listed only after so many further requests); ``pause_statuses``;
    ``message_base`` (number of a row's first message in errors); ``key``; ``echo_key`` (the key stands in errors,
    events and jobs).
    """
    made = Provider(folder / "provider", **scenario)
    try:
        yield made
    finally:
        made.close()
