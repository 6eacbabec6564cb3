"""Processes, threads and loops: a backend made anywhere works everywhere, and ends quietly."""

import asyncio
import os
import subprocess
import sys
import threading
from typing import Any

import pytest

from taskiq_resultd import ResultdResultBackend

from .conftest import MakeBackend
from .support.processes import HANGS_AFTER_S, Resultd
from .support.results import success


def test_backend_is_used_in_several_loops(resultd: Resultd, task_id: str) -> None:
    backend: ResultdResultBackend[Any] = ResultdResultBackend(resultd.url)
    for value in range(3):
        asyncio.run(backend.set_result(task_id, success(value)))
        assert asyncio.run(backend.is_result_ready(task_id))
        assert asyncio.run(backend.get_result(task_id)).return_value == value


def test_two_threads_have_a_loop_each(resultd: Resultd, task_id: str) -> None:
    backend: ResultdResultBackend[Any] = ResultdResultBackend(resultd.url)
    meet = threading.Barrier(2, timeout=HANGS_AFTER_S)
    failures: list[BaseException] = []

    async def work(name: str) -> None:
        for number in range(50):
            key = f"{task_id}-{name}-{number}"
            await backend.set_result(key, success(name))
            meet.wait()
            assert await backend.is_result_ready(key)
            assert (await backend.get_result(key)).return_value == name

    def run(name: str) -> None:
        try:
            asyncio.run(work(name))
        except BaseException as error:
            failures.append(error)
            meet.abort()

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


async def test_backend_goes_on_after_shutdown(make_backend: MakeBackend, task_id: str) -> None:
    backend = make_backend(ready_wait=60)
    await backend.shutdown()
    looking = asyncio.create_task(backend.is_result_ready(task_id))
    await asyncio.sleep(0.1)
    await backend.shutdown()
    assert not await looking
    await backend.set_result(task_id, success())
    assert await backend.is_result_ready(task_id)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_child_of_a_fork_has_connections_of_its_own(resultd: Resultd, task_id: str) -> None:
    ended = run_python(
        """
        async def child():
            for number in range(20):
                await backend.set_result(f"{task_id}-child-{number}", success("child"))
                stored = await backend.get_result(f"{task_id}-child-{number}")
                assert stored.return_value == "child"

        async def parent():
            await backend.set_result(task_id, success("parent"))
            later = AsyncTaskiqTask(f"{task_id}-later", backend)
            waiting = asyncio.create_task(later.wait_result(timeout=300))
            await asyncio.sleep(0.1)
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    thread = threading.Thread(target=lambda: asyncio.run(child()))
                    thread.start()
                    thread.join()
                    gc.collect()
                    code = 0
                finally:
                    os._exit(code)
            for number in range(20):
                await backend.set_result(f"{task_id}-{number}", success("parent"))
                assert (await backend.get_result(f"{task_id}-{number}")).return_value == "parent"
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            await backend.set_result(f"{task_id}-later", success())
            assert (await waiting).return_value == 11
            assert (await backend.get_result(f"{task_id}-child-19")).return_value == "child"

        asyncio.run(parent())
        """,
        resultd,
        task_id,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("ends", ["asyncio.run(main())", "in_a_loop_of_its_own(main())"])
def test_loop_ends_without_a_word(resultd: Resultd, task_id: str, ends: str) -> None:
    ended = run_python(
        f"""
        async def main():
            await backend.set_result(task_id, success())
            assert await backend.is_result_ready(task_id)
            await backend.get_result(task_id)

        def in_a_loop_of_its_own(main):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(main)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

        {ends}
        """,
        resultd,
        task_id,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_loop_that_ends_while_polls_run_ends_without_a_word(resultd: Resultd, task_id: str) -> None:
    ended = run_python(
        """
        async def main():
            waits = [backend.is_result_ready(f"{task_id}-{number}") for number in range(5)]
            assert await asyncio.gather(*waits) == [False] * 5
            asyncio.create_task(backend.is_result_ready(task_id))
            await asyncio.sleep(0.1)

        asyncio.run(main())
        """,
        resultd,
        task_id,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def run_python(body: str, resultd: Resultd, task_id: str) -> "subprocess.CompletedProcess[str]":
    """Run a program in an interpreter of its own, in which each warning is an error."""
    lines = [line.removeprefix("        ") for line in body.splitlines()]
    head = f"""
import asyncio, gc, logging, os, threading
logging.getLogger("asyncio").setLevel("ERROR")  # not of what was slow
from taskiq import AsyncTaskiqTask, TaskiqResult
from taskiq_resultd import ResultdResultBackend
backend = ResultdResultBackend({resultd.url!r}, ready_wait=0.5)
task_id = {task_id!r}
def success(value=11):
    return TaskiqResult(is_err=False, return_value=value, execution_time=0.5)
"""
    tail = "\ndel backend\ngc.collect()\n"
    program = head + "\n".join(lines) + tail
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=HANGS_AFTER_S,
        check=False,
    )
