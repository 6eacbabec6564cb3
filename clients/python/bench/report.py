"""The results as a table in Markdown, on standard output and in ``bench/README.md``."""

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean, median

from tests.support.processes import REPOSITORY

from .contestants import Contestant

_README = REPOSITORY / "bench" / "README.md"
_SECTION = re.compile(r"(<!-- taskiq results -->\n).*(<!-- end of taskiq results -->)", re.DOTALL)
_TIMES_SOONER = 10
_MOST_REQUESTS = 2
_HEAD = (
    "what waits",
    "p50",
    "p90",
    "p99",
    "sooner at p50",
    "requests, wait under 25 s",
    "requests, wait of 35 to 40 s",
    "met",
)


@dataclass
class Requests:
    """Requests of each wait; where the server counts them for all together, means of rounds."""

    counts: list[float] = field(default_factory=list)
    is_mean: bool = False

    def add_mean(self, requests: float) -> None:
        """Take the mean of a round; rounds are of one size."""
        self.counts.append(requests)
        self.is_mean = True

    def __str__(self) -> str:
        if not self.counts:
            return ""
        if self.is_mean:
            return f"{mean(self.counts):.2f} on average"
        return f"{mean(self.counts):.2f} on average, {max(self.counts):.0f} at most"


@dataclass
class Figures:
    """What was measured of one contestant."""

    contestant: Contestant
    rounds: list[list[float]] = field(default_factory=list)
    """Milliseconds."""
    short: Requests = field(default_factory=Requests)
    long: Requests = field(default_factory=Requests)
    looks_ms: float = 0.0
    """First looks at pending tasks, one after the other."""
    of_length: dict[float, list[float]] = field(default_factory=dict)
    """Milliseconds, by the seconds that the tasks took."""
    requests_of: defaultdict[float, Requests] = field(default_factory=lambda: defaultdict(Requests))

    def share(self, share: float) -> float:
        """Give the smallest of all samples that is not below this share of them."""
        samples = sorted(sample for samples in self.rounds for sample in samples)
        return samples[max(0, math.ceil(len(samples) * share) - 1)]


def render(figures: Sequence[Figures], facts: Sequence[str]) -> str:
    """Give the report; the first of the figures is what the others are held against."""
    rows = [_row(_HEAD), _row(["---"] * len(_HEAD))]
    rows += [_row(_cells(one, figures[0])) for one in figures]
    samples = sum(map(len, figures[0].rounds))
    count = f"- {samples} waits of under 25 s for each row, rounds: {len(figures[0].rounds)}"
    lengths = list(figures[0].of_length)
    head = ("what waits", *(f"task of {seconds:g} s" for seconds in lengths), "20 first looks")
    rows += ["", _row(head), _row(["---"] * len(head))]
    rows += [_row(_length_cells(one)) for one in figures]
    return "\n".join([*facts, count, "", *rows, ""])


def write(report: str) -> None:
    """Put the report in the place of the one in the README."""
    text, found = _SECTION.subn(lambda old: f"{old[1]}\n{report}\n{old[2]}", _README.read_text())
    if not found:
        raise RuntimeError(f"{_README} has no section for the results")
    _README.write_text(text)


def _cells(ours: Figures, theirs: Figures) -> list[str]:
    shares = [f"{ours.share(share):.1f} ms" for share in (0.5, 0.9, 0.99)]
    requests = [str(ours.short), str(ours.long)]
    if ours is theirs:
        return [ours.contestant.name, *shares, "", *requests, ""]
    times = theirs.share(0.5) / ours.share(0.5)
    by_round = [
        median(one) / median(other) for one, other in zip(theirs.rounds, ours.rounds, strict=True)
    ]
    is_met = times >= _TIMES_SOONER and max(ours.short.counts) <= _MOST_REQUESTS
    sooner = f"{times:.1f} times ({min(by_round):.1f} to {max(by_round):.1f} by round)"
    return [ours.contestant.name, *shares, sooner, *requests, "yes" if is_met else "**no**"]


def _length_cells(ours: Figures) -> list[str]:
    cells = [
        f"{median(samples):.1f} ms, {ours.requests_of[seconds]}"
        for seconds, samples in ours.of_length.items()
    ]
    return [ours.contestant.name, *cells, f"{ours.looks_ms:.0f} ms"]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
