"""A taskiq application in one process: the in-memory broker, with its results in resultd."""

from collections.abc import AsyncIterator

import pytest
from taskiq import InMemoryBroker

from taskiq_resultd import OutcomeNotStoredError, ResultdResultBackend

from .support.fetch import fetch_json
from .support.processes import HANGS_AFTER_S, Resultd


@pytest.fixture
async def broker(resultd: Resultd) -> AsyncIterator[InMemoryBroker]:
    broker = InMemoryBroker().with_result_backend(ResultdResultBackend(resultd.url))
    assert isinstance(broker, InMemoryBroker)
    yield broker
    await broker.shutdown()


async def test_result_comes_back_and_curl_sees_it(broker: InMemoryBroker, resultd: Resultd) -> None:
    @broker.task(queue="sums")
    async def add(one: int, other: int) -> int:
        return one + other

    task = await add.kiq(1, 2)
    result = await task.wait_result(timeout=HANGS_AFTER_S)
    assert (result.is_err, result.return_value, result.error) == (False, 3, None)
    assert result.labels == {"queue": "sums"}

    members = await fetch_json(f"{resultd.url}/v1/tasks/{task.task_id}/result")
    assert list(members) == [
        "is_err",
        "log",
        "return_value",
        "execution_time",
        "labels",
        "error",
    ]
    assert members["return_value"] == 3


async def test_exception_comes_back_with_its_cause(broker: InMemoryBroker) -> None:
    @broker.task
    async def fail() -> None:
        try:
            raise KeyError("row")
        except KeyError as error:
            raise ValueError("no such row", 7) from error

    result = await (await fail.kiq()).wait_result(timeout=HANGS_AFTER_S)
    assert result.is_err
    assert isinstance(result.error, ValueError)
    assert result.error.args == ("no such row", 7)
    assert isinstance(result.error.__cause__, KeyError)
    with pytest.raises(ValueError, match="no such row"):
        result.raise_for_error()


async def test_value_that_cannot_be_encoded_becomes_a_failure(broker: InMemoryBroker) -> None:
    @broker.task
    async def make() -> object:
        return object()

    result = await (await make.kiq()).wait_result(timeout=HANGS_AFTER_S)
    assert result.is_err
    assert isinstance(result.error, OutcomeNotStoredError)
    assert "object" in str(result.error)
