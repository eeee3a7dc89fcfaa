"""The executor of several local processes. Knows nothing of rules or folds.

There are no threads: the parent waits on one pipe for each worker, so it always knows
which job a worker was at when it died. (The standard library's pool, of processes or futures, waits for ever for the
rest of a result when its worker is killed while it writes one, and takes all other workers down with a dead one.)
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Final

import msgspec

from audit.engine.executors import Inline, J, R
from audit.errors import WorkerDied

FORK_UNSAFE: Final = ("torch", "ray")
"""Libraries that run threads of their own, which a forked process lacks while it keeps the locks that they held."""
SMALL_JOB_BYTES: Final = 4 << 10
"""A job of at most this size is sent before the worker has finished another. It fits in the buffer of a pipe (8 KiB or
more), so sending never waits for a worker that waits itself until its answer is read."""
DEATHS_ALONE: Final = 2
"""Times that a job may lose its worker when no other worker has a job, after the one time when others had."""
PATIENCE_S: Final = 5.0
"""Seconds that a worker has to end when it is asked to."""


class Processes:
    """Runs jobs in several local processes, at most two for each of them at a time.

    Jobs, results and exceptions are pickled; so is the function when processes are spawned, while forked ones inherit
    it. ``start_method`` is "fork" or "spawn"; by default fork where that is safe. Results are the same.
    In a process that may not start others (a daemonic one) jobs run inline. A script whose processes are spawned needs
    ``if __name__ == "__main__":``, as with all of multiprocessing.
    """

    def __init__(self, processes: int, *, start_method: str | None = None) -> None:
        self.processes = max(processes, 1)
        self.start_method = start_method

    def map(self, work: Callable[[J], R], jobs: Iterable[J]) -> Generator[R, None, None]:
        """The results in the order of the jobs, and what ``work`` or ``jobs`` raises in its place among them.

        An exception of ``work`` has the worker's traceback as a note. A job that its worker dies of is run again with
        no other beside it; WorkerDied is raised when that happens twice more. Whatever ends the iteration ends the
        workers, and Ctrl-C (which they ignore) does so at once.
        """
        if multiprocessing.current_process().daemon:
            yield from Inline().map(work, jobs)
            return
        crew = _Crew(work, self.processes, self.start_method or safe_start_method())
        try:
            yield from _in_order(crew, jobs, 2 * self.processes)
            crew.dismiss()
        finally:
            crew.kill()


def safe_start_method() -> str:
    """Fork where there is neither a thread nor a library that would not survive it, else spawn.

    On macOS the libraries of the system would not (bpo-33725).
    """
    exists = "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
    survives = threading.active_count() == 1 and not any(name in sys.modules for name in FORK_UNSAFE)
    return "fork" if exists and survives else "spawn"


class _Task(msgspec.Struct):
    """A job on its way: packed for the pipe until it is answered, then the answer."""

    number: int
    packed: bytes
    answer: bytes | BaseException | None = None
    deaths: int = 0

    def settle(self, answer: bytes | BaseException) -> None:
        """Keep the answer in the job's stead."""
        self.packed, self.answer = b"", answer

    def result(self) -> Any:
        """What ``work`` returned. Raises what it raised."""
        if isinstance(self.answer, BaseException):
            raise self.answer
        succeeded, value = pickle.loads(self.answer or b"")
        if not succeeded:
            raise value
        return value


def _in_order(crew: _Crew, jobs: Iterable[object], most: int) -> Iterator[Any]:
    """Keep at most ``most`` jobs between their being read and their result being taken."""
    tasks = _tasks(jobs)
    window: deque[_Task] = deque()
    more = True
    while more or window:
        if more and len(window) < most:
            if (task := next(tasks, None)) is not None:
                window.append(task)
                crew.add(task)
            more = task is not None
        crew.collect(0)
        if window and window[0].answer is not None:
            yield window.popleft().result()
        elif window and not (more and len(window) < most):
            crew.collect(None)


def _tasks(jobs: Iterable[object]) -> Iterator[_Task]:
    """The jobs packed; an exception among them is the answer of the last one, so that it is raised in its place."""
    try:
        for number, job in enumerate(jobs):
            yield _Task(number, pickle.dumps(job))
    except Exception as error:  # noqa: BLE001 it is raised when the results before it have been taken
        yield _Task(-1, b"", error)


class _Worker(msgspec.Struct):
    """A process, the parent's end of its pipe, and the tasks sent to it; it is at the first of them."""

    process: multiprocessing.process.BaseProcess
    pipe: Connection
    tasks: deque[_Task]


