"""Waiting without polling: how many requests, how soon, and who may stop."""

import asyncio
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from taskiq import AsyncTaskiqTask, gather
from taskiq.exceptions import ResultIsReadyError, TaskiqResultTimeoutError

from taskiq_resultd import ResultdAnswerError, ResultdResultBackend

from .conftest import MakeBackend
from .support.front import Front, Reply
from .support.processes import HANGS_AFTER_S, Resultd
from .support.results import success

HTML = {"Content-Type": "text/html", "Server": "nginx"}


def wait_for(
    backend: ResultdResultBackend[Any], task_id: str, **options: Any
) -> "asyncio.Task[Any]":
    return asyncio.create_task(AsyncTaskiqTask(task_id, backend).wait_result(**options))


async def test_wait_takes_two_requests(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    # Neither `ready_wait` nor taskiq's own sleep is in the way.
    waiting = wait_for(make_backend(front.url, ready_wait=600), task_id, check_interval=600)
    await front.until(lambda: front.open == 1)
    await make_backend().set_result(task_id, success())
    assert (await waiting).return_value == 11
    assert [request.partition("?")[0] for request in front.requests] == [
        f"GET /v1/tasks/{task_id}/status",
        f"GET /v1/tasks/{task_id}/result",
    ]


async def test_first_look_is_answered_at_once(make_backend: MakeBackend, front: Front) -> None:
    backend = make_backend(front.url, ready_wait=600)
    tasks: list[AsyncTaskiqTask[Any]] = [
        AsyncTaskiqTask(uuid4().hex, backend, None) for _ in range(20)
    ]
    assert not any([await task.is_ready() for task in tasks])
    assert front.count() == 20
    await make_backend().set_result(tasks[0].task_id, success())
    assert await AsyncTaskiqTask(tasks[0].task_id, backend).is_ready()


async def test_who_looks_again_waits_and_is_told_at_once(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    backend = make_backend(front.url, ready_wait=600)
    assert not await backend.is_result_ready(task_id)
    looking = asyncio.create_task(backend.is_result_ready(task_id))
    await front.until(lambda: front.open == 1)
    await make_backend().set_result(task_id, success())
    assert await looking
    assert front.count() == 2


async def test_result_that_comes_between_two_looks_needs_no_third_request(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    backend = make_backend(front.url, ready_wait=0.05)
    for _ in range(2):
        assert not await backend.is_result_ready(task_id)
    assert (front.open, front.count()) == (1, 3)
    await make_backend().set_result(task_id, success())
    await front.until(lambda: front.open == 0)
    assert await backend.is_result_ready(task_id)
    assert front.count() == 3


async def test_stored_outcome_is_never_said_not_to_be_ready(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    backend = make_backend(front.url, ready_wait=0.05)
    assert not await backend.is_result_ready(task_id)
    await make_backend().set_result(task_id, success())
    front.faults.append("hang")  # the long poll
    assert await backend.is_result_ready(task_id)
    front.faults.append("hang")
    waiter = make_backend(front.url, ready_wait=600)
    assert (await wait_for(waiter, task_id, timeout=0.05)).return_value == 11


@pytest.mark.parametrize("hangs", [False, True])
async def test_time_out_holds(
    make_backend: MakeBackend, front: Front, task_id: str, hangs: bool
) -> None:
    front.always = "hang" if hangs else "pass"
    started = time.monotonic()
    backend = make_backend(front.url, ready_wait=0.1 if hangs else 600)
    with pytest.raises(TaskiqResultTimeoutError):
        await wait_for(backend, task_id, timeout=0.5)
    assert time.monotonic() - started >= 0.5


async def test_wait_of_another_shape_is_one_who_looks(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    class Changed(AsyncTaskiqTask[Any]):
        async def wait_result(self, *_: Any, **__: Any) -> Any:
            return await self.is_ready()

    assert not await Changed(task_id, make_backend(front.url, ready_wait=600)).wait_result()
    assert front.count() == 1


async def test_gather_looks_at_all_with_one_request(
    make_backend: MakeBackend, front: Front
) -> None:
    backend, writer = make_backend(front.url, ready_wait=600), make_backend()
    ids = [uuid4().hex for _ in range(100)]
    for name in ids[1:]:
        await writer.set_result(name, success(name))
    tasks: list[AsyncTaskiqTask[Any]] = [AsyncTaskiqTask(name, backend, None) for name in ids]
    gathering = asyncio.create_task(gather(*tasks))
    # A look at all, 99 outcomes, and of the second round the poll of the late one and a look.
    await front.until(lambda: front.count() == 1 + 99 + 2 and front.open == 1)
    await writer.set_result(ids[0], success(ids[0]))
    assert [result.return_value for result in await gathering] == ids
    assert front.count() == 103


async def test_all_callers_share_one_poll(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    backend = make_backend(front.url)
    waiting = [wait_for(backend, task_id) for _ in range(50)]
    await front.until(lambda: front.open == 1)
    await make_backend().set_result(task_id, success())
    assert [(await task).return_value for task in waiting] == [11] * 50
    assert front.count() == 1 + 50


async def test_cancelled_caller_leaves_the_poll_to_the_others(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    backend = make_backend(front.url)
    leaves, stays = wait_for(backend, task_id), wait_for(backend, task_id)
    await front.until(lambda: front.open == 1)
    leaves.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaves
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(wait_for(backend, task_id), 0.05)
    await make_backend().set_result(task_id, success())
    assert (await stays).return_value == 11
    assert front.count() == 2


async def test_cancelled_look_leaves_the_answer_to_the_others(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    backend = make_backend(front.url)
    leaves, stays = (asyncio.create_task(backend.is_result_ready(task_id)) for _ in range(2))
    await front.until(lambda: front.count() == 1)
    leaves.cancel()
    assert not await stays
    assert front.count() == 1


async def test_poll_ends_when_nobody_asks(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    backend = make_backend(front.url, ready_wait=0.05)
    started = time.monotonic()
    for _ in range(2):
        assert not await backend.is_result_ready(task_id)
    assert (front.open, front.count()) == (1, 3)
    await front.until(lambda: front.open == 0)
    assert time.monotonic() - started > 4.5
    # Whoever comes now looks for the first time.
    assert not await backend.is_result_ready(task_id)
    assert (front.open, front.count()) == (0, 4)


async def test_outage_logs_one_line(
    make_backend: MakeBackend, front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    backend = make_backend(front.url)
    ids = [uuid4().hex for _ in range(20)]
    front.always = Reply(502)
    waiting = [wait_for(backend, name) for name in ids]
    await front.until(lambda: front.count() >= 60)
    assert not await asyncio.wait_for(backend.is_result_ready("another"), HANGS_AFTER_S)
    front.always = "pass"
    for name in ids:
        await backend.set_result(name, success())
    await asyncio.gather(*waiting)
    lines = [record for record in caplog.records if record.name == "taskiq_resultd"]
    assert len(lines) == 1
    assert "got 502" in lines[0].message


async def test_not_ready_is_never_remembered(make_backend: MakeBackend, task_id: str) -> None:
    backend = make_backend(ready_wait=0.5)
    assert not await backend.is_result_ready(task_id)
    await backend.set_result(task_id, success())
    assert (await wait_for(backend, task_id)).return_value == 11


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
        410,
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
