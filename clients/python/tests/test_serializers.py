"""Serializers other than JSON, and JSON that is not strict."""

import math
import pickle
from base64 import b64decode
from typing import Any

import pytest
from taskiq.abc.serializer import TaskiqSerializer
from taskiq.depends.progress_tracker import TaskProgress
from taskiq.serializers import (
    CBORSerializer,
    JSONSerializer,
    MSGPackSerializer,
    ORJSONSerializer,
    PickleSerializer,
)

from taskiq_resultd import OutcomeNotStoredError, ResultDecodeError

from .conftest import MakeBackend
from .support.fetch import fetch_json, fetch_typed
from .support.processes import Resultd
from .support.results import failure, success

OPAQUE = {
    "application/x-python-pickle": PickleSerializer(),
    "application/vnd.msgpack": MSGPackSerializer(),
    "application/cbor": CBORSerializer(),
}


class ReversedJson(TaskiqSerializer):
    """A serializer of the user's own."""

    def dumpb(self, value: Any) -> bytes:
        return JSONSerializer().dumpb(value)[::-1]

    def loadb(self, value: bytes) -> Any:
        return JSONSerializer().loadb(value[::-1])


ALL: list[TaskiqSerializer] = [JSONSerializer(), ORJSONSerializer(), ReversedJson()]
ALL.extend(OPAQUE.values())


@pytest.mark.parametrize("serializer", ALL, ids=lambda serializer: type(serializer).__name__)
async def test_all_comes_back_with_any_serializer(
    make_backend: MakeBackend, task_id: str, serializer: TaskiqSerializer
) -> None:
    backend = make_backend(serializer=serializer)
    stored = success({"a": [1, 2.5, "ä", None, True]}, labels={"queue": "q"}, log="line")
    await backend.set_result(task_id, stored)
    assert await backend.is_result_ready(task_id)
    assert await backend.get_result(task_id, with_logs=True) == stored
    assert (await backend.get_result(task_id)).log is None

    progress = TaskProgress(state="HALF", meta={"done": [1, "ä"]})
    await backend.set_progress(task_id, progress)
    assert await backend.get_progress(task_id) == progress

    try:
        raise ValueError("no such row", 7) from KeyError("row")
    except ValueError as error:
        await backend.set_result(task_id, failure(error))
    result = await backend.get_result(task_id)
    assert result.is_err
    assert isinstance(result.error, ValueError)
    assert result.error.args == ("no such row", 7)
    assert isinstance(result.error.__cause__, KeyError)


@pytest.mark.parametrize("content_type", OPAQUE)
async def test_opaque_bytes_have_their_content_type(
    make_backend: MakeBackend, resultd: Resultd, task_id: str, content_type: str
) -> None:
    serializer = OPAQUE[content_type]
    backend = make_backend(serializer=serializer)
    await backend.set_result(task_id, failure(ValueError("x")))
    body, answered = await fetch_typed(f"{resultd.url}/v1/tasks/{task_id}/result")
    assert answered == content_type
    assert serializer.loadb(body)["error"]["exc_type"] == "ValueError"
    view = await fetch_json(f"{resultd.url}/v1/tasks/{task_id}/status")
    assert (view["state"], view["is_err"], view["execution_time"]) == ("FAILURE", True, 0.5)


@pytest.mark.parametrize("content_type", OPAQUE)
async def test_opaque_progress_is_in_a_json_meta(
    make_backend: MakeBackend, resultd: Resultd, task_id: str, content_type: str
) -> None:
    backend = make_backend(serializer=OPAQUE[content_type])
    await backend.set_progress(task_id, TaskProgress(state="HALF", meta=[1]))
    view = await fetch_json(f"{resultd.url}/v1/tasks/{task_id}/status")
    assert view["progress"]["state"] == "HALF"
    meta = view["progress"]["meta"]
    assert meta["taskiq_resultd"] == content_type
    assert OPAQUE[content_type].loadb(b64decode(meta["base64"])) == {"state": "HALF", "meta": [1]}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
