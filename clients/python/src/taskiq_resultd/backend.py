"""The result backend itself: taskiq's contract over resultd's HTTP API."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from taskiq import AsyncResultBackend, TaskiqResult
from taskiq.abc.serializer import TaskiqSerializer
from taskiq.depends.progress_tracker import TaskProgress
from taskiq.serializers import JSONSerializer
from typing_extensions import TypeVar
from yarl import URL

from .answers import Answer
from .credentials import authorization_of
from .exceptions import ResultIsMissingError
from .loops import LoopClient, LoopClients
from .many import ManyReady, ManyWait
from .outcomes import Body, OutcomeCodec, replacements
from .patience import patience_of_caller
from .progress import decode_progress, encode_progress
from .retries import RetryPolicy
from .serializers import JSON, content_type_of
from .transport import Request, Target, Transport, task_path
from .ttl import format_ttl
from .waits import Waits, WaitSettings

# So that nobody has to annotate what is kept in a backend.
_ReturnType = TypeVar("_ReturnType", default=Any)
_IDLE_S = 5.0
_POLL_S = 30.0

logger = logging.getLogger("taskiq_resultd")


class ResultdResultBackend(AsyncResultBackend[_ReturnType]):
    """Keeps results and progress in resultd, and waits for them without polling.

    It may be made anywhere, before a fork and outside of any event loop, and used from several
    loops and threads. ``startup`` and ``shutdown`` need not be called.

    :param url: the service's address, such as ``http://127.0.0.1:8080``; a path is kept.
    :param token: sent as ``Authorization: Bearer``. By default the URL's user
        (``http://token@host``), else what ``RESULTD_TOKEN`` says in the environment.
    :param keep_results: False: a result is removed when it is read, and only one reader gets it.
    :param result_ttl: how long results and progress are kept: seconds, a ``timedelta``, or a text
        such as ``"90s"``, ``"7d"`` or ``"never"``. By default the service decides.
    :param serializer: what writes and reads results. Others than JSON are stored as opaque bytes.
    :param content_type: of what the serializer writes; known for taskiq's own.
    :param retry_for: seconds for which a call tries again while the service cannot be reached or
        says 'later'. After that it raises ``ResultdUnavailableError``.
    :param ready_wait: seconds that ``is_result_ready`` waits for the result at most, where it is
        asked again. ``wait_result`` waits until its own time-out.
    :param request_timeout: seconds that one request may take, besides waiting.
    :raises ValueError: for a url, a time or a ``result_ttl`` that is not valid.
    """

    def __init__(  # noqa: PLR0913
        self,
        url: str,
        token: str | None = None,
        keep_results: bool = True,
        result_ttl: int | float | str | timedelta | None = None,
        serializer: TaskiqSerializer | None = None,
        *,
        content_type: str | None = None,
        retry_for: float = 120.0,
        ready_wait: float = 1.0,
        request_timeout: float = 30.0,
    ) -> None:
        _check_seconds("retry_for", retry_for, least=0.0)
        _check_seconds("ready_wait", ready_wait, least=0.001)
        _check_seconds("request_timeout", request_timeout, least=0.001)
        self.keep_results = keep_results
        serializer = serializer or JSONSerializer()
        self._codec = OutcomeCodec(serializer, content_type or content_type_of(serializer))
        self._ttl = {} if result_ttl is None else {"ttl": format_ttl(result_ttl)}
        retry = RetryPolicy(retry_for)
        address = _address(url)
        authorization = authorization_of(address, token)
        target = Target(address.with_user(None), authorization, request_timeout, retry)
        waiting = WaitSettings(look_on=ready_wait, poll=_POLL_S, idle=_IDLE_S)

        def make() -> LoopClient:
            transport = Transport(target)
            return LoopClient(transport, Waits(transport, waiting, retry))

        self._clients = LoopClients(make)

    async def shutdown(self) -> None:
        """Close the connections of the running loop."""
        await self._clients.close_current()
        await super().shutdown()

    async def set_result(self, task_id: str, result: TaskiqResult[_ReturnType]) -> None:
        """Store the outcome, in the place of any before.

        One that cannot be encoded, or that resultd refuses (too large), is replaced by a failure
        that says so (``OutcomeNotStoredError``), and logged.

        :raises ResultdUnavailableError: where the service could not be reached for ``retry_for``.
        """
        try:
            body = self._codec.encode(result)
        except Exception as error:  # whatever a serializer raises: the task must get an outcome
            reason = f"the result cannot be encoded: {error!r}"
        else:
            answer = await self._put_result(task_id, body)
            if not _is_refused(answer):
                return
            reason = f"the result of {len(body.content)} bytes was refused: {answer.detail}"
        logger.error("task %r fails in the place of its outcome: %s", task_id, reason)
        for body in replacements(result, reason):
            answer = await self._put_result(task_id, body)
            if not _is_refused(answer):
                return
        raise answer.unexpected()

    async def is_result_ready(self, task_id: str) -> bool:
        """Whether there is an outcome.

        Who asks for the first time is told at once. Who asks again within 5 s of a 'no' waits for
        it up to ``ready_wait``, and taskiq's ``wait_result`` waits until its own time-out.

        False also while the service cannot be reached; after ``retry_for`` without an answer that
        is ``ResultdUnavailableError``.
        """
        patience = patience_of_caller(task_id)
        client = await self._clients.current()
        return await client.waits.is_ready(task_id, patience)

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """Give the outcome, and remove it where ``keep_results`` is False.

        :param with_logs: else ``log`` is None.
        :raises ResultIsMissingError: where there is none (a ``ResultGetError``).
        """
        client = await self._clients.current()
        query = {"with_logs": "true"} if with_logs else {}
        if self.keep_results:
            request = Request("GET", task_path(task_id, "result"), query)
        else:
            # The same key with each try: an answer that got lost is given again.
            key = {"Idempotency-Key": f'"{uuid4()}"'}
            request = Request("POST", task_path(task_id, "result/consume"), query, key)
            client.waits.forget(task_id)
        answer = await client.transport.ask(request)
        _require_outcome(task_id, answer)
        result = self._codec.decode(task_id, answer.body, answer.content_type)
        if not with_logs:
            result.log = None
        return result

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Store the progress, in the place of any before.

        One that resultd refuses (too large) is logged: the task goes on without it.
        """
        answer = await self._ask(
            Request(
                "PUT",
                task_path(task_id, "status"),
                self._ttl,
                {"Content-Type": JSON, "Prefer": "return=minimal"},
                encode_progress(self._codec, progress),
            )
        )
        if _is_refused(answer):
            logger.warning("progress of task %r was refused: %s", task_id, answer.detail)
        elif not _is_saved(answer):
            raise answer.unexpected()

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """Give the latest progress; None where there is none."""
        answer = await self._ask(Request("GET", task_path(task_id, "status")))
        if answer.is_absent:
            return None
        view = answer.json() if answer.status == 200 else None
        if not isinstance(view, dict) or "progress" not in view:
            raise answer.unexpected()
        progress = view["progress"]
        return None if progress is None else decode_progress(self._codec, task_id, progress)

    async def wait_many(
        self, task_ids: Iterable[str], timeout: float = -1.0, count: int | None = None
    ) -> ManyReady:
        """Wait until all of the tasks have a result, or ``count`` of them, with one request a time.

        :param timeout: seconds; below 0: without end. When it is up, ``is_complete`` is False.
        :raises ValueError: for a ``count`` above the number of tasks, or part of over 10,000.
        """
        wait = ManyWait(task_ids, count)
        client = await self._clients.current()
        return await wait.run(client.transport, timeout)

    async def _put_result(self, task_id: str, body: Body) -> Answer:
        headers = {"Content-Type": body.content_type, "Prefer": "return=minimal"}
        query = {**self._ttl, **body.query}
        path = task_path(task_id, "result")
        put = Request("PUT", path, query, headers, body.content)
        # Where the answer to a PUT got lost, its outcome may have been consumed since. A POST of
        # the same outcome then creates nothing, and a PUT would bring it back.
        again = replace(put, method="POST")
        client = await self._clients.current()
        # Given up, the outcome is lost: worth a try sooner than the service has asked for.
        answer = await client.transport.ask(put, again, insists=True)
        if answer.problem == "outcome-conflict":  # one of before, which the first PUT has not met
            answer = await client.transport.ask(put)
        if not _is_saved(answer) and not _is_refused(answer):
            raise answer.unexpected()
        return answer

    async def _ask(self, request: Request) -> Answer:
        client = await self._clients.current()
        return await client.transport.ask(request)


def _is_saved(answer: Answer) -> bool:
    # Not every 200 is resultd's.
    return answer.status in (200, 201) and "Task-State" in answer.headers


def _is_refused(answer: Answer) -> bool:
    """Whether the body is what is wrong. A proxy in front may find it too large, too."""
    return answer.status == 413 or (answer.status in (400, 415) and answer.problem is not None)


def _require_outcome(task_id: str, answer: Answer) -> None:
    """Raise where the answer is not an outcome. A 200 without a task's state is not resultd's."""
    is_own = "Task-State" in answer.headers
    if answer.status == 200 and is_own:
        return
    if answer.is_absent:
        raise ResultIsMissingError(task_id=task_id, reason=answer.detail)
    if (answer.status == 202 and is_own) or answer.problem == "not-ready":
        raise ResultIsMissingError(task_id=task_id, reason="it is not ready")
    raise answer.unexpected()


def _check_seconds(name: str, seconds: float, *, least: float) -> None:
    if not seconds >= least:  # NaN is not, either
        raise ValueError(f"{name} is {seconds!r}: it must be seconds, from {least} on")


def _address(url: str) -> URL:
    address = URL(url)
    if address.scheme not in ("http", "https") or not address.host or address.query_string:
        shown = str(address.with_user(None)) if address.host else "(no host)"
        raise ValueError(f"{shown!r} is not resultd's address: write http://host:port")
    return address
