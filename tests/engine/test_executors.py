"""Executors: every job is answered once and in order, whatever happens to the workers."""

from __future__ import annotations

import multiprocessing
import operator
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.engine.executors import Executor, Inline
from audit.engine.processes import Processes, safe_start_method
from audit.errors import InputError, WorkerDied

LARGE = 4 << 20
"""Bytes of a result that does not fit into a pipe."""


@pytest.fixture(autouse=True)
def _no_child_is_left() -> Iterator[None]:
    yield
    assert multiprocessing.active_children() == []


def forked(processes: int) -> Processes:
    return Processes(processes, start_method="fork")


def double(job: int) -> int:
    return 2 * job


def double_all(jobs: int) -> list[int]:
    return list(forked(2).map(double, range(jobs)))


def slow_at_first(job: int) -> int:
    time.sleep(0.1 if job == 0 else 0.0)
    return job


def own_pid(job: object) -> int:
    time.sleep(0.01)
    return os.getpid()


def refuse_three(job: int) -> int:
    if job == 3:
        raise InputError("three is refused", hint="try four")
    return job


def fill(job: int) -> bytes:
    return bytes([job]) * LARGE


class Unpicklable(Exception):
    def __init__(self, one: object, two: object) -> None:
        super().__init__(f"{one} and {two}")


def fail_oddly(job: int) -> int:
    raise Unpicklable(job, "more")


def answer_with_a_function(job: int) -> Callable[[], int]:
    return lambda: job


