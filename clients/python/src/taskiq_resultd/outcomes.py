"""A taskiq result as a body for resultd, and back.

What cannot be encoded becomes an outcome that says so: a worker only logs what ``set_result``
raises, and then the client would wait for ever.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_jsonable_python
from taskiq import TaskiqResult
from taskiq.abc.serializer import TaskiqSerializer
from taskiq.exceptions import SecurityError

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
        except SecurityError:  # taskiq's own: an 'exception' that is none
            raise
        except Exception as error:  # whatever a serializer raises
            reason = f"{len(content)} bytes of {content_type!r}: {error}"
            raise ResultDecodeError(task_id=task_id, reason=reason) from error


def replacements(result: TaskiqResult[Any], reason: str) -> Iterator[Body]:
    """Give what may stand in the place of an outcome that cannot be stored, the best first.

    It is a failure with ``OutcomeNotStoredError``, as JSON whatever the serializer. The first one
    keeps labels, and the task's own error as the cause; the second one always fits.
    """
    reason = reason[:_REASON_CHARACTERS]
    seconds = result.execution_time
    bare: TaskiqResult[Any] = TaskiqResult(
        is_err=True,
        return_value=None,
        execution_time=seconds if math.isfinite(seconds) and seconds >= 0 else 0.0,
        error=OutcomeNotStoredError(reason),
    )
    try:
        full = bare.model_copy(update={"labels": result.labels}, deep=False)
        full.error = OutcomeNotStoredError(reason)
        full.error.__cause__ = result.error
        yield _json_body(full)
    except Exception:  # whatever the labels, or the error's own code, raise
        pass
    yield _json_body(bare)


def _json_body(result: TaskiqResult[Any]) -> Body:
    return Body(json.dumps(_members(result), allow_nan=False).encode(), JSON, {})


def _members(result: TaskiqResult[Any]) -> dict[str, Any]:
    """What taskiq's ``model_dump`` gives, with each cause written once and NaN kept as it is."""
    bare = result.model_copy(update={"return_value": None, "labels": {}, "error": None})
    members: dict[str, Any] = bare.model_dump(mode="json")
    members["return_value"] = to_jsonable_python(result.return_value)
    members["labels"] = to_jsonable_python(result.labels)
    if result.error is not None:
        members["error"] = error_members(result.error)
    return members
