"""When to try again, and for how long: back-off with full jitter, and ``Retry-After``."""

import random
import time
from dataclasses import dataclass

from .exceptions import ResultdUnavailableError


@dataclass(frozen=True)
class RetryPolicy:
    """For how long one call tries again. Times are seconds."""

    retry_for: float
    """After this long without an answer the call fails. 0: it is tried once."""
    first: float = 0.1
    """The longest first pause; each further one may be twice as long."""
    most: float = 5.0
    """No pause is longer, but where ``Retry-After`` says so."""


class PassingTroubleError(Exception):
    """No answer, or one that says 'later' (429, 5xx). ``retry_after`` is in seconds."""

    def __init__(self, what: str, retry_after: float = 0.0) -> None:
        super().__init__(what)
        self.retry_after = retry_after


class Backoff:
    """The pauses of one call, from the first trouble on."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._started = time.monotonic()
        self._longest = policy.first
        self._is_last = False

    def pause_after(self, trouble: PassingTroubleError, *, insists: bool = False) -> float:
        """Give the seconds to wait before the next try.

        :param insists: where that would come too late, there is a last one when the time is up.
        :raises ResultdUnavailableError: where the next try would come too late.
        """
        pause = trouble.retry_after + random.uniform(0, self._longest)
        self._longest = min(self._longest * 2, self._policy.most)
        passed = time.monotonic() - self._started
        left = self._policy.retry_for - passed
        if pause > left and insists and left > 0 and not self._is_last:
            self._is_last = True
            return left
        if pause > left:
            raise ResultdUnavailableError(what=str(trouble), seconds=passed) from trouble
        return pause
