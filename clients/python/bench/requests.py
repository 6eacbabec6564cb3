"""How many requests waits took, by the servers' own count."""

import re
from collections import Counter
from pathlib import Path

from redis import Redis

_READ = re.compile(r"GET /v1/tasks/([^/?]+)/")


def reads_by_task(lines: Path) -> Counter[str]:
    """Count the GETs of each task among the request lines that ``bench/request-probe.ts`` wrote."""
    return Counter(match[1] for match in map(_READ.match, lines.read_text().splitlines()) if match)


def commands_of_waits(url: str) -> int:
    """Give how many commands of the kinds that taskiq-redis waits with the server has had."""
    with Redis.from_url(url) as redis:
        commands = redis.info("commandstats")
    return sum(
        commands.get(name, {"calls": 0})["calls"] for name in ("cmdstat_exists", "cmdstat_get")
    )
