"""What the figures were measured on."""

import os
import platform
import re
import subprocess
import time
from importlib.metadata import version
from pathlib import Path


def busy_share() -> float:
    """How busy the machine is, in shares of all its cores, over half a second. See proc(5)."""
    before, before_idle = _core_times()
    time.sleep(0.5)
    after, after_idle = _core_times()
    return 1 - (after_idle - before_idle) / (after - before)


def describe_machine(seed: int, busy_at_start: float, busy_at_end: float) -> list[str]:
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
        f"- other processes used {busy_at_start:.0%} of the machine when it began, and "
        f"{busy_at_end:.0%} when it ended".replace("%", " %"),
        f"- seed {seed}",
    ]


def _core_times() -> tuple[int, int]:
    """All ticks so far, and the idle ones among them."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
