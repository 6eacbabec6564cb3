"""How long the caller of ``is_result_ready`` waits anyway.

taskiq asks ``is_result_ready`` alike for somebody who wants to know and for ``wait_result``, which
would only sleep and ask again, and look at its time-out in between. The two need different answers:
the one now, the other when there is an outcome or the time is up. taskiq passes nothing on that
tells them apart, but ``wait_result`` stands on the stack, with its time-out. Where a version of
taskiq looks different, nothing is found, and the caller is one who wants to know.
"""

import math
import sys
import time

from taskiq import AsyncTaskiqTask

_FRAMES = 8
"""``is_result_ready``, the task's ``is_ready``, ``wait_result``, and what may be wrapped around."""
_LATE_S = 0.002
"""taskiq's time is up only when more than the time-out has passed."""


def patience_of_caller(task_id: str) -> float | None:
    """Give the seconds that a ``wait_result`` of the task has left, infinite where it has no end.

    None where nobody is waiting, or for an unknown time.
    """
    frame = sys._getframe(1)
    for _ in range(_FRAMES):
        if frame.f_code.co_name == AsyncTaskiqTask.wait_result.__name__:
            names = frame.f_locals
            task = names.get("self")
            if isinstance(task, AsyncTaskiqTask) and task.task_id == task_id:
                return _left(names.get("timeout"), names.get("start_time"))
        if frame.f_back is None:
            break
        frame = frame.f_back
    return None


def _left(timeout: object, started_at: object) -> float | None:
    if not isinstance(timeout, int | float) or not isinstance(started_at, int | float):
        return None
    if timeout <= 0:
        return math.inf
    return max(0.0, started_at + timeout - time.time()) + _LATE_S
