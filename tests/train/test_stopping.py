"""The first Ctrl-C or SIGTERM is taken down, the second Ctrl-C ends at once, and handlers are put back."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from audit.train.runs.stopping import stopping


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM")])
def test_a_signal_is_taken_down_and_the_handler_put_back(number: signal.Signals, name: str) -> None:
    before = signal.getsignal(number)
    with stopping() as asked:
        assert asked() == ""
        os.kill(os.getpid(), number)
        assert asked() == name
    assert signal.getsignal(number) == before


def test_a_second_ctrl_c_ends_at_once() -> None:
    with stopping() as asked:
        asked.take_down(signal.SIGTERM, None)
        with pytest.raises(KeyboardInterrupt):
            asked.take_down(signal.SIGINT, None)


def test_a_second_sigterm_is_passed_over() -> None:
    with stopping() as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked() == "SIGTERM"


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stopping() as asked:
            os.kill(os.getpid(), signal.SIGINT)
            assert asked() == ""
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_nothing_is_changed() -> None:
    found: list[str] = []

    def enter() -> None:
        with stopping() as asked:
            found.append(asked())

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [""]
