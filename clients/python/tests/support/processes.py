"""Programs that the tests run for real: resultd itself, and redis-server."""

import os
import re
import signal
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from time import monotonic

REPOSITORY = Path(__file__).resolve().parents[4]
COMMAND = REPOSITORY / "dist" / "src" / "main.js"
HANGS_AFTER_S = 300.0
"""What takes this long on the busiest machine will never come."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Program:
    """A process whose output is read to its end, so that it never blocks on it."""

    def __init__(
        self, *command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        clean = {name: value for name, value in os.environ.items() if "RESULTD_" not in name}
        self.process = subprocess.Popen(
            [str(part) for part in command],
            env={**clean, **(env or {})},
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output = ""
        self._lines: Queue[str | None] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until_output(self, pattern: str) -> re.Match[str]:
        """Wait until a line matches."""
        deadline = monotonic() + HANGS_AFTER_S
        while (left := deadline - monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left)
            except Empty:
                break
            if line is None:
                break
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"no line {pattern!r} from {self.process.args!r}:\n{self.output}")

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(sign)
        try:
            self.process.wait(HANGS_AFTER_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with suppress(ProcessLookupError):  # nor may a child of its own be left
            os.killpg(self.process.pid, signal.SIGKILL)
        self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.output += line
                self._lines.put(line)
        self._lines.put(None)


class Resultd:
    """The service on a port that it keeps over restarts."""

    def __init__(
        self, backend: str = "memory:", *flags: str, env: dict[str, str] | None = None
    ) -> None:
        assert COMMAND.exists(), f"{COMMAND} is not there: run npm run build"
        self._env = env
        self._flags = ("--backend", backend, *flags)
        self._port = "0"
        self.start()

    def start(self) -> None:
        self._program = Program(
            "node", COMMAND, "serve", "--port", self._port, *self._flags, env=self._env
        )
        try:
            listening = self._program.until_output(r"Server listening at http://127\.0\.0\.1:(\d+)")
        except AssertionError:
            self.stop()
            raise
        self._port = listening[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def stop(self) -> None:
        self._program.stop()

    def kill(self) -> None:
        self._program.stop(signal.SIGKILL)


class RedisServer:
    """An empty Redis on a free port."""

    def __init__(self, directory: Path) -> None:
        port = str(free_port())
        options = ("--port", port, "--save", "", "--dir", str(directory), "--bind", "127.0.0.1")
        self._program = Program("redis-server", *options)
        self._program.until_output("Ready to accept connections")
        self.url = f"redis://127.0.0.1:{port}"

    def stop(self) -> None:
        self._program.stop()