async def test_json_that_is_not_strict_is_opaque(
    make_backend: MakeBackend, resultd: Resultd, task_id: str, value: float
) -> None:
    backend = make_backend()
    await backend.set_result(task_id, success({"value": [value]}, labels={"of": value}))
    result = await backend.get_result(task_id)
    assert repr(result.return_value) == repr({"value": [value]})
    assert repr(result.labels) == repr({"of": value})
    _, content_type = await fetch_typed(f"{resultd.url}/v1/tasks/{task_id}/result")
    assert content_type == "application/x-python-json"

    await backend.set_progress(task_id, TaskProgress(state="HALF", meta=[value]))
    progress = await backend.get_progress(task_id)
    assert progress is not None
    assert (progress.state, repr(progress.meta)) == ("HALF", repr([value]))


@pytest.mark.parametrize("value", ["NaN", "-Infinity", {"NaN": "Infinity"}, "\ud800", 2**70])
async def test_what_only_looks_odd_is_json(
    make_backend: MakeBackend, resultd: Resultd, task_id: str, value: object
) -> None:
    backend = make_backend()
    await backend.set_result(task_id, success(value))
    assert (await backend.get_result(task_id)).return_value == value
    _, content_type = await fetch_typed(f"{resultd.url}/v1/tasks/{task_id}/result")
    assert content_type == "application/json"


async def test_another_serializer_says_what_it_found(
    make_backend: MakeBackend, task_id: str
) -> None:
    pickled = make_backend(serializer=PickleSerializer())
    await pickled.set_result(task_id, success())
    await pickled.set_progress(task_id, TaskProgress(state="HALF", meta=1))
    backend = make_backend()
    with pytest.raises(ResultDecodeError, match="pickle"):
        await backend.get_result(task_id)
    with pytest.raises(ResultDecodeError, match="pickle"):
        await backend.get_progress(task_id)


async def test_bytes_that_are_broken_say_so(make_backend: MakeBackend, task_id: str) -> None:
    writer = make_backend(serializer=ReversedJson(), content_type="application/x-python-pickle")
    await writer.set_result(task_id, success())
    with pytest.raises(ResultDecodeError, match="bytes of"):
        await make_backend(serializer=PickleSerializer()).get_result(task_id)


async def test_json_is_read_whatever_the_serializer(
    make_backend: MakeBackend, task_id: str
) -> None:
    await make_backend().set_result(task_id, success([1]))
    await make_backend().set_progress(task_id, TaskProgress(state="HALF", meta=[2]))
    backend = make_backend(serializer=PickleSerializer())
    assert (await backend.get_result(task_id)).return_value == [1]
    assert await backend.get_progress(task_id) == TaskProgress(state="HALF", meta=[2])


@pytest.mark.parametrize("serializer", ALL, ids=lambda serializer: type(serializer).__name__)
async def test_what_a_serializer_refuses_becomes_a_failure(
    make_backend: MakeBackend, task_id: str, serializer: TaskiqSerializer
) -> None:
    backend = make_backend(serializer=serializer)
    await backend.set_result(task_id, success(object()))
    error = (await backend.get_result(task_id)).error
    assert isinstance(error, OutcomeNotStoredError)


@pytest.mark.parametrize("state", ["", "x" * 65, "new\nline", "\ud800", "ä" * 64])
async def test_any_state_comes_back(make_backend: MakeBackend, task_id: str, state: str) -> None:
    backend = make_backend()
    progress = TaskProgress(state=state, meta={"taskiq_resultd": "a name like any other"})
    await backend.set_progress(task_id, progress)
    assert await backend.get_progress(task_id) == progress


async def test_nothing_is_unpickled_but_by_a_pickle_serializer(
    make_backend: MakeBackend, task_id: str
) -> None:
    class Raw(TaskiqSerializer):
        def dumpb(self, value: Any) -> bytes:
            return pickle.dumps(value)

        def loadb(self, value: bytes) -> Any:
            raise NotImplementedError

    writer = make_backend(serializer=Raw(), content_type="application/x-python-pickle")
    await writer.set_result(task_id, success())
    for serializer in ALL:
        if not isinstance(serializer, PickleSerializer):
            with pytest.raises(ResultDecodeError):
                await make_backend(serializer=serializer).get_result(task_id)
