"""A taskiq result as a body for resultd, and back.

What cannot be encoded becomes an outcome that says so: a worker only logs what ``set_result``
raises, and then the client would wait for ever.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_jsonable_python
from taskiq import TaskiqResult
from taskiq.abc.serializer import TaskiqSerializer

from .exceptions import OutcomeNotStoredError, ResultDecodeError
from .failures import error_members
from .serializers import JSON, PYTHON_JSON, is_strict_json

_REASON_CHARACTERS = 500


@dataclass(frozen=True)
class Body:
    """An outcome as it is sent. ``query`` has what an opaque body cannot say itself."""

    content: bytes
    content_type: str
    query: Mapping[str, str]


@dataclass(frozen=True)
class OutcomeCodec:
    """Writes and reads outcomes with one serializer."""

    serializer: TaskiqSerializer
    content_type: str

    def encode(self, result: TaskiqResult[Any]) -> Body:
        """Give the body for a result. Raises what the serializer raises."""
        content = self.serializer.dumpb(_members(result))
        content_type = self.content_type
        if content_type == JSON:
            if is_strict_json(content):
                return Body(content, JSON, {})
            content_type = PYTHON_JSON
        seconds = result.execution_time
        shown = repr(float(seconds)) if math.isfinite(seconds) and seconds >= 0 else "0"
        query = {"is_err": "true" if result.is_err else "false", "execution_time": shown}
        return Body(content, content_type, query)

    def decode(self, task_id: str, content: bytes, content_type: str) -> TaskiqResult[Any]:
        """Give the result that a body holds.

        JSON is read whatever the serializer, since workers in other languages write it.

        :raises ResultDecodeError: for a content type that is not the serializer's, or bytes that it
            cannot read. Nothing is ever unpickled but by a pickle serializer.
        """
        if content_type == self.content_type or (
            content_type == PYTHON_JSON and self.content_type == JSON
        ):
            load: Callable[[bytes], Any] = self.serializer.loadb
        elif content_type in (JSON, PYTHON_JSON):
            load = json.loads
        else:
            name = type(self.serializer).__name__
            reason = f"it is stored as {content_type!r}, and {name} reads {self.content_type!r}"
            raise ResultDecodeError(task_id=task_id, reason=reason)
        try:
            return TaskiqResult.model_validate(load(content))
        except (ValueError, TypeError, EOFError, LookupError) as error:
            reason = f"{len(content)} bytes of {content_type!r}: {error}"
            raise ResultDecodeError(task_id=task_id, reason=reason) from error


def replacement(result: TaskiqResult[Any], reason: str) -> TaskiqResult[Any]:
    """Make the outcome that stands in the place of one that cannot be stored.

    It fails with ``OutcomeNotStoredError``, and keeps labels and the task's own error where these
    can be encoded.
    """
    error = OutcomeNotStoredError(reason[:_REASON_CHARACTERS])
    error.__cause__ = result.error
    error.__suppress_context__ = True
    try:
        labels = json.loads(json.dumps(to_jsonable_python(result.labels), allow_nan=False))
    except (ValueError, TypeError, RecursionError):
        labels = {}
    return TaskiqResult(
        is_err=True,
        log=None,
        return_value=None,
        execution_time=result.execution_time,
        labels=labels,
        error=error,
    )


def _members(result: TaskiqResult[Any]) -> dict[str, Any]:
    """What taskiq's ``model_dump`` gives, with each cause written once and NaN kept."""
    bare = result.model_copy(update={"return_value": None, "labels": {}, "error": None})
    members: dict[str, Any] = bare.model_dump(mode="json")
    members["return_value"] = to_jsonable_python(result.return_value)
    members["labels"] = to_jsonable_python(result.labels)
    if result.error is not None:
        members["error"] = error_members(result.error)
    return members
