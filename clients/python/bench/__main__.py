"""``npm run bench:python``: measures and prints a table; ``--write`` puts it into the README."""

import argparse
import random
import signal
import sys

from .machine import Load, busy_now, describe_machine
from .measure import Options, measure
from .report import render, write


def main() -> None:
    """Read the flags, measure, report."""
    flags = read_flags()
    # So that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options = Options(
        rounds=flags.rounds,
        waits=flags.waits,
        seed=flags.seed,
        has_long=not flags.skip_long,
        tell=lambda line: print(line, file=sys.stderr, flush=True),
    )
    options.tell(f"seed {options.seed}")
    busy_at_start = busy_now()
    load = Load()
    figures = measure(options)
    facts = describe_machine(options.seed, busy_at_start, load.share())
    report = render(figures, facts)
    print(report)
    if flags.write:
        write(report)


def read_flags() -> argparse.Namespace:
    """Give the flags; end with a message where one is wrong."""
    parser = argparse.ArgumentParser("npm run bench:python --", description=__doc__)
    parser.add_argument("--rounds", type=count, default=6)
    parser.add_argument("--waits", type=count, default=50, help="in each round, concurrently")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--skip-long", action="store_true", help="no waits of 35 to 40 s")
    parser.add_argument("--write", action="store_true", help="write into bench/README.md")
    return parser.parse_args()


def count(text: str) -> int:
    """Read a whole number of 1 or more."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


main()
