"""Many submissions at once: worker processes of this machine, or a Dask cluster. Results come as they are ready.

Either way a worker that dies is replaced, and a submission that kills its worker again and again is reported as failed.
"""

from __future__ import annotations

import multiprocessing
import pickle
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from typing import Any

from autograder.assignments import module_of
from autograder.errors import SubmissionError, UnfitError

from .admit import find_notebook, read_bytes
from .work import Plan, Task, grade_one, initialise, without_result

__all__ = ["on_cluster", "on_this_machine", "workers"]

Finished = Iterator[tuple[Task, dict[str, Any] | None]]
DEATHS = 3  # workers that one submission may kill


def on_this_machine(plan: Plan, tasks: Sequence[Task], jobs: int, address: str) -> Finished:
    """Grade with `jobs` worker processes and the fork server at `address`.

    After a death, the submissions that were running are tried one by one.
    """
    with tempfile.NamedTemporaryFile(prefix="plan-") as file:
        # by file, not as an argument: an argument larger than a pipe would wait for ever for a worker that died at once
        pickle.dump(plan, file)
        file.flush()
        yield from _with_pools(plan, (file.name, address), tasks, jobs)


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


def _with_pools(plan: Plan, about: tuple[str, str], tasks: Sequence[Task], jobs: int) -> Finished:
    jobs = max(1, min(jobs, len(tasks)))
    waiting = list(tasks)
    deaths: dict[str, int] = {}
    while waiting:
        suspects = [t for t in waiting if deaths.get(t.student)]
        queue = suspects[:1] or list(waiting)
        pool = ProcessPoolExecutor(1 if suspects else jobs, workers(plan.assignment), initialise, about)
        running: dict[Future[dict[str, Any] | None], Task] = {}
        try:
            while queue or running:
                while queue and len(running) < 2 * jobs:
                    task = queue.pop(0)
                    running[pool.submit(grade_one, task)] = task
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
                    yield task, _deadly(plan, task)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def on_cluster(plan: Plan, tasks: Sequence[Task], address: str) -> Finished:
    """Grade on the workers of a Dask scheduler. Notebooks travel as bytes; nothing else of the course folder is needed there.

    Raises UnfitError when Dask is not installed, the scheduler does not answer or no worker joins.
    """
    try:
        from distributed import Client, KilledWorker, as_completed
    except ImportError:
        raise UnfitError("--scheduler needs Dask: pip install '.[cluster]'.") from None
    try:
        client = Client(address, timeout=20, set_as_default=False)
        client.wait_for_workers(1, timeout=60)
    except (OSError, TimeoutError, ValueError) as error:
        raise UnfitError(f"The Dask scheduler {address} cannot be used: {str(error)[:200]}.") from None
    with client, client.as_current():
        shared = client.scatter(plan, broadcast=True, hash=False)
        futures = {}
        for task in tasks:
            future = client.submit(_grade_there, _packed(task, plan), shared, pure=False, retries=1)
            futures[future.key] = (future, task)
        ready = as_completed([f for f, _ in futures.values()], with_results=True, raise_errors=False)
        for future, result in ready:
            task = futures[future.key][1]
            problem = future.exception() if future.status == "error" else None
            if isinstance(problem, KilledWorker):
                yield task, _deadly(plan, task)
            elif problem is not None:
                raise (
                    problem if isinstance(problem, UnfitError) else UnfitError(f"A worker failed: {problem}")
                )
            else:
                yield task, result
            future.release()


def _packed(task: Task, plan: Plan) -> Task:
    """The task with the notebook's bytes in it, so that a worker needs no file of ours."""
    try:
        path = find_notebook(task.folder, plan.assignment)
        return replace(task, data=read_bytes(path), name=path.name)
    except SubmissionError as error:
        return replace(task, problem=str(error))


def _grade_there(task: Task, plan: Plan) -> dict[str, Any] | None:
    return grade_one(task, plan)


def _deadly(plan: Plan, task: Task) -> dict[str, Any]:
    message = "The grader's own process died each time on this submission; grade it by hand."
    return without_result(plan, task, message)
