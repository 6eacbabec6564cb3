"""What taskiq's own Redis backend is tested for, of this one."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from taskiq import AsyncTaskiqTask
from taskiq.depends.progress_tracker import TaskProgress, TaskState
from taskiq.exceptions import ResultGetError, ResultIsReadyError

from taskiq_resultd import (
    OutcomeNotStoredError,
    ResultdResultBackend,
    ResultdUnavailableError,
    ResultIsMissingError,
)

from .conftest import MakeBackend
from .support.fetch import fetch, fetch_json
from .support.front import Front, Reply
from .support.processes import Resultd, free_port
from .support.results import failure, success


async def test_result_comes_back_as_it_was(make_backend: MakeBackend, task_id: str) -> None:
    backend = make_backend()
    stored = success({"sum": [1, 2.5, None, "ä"]}, labels={"queue": "q", "n": 1}, log="line\n")
    await backend.set_result(task_id, stored)
    assert await backend.get_result(task_id, with_logs=True) == stored
    assert await backend.get_result(task_id, with_logs=True) == stored


async def test_log_comes_with_logs_alone(make_backend: MakeBackend, task_id: str) -> None:
    backend = make_backend()
    await backend.set_result(task_id, success(log="My logs"))
    assert (await backend.get_result(task_id, with_logs=True)).log == "My logs"
    assert (await backend.get_result(task_id)).log is None


async def test_last_result_wins(make_backend: MakeBackend, task_id: str) -> None:
    backend = make_backend()
    for value in (1, 2, 2, 3):
        await backend.set_result(task_id, success(value))
    assert (await backend.get_result(task_id)).return_value == 3


async def test_readiness(make_backend: MakeBackend, task_id: str) -> None:
    backend = make_backend(ready_wait=0.05)
    assert not await backend.is_result_ready(task_id)
    await backend.set_progress(task_id, TaskProgress(state=TaskState.SUCCESS, meta=None))
    assert not await backend.is_result_ready(task_id)
    await backend.set_result(task_id, success())
    while not await backend.is_result_ready(task_id):
        pass
    assert await backend.is_result_ready(task_id)


@pytest.mark.parametrize("keep_results", [True, False])
async def test_missing_result_is_a_result_get_error(
    make_backend: MakeBackend, task_id: str, keep_results: bool
) -> None:
    backend = make_backend(keep_results=keep_results)
    with pytest.raises(ResultGetError):
        await backend.get_result(task_id)
    with pytest.raises(ResultIsMissingError, match="unknown"):
        await backend.get_result(task_id)
    await backend.set_progress(task_id, TaskProgress(state="STARTED", meta=None))
    with pytest.raises(ResultIsMissingError, match="not ready"):
        await backend.get_result(task_id)


async def test_result_is_consumed_where_it_is_not_kept(
    make_backend: MakeBackend, task_id: str
) -> None:
    backend = make_backend(keep_results=False, ready_wait=0.05)
    stored = success(log="My logs")
    await backend.set_result(task_id, stored)
    assert await backend.get_result(task_id, with_logs=True) == stored
    with pytest.raises(ResultIsMissingError):
        await backend.get_result(task_id)
    assert not await backend.is_result_ready(task_id)
    # The same outcome again is a new one: the task has run once more.
    await backend.set_result(task_id, stored)
    assert (await backend.get_result(task_id)).log is None


async def test_one_of_many_readers_gets_what_is_not_kept(
    make_backend: MakeBackend, task_id: str
) -> None:
    backend = make_backend(keep_results=False)
    await backend.set_result(task_id, success())
    reads = (backend.get_result(task_id) for _ in range(20))
    results = await asyncio.gather(*reads, return_exceptions=True)
    assert sum(isinstance(result, ResultIsMissingError) for result in results) == 19


async def test_many_read_at_once(make_backend: MakeBackend, task_id: str) -> None:
    backend = make_backend()
    stored = success("x" * 10_000)
    await backend.set_result(task_id, stored)
    results = await asyncio.gather(*(backend.get_result(task_id) for _ in range(200)))
    assert all(result == stored for result in results)


async def test_many_are_set_at_once(make_backend: MakeBackend) -> None:
    backend = make_backend()
    ids = [uuid4().hex for _ in range(200)]
    await asyncio.gather(*(backend.set_result(name, success(name)) for name in ids))
    results = await asyncio.gather(*(backend.get_result(name) for name in ids))
    assert [result.return_value for result in results] == ids


async def test_progress_is_overwritten_and_read(make_backend: MakeBackend, task_id: str) -> None:
    backend = make_backend()
    assert await backend.get_progress(task_id) is None
    first = TaskProgress(state=TaskState.STARTED, meta={"message": "quarter way", "pct": 25})
    await backend.set_progress(task_id, first)
    assert await backend.get_progress(task_id) == first
    second = TaskProgress(state="HALF WAY", meta=[50, None, "ä"])
    await backend.set_progress(task_id, second)
    assert await backend.get_progress(task_id) == second
    await backend.set_result(task_id, success())
    assert await backend.get_progress(task_id) == second


@pytest.mark.parametrize("ttl", [60, 60.0, "60s", timedelta(minutes=1)])
async def test_result_and_progress_have_the_ttl(
    make_backend: MakeBackend, resultd: Resultd, task_id: str, ttl: float | str | timedelta
) -> None:
    backend = make_backend(result_ttl=ttl)
    await backend.set_progress(task_id, TaskProgress(state="STARTED", meta=1))
    for store in (None, success()):
        if store:
            await backend.set_result(task_id, store)
        view = await fetch_json(f"{resultd.url}/v1/tasks/{task_id}/status")
        written, expires = (
            datetime.fromisoformat(view[name].replace("Z", "+00:00"))
            for name in ("updated_at", "expires_at")
        )
        assert expires - written == timedelta(minutes=1)


async def test_result_and_progress_expire(make_backend: MakeBackend, task_id: str) -> None:
    backend = make_backend(result_ttl="100ms", ready_wait=0.05)
    await backend.set_result(task_id, success())
    await backend.set_progress(task_id, TaskProgress(state="STARTED", meta=1))
    while await backend.get_progress(task_id) is not None:
        pass  # nothing tells of an expiry
    while await backend.is_result_ready(task_id):
        pass
    with pytest.raises(ResultIsMissingError):
        await backend.get_result(task_id)


async def test_progress_that_is_too_large_is_a_warning(
    make_backend: MakeBackend, front: Front, task_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    backend = make_backend(front.url)
    await backend.set_progress(task_id, TaskProgress(state="HALF", meta=1))
    await backend.set_progress(task_id, TaskProgress(state="MOST", meta="x" * 9_000_000))
    assert await backend.get_progress(task_id) == TaskProgress(state="HALF", meta=1)
    lines = [record for record in caplog.records if record.name == "taskiq_resultd"]
    assert [line.levelname for line in lines] == ["WARNING"]
    assert task_id in lines[0].message


@pytest.mark.parametrize("ttl", [0, -1, "0", "0m", "", "soon", 1e10, float("nan")])
def test_ttl_that_can_never_be_is_refused(ttl: float | str, make_backend: MakeBackend) -> None:
    with pytest.raises(ValueError, match="result_ttl"):
        make_backend(result_ttl=ttl)


class Odd:
    """Nothing can encode it."""


@pytest.mark.parametrize(
    "value", [Odd(), b"\xff\xfe", {"deep": Odd()}, (lambda: None)], ids=lambda value: str(value)[:9]
)
async def test_value_that_cannot_be_encoded_becomes_a_failure(
    make_backend: MakeBackend, task_id: str, value: object
) -> None:
    backend = make_backend()
    await backend.set_result(task_id, success(value, labels={"queue": "q"}))
    result = await backend.get_result(task_id)
    assert result.is_err
    assert isinstance(result.error, OutcomeNotStoredError)
    assert "cannot be encoded" in str(result.error)
    assert result.labels == {"queue": "q"}
    assert result.execution_time == 112.2


async def test_depth_and_cycles_become_a_failure(make_backend: MakeBackend, task_id: str) -> None:
    backend = make_backend()
    cycle: list[object] = []
    cycle.append(cycle)
    for labels in ({}, {"of": cycle}):
        await backend.set_result(task_id, success(cycle, labels=labels))
        error = (await backend.get_result(task_id)).error
        assert isinstance(error, OutcomeNotStoredError)


async def test_failure_that_cannot_be_stored_keeps_its_error_as_the_cause(
    make_backend: MakeBackend, task_id: str
) -> None:
    backend = make_backend()
    await backend.set_result(task_id, failure(KeyError("row"), labels={"of": "a"}))
    await backend.set_result(task_id, failure(KeyError("row"), labels={"odd": Odd()}))
    assert isinstance((await backend.get_result(task_id)).error, OutcomeNotStoredError)
    odd = success(Odd(), error=KeyError("row"))
    await backend.set_result(task_id, odd)
    error = (await backend.get_result(task_id)).error
    assert error is not None
    assert isinstance(error.__cause__, KeyError)


class HidingError(Exception):
    @property
    def args(self) -> Any:  # type: ignore[override]
        raise RuntimeError("hidden")


async def test_error_that_cannot_be_looked_at_becomes_a_failure(
    make_backend: MakeBackend, task_id: str
) -> None:
    backend = make_backend()
    await backend.set_result(task_id, failure(HidingError()))
    error = (await backend.get_result(task_id)).error
    assert isinstance(error, OutcomeNotStoredError)
    assert "hidden" in str(error)


async def test_result_that_is_too_large_becomes_a_failure(
    make_backend: MakeBackend, task_id: str
) -> None:
    backend = make_backend()
    await backend.set_result(task_id, success("x" * 9 * 2**20))
    error = (await backend.get_result(task_id)).error
    assert isinstance(error, OutcomeNotStoredError)
    assert "too large" in str(error) or "8" in str(error)
    # An exception can be too large as well.
    await backend.set_result(task_id, failure(ValueError("x" * 9 * 2**20)))
    error = (await backend.get_result(task_id)).error
    assert isinstance(error, OutcomeNotStoredError)


async def test_result_that_a_proxy_finds_too_large_becomes_a_failure(
    make_backend: MakeBackend, task_id: str, front: Front
) -> None:
    backend = make_backend(front.url)
    front.faults.append(Reply(413, "<h1>Request Entity Too Large</h1>"))
    await backend.set_result(task_id, success())
    error = (await backend.get_result(task_id)).error
    assert isinstance(error, OutcomeNotStoredError)
    assert "Entity Too Large" in str(error)


async def test_plain_get_sees_the_outcome(
    make_backend: MakeBackend, resultd: Resultd, task_id: str
) -> None:
    await make_backend().set_result(task_id, success({"sum": 3}, labels={"queue": "q"}))
    assert await fetch(f"{resultd.url}/v1/tasks/{task_id}/result") == (
        b'{"is_err":false,"log":null,"return_value":{"sum": 3},"execution_time":112.2,'
        b'"labels":{"queue": "q"},"error":null}'
    )


async def test_service_that_is_not_there_is_not_a_missing_result(
    make_backend: MakeBackend, task_id: str
) -> None:
    backend = make_backend(f"http://127.0.0.1:{free_port()}", retry_for=0.3)
    with pytest.raises(ResultdUnavailableError):
        await backend.get_result(task_id)
    with pytest.raises(ResultdUnavailableError):
        await backend.set_result(task_id, success())
    with pytest.raises(ResultdUnavailableError):
        await backend.get_progress(task_id)
    with pytest.raises(ResultIsReadyError) as raised:
        await AsyncTaskiqTask(task_id, backend).wait_result()
    assert isinstance(raised.value.__cause__, ResultdUnavailableError)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "redis://localhost", "http://h/?a=1"])
def test_address_that_cannot_be_one_is_refused(url: str, make_backend: MakeBackend) -> None:
    with pytest.raises(ValueError, match="http://host:port"):
        make_backend(url)


@pytest.mark.parametrize("name", ["ready_wait", "retry_for", "request_timeout"])
@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_time_that_is_none_is_refused(name: str, seconds: float) -> None:
    with pytest.raises(ValueError, match=name):
        ResultdResultBackend("http://127.0.0.1", **{name: seconds})  # type: ignore[arg-type]


def test_ready_wait_of_zero_would_never_see_a_result() -> None:
    with pytest.raises(ValueError, match="ready_wait"):
        ResultdResultBackend("http://127.0.0.1", ready_wait=0)
