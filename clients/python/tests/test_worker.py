"""A real `taskiq worker` on a real Redis broker, with its results in resultd."""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from taskiq_resultd import OutcomeNotStoredError, ResultdResultBackend

from .support.processes import HANGS_AFTER_S, Program, RedisServer, Resultd

PACKAGE = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resultd]:
    service = Resultd(f"lmdb:{tmp_path_factory.mktemp('data')}", "--drain", "0s")
    yield service
    service.kill()


@pytest.fixture(scope="module")
def worker(service: Resultd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    redis = RedisServer(tmp_path_factory.mktemp("redis"))
    env = {"TEST_REDIS_URL": redis.url, "TEST_SERVICE_URL": service.url}
    command = ("-m", "taskiq", "worker", "tests.worker_app:broker", "--workers", "1")
    worker = Program(sys.executable, *command, env=env, cwd=PACKAGE)
    try:
        worker.until_output("Listening started")
        with pytest.MonkeyPatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            importlib.import_module("tests.worker_app")
        yield worker
    finally:
        worker.stop(SIGKILL)
        redis.stop()


@pytest.fixture
async def app(worker: Program) -> AsyncIterator[Any]:
    app = importlib.import_module("tests.worker_app")
    yield app
    backend = app.broker.result_backend
    assert isinstance(backend, ResultdResultBackend)
    await backend.shutdown()
    await app.broker.connection_pool.disconnect()


async def test_success_failure_and_log(app: Any) -> None:
    task = await app.add.kiq(1, 2)
    result = await task.wait_result(timeout=HANGS_AFTER_S, with_logs=True)
    assert (result.return_value, result.is_err) == (3, False)
    assert result.labels["queue"] == "sums"
    assert "add ran" in result.log
    assert (await task.get_result()).log is None

    result = await (await app.fail.kiq("six")).wait_result(timeout=HANGS_AFTER_S)
    assert repr(result.error) == "LookupError('no such number', 'six')"
    assert isinstance(result.error.__cause__, ValueError)


async def test_progress(app: Any) -> None:
    task = await app.report.kiq(3)
    assert (await task.wait_result(timeout=HANGS_AFTER_S)).return_value == "done"
    progress = await task.get_progress()
    assert (progress.state, progress.meta) == ("RUNNING", {"step": 2})


async def test_value_that_cannot_be_encoded_does_not_hang_the_client(app: Any) -> None:
    result = await (await app.make_odd.kiq()).wait_result(timeout=HANGS_AFTER_S)
    assert isinstance(result.error, OutcomeNotStoredError)


async def test_many_tasks(app: Any) -> None:
    tasks = [await app.add.kiq(number, 1) for number in range(100)]
    many = await app.broker.result_backend.wait_many(
        [task.task_id for task in tasks], timeout=HANGS_AFTER_S
    )
    assert many.is_complete
    results = await asyncio.gather(*(task.wait_result(timeout=HANGS_AFTER_S) for task in tasks))
    assert [result.return_value for result in results] == list(range(1, 101))


async def test_service_is_killed_while_tasks_run(
    app: Any, service: Resultd, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    before = await app.add.kiq(1, 2)
    await before.wait_result(timeout=HANGS_AFTER_S)
    tasks = [await app.add_when_told.kiq(number, 1, str(gate)) for number in range(5)]
    waiting = [asyncio.create_task(task.wait_result(timeout=HANGS_AFTER_S)) for task in tasks]
    for task in tasks:
        while await task.get_progress() is None:
            await asyncio.sleep(0.05)
    await asyncio.to_thread(service.kill)
    gate.touch()
    await asyncio.sleep(1.0)  # now the worker tries to save; nothing tells of it
    assert not any(task.done() for task in waiting)
    await asyncio.to_thread(service.start)
    results = await asyncio.gather(*waiting)
    assert [result.return_value for result in results] == [1, 2, 3, 4, 5]
    assert (await before.get_result()).return_value == 3
