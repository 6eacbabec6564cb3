"""What can go wrong, as exceptions of taskiq's own families.

'There is no result', 'the service could not be asked' and 'something else answered' are three
different things here.
"""

from taskiq.exceptions import ResultBackendError, ResultGetError


class ResultdError(ResultBackendError):
    """Base of the errors of this package."""

    __template__ = "resultd failed"


class ResultIsMissingError(ResultdError, ResultGetError):
    """The task has no result: it is not ready, or unknown, or its result has gone."""

    __template__ = "There is no result of task {task_id!r}: {reason}"
    task_id: str
    reason: str


class ResultdUnavailableError(ResultdError):
    """The service could not be asked, for as long as it was tried again."""

    __template__ = "resultd could not be asked: {what} (tried for {seconds:.1f} s)"
    what: str
    seconds: float


class ResultdAnswerError(ResultdError):
    """The answer is not one that resultd gives, or says that the request is wrong."""

    __template__ = "resultd was expected to answer: {what}"
    what: str


class ResultDecodeError(ResultdError, ResultGetError):
    """The stored result cannot be read with this backend's serializer."""

    __template__ = "The result of task {task_id!r} cannot be read: {reason}"
    task_id: str
    reason: str


class OutcomeNotStoredError(Exception):
    """Stands in the place of an outcome that could not be encoded, or that resultd refused.

    It is what the client finds as the task's ``error``. Its argument says what was wrong; its
    ``__cause__`` is the task's own error, where it had one.
    """
