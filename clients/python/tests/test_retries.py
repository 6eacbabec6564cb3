"""A front that answers 502, cuts connections and loses answers."""

import asyncio
import time
from collections.abc import Awaitable
from email.utils import formatdate
from itertools import cycle
from typing import TypeVar

import pytest
from taskiq import AsyncTaskiqTask
from taskiq.depends.progress_tracker import TaskProgress

from taskiq_resultd import ResultdAnswerError, ResultdUnavailableError, ResultIsMissingError

from .conftest import MakeBackend
from .support.front import Fault, Front, Reply
from .support.processes import HANGS_AFTER_S
from .support.results import success

T = TypeVar("T")
HTML = {"Content-Type": "text/html"}
PASSING: list[Fault] = [
    "cut before",
    "cut after",
    *(Reply(status) for status in (429, 500, 502, 503, 504)),
]


@pytest.mark.parametrize("keep_results", [True, False])
async def test_all_calls_live_through_passing_trouble(
    make_backend: MakeBackend, front: Front, task_id: str, keep_results: bool
) -> None:
    backend = make_backend(front.url, keep_results=keep_results)
    progress = TaskProgress(state="HALF", meta=1)

    async def in_trouble(call: Awaitable[T]) -> T:
        front.faults.extend([next(trouble), next(trouble)])
        answer = await call
        assert not front.faults
        return answer

    trouble = cycle(PASSING)
    await in_trouble(backend.set_progress(task_id, progress))
    assert await in_trouble(backend.get_progress(task_id)) == progress
    for _ in range(3):
        await in_trouble(backend.set_result(task_id, success()))
        await in_trouble(AsyncTaskiqTask(task_id, backend).wait_result(timeout=HANGS_AFTER_S))
        await backend.set_result(task_id, success())
        assert (await in_trouble(backend.get_result(task_id))).return_value == 11
        await backend.set_result(task_id, success(12))
        assert (await in_trouble(backend.wait_many([task_id], timeout=HANGS_AFTER_S))).is_complete


async def test_retry_after_is_honoured(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    backend = make_backend(front.url)
    started = time.time()
    front.faults.append(Reply(503, "later", {"Retry-After": "1"}))
    await backend.set_result(task_id, success())
    assert time.time() - started >= 1
    at = formatdate(int(time.time()) + 2, usegmt=True)
    front.faults.append(Reply(429, "later", {"Retry-After": at}))
    started = time.time()
    await backend.get_result(task_id)
    assert time.time() - started >= 0.9


async def test_it_gives_up_after_its_time(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    front.always = Reply(502)
    with pytest.raises(ResultdUnavailableError, match=r"502, text/html.*Bad gateway"):
        await make_backend(front.url, retry_for=0.5).set_result(task_id, success())
    assert front.count() > 1
    before = front.count()
    with pytest.raises(ResultdUnavailableError):
        await make_backend(front.url, retry_for=0).get_result(task_id)
    assert front.count() == before + 1
    # No pause for ever: what asks for more time than there is, is not waited for.
    front.always = Reply(503, "later", {"Retry-After": "3600"})
    with pytest.raises(ResultdUnavailableError, match="later"):
        await make_backend(front.url, retry_for=60).get_result(task_id)


async def test_outcome_is_not_lost_to_a_service_that_asks_for_more_time_than_there_is(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    backend = make_backend(front.url, retry_for=1)
    front.faults.append(Reply(503, "later", {"Retry-After": "3600"}))
    await backend.set_result(task_id, success())
    assert (await backend.get_result(task_id)).return_value == 11
    before = front.count()
    front.always = Reply(503, "later", {"Retry-After": "3600"})
    with pytest.raises(ResultdUnavailableError, match="later"):
        await backend.set_result(task_id, success())
    assert front.count() == before + 2


async def test_consumer_is_given_an_answer_that_got_lost(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    backend = make_backend(front.url, keep_results=False)
    await backend.set_result(task_id, success(log="line"))
    front.faults.append("cut after")
    result = await backend.get_result(task_id, with_logs=True)
    assert (result.return_value, result.log) == (11, "line")
    assert front.count("POST") == 2
    with pytest.raises(ResultIsMissingError):
        await backend.get_result(task_id)


async def test_late_retry_of_a_save_brings_nothing_back(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    consumer = make_backend(keep_results=False)
    front.faults.extend(["cut after", Reply(503, "later", {"Retry-After": "1"})])
    saving = asyncio.create_task(make_backend(front.url).set_result(task_id, success()))
    await front.until(lambda: front.count() >= 2)
    assert (await consumer.get_result(task_id)).return_value == 11
    await saving
    with pytest.raises(ResultIsMissingError):
        await consumer.get_result(task_id)


async def test_late_retry_of_a_save_replaces_what_was_there(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    backend = make_backend(front.url)
    await backend.set_result(task_id, success(1))
    front.faults.append("cut before")
    await backend.set_result(task_id, success(2))
    assert (await backend.get_result(task_id)).return_value == 2


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, "<h1>Not here</h1>", HTML),
        Reply(200, "<h1>Welcome</h1>", HTML),
        Reply(202, "<h1>Welcome</h1>", HTML),
        Reply(200, '{"is_err": false}', {"Content-Type": "application/json"}),
        Reply(301, "", {"Location": "https://else/?token=secret"}),
        Reply(403, "<h1>no</h1>", HTML),
        Reply(400, "<h1>what?</h1>", HTML),
        Reply(404, "{", {"Content-Type": "application/problem+json"}),
        Reply(404, "{}", {"Content-Type": "application/problem+json"}),
        Reply(404, "[]", {"Content-Type": "application/problem+json"}),
    ],
)
async def test_answer_of_something_else_is_an_error_that_says_so(
    make_backend: MakeBackend, front: Front, task_id: str, reply: Reply
) -> None:
    front.always = reply
    for keep_results in (True, False):
        backend = make_backend(front.url, keep_results=keep_results)
        said = f"got {reply.status}"
        with pytest.raises(ResultdAnswerError, match=said) as raised:
            await backend.get_result(task_id)
        assert "secret" not in str(raised.value)
        with pytest.raises(ResultdAnswerError, match=said):
            await backend.set_result(task_id, success())
        with pytest.raises(ResultdAnswerError, match=said):
            await backend.get_progress(task_id)
        with pytest.raises(ResultdAnswerError, match=said):
            await backend.set_progress(task_id, TaskProgress(state="HALF", meta=1))
        with pytest.raises(ResultdAnswerError, match=said):
            await backend.wait_many([task_id])
