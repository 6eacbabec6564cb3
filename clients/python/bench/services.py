"""The real servers that are measured."""

from contextlib import ExitStack
from pathlib import Path

from tests.support.processes import REPOSITORY, RedisServer, Resultd

from .contestants import Contestant

_PROBE = REPOSITORY / "dist" / "bench" / "request-probe.js"


class Services:
    """taskiq-redis and resultd have a Redis of their own each, started alike, and so counted apart.

    They end with ``started``; but for the directory, which the request lines are then in.
    """

    def __init__(self, directory: Path, started: ExitStack) -> None:
        self._directory = directory
        self._started = started
        theirs, below = self._redis("theirs"), self._redis("ours")
        memory, on_redis = self._resultd("memory", "memory:"), self._resultd("redis", below)
        self.contestants = [
            Contestant("polls", "taskiq-redis", "redis", theirs),
            Contestant("redis", "resultd on Redis", "resultd", on_redis),
            Contestant("memory", "resultd in memory", "resultd", memory),
        ]

    def _redis(self, name: str) -> str:
        directory = self._directory / name
        directory.mkdir()
        server = RedisServer(directory)
        self._started.callback(server.stop)
        return server.url

    def _resultd(self, name: str, backend: str) -> str:
        lines = self._directory / f"{name}.requests"
        env = {"NODE_OPTIONS": f"--import={_PROBE.as_uri()}", "BENCH_REQUESTS": str(lines)}
        service = Resultd(backend, "--drain", "0s", env=env)
        self._started.callback(service.stop)
        return service.url
