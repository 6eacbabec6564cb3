"""Who is measured: taskiq's waits over its own Redis backend, and over resultd."""

from dataclasses import dataclass
from typing import Any, Literal

from taskiq import AsyncResultBackend
from taskiq_redis import RedisAsyncResultBackend

from taskiq_resultd import ResultdResultBackend

Kind = Literal["redis", "resultd"]


@dataclass(frozen=True)
class Contestant:
    """One way to wait."""

    key: str
    """In task ids, so that the service can tell whose a request was."""
    name: str
    kind: Kind
    url: str


def make_backend(kind: Kind, url: str) -> AsyncResultBackend[Any]:
    """Make the backend as its README shows it, with its defaults."""
    return RedisAsyncResultBackend(url) if kind == "redis" else ResultdResultBackend(url)
