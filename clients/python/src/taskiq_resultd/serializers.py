"""Which content type a serializer's bytes have, and which of them resultd reads as JSON.

Strict JSON is stored as a task's outcome that everybody can read. All else is opaque: kept as bytes
under a content type of its own, so that nobody takes it for something else.
"""

import json
from typing import NoReturn

from taskiq.abc.serializer import TaskiqSerializer
from taskiq.serializers import (
    CBORSerializer,
    JSONSerializer,
    MSGPackSerializer,
    ORJSONSerializer,
    PickleSerializer,
)

JSON = "application/json"
PYTHON_JSON = "application/x-python-json"
"""JSON as Python writes it, with ``NaN`` and ``Infinity``: not what others call JSON."""
_OF_SERIALIZER: tuple[tuple[type[TaskiqSerializer], str], ...] = (
    (JSONSerializer, JSON),
    (ORJSONSerializer, JSON),
    (PickleSerializer, "application/x-python-pickle"),
    (MSGPackSerializer, "application/vnd.msgpack"),
    (CBORSerializer, "application/cbor"),
)


def content_type_of(serializer: TaskiqSerializer) -> str:
    """Give the content type of what it writes; ``application/octet-stream`` where unknown."""
    for kind, content_type in _OF_SERIALIZER:
        if isinstance(serializer, kind):
            return content_type
    return "application/octet-stream"


def is_strict_json(body: bytes) -> bool:
    """Whether other languages can read it too: no ``NaN``, no ``Infinity``."""
    if b"NaN" not in body and b"Infinity" not in body:
        return True
    try:
        json.loads(body, parse_constant=_refuse)
    except ValueError:
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