class _Crew:
    """Workers that are started as they are needed, and the tasks that wait for one, in order."""

    def __init__(self, work: Callable[[Any], object], most: int, start_method: str) -> None:
        self._context: Any = multiprocessing.get_context(start_method)
        self._forks = start_method == "fork"
        self._work = work if self._forks else pickle.dumps(work)
        self._most = most
        self._workers: list[_Worker] = []
        self._waiting: deque[_Task] = deque()

    def add(self, task: _Task) -> None:
        """Have a task answered, unless it is, by a worker that is free or will be."""
        if task.answer is None:
            self._waiting.append(task)
            self._hand_out()

    def collect(self, seconds: float | None) -> None:
        """Wait at most so long (None: for ever) until a worker answers or dies, and take all there is to take."""
        ready = wait([worker.pipe for worker in self._workers], seconds)
        for worker in [worker for worker in self._workers if worker.pipe in ready]:
            try:
                answer = worker.pipe.recv_bytes()
            except (EOFError, OSError):
                self._bury(worker)
            else:
                worker.tasks.popleft().settle(answer)
        self._hand_out()

    def dismiss(self) -> None:
        """Let the workers end by themselves; those that do not are left for ``kill``."""
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(PATIENCE_S)

    def kill(self) -> None:
        """End all workers now."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join(PATIENCE_S)
            worker.pipe.close()
        self._workers = []

    def _hand_out(self) -> None:
        while self._waiting and (worker := self._worker_for(self._waiting[0])) is not None:
            task = self._waiting.popleft()
            worker.tasks.append(task)
            with suppress(OSError):  # it has died, which the next look at its pipe will show
                worker.pipe.send_bytes(task.packed)

    def _worker_for(self, task: _Task) -> _Worker | None:
        """Who can take a task now. One that has lost its worker waits until no other task is being worked on."""
        busy = [worker for worker in self._workers if worker.tasks]
        if busy and (task.deaths or busy[0].tasks[0].deaths):
            return None
        if task.deaths:
            self.dismiss()  # so that the new one has all memory to itself
            self.kill()
            return self._start()
        if len(busy) < len(self._workers):
            return next(worker for worker in self._workers if not worker.tasks)
        if len(busy) < self._most:
            return self._start()
        small = len(task.packed) <= SMALL_JOB_BYTES
        return next((worker for worker in busy if len(worker.tasks) == 1), None) if small else None

    def _bury(self, worker: _Worker) -> None:
        """Take a dead worker out; the task that it was at is counted and, with those it had not begun, run again."""
        worker.process.join(PATIENCE_S)
        worker.pipe.close()
        self._workers.remove(worker)
        if worker.tasks:
            task = worker.tasks[0]
            task.deaths += 1
            if task.deaths > DEATHS_ALONE:
                job, code = pickle.loads(task.packed), worker.process.exitcode or 0
                worker.tasks.popleft().settle(WorkerDied(job, code))
        self._waiting = deque(sorted([*worker.tasks, *self._waiting], key=lambda task: task.number))

    def _start(self) -> _Worker:
        with _no_interrupt(self._forks):
            here, there = self._context.Pipe()
            # A forked worker inherits the parent's ends of all pipes; while it holds one, nobody sees the parent die.
            inherited = [here, *(worker.pipe for worker in self._workers)] if self._forks else []
            process = self._context.Process(target=_serve, args=(there, inherited, self._work), daemon=True)
            process.start()
            there.close()
            worker = _Worker(process, here, deque())
            self._workers.append(worker)
        return worker


@contextmanager
def _no_interrupt(forks: bool) -> Iterator[None]:
    """Hold Ctrl-C back, also from a process that is started meanwhile, until that has said that it ignores it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    if not forks:  # spawn would start the resource tracker now, which lets interrupts through again
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ----------------------------------------------------------------------------- in a worker


def _serve(pipe: Connection, inherited: Sequence[Connection], work: Callable[[Any], object] | bytes) -> None:
    """Answer jobs until the pipe is closed, by the parent or by its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
    for other in inherited:
        other.close()
    with suppress(EOFError, OSError):
        while True:
            packed = pipe.recv_bytes()
            try:
                if isinstance(work, bytes):
                    work = pickle.loads(work)
                answer = pickle.dumps((True, work(pickle.loads(packed))))  # type: ignore[operator]
            except BaseException as error:  # noqa: BLE001 it is raised in the parent
                answer = _failure(error)
            pipe.send_bytes(answer)
            del packed, answer  # they may be large, and the next job late


def _failure(error: BaseException) -> bytes:
    """An answer that raises the error, or one that says the same where it cannot be pickled and back."""
    note = "in a worker process:\n" + "".join(traceback.format_exception(error)).rstrip()
    error.add_note(note)
    try:
        answer = pickle.dumps((False, error))
        pickle.loads(answer)
    except Exception:  # noqa: BLE001 pickling runs code of any class
        stand_in = RuntimeError("".join(traceback.format_exception_only(error)[:1]).rstrip())
        stand_in.add_note(note)
        answer = pickle.dumps((False, stand_in))
    return answer
