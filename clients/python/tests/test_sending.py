"""Bodies arrive whole, or the sending has failed: no outcome is lost to a kept connection."""

import asyncio
from contextlib import suppress

import pytest
from taskiq.abc.serializer import TaskiqSerializer
from taskiq.serializers import JSONSerializer, PickleSerializer

from .conftest import MakeBackend
from .support.front import Fault, Front, Reply
from .support.results import success

BOTH = pytest.mark.parametrize(
    "serializer", [JSONSerializer(), PickleSerializer()], ids=["json", "pickle"]
)
# About what a socket takes that nobody reads, and below the service's limit.
LARGE = "x" * 8_000_000
INVALID = Reply(
    400,
    '{"type": "urn:resultd:problem:invalid-body", "detail": "the body is empty"}',
    {"Content-Type": "application/problem+json"},
)


@BOTH
@pytest.mark.parametrize("fault", ["cut before", "cut after"])
async def test_kept_connection_that_is_dead_loses_no_outcome(
    make_backend: MakeBackend,
    front: Front,
    task_id: str,
    serializer: TaskiqSerializer,
    fault: Fault,
) -> None:
    backend = make_backend(front.url, serializer=serializer)
    for value in range(3):
        front.faults.extend(["pass", fault])
        await backend.set_result(f"{task_id}-before", success(value))
        await backend.set_result(task_id, success(value))
        assert (await backend.get_result(task_id)).return_value == value
        front.faults.clear()


async def test_put_that_was_answered_to_nobody_is_not_put_again(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    # Its outcome may have been consumed meanwhile. aiohttp itself sends a PUT again.
    backend = make_backend(front.url)
    await backend.set_result(f"{task_id}-before", success())
    front.faults.append("cut after")
    await backend.set_result(task_id, success())
    methods = [request.split()[0] for request in front.requests]
    assert methods == ["PUT", "PUT", "POST"]


@BOTH
async def test_answer_to_a_body_that_was_not_sent_whole_is_no_refusal(
    make_backend: MakeBackend, front: Front, task_id: str, serializer: TaskiqSerializer
) -> None:
    backend = make_backend(front.url, serializer=serializer)
    front.faults.append(INVALID)
    await backend.set_result(task_id, success(LARGE))
    assert (await backend.get_result(task_id)).return_value == LARGE


async def test_early_answer_leaves_nothing_of_the_body_to_the_next_request(
    make_backend: MakeBackend, task_id: str
) -> None:
    heads: list[bytes] = []
    over = asyncio.Event()
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            if len(heads) == 1:
                writer.write(b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n")
                await over.wait()
            await reader.readexactly(len(LARGE))
            writer.write(b"HTTP/1.1 201 Created\r\nTask-State: S\r\nContent-Length: 0\r\n\r\n")
        writer.transport.abort()

    # The first connection is never read again, so a second request on it would have no answer.
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    backend = make_backend(f"http://{host}:{port}", request_timeout=600)
    await backend.set_result(task_id, success(LARGE))
    assert [head.split()[0] for head in heads] == [b"PUT", b"POST"]
    over.set()
    server.close()
    await asyncio.gather(*(task for task in serving if task))
    await server.wait_closed()


async def test_empty_body_is_a_body(make_backend: MakeBackend, task_id: str) -> None:
    class Nothing(TaskiqSerializer):
        def dumpb(self, value: object) -> bytes:
            return b""

        def loadb(self, value: bytes) -> object:
            assert value == b""
            return success().model_dump()

    backend = make_backend(serializer=Nothing())
    await backend.set_result(task_id, success())
    assert (await backend.get_result(task_id)).return_value == 11
