"""Tokens: how they are given, and that they show nowhere."""

import logging
import traceback

import pytest
from taskiq import AsyncTaskiqTask
from taskiq.exceptions import ResultIsReadyError

from taskiq_resultd import ResultdAnswerError, ResultdUnavailableError

from .conftest import MakeBackend
from .support.front import Front, Reply
from .support.processes import free_port
from .support.results import success


def with_user(front: Front, user: str) -> str:
    return front.url.replace("http://", f"http://{user}@")


async def test_token_is_sent(
    make_backend: MakeBackend, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = {
        "Bearer rd_1_option": make_backend(front.url, token="rd_1_option"),
        "Bearer rd_2_url": make_backend(with_user(front, "rd_2_url")),
        "Bearer p@ss": make_backend(with_user(front, ":p%40ss")),
        "Basic c29tZW9uZTpzZWNyZXQ=": make_backend(with_user(front, "someone:secret")),
        None: make_backend(front.url),
    }
    monkeypatch.setenv("RESULTD_TOKEN", "rd_3_variable")
    sent["Bearer rd_3_variable"] = make_backend(front.url)
    sent["Bearer rd_4_wins"] = make_backend(with_user(front, "rd_4_wins"))
    for number, backend in enumerate(sent.values()):
        await backend.set_result(f"token-{number}", success())
    assert front.authorizations == list(sent)


@pytest.mark.parametrize("how", ["option", "url", "variable"])
async def test_token_shows_nowhere(
    make_backend: MakeBackend,
    front: Front,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    how: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    address, options = f"http://127.0.0.1:{free_port()}", {}
    if how == "option":
        options = {"token": "secret"}
    elif how == "url":
        address = address.replace("http://", "http://secret@")
    else:
        monkeypatch.setenv("RESULTD_TOKEN", "secret")
    backend = make_backend(address, retry_for=0.2, **options)
    with pytest.raises(ResultdUnavailableError) as raised:
        await backend.get_result("a")
    with pytest.raises(ResultIsReadyError):
        await AsyncTaskiqTask("a", backend, None).wait_result()
    front.always = Reply(302, "", {"Location": "https://else/?token=secret"})
    answering = with_user(front, "secret") if how == "url" else front.url
    with pytest.raises(ResultdAnswerError) as answered:
        await make_backend(answering, **options).set_result("a", success())
    shown = [repr(vars(backend)), caplog.text]
    for error in (raised.value, answered.value):
        shown += [repr(error), *traceback.format_exception(error)]
    assert "waits go on" in caplog.text
    assert not any("secret" in text for text in shown)


def test_token_that_cannot_be_one_is_refused(make_backend: MakeBackend) -> None:
    for url, token in (
        ("http://secret@host", "another-secret"),
        ("http://host", "secret\nX: 1"),
        ("http://secret%0A@host", None),
    ):
        with pytest.raises(ValueError, match="token") as raised:
            make_backend(url, token=token)
        assert "secret" not in str(raised.value)
