"""Many submissions at once: worker processes of this machine, or a Dask cluster. Results come as they are ready.

Either way a worker that dies is replaced, and a submission that kills its worker again and again is reported as failed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import connection, forkserver
from multiprocessing.context import BaseContext
from typing import Any, Protocol

from autograder.assignments import module_of
from autograder.errors import SubmissionError, UnfitError
from autograder.sandbox.inside.confine import die_with_parent

from .admit import find_notebook, read_bytes
from .plan import Plan, Task
from .store import without_result

__all__ = ["SOURCES", "Cluster", "Here", "Staff", "end_quietly", "workers"]

Finished = Iterator[tuple[Task, dict[str, Any] | None]]
DEATHS = 3  # workers that one submission may kill
MOST_TOGETHER = 8  # submissions that travel to a worker of a cluster as one
SOURCES = ("reference", "blank")  # what `work.faults` examines


class Staff(Protocol):
    """Those who do the work."""

    def faults(self) -> list[str]:
        """What is not in order with the assignment; everybody who works on it is warm then."""

    def grade(self, tasks: Sequence[Task]) -> Finished:
        """Results as they are ready, with the task each belongs to; None where the stored result still holds."""


def workers(assignment: str) -> BaseContext:
    """How worker processes are made: copies of a process that has loaded the checks, and holds nothing of ours.

    That process is started by the first call, and loads while we go on.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    modules = ["autograder.grading.work", module_of(assignment)]
    # every worker loads our main program once more
    modules += [m for m in ("autograder.cli",) if m in sys.modules]
    context.set_forkserver_preload([*modules, "autograder.grading.ready"])
    forkserver.ensure_running()
    return context


