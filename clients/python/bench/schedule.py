"""When tasks are begun to be waited for, and when they are done: drawn from a seed.

What a polling client's delay depends on is where between two checks the outcome comes. The times
are uniform over many checks, so that place is uniform as well.
"""

import random
from dataclasses import dataclass

_BEGIN_WITHIN_S = 0.5
_SHORT_S = (0.3, 1.5)
_LONGER_S = (2.0, 4.0)
_ONE_IN = 10
"""One wait in so many is one of the longer ones."""
LONG_S = (35.0, 40.0)


@dataclass(frozen=True)
class Planned:
    """One wait. Seconds after the beginning of the round."""

    begins: float
    done: float


def plan_round(seed: int, number: int, waits: int) -> list[Planned]:
    """Give a round of short waits, the same for the same seed and number."""
    chance = random.Random(f"{seed} {number}")
    return [_drawn(chance, _LONGER_S if n % _ONE_IN == 0 else _SHORT_S) for n in range(waits)]


def plan_long(seed: int, waits: int) -> list[Planned]:
    """Give waits that one long poll does not cover."""
    chance = random.Random(f"{seed} long")
    return [_drawn(chance, LONG_S) for _ in range(waits)]


def plan_of_length(seed: int, seconds: float, waits: int) -> list[Planned]:
    """Give waits for tasks that take so long, from the wait's beginning on."""
    chance = random.Random(f"{seed} {seconds}")
    return [_drawn(chance, (seconds, seconds)) for _ in range(waits)]


def _drawn(chance: random.Random, seconds: tuple[float, float]) -> Planned:
    begins = chance.uniform(0, _BEGIN_WITHIN_S)
    return Planned(begins, begins + chance.uniform(*seconds))
