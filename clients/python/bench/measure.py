"""The run: warm up, rounds in which the contestants take turns, the long waits, the counts."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from .report import Figures, Requests
from .requests import commands_of_waits, reads_by_task
from .rounds import Client, client_of
from .schedule import Planned, plan_long, plan_of_length, plan_round
from .services import Services

_WARM_UP = 5
_LONG = 4
"""Waits."""
LOOKS = 20
"""Pending tasks that are looked at."""
LENGTHS_S = (0.1, 1.0, 5.0)
_OF_A_LENGTH = 20
"""Waits."""


@dataclass(frozen=True)
class Options:
    """What to measure."""

    rounds: int
    waits: int
    seed: int
    has_long: bool
    tell: Callable[[str], None]


def measure(options: Options) -> list[Figures]:
    """Start the servers, measure each contestant, and count what the servers were asked."""
    with TemporaryDirectory(prefix="resultd-bench-") as name:
        directory = Path(name)
        with ExitStack() as started:
            services = Services(directory, started)
            figures = asyncio.run(_measure_all(services, options))
        # The services wrote down what they were asked when they ended.
        reads: Counter[str] = Counter()
        for lines in directory.glob("*.requests"):
            reads += reads_by_task(lines)
    for one in figures:
        if one.contestant.kind == "resultd":
            one.short = _requests_of(one, reads, "round", options.rounds * options.waits)
            for seconds in LENGTHS_S:
                one.requests_of[seconds] = _requests_of(one, reads, f"of{seconds}", _OF_A_LENGTH)
            one.long = _requests_of(one, reads, "long", _LONG if options.has_long else 0)
    return figures


async def _measure_all(services: Services, options: Options) -> list[Figures]:
    async with AsyncExitStack() as open_clients:
        clients = [
            await open_clients.enter_async_context(client_of(contestant))
            for contestant in services.contestants
        ]
        figures = [Figures(client.contestant) for client in clients]
        for client in clients:
            await client.run("warm", plan_round(options.seed, 0, _WARM_UP))
        for number in range(1, options.rounds + 1):
            options.tell(f"round {number} of {options.rounds}")
            plan = plan_round(options.seed, number, options.waits)
            for client, ours in zip(clients, figures, strict=True):
                ours.rounds.append(await _counted(client, f"round{number}", plan, ours.short))
        for client, ours in zip(clients, figures, strict=True):
            options.tell(f"first looks and tasks of a length: {client.contestant.name}")
            ours.looks_ms = await client.look(LOOKS)
            for seconds in LENGTHS_S:
                plan = plan_of_length(options.seed, seconds, _OF_A_LENGTH)
                samples = await _counted(client, f"of{seconds}", plan, ours.requests_of[seconds])
                ours.of_length[seconds] = samples
        if options.has_long:
            options.tell("long waits, all at once")
            plan = plan_long(options.seed, _LONG)
            pairs = zip(clients, figures, strict=True)
            await asyncio.gather(*(_counted(client, "long", plan, o.long) for client, o in pairs))
    return figures


async def _counted(
    client: Client, label: str, plan: list[Planned], requests: Requests
) -> list[float]:
    """Run a round; where the server is Redis, count its commands over the round."""
    contestant = client.contestant
    if contestant.kind == "resultd":
        return await client.run(label, plan)
    before = commands_of_waits(contestant.url)
    samples = await client.run(label, plan)
    requests.add_mean((commands_of_waits(contestant.url) - before) / len(plan))
    return samples


def _requests_of(figures: Figures, reads: Counter[str], label: str, waits: int) -> Requests:
    prefix = f"{figures.contestant.key}-{label}"
    counts = [float(count) for task_id, count in reads.items() if task_id.startswith(prefix)]
    if len(counts) != waits:
        raise RuntimeError(f"resultd counted requests for {len(counts)} of {waits} {prefix} waits")
    return Requests(counts)
