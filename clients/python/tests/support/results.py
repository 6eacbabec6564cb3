"""Results to store."""

from typing import Any

from taskiq import TaskiqResult


def success(value: Any = 11, **members: Any) -> TaskiqResult[Any]:
    members = {"execution_time": 112.2, **members}
    return TaskiqResult(is_err=False, return_value=value, **members)


def failure(error: BaseException, **members: Any) -> TaskiqResult[Any]:
    members = {"execution_time": 0.5, **members}
    return TaskiqResult(is_err=True, return_value=None, error=error, **members)