def die_once(marks: Path, guilty: frozenset[int], times: int, job: int) -> int:
    """Kill this process at each guilty job, until that has happened so many times to it."""
    if job in guilty:
        died = len(list(marks.glob(f"{job}-*")))
        if died < times:
            (marks / f"{job}-{died}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
    with (marks / "answered").open("a") as log:
        log.write(f"{job}\n")
    return job


def die_while_the_result_is_written(marks: Path, job: int) -> bytes:
    if job == 1 and not (marks / "died").exists():
        (marks / "died").touch()
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return bytes([job]) * (32 * LARGE)  # writing waits for the parent to read, which is made to wait longer
    return bytes([job])


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


# ----------------------------------------------------------------------------- order and number


@pytest.mark.parametrize("executor", [Inline(), forked(1), forked(3)], ids=["inline", "one", "three"])
def test_results_come_in_the_order_of_the_jobs(executor: Executor) -> None:
    assert list(executor.map(slow_at_first, range(40))) == list(range(40))


@given(st.lists(st.integers(), max_size=12), st.integers(1, 3))
@settings(max_examples=20)
def test_any_jobs_in_any_number_of_processes_give_what_one_process_gives(jobs: list[int], processes: int) -> None:
    assert list(forked(processes).map(double, jobs)) == list(Inline().map(double, jobs))


def test_spawned_processes_give_the_same() -> None:
    assert list(Processes(2, start_method="spawn").map(operator.neg, range(20))) == [-n for n in range(20)]


def test_a_forked_process_inherits_a_function_that_cannot_be_pickled() -> None:
    assert list(forked(2).map(lambda job: job + 1, range(5))) == [1, 2, 3, 4, 5]


def test_no_process_is_started_without_a_job_for_it() -> None:
    assert list(forked(4).map(own_pid, ())) == []
    assert len(set(forked(4).map(own_pid, range(2)))) <= 2


def test_jobs_are_spread_over_the_processes() -> None:
    pids = set(forked(2).map(own_pid, range(20)))
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_jobs_are_read_only_as_their_results_are_taken() -> None:
    read: list[int] = []

    def jobs() -> Iterator[int]:
        for job in range(100):
            read.append(job)
            yield job

    results = forked(2).map(double, jobs())
    for taken in range(1, 50):
        next(results)
        assert len(read) <= taken + 4
    results.close()


def test_results_and_jobs_larger_than_a_pipe_pass() -> None:
    jobs = [bytes([n]) * LARGE for n in range(6)]
    assert list(forked(2).map(bytes.lower, jobs)) == [job.lower() for job in jobs]


def test_results_wait_in_workers_and_not_in_a_deadlock_while_the_parent_is_busy() -> None:
    for job, result in enumerate(forked(2).map(fill, range(8))):
        time.sleep(0.02)
        assert result == fill(job)


def test_a_worker_that_is_asked_to_start_workers_works_inline() -> None:
    assert list(forked(2).map(double_all, [3, 4])) == [[0, 2, 4], [0, 2, 4, 6]]


# ----------------------------------------------------------------------------- the end


def test_closing_early_ends_the_workers() -> None:
    results = forked(2).map(own_pid, range(1000))
    pids = {next(results) for _ in range(6)}
    results.close()
    assert all(is_gone(pid) for pid in pids)


def test_an_exception_of_a_job_is_raised_in_its_place_with_the_traceback_of_the_worker() -> None:
    results = forked(2).map(refuse_three, range(10))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(InputError, match="three is refused") as caught:
        next(results)
    assert caught.value.hint == "try four"
    (note,) = caught.value.__notes__
    assert "in refuse_three" in note
    assert multiprocessing.active_children() == []


def test_an_exception_among_the_jobs_is_raised_after_the_results_before_it() -> None:
    def jobs() -> Iterator[int]:
        yield from range(3)
        raise InputError("the file ends here")

    results = forked(2).map(double, jobs())
    assert [next(results) for _ in range(3)] == [0, 2, 4]
    with pytest.raises(InputError, match="the file ends here"):
        next(results)


def test_an_exception_that_cannot_be_pickled_is_told_in_words() -> None:
    with pytest.raises(RuntimeError, match="Unpicklable: 0 and more") as caught:
        list(forked(1).map(fail_oddly, [0]))
    assert "in fail_oddly" in caught.value.__notes__[0]


def test_a_result_that_cannot_be_pickled_is_an_exception() -> None:
    with pytest.raises((AttributeError, TypeError), match="answer_with_a_function"):
        list(forked(1).map(answer_with_a_function, [0]))


def test_an_interrupt_among_the_jobs_passes_at_once() -> None:
    def jobs() -> Iterator[int]:
        yield from range(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(forked(2).map(double, jobs()))


# ----------------------------------------------------------------------------- dead workers


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("guilty", [{0}, {5}, {19}, {3, 4}], ids=str)
def test_a_killed_worker_costs_no_result_and_gives_none_twice(tmp_path: Path, guilty: set[int], times: int) -> None:
    work = partial(die_once, tmp_path, frozenset(guilty), times)
    assert list(forked(2).map(work, range(20))) == list(range(20))
    answered = [int(line) for line in (tmp_path / "answered").read_text().split()]
    assert sorted(answered) == list(range(20))


def test_a_worker_killed_while_it_writes_its_result_costs_no_result(tmp_path: Path) -> None:
    results = forked(2).map(partial(die_while_the_result_is_written, tmp_path), range(6))
    taken = [next(results)]
    time.sleep(1)
    taken.extend(results)
    assert taken == [bytes([job]) for job in range(6)]
    assert (tmp_path / "died").exists()


def test_an_idle_worker_that_is_killed_costs_nothing() -> None:
    results = forked(1).map(own_pid, range(4))
    pid = next(results)
    time.sleep(0.2)  # all answers are in the pipe, or read
    os.kill(pid, signal.SIGKILL)
    assert len(list(results)) == 3


def test_workers_that_are_killed_from_outside_at_any_time_cost_no_result() -> None:
    chance = random.Random(7)
    results = []
    for result in forked(3).map(slow_at_first, range(200)):
        results.append(result)
        workers = sorted(multiprocessing.active_children(), key=lambda worker: worker.pid or 0)
        if workers and chance.random() < 0.1:
            chance.choice(workers).kill()
    assert results == list(range(200))


def test_a_job_that_always_kills_its_worker_is_named_after_the_results_before_it(tmp_path: Path) -> None:
    results = forked(2).map(partial(die_once, tmp_path, frozenset({7}), 99), range(20))
    assert [next(results) for _ in range(7)] == list(range(7))
    with pytest.raises(WorkerDied, match=r"killed by signal 9\) at a part of the work") as caught:
        next(results)
    assert caught.value.job == 7
    assert len(list(tmp_path.glob("7-*"))) == 3  # once in company, twice alone
    assert "memory" in str(caught.value.hint)


def test_a_process_that_ends_by_itself_is_a_dead_worker_too() -> None:
    with pytest.raises(WorkerDied, match="exit code 3"):
        list(forked(2).map(os._exit, [3]))
    with pytest.raises(WorkerDied, match="exit code 3"):
        list(Processes(1, start_method="spawn").map(os._exit, [3]))


def test_who_knows_the_job_can_say_what_it_was() -> None:
    died = WorkerDied(7, -9, doing="bytes 0 to 100 of rows.jsonl")
    assert str(died) == "a worker process ended again and again (killed by signal 9) at bytes 0 to 100 of rows.jsonl"


# ----------------------------------------------------------------------------- Ctrl-C

SCRIPT = dedent(
    """
    import os, sys, time
    from audit.engine.processes import Processes
    if __name__ == "__main__":
        results = Processes(2, start_method=sys.argv[1]).map(time.sleep, [0, 0, 0, 600, 600, 600])
        try:
            for result in results:
                print("result", flush=True)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """
)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_ctrl_c_ends_everything_at_once_without_a_word_from_the_workers(tmp_path: Path, method: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    child = subprocess.Popen(
        [sys.executable, str(script), method],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdout is not None
    assert [child.stdout.readline() for _ in range(3)] == ["result\n"] * 3
    time.sleep(0.2)
    begun = time.monotonic()
    os.killpg(child.pid, signal.SIGINT)  # to the whole group, as a terminal does
    out, err = child.communicate(timeout=30)
    assert (out, err, child.returncode) == ("interrupted\n", "", 0)
    assert time.monotonic() - begun < 5
    assert group_is_gone(child.pid)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_ctrl_c_while_workers_start_is_as_quiet(tmp_path: Path, method: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("results =", "print('begun', flush=True); results ="))
    for wait_s in (0.0, 0.02, 0.08):
        child = subprocess.Popen(
            [sys.executable, str(script), method],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(wait_s)
        os.killpg(child.pid, signal.SIGINT)
        _, err = child.communicate(timeout=30)
        # The script's own line before `try` may be the one that is interrupted.
        assert "_serve" not in err
        assert "spawn_main" not in err
        assert group_is_gone(child.pid)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("600, 600, 600", "0.5, 0.5, 0.5"))
    child = subprocess.Popen([sys.executable, str(script), "fork"], stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout is not None
    assert [child.stdout.readline() for _ in range(3)] == [b"result\n"] * 3
    child.kill()
    child.communicate()
    assert group_is_gone(child.pid)


def group_is_gone(group: int) -> bool:
    """Whether no process of a group is left, at the latest after some seconds (the system takes its time)."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


# ----------------------------------------------------------------------------- fork or spawn


def test_a_process_with_threads_does_not_fork() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert safe_start_method() == "spawn"
        assert list(Processes(2).map(operator.neg, range(3))) == [0, -1, -2]
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere forking is not safe or does not exist")
def test_a_process_forks_unless_a_library_with_threads_is_loaded() -> None:
    code = "import sys; from audit.engine.processes import safe_start_method as of; print(of()); sys.modules['ray'] = sys; print(of())"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["fork", "spawn"]


def test_a_function_that_a_spawned_process_cannot_find_is_an_exception() -> None:
    script = "from audit.engine.processes import Processes\nclass Work:\n    def __call__(self, job): return job\n"
    script += "if __name__ == '__main__':\n    list(Processes(2, start_method='spawn').map(Work(), [1]))\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "AttributeError" in done.stderr
    assert "in a worker process" in done.stderr
