"""Any string is a task id, and no two of them meet."""

from itertools import combinations
from urllib.parse import quote

import pytest

from taskiq_resultd.ids import LONGEST, encode_task_id

from .conftest import MakeBackend
from .support.fetch import fetch
from .support.processes import Resultd
from .support.results import success

PLAIN = ["a", "0123456789abcdef" * 2, "x" * 255, "a.b_c~d:e@f+g=h-i", "..a", "...", "+", "="]
STRANGE = [
    "",
    ".",
    "..",
    "~",
    "~~",
    "~Lg",
    "~~" + "A" * 43,
    "a/b",
    "/",
    "../x",
    "a b",
    "a%2Fb",
    "a\n",
    "\0",
    "ä",
    "ä" * 255,
    "任务",
    "\ud800",
    "?a=1#b",
    "x" * 256,
    "x" * 255 + "y",
    "x" * 10_000,
]


@pytest.mark.parametrize("task_id", PLAIN)
def test_id_that_fits_is_used_as_it_is(task_id: str) -> None:
    assert encode_task_id(task_id) == task_id


def test_no_two_ids_meet() -> None:
    encoded = [encode_task_id(task_id) for task_id in PLAIN + STRANGE]
    # An id that looks like the encoded form of another one is another id still.
    encoded += [encode_task_id(form) for form in encoded if form.startswith("~")]
    distinct = {
        *PLAIN,
        *STRANGE,
        *(form for form in encoded[: len(PLAIN + STRANGE)] if form.startswith("~")),
    }
    assert len(set(encoded)) == len(distinct)
    assert all(1 <= len(form) <= LONGEST for form in encoded)


def test_all_short_ids_differ() -> None:
    letters = ["~", "a", "/", "ä", "Z", "."]
    ids = {"".join(part) for size in range(1, 5) for part in combinations(letters * 2, size)}
    assert len({encode_task_id(task_id) for task_id in ids}) == len(ids)


async def test_strange_ids_keep_their_results_apart(make_backend: MakeBackend) -> None:
    backend = make_backend()
    ids = PLAIN + STRANGE
    for task_id in ids:
        await backend.set_result(task_id, success(repr(task_id)))
    for task_id in ids:
        assert await backend.is_result_ready(task_id)
        assert (await backend.get_result(task_id)).return_value == repr(task_id)


async def test_id_that_fits_is_found_by_others(make_backend: MakeBackend, resultd: Resultd) -> None:
    for task_id in PLAIN:
        await make_backend().set_result(task_id, success(task_id))
        body = await fetch(f"{resultd.url}/v1/tasks/{quote(task_id)}/result")
        assert task_id.encode() in body
