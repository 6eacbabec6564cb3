"""Looking without waiting: the tasks of one turn of the loop are looked at with one request.

taskiq's ``gather`` looks at all of its tasks in each round, the finished ones too.
"""

import asyncio
from dataclasses import dataclass, field

from .answers import Answer
from .many import MOST_IDS, ready_among, wait_request
from .retries import PassingTroubleError
from .transport import Request, Transport, task_path


class Looks:
    """The looks of one loop."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._next: _Turn | None = None
        self._running: set[asyncio.Task[set[str]]] = set()

    async def is_ready(self, task_id: str, within: float | None = None) -> bool:
        """Give what the service says to a request that is sent after this call began.

        :param within: seconds; by default the time-out of a request.
        :raises PassingTroubleError: where there is no answer.
        """
        turn = self._next
        if turn is None or len(turn.task_ids) == MOST_IDS:
            turn = self._next = _Turn()
            turn.asking = asyncio.create_task(self._ask(turn), name="resultd look")
            self._running.add(turn.asking)
            turn.asking.add_done_callback(self._end)
        turn.task_ids[task_id] = None
        # Not awaited itself: who is cancelled must not end it for the others.
        await asyncio.wait({turn.asking}, timeout=within)
        if not turn.asking.done():
            raise PassingTroubleError(
                f"whether {task_id!r} is ready was not answered in {within} s"
            )
        return not turn.asking.cancelled() and task_id in turn.asking.result()

    async def close(self) -> None:
        """End what runs."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _ask(self, turn: "_Turn") -> set[str]:
        await asyncio.sleep(0)  # until all who look in this turn have
        if self._next is turn:
            self._next = None
        task_ids = list(turn.task_ids)
        if len(task_ids) == 1:
            request = Request("GET", task_path(task_ids[0], "status"))
            return {*task_ids} if says_ready(await self._transport.ask_once(request)) else set()
        answer = await self._transport.ask_once(wait_request(task_ids, len(task_ids), 0.0))
        return ready_among(task_ids, answer)

    def _end(self, task: "asyncio.Task[set[str]]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # taken note of, where nobody is there any more


@dataclass(eq=False)
class _Turn:
    """Those who look in one turn. The ids are in order, each once."""

    task_ids: dict[str, None] = field(default_factory=dict)
    asking: "asyncio.Task[set[str]]" = field(init=False)


def says_ready(answer: Answer) -> bool:
    """Read a status view. Raises ResultdAnswerError where it is none of resultd's."""
    if answer.is_absent:
        return False
    if answer.status != 200:
        raise answer.unexpected()
    view = answer.json()
    if not isinstance(view, dict) or not isinstance(view.get("ready"), bool):
        raise answer.unexpected()
    return bool(view["ready"])
