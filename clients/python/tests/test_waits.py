"""Waiting without polling: how many requests, how soon, and who may stop."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from taskiq import AsyncTaskiqTask
from taskiq.exceptions import ResultIsReadyError, TaskiqResultTimeoutError

from taskiq_resultd import ResultdAnswerError, ResultdResultBackend

from .conftest import MakeBackend
from .support.front import Front, Reply
from .support.processes import Resultd
from .support.results import success

HTML = {"Content-Type": "text/html", "Server": "nginx"}


def wait_for(
    backend: ResultdResultBackend[Any], task_id: str, **options: Any
) -> "asyncio.Task[Any]":
    return asyncio.create_task(AsyncTaskiqTask(task_id, backend).wait_result(**options))


async def test_wait_takes_two_requests(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    waiting = wait_for(make_backend(front.url, ready_wait=0.1), task_id)
    await front.until(lambda: front.open == 1)
    await asyncio.sleep(1)  # several of taskiq's rounds
    assert front.count() == 1
    await make_backend().set_result(task_id, success())
    assert (await waiting).return_value == 11
    assert front.count() == 2
    assert [request.partition("?")[0] for request in front.requests] == [
        f"GET /v1/tasks/{task_id}/status",
        f"GET /v1/tasks/{task_id}/result",
    ]


async def test_result_that_comes_between_two_looks_takes_two_requests(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    waiting = wait_for(make_backend(front.url, ready_wait=0.05), task_id, check_interval=1.0)
    await front.until(lambda: front.open == 1)
    await asyncio.sleep(0.2)  # now taskiq sleeps
    await make_backend().set_result(task_id, success())
    assert (await waiting).return_value == 11
    assert front.count() == 2


async def test_looker_is_told_at_once(make_backend: MakeBackend, task_id: str) -> None:
    backend = make_backend(ready_wait=60)
    looking = asyncio.create_task(backend.is_result_ready(task_id))
    await asyncio.sleep(0.2)
    started = time.monotonic()
    await make_backend().set_result(task_id, success())
    assert await looking
    assert time.monotonic() - started < 20  # and not only after its 60 s


async def test_time_out_holds(make_backend: MakeBackend, task_id: str) -> None:
    started = time.monotonic()
    with pytest.raises(TaskiqResultTimeoutError):
        await wait_for(make_backend(), task_id, timeout=1.5)
    assert time.monotonic() - started >= 1.5
    assert time.monotonic() - started < 15  # the long poll alone is 30 s


async def test_all_callers_share_one_poll(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    backend = make_backend(front.url)
    waiting = [wait_for(backend, task_id) for _ in range(50)]
    await front.until(lambda: front.open == 1)
    await make_backend().set_result(task_id, success())
    assert [(await task).return_value for task in waiting] == [11] * 50
    # One for all, a GET for each, and one more for each that taskiq had asleep at that moment.
    assert front.count() <= 100


async def test_cancelled_caller_leaves_the_poll_to_the_others(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    backend = make_backend(front.url, ready_wait=60)
    leaves, stays = wait_for(backend, task_id), wait_for(backend, task_id)
    await front.until(lambda: front.open == 1)
    leaves.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaves
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(backend.is_result_ready(task_id), 0.05)
    await make_backend().set_result(task_id, success())
    assert (await stays).return_value == 11
    assert front.count() == 2


async def test_poll_ends_when_nobody_asks(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    backend = make_backend(front.url, ready_wait=0.05)
    started = time.monotonic()
    for _ in range(3):
        assert not await backend.is_result_ready(task_id)
    assert (front.open, front.count()) == (1, 1)
    await front.until(lambda: front.open == 0)
    assert time.monotonic() - started > 4.5
    assert not await backend.is_result_ready(task_id)
    assert front.count() == 2


async def test_not_ready_is_never_remembered(make_backend: MakeBackend, task_id: str) -> None:
    backend = make_backend(ready_wait=0.5)
    assert not await backend.is_result_ready(task_id)
    await backend.set_result(task_id, success())
    await wait_for(backend, task_id, timeout=20)


async def test_poll_goes_on_where_the_service_answers_early(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    view = Reply(200, '{"ready": false}', {"Content-Type": "application/json"})
    front.faults.extend([view, view])
    waiting = wait_for(make_backend(front.url), task_id)
    await front.until(lambda: front.count() == 3)
    await make_backend().set_result(task_id, success())
    assert (await waiting).return_value == 11


async def test_removed_task_may_come_back(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    other = make_backend(keep_results=False)
    gone = Reply(
        404,
        '{"type": "urn:resultd:problem:task-removed"}',
        {"Content-Type": "application/problem+json"},
    )
    front.faults.append(gone)
    waiting = wait_for(make_backend(front.url), task_id)
    await front.until(lambda: front.count() == 2)
    await other.set_result(task_id, success())
    assert (await waiting).return_value == 11


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(404, "<h1>Not here</h1>", HTML), r"404, text/html, Server: nginx.*Not here"),
        (
            Reply(404, '{"type": "about:blank"}', {"Content-Type": "application/problem+json"}),
            "404",
        ),
        (Reply(200, "<h1>Welcome</h1>", HTML), "200, text/html.*Welcome"),
        (Reply(200, '{"ready": 1}', {"Content-Type": "application/json"}), "200"),
        (Reply(200, "[]", {"Content-Type": "application/json"}), "200"),
        (Reply(301, "", {"Location": "https://else/"}), "301.*https://else/"),
        (Reply(401, "who?", HTML), "401.*who"),
    ],
)
async def test_answer_of_something_else_is_not_not_ready(
    make_backend: MakeBackend, front: Front, task_id: str, reply: Reply, said: str
) -> None:
    front.always = reply
    backend = make_backend(front.url)
    with pytest.raises(ResultdAnswerError, match=said):
        await backend.is_result_ready(task_id)
    with pytest.raises(ResultIsReadyError):
        await wait_for(backend, task_id)
    # It is asked anew each time: the front may be repaired.
    front.always = "pass"
    await backend.set_result(task_id, success())
    assert await backend.is_result_ready(task_id)


async def test_wait_lives_through_restarts(
    make_backend: MakeBackend, tmp_path: Path, task_id: str
) -> None:
    service = await asyncio.to_thread(Resultd, f"lmdb:{tmp_path}", "--drain", "0s")
    try:
        backend = make_backend(service.url, ready_wait=0.2)
        waiting = wait_for(backend, task_id)
        assert not await backend.is_result_ready(task_id)
        for end in (service.kill, service.stop):
            await asyncio.to_thread(end)
            assert not waiting.done()
            assert not await backend.is_result_ready(task_id)
            await asyncio.to_thread(service.start)
        saving = asyncio.create_task(make_backend(service.url).set_result(task_id, success()))
        assert (await waiting).return_value == 11
        await saving
        await asyncio.to_thread(service.kill)
        saving = asyncio.create_task(backend.set_result(task_id, success(12)))
        await asyncio.sleep(0.3)
        assert not saving.done()
        await asyncio.to_thread(service.start)
        await saving
        assert (await backend.get_result(task_id)).return_value == 12
    finally:
        await asyncio.to_thread(service.kill)
