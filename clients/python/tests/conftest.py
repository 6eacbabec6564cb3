"""What all tests share: one resultd on its memory backend, and new task ids."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from .support.processes import Resultd


@pytest.fixture(scope="session")
def resultd() -> Iterator[Resultd]:
    service = Resultd()
    yield service
    service.stop()


@pytest.fixture
def task_id() -> str:
    return uuid4().hex
