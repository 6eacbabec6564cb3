"""What the package says of itself, and the README's table of errors."""

import re
from importlib.metadata import metadata, version
from pathlib import Path
from typing import Any

import pytest
from taskiq import AsyncTaskiqTask
from taskiq.exceptions import ResultGetError, ResultIsReadyError, TaskiqResultTimeoutError
from taskiq.serializers import PickleSerializer

import taskiq_resultd
from taskiq_resultd import (
    ResultdAnswerError,
    ResultDecodeError,
    ResultdResultBackend,
    ResultdUnavailableError,
    ResultIsMissingError,
)

from .conftest import MakeBackend
from .support.front import Front, Reply
from .support.processes import free_port
from .support.results import success

PACKAGE = Path(__file__).resolve().parents[1]


def test_version_and_licence() -> None:
    assert version("taskiq-resultd") == taskiq_resultd.__version__
    assert metadata("taskiq-resultd")["License-Expression"] == "MIT"
    assert (PACKAGE / "LICENSE").read_text() == (PACKAGE.parents[1] / "LICENSE").read_text()


def test_readme_has_no_link_that_ends_at_the_repository() -> None:
    links = re.findall(r"\]\(([^)]*)\)", (PACKAGE / "README.md").read_text())
    assert all(link.startswith(("https://", "#")) for link in links), links


def test_backend_needs_no_annotation() -> None:
    backend = ResultdResultBackend("http://127.0.0.1:8080")  # mypy is strict here
    assert backend.keep_results


def task_of(backend: ResultdResultBackend[Any], task_id: str) -> AsyncTaskiqTask[Any]:
    return AsyncTaskiqTask(task_id, backend, None)


async def test_errors_are_those_of_the_readme(
    make_backend: MakeBackend, front: Front, task_id: str
) -> None:
    missing = task_of(make_backend(), task_id)
    with pytest.raises(TaskiqResultTimeoutError):
        await missing.wait_result(timeout=0.1)
    with pytest.raises(ResultGetError) as raised:
        await missing.get_result()
    assert isinstance(raised.value.__cause__, ResultIsMissingError)

    away = make_backend(f"http://127.0.0.1:{free_port()}", retry_for=0.1)
    front.always = Reply(404)
    for backend, kind in (
        (away, ResultdUnavailableError),
        (make_backend(front.url), ResultdAnswerError),
    ):
        task = task_of(backend, task_id)
        for call, wrapped in (
            (task.wait_result, ResultIsReadyError),
            (task.get_result, ResultGetError),
        ):
            with pytest.raises(wrapped) as failed:
                await call()
            assert isinstance(failed.value.__cause__, kind)
        with pytest.raises(kind):
            await task.get_progress()

    await make_backend(serializer=PickleSerializer()).set_result(task_id, success())
    with pytest.raises(ResultGetError) as raised:
        await missing.wait_result()
    assert isinstance(raised.value.__cause__, ResultDecodeError)
