"""What the figures were measured on."""

import os
import platform
import re
import subprocess
import time
from importlib.metadata import version
from pathlib import Path


class Load:
    """How busy the machine is from now on. See proc(5), ``/proc/stat``."""

    def __init__(self) -> None:
        self._all, self._idle = _core_times()

    def share(self) -> float:
        """Give the share of all cores' time that was not idle since then."""
        ticks, idle = _core_times()
        return 1 - (idle - self._idle) / (ticks - self._all)


def busy_now() -> float:
    """Give the share over half a second."""
    load = Load()
    time.sleep(0.5)
    return load.share()


def describe_machine(seed: int, busy_at_start: float, busy_over_run: float) -> list[str]:
    """Give a list in Markdown."""
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("taskiq", "taskiq-redis", "aiohttp")
    )
    redis = re.search(r"v=(\S+)", _output("redis-server", "--version"))
    return [
        f"- {os.cpu_count()} cores, {names[0] if names else 'unknown'}; no process bound to one",
        f"- Python {platform.python_version()}, {packages}",
        f"- Node {_output('node', '--version')}, Redis {redis[1] if redis else 'unknown'}",
        f"- other processes used {busy_at_start * 100:.0f} % of the machine when it began; over "
        f"the run it was {busy_over_run * 100:.0f} % busy, the bench included",
        f"- seed {seed}",
    ]


def _core_times() -> tuple[int, int]:
    """All ticks so far, and the idle ones among them."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
