"""One wait for many tasks."""

import asyncio
from uuid import uuid4

import pytest

from taskiq_resultd import ManyReady

from .conftest import MakeBackend
from .support.front import Front
from .support.results import success


async def test_all_of_many_are_waited_for_with_one_request(
    make_backend: MakeBackend, front: Front
) -> None:
    ids = [uuid4().hex for _ in range(100)]
    ids[50] = f"strange/{ids[50]}"
    waiting = asyncio.create_task(make_backend(front.url).wait_many(ids))
    await front.until(lambda: front.open == 1)
    writer = make_backend()
    for name in reversed(ids):
        assert not waiting.done()
        await writer.set_result(name, success(name))
    assert await waiting == ManyReady(ready=ids, pending=[], is_complete=True)
    assert front.count() == 1


async def test_some_are_enough(make_backend: MakeBackend) -> None:
    backend = make_backend()
    ids = [uuid4().hex for _ in range(5)]
    for name in (ids[3], ids[1]):
        await backend.set_result(name, success())
    some = await backend.wait_many(ids, count=2)
    assert some == ManyReady([ids[1], ids[3]], [ids[0], ids[2], ids[4]], is_complete=True)


async def test_time_is_up(make_backend: MakeBackend) -> None:
    backend = make_backend()
    ids = [uuid4().hex for _ in range(3)]
    await backend.set_result(ids[1], success())
    for timeout in (0.3, 0):
        some = await backend.wait_many([*ids, *ids], timeout=timeout)
        assert some == ManyReady([ids[1]], [ids[0], ids[2]], is_complete=False)


async def test_nothing_to_wait_for(make_backend: MakeBackend) -> None:
    backend = make_backend()
    assert await backend.wait_many([]) == ManyReady([], [], is_complete=True)
    assert await backend.wait_many(["a"], count=0) == ManyReady([], ["a"], is_complete=True)


async def test_more_than_fit_into_one_request(make_backend: MakeBackend) -> None:
    backend = make_backend()
    ids = [f"many-{number}" for number in range(10_005)]
    await asyncio.gather(*(backend.set_result(name, success()) for name in ids[-10:]))
    some = await backend.wait_many(ids[-10_001:], timeout=0)
    assert not some.is_complete
    with pytest.raises(ValueError, match="10000"):
        await backend.wait_many(ids, count=1)
    with pytest.raises(ValueError, match="count"):
        await backend.wait_many(["a"], count=2)
