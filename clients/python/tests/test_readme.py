"""The README's section on taskiq: its commands and its one line, with the output that it shows."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from .support.fetch import fetch
from .support.processes import HANGS_AFTER_S, REPOSITORY, Program, RedisServer, Resultd

APP = (REPOSITORY / "examples/taskiq/app.py").read_text()
README = (REPOSITORY / "README.md").read_text()
SECTION = README.partition("\n## Use it from taskiq\n")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCKS if found == language]


def changed_lines(sign: str) -> list[str]:
    return [line[1:] for line in blocks("diff")[0].splitlines() if line.startswith(sign)]


def before() -> str:
    """The application as it was, with the lines of the README's diff taken back."""
    text = APP
    for old, new in zip(changed_lines("-"), changed_lines("+"), strict=True):
        assert f"\n{new}\n" in text
        text = text.replace(f"\n{new}\n", f"\n{old}\n")
    return text


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.stop()


def run(application: str, directory: Path) -> str:
    """Run the client of the application, with a worker beside it, and give what it prints."""
    (directory / "app.py").write_text(application)
    command = (sys.executable, "-m", "taskiq", "worker", "app:broker", "--workers", "1")
    worker = Program(*command, cwd=directory)
    try:
        worker.until_output("Listening started")
        return subprocess.run(
            [sys.executable, "app.py"],
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=HANGS_AFTER_S,
            check=True,
        ).stdout
    finally:
        worker.stop(SIGKILL)


def without_times(output: str) -> str:
    return re.sub(r'\d+ ms|"(execution_time|ended_at)": ?[\d.]+', "<time>", output)


async def test_readme_shows_what_the_application_prints(
    redis: RedisServer, resultd: Resultd, tmp_path: Path
) -> None:
    assert len(changed_lines("+")) == 2, "the import, and the one line"
    before_output, after_output, curl_output = blocks("text")
    for application, shown in ((before(), before_output), (APP, after_output)):
        at_test = application.replace("redis://127.0.0.1:6379", redis.url)
        at_test = at_test.replace("http://127.0.0.1:8080", resultd.url)
        printed = await asyncio.to_thread(run, at_test, tmp_path)
        assert without_times(printed) == without_times(shown)
    url = re.search(r"http://127.0.0.1:8080(\S+)", blocks("sh")[-1])
    assert url is not None
    seen = (await fetch(resultd.url + url[1])).decode() + "\n"
    assert without_times(seen) == without_times(curl_output)


def test_readme_names_the_commands() -> None:
    commands = "\n".join(blocks("sh"))
    assert "taskiq worker app:broker" in commands
    assert "python app.py" in commands
    assert "pip install ./clients/python" in commands
