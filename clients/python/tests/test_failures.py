"""Exceptions as taskiq writes them, in bounded time."""

import json
import math
import time

import pytest
from taskiq import TaskiqResult

from taskiq_resultd.failures import DEEPEST, error_members

from .conftest import MakeBackend
from .support.results import failure


class Outer:
    class InnerError(Exception):
        """Its name has a dot."""


class PickyError(Exception):
    def __init__(self, code: int, *, hint: str) -> None:
        super().__init__(code)
        self.hint = hint


class UnshowableError(Exception):
    def __repr__(self) -> str:
        raise RuntimeError("not even this")


def chained(links: int) -> BaseException:
    error: BaseException = ValueError(1)
    for number in range(2, links + 1):
        above = ValueError(number)
        above.__cause__ = error
        error = above
    return error


def depth_of(error: BaseException | None) -> int:
    return 0 if error is None else 1 + depth_of(error.__cause__)


def caught() -> list[BaseException]:
    errors: list[BaseException] = [
        ValueError("x", 1, None, [1.5, {"a": True}]),
        Outer.InnerError("dotted"),
        PickyError(3, hint="h"),
        KeyError(("tuple", 1)),
        SystemExit(3),
        ValueError(),
        OSError(2, "No such file"),
        ValueError(object),
        ValueError({1: "a"}),
        ValueError(b"\xff"),
    ]
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer")  # noqa: B904
    except ValueError as error:
        errors.append(error)
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer") from None
    except ValueError as error:
        errors.append(error)
    return errors


@pytest.mark.parametrize("error", caught(), ids=repr)
def test_error_is_written_as_taskiq_writes_it(error: BaseException) -> None:
    result: TaskiqResult[None] = failure(error)
    assert error_members(error) == result.model_dump(mode="json")["error"]


@pytest.mark.parametrize("error", caught(), ids=repr)
async def test_error_comes_back_as_taskiq_gives_it(
    make_backend: MakeBackend, task_id: str, error: BaseException
) -> None:
    backend = make_backend()
    await backend.set_result(task_id, failure(error))
    mine = (await backend.get_result(task_id)).error
    by_taskiq: TaskiqResult[None] = TaskiqResult.model_validate(
        json.loads(json.dumps(failure(error).model_dump(mode="json")))
    )
    assert repr(mine) == repr(by_taskiq.error)
    assert mine is not None
    assert by_taskiq.error is not None
    assert repr(mine.__cause__) == repr(by_taskiq.error.__cause__)
    assert repr(mine.__context__) == repr(by_taskiq.error.__context__)


async def test_long_chain_is_cut_and_quick(make_backend: MakeBackend, task_id: str) -> None:
    backend = make_backend()
    started = time.process_time()
    await backend.set_result(task_id, failure(chained(500)))
    assert depth_of((await backend.get_result(task_id)).error) == DEEPEST
    # taskiq's own way doubles with each link: 32 of them would take hours.
    assert time.process_time() - started < 30

    await backend.set_result(task_id, failure(chained(20)))
    assert depth_of((await backend.get_result(task_id)).error) == 20


def test_cycles_end() -> None:
    first, second = ValueError(1), ValueError(2)
    first.__cause__, second.__cause__ = second, first
    first.__suppress_context__ = second.__suppress_context__ = False
    first.__context__ = first
    members = error_members(first)
    assert members["exc_cause"]["exc_message"] == [2]
    assert members["exc_cause"]["exc_cause"] is None
    assert members["exc_context"] is None


def test_wide_trees_end() -> None:
    error: BaseException = ValueError(0)
    for number in range(60):
        above = ValueError(number)
        above.__cause__, above.__context__ = error, error
        above.__suppress_context__ = False
        error = above
    assert json.dumps(error_members(error)).count("exc_type") <= 256


async def test_arguments_that_json_cannot_hold_are_shown(
    make_backend: MakeBackend, task_id: str
) -> None:
    backend = make_backend()
    arguments = (math.nan, b"\xff", "\ud800", UnshowableError(), {"set": {1}}, (1, 2))
    await backend.set_result(task_id, failure(ValueError(*arguments)))
    error = (await backend.get_result(task_id)).error
    assert isinstance(error, ValueError)
    shown = error.args
    assert shown[:2] == ("nan", "b'\\xff'")
    assert "ud800" in shown[2]
    assert shown[3:] == ("", "{'set': {1}}", [1, 2])