def end_quietly() -> None:
    """Called in a new worker process: it ends with the process that it works for, and without a word on Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        die_with_parent()  # which is the process that workers are copies of
    if (employer := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_end_after, args=(employer.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    """A worker whose employer was killed would wait for work for ever."""
    connection.wait([sentinel])
    os._exit(1)


class Here:
    """`jobs` worker processes of this machine, which use the fork server at `address`. Use as a context manager."""

    def __init__(self, plan: Plan, jobs: int, address: str) -> None:
        self.plan, self.jobs, self.address = plan, max(1, jobs), address
        self.pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Here:
        # by file, not as an argument: an argument larger than a pipe would wait for ever for a worker that died at once
        self.file = tempfile.NamedTemporaryFile(prefix="plan-")
        pickle.dump(self.plan, self.file)
        self.file.flush()
        return self

    def __exit__(self, *_: object) -> None:
        self._dismiss()
        self.file.close()

    def faults(self) -> list[str]:
        pool = self._team(self.jobs)
        try:
            return [fault for found in pool.map(_faults, SOURCES) for fault in found]
        except BrokenProcessPool:
            raise UnfitError(
                "A worker process died while it graded the reference: is there memory left?"
            ) from None

    def grade(self, tasks: Sequence[Task]) -> Finished:
        """After a death, the submissions that were running are tried one by one."""
        waiting = list(tasks)
        deaths: dict[str, int] = {}
        while waiting:
            suspects = [t for t in waiting if deaths.get(t.student)]
            queue = suspects[:1] or list(waiting)
            pool = self._team(1 if suspects else self.jobs)
            running: dict[Future[dict[str, Any] | None], Task] = {}
            try:
                while queue or running:
                    while queue and len(running) < 2 * self.jobs:
                        task = queue.pop(0)
                        running[pool.submit(_grade, task)] = task
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        result = future.result()
                        task = running.pop(future)
                        waiting.remove(task)
                        yield task, result
            except BrokenProcessPool:
                for task in running.values():
                    deaths[task.student] = deaths.get(task.student, 0) + 1
                    if deaths[task.student] >= DEATHS:
                        waiting.remove(task)
                        yield task, _deadly(self.plan, task)
            finally:
                if suspects or waiting:
                    self._dismiss()

    def _team(self, size: int) -> ProcessPoolExecutor:
        """The workers that are there, or new ones; they start as there is work for them."""
        if self.pool is None:
            about = (self.file.name, self.address)
            self.pool = ProcessPoolExecutor(size, workers(self.plan.assignment), _initialise, about)
        return self.pool

    def _dismiss(self) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=True, cancel_futures=True)
            self.pool = None


# What workers are asked to do. The process that asks has none of it loaded.


def _initialise(plan_file: str, address: str) -> None:
    from .work import initialise

    initialise(plan_file, address)


def _grade(task: Task, plan: Plan | None = None) -> dict[str, Any] | None:
    from .work import grade_one

    return grade_one(task, plan)


def _handed_on(plan: Plan) -> Plan:
    return plan


def _grade_all(tasks: Sequence[Task], plan: Plan) -> list[dict[str, Any] | None]:
    return [_grade(task, plan) for task in tasks]


def _faults(which: str, plan: Plan | None = None) -> list[str]:
    from .work import faults

    return faults(which, plan)


class Cluster:
    """The workers of a Dask scheduler. Notebooks travel as bytes; nothing else of the course folder is needed there.

    Use as a context manager. Raises UnfitError when Dask is not installed, the scheduler does not answer or no worker
    joins.
    """

    def __init__(self, plan: Plan, address: str) -> None:
        self.plan, self.address = plan, address

    def __enter__(self) -> Cluster:
        try:
            from distributed import Client
        except ImportError:
            raise UnfitError("--scheduler needs Dask: pip install '.[cluster]'.") from None
        with contextlib.ExitStack() as stack:
            try:
                self.client = stack.enter_context(Client(self.address, timeout=20, set_as_default=False))
                self.client.wait_for_workers(1, timeout=60)
            except (OSError, TimeoutError, ValueError) as error:
                raise UnfitError(
                    f"The Dask scheduler {self.address} cannot be used: {str(error)[:200]}."
                ) from None
            stack.enter_context(self.client.as_current())
            # as a task, which is done again when the workers that hold its result die; data that is scattered is lost
            self.shared = self.client.submit(_handed_on, self.plan, pure=False)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def faults(self) -> list[str]:
        futures = [
            self.client.submit(_faults, which, self.shared, pure=False, retries=1) for which in SOURCES
        ]
        return [fault for future in futures for fault in self._result(future)]

    def grade(self, tasks: Sequence[Task]) -> Finished:
        """A few submissions travel together, which costs less; those whose worker died are tried one by one."""
        from distributed import KilledWorker, as_completed

        crowd = len(self.client.scheduler_info()["workers"])
        size = min(MOST_TOGETHER, max(1, len(tasks) // (16 * crowd)))
        waiting = [tasks[k : k + size] for k in range(0, len(tasks), size)][::-1]
        running: dict[str, tuple[Any, Sequence[Task]]] = {}
        ready = as_completed(with_results=True, raise_errors=False)

        def send() -> None:
            # not all at once: what is sent is held in memory, there and here
            while waiting and len(running) < 4 * crowd:
                together = waiting.pop()
                packed = [_packed(task, self.plan) for task in together]
                future = self.client.submit(_grade_all, packed, self.shared, pure=False, retries=1)
                running[future.key] = (future, together)
                ready.add(future)

        send()
        for future, results in ready:
            _, together = running.pop(future.key)
            if future.status == "error" and isinstance(future.exception(), KilledWorker):
                if len(together) == 1:
                    yield together[0], _deadly(self.plan, together[0])
                else:
                    waiting += [[task] for task in together]
            else:
                yield from zip(together, results if future.status == "finished" else self._result(future))
            future.release()
            send()

    def _result(self, future: Any) -> Any:
        from distributed import CancelledError

        try:
            return future.result()
        except UnfitError:
            raise
        except (Exception, CancelledError) as problem:
            raise UnfitError(f"A worker failed: {problem}") from None


def _packed(task: Task, plan: Plan) -> Task:
    """The task with the notebook's bytes in it, so that a worker needs no file of ours."""
    try:
        path = find_notebook(task.folder, plan.assignment)
        return replace(task, data=read_bytes(path), name=path.name)
    except SubmissionError as error:
        return replace(task, problem=str(error))


def _deadly(plan: Plan, task: Task) -> dict[str, Any]:
    message = "The grader's own process died each time on this submission; grade it by hand."
    return without_result(plan, task, message)
