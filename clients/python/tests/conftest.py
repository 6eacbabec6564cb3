"""What all tests share: one resultd on its memory backend, and new task ids."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeAlias
from uuid import uuid4

import pytest

from taskiq_resultd import ResultdResultBackend

from .support.front import Front, front_of
from .support.processes import Resultd

MakeBackend: TypeAlias = Callable[..., ResultdResultBackend[Any]]


@pytest.fixture(scope="session")
def resultd() -> Iterator[Resultd]:
    service = Resultd()
    yield service
    service.kill()


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESULTD_TOKEN", raising=False)


@pytest.fixture
def task_id() -> str:
    return uuid4().hex


@pytest.fixture
async def front(resultd: Resultd) -> AsyncIterator[Front]:
    async with front_of(resultd.url) as front:
        yield front


@pytest.fixture
async def make_backend(resultd: Resultd) -> AsyncIterator[MakeBackend]:
    """Make backends of the shared service, or of the address in ``url``, shut down at the end."""
    made: list[ResultdResultBackend[Any]] = []

    def make(url: str = resultd.url, **options: Any) -> ResultdResultBackend[Any]:
        made.append(ResultdResultBackend(url, **options))
        return made[-1]

    yield make
    for backend in made:
        await backend.shutdown()
