"""What all benchmarks share: contestants in turns, processes that are measured, rows of ratios."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """What came out of one contest.

    Attributes
    ----------
    what : str
        What was measured, and against what.
    ratios : sequence of float
        One a round; of what, the benchmark says.
    figures : str
        What the ratios come from, with units.
    """

    what: str
    ratios: Sequence[float]
    figures: str

    def spread(self) -> str:
        """Return the median ratio and, if there were several rounds, the least and the greatest."""
        middle = f"{statistics.median(self.ratios):.2f}"
        if len(self.ratios) == 1:
            return middle
        return f"{middle} ({min(self.ratios):.2f} to {max(self.ratios):.2f})"


class Cost(NamedTuple):
    """What a process took: seconds on the wall, and MB of memory at its peak."""

    seconds: float
    memory: float


def main(
    doc: str,
    rows: Callable[[argparse.Namespace], Iterable[Row]],
    options: Mapping[str, Mapping[str, object]],
) -> None:
    """Run a benchmark from the command line; rows go to stdout, notes to stderr.

    Parameters
    ----------
    doc : str
        Of the module; its first line is the title.
    rows : callable
        Runs the benchmark.
    options : mapping
        What ``add_argument`` takes, by name.
    """
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("data", nargs="?", default="demo", help="folder; the demo set by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print rows as JSON, one a line")
    for name, more in options.items():
        parser.add_argument(name, **more)
    given = parser.parse_args()
    for row in rows(given):
        plain = f"  {row.what}: {row.spread()}; {row.figures}"
        print(json.dumps(asdict(row)) if given.json else plain, flush=True)


def note(text: str) -> None:
    """Print what is no result."""
    print(text, file=sys.stderr, flush=True)


def in_turns(
    contestants: Mapping[str, Callable[[], T]], rounds: int, warm: int = 1
) -> dict[str, list[T]]:
    """Call all contestants in turns, so that what else the machine does is shared among them.

    Parameters
    ----------
    contestants : mapping
    rounds : int
    warm : int
        Rounds before these that do not count.
    """
    found: dict[str, list[T]] = {name: [] for name in contestants}
    for number in range(warm + rounds):
        for name, call in contestants.items():
            value = call()
            if number >= warm:
                found[name].append(value)
    return found


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Return the ratio of each round."""
    return [one / other for one, other in zip(above, below, strict=True)]


def process(command: Sequence[str], **environment: str) -> Cost:
    """Run a process to its end and measure it with all that it started."""
    begun = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ | environment
    ) as started:
        said = started.stderr.read() if started.stderr else b""
        _, status, usage = os.wait4(started.pid, 0)
        started.returncode = os.waitstatus_to_exitcode(status)
    took = time.perf_counter() - begun
    if status:
        raise SystemExit(said.decode() or f"{command} failed")
    return Cost(took, usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20))


def tracks_of(data: str) -> list[Path]:
    """Return the audio files of the data that a benchmark was given."""
    from zoo.datasets import open_dataset

    return [track.location for track in open_dataset(data).tracks]


def rows_of(script: Path, arguments: Sequence[str]) -> Iterator[Row]:
    """Run a benchmark as a process of its own and yield its rows."""
    command = [sys.executable, str(script), "--json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        for line in started.stdout or ():
            yield Row(**json.loads(line))
    if started.returncode:
        raise SystemExit(f"{script} failed")
