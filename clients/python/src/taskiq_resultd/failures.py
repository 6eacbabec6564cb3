"""An exception as taskiq writes it, in time that grows with the chain and not with its square.

taskiq's own ``model_dump`` prepares each cause twice, so 16 of them take seconds. This writes the
same members, once for each link, and stops at a bounded depth.
"""

import json
from typing import Any

from taskiq.serialization import ensure_serializable

DEEPEST = 32
"""Links of a chain of causes and contexts that are kept, the exception itself included."""
_MOST = 256
"""Exceptions in all: one may have both a cause and a context, so a tree could be huge."""


def error_members(error: BaseException) -> dict[str, Any]:
    """Give the members of ``error`` in a taskiq result, of JSON values alone.

    Arguments that JSON cannot hold are there as their ``repr``. A link that is there already, as in
    a cycle, and those below ``DEEPEST`` are None.
    """
    return _Chain().members(error, DEEPEST) or {}


class _Chain:
    def __init__(self) -> None:
        self._above: set[int] = set()
        self._left = _MOST

    def members(self, error: BaseException | None, depth: int) -> dict[str, Any] | None:
        if error is None or depth == 0 or self._left == 0 or id(error) in self._above:
            return None
        self._left -= 1
        self._above.add(id(error))
        context = None if error.__suppress_context__ else error.__context__
        kind = type(error)
        members = {
            "exc_type": kind.__qualname__,
            "exc_message": [_plain(item) for item in ensure_serializable(error.args, _StrictJson)],
            "exc_module": kind.__module__,
            "exc_cause": self.members(error.__cause__, depth - 1),
            "exc_context": self.members(context, depth - 1),
            "exc_suppress_context": error.__suppress_context__,
        }
        self._above.discard(id(error))
        return members


class _StrictJson:
    """The coder for arguments: what has to be written as text is, NaN and lone surrogates too."""

    @staticmethod
    def dumps(value: Any) -> str:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
        return text

    @staticmethod
    def loads(text: str) -> Any:
        return json.loads(text)


def _plain(argument: Any) -> Any:
    """Turn an argument into what JSON reads back: tuples are lists, a lone surrogate its escape."""
    if isinstance(argument, str):
        return argument.encode("utf-8", "backslashreplace").decode()
    return json.loads(json.dumps(argument))
