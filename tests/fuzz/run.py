"""Give damaged files to every parser, in processes with limits of time and memory.

``python tests/fuzz/run.py --inputs 10000 --seed 0`` prints, by parser, how many were answered and
refused, and what was found: exit status 1 if anything was.
"""

import argparse
import faulthandler
import multiprocessing
import os
import resource
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.fuzz.corpus import build  # noqa: E402
from tests.fuzz.mutate import mutated  # noqa: E402
from tests.fuzz.targets import TARGETS, Targets  # noqa: E402

LONGEST = 20.0  # seconds for one input
_MEMORY = 1 << 30  # bytes that one input may add


@dataclass(frozen=True)
class Outcome:
    """What became of one input: "answered", "refused", "finding", "hang" or "crash".

    The detail of a crash has the traceback of `faulthandler` below its first line.
    """

    number: int
    kind: str
    detail: str = ""


def campaign(
    folder: Path,
    corpus: Mapping[str, Sequence[bytes]],
    inputs: int,
    seed: int = 0,
    workers: int = 2,
    only: str | None = None,
) -> Iterator[tuple[str, bytes, Outcome]]:
    """Yield parser, input and outcome of every input, in no order."""
    assert corpus.keys() == TARGETS.keys()
    names = [only] if only else sorted(TARGETS)

    def given(number: int) -> tuple[str, bytes]:
        name = names[number % len(names)]
        return name, mutated(Random(f"{seed} {number}"), corpus[name])

    context = multiprocessing.get_context("fork")
    shares = [list(range(first, inputs, workers)) for first in range(workers)]
    running: dict[Connection, tuple[multiprocessing.process.BaseProcess, list[int]]] = {}

    def start(share: list[int]) -> None:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(folder, given, share, sender), daemon=True)
        process.start()
        sender.close()
        receiver.recv()  # imports take long on a busy machine, and are no hang
        running[receiver] = process, share

    for share in filter(None, shares):
        start(share)
    while running:
        ready = wait(list(running), LONGEST) or list(running)
        for receiver in ready:
            process, share = running[receiver]
            outcome = None
            try:
                outcome = receiver.recv() if receiver.poll() else Outcome(share[0], "hang")
            except EOFError:
                process.join()
                if share:
                    trace = _trace(folder, process.pid).read_text(errors="replace")
                    detail = f"exit status {process.exitcode}"
                    outcome = Outcome(share[0], "crash", f"{detail}\n{trace}".rstrip())
            if outcome is not None:
                share.pop(0)
                yield *given(outcome.number), outcome
            if outcome is None or outcome.kind in ("hang", "crash"):
                del running[receiver]
                process.kill()
                process.join()
                receiver.close()
                if share:
                    start(share)


def _trace(folder: Path, process: int | None) -> Path:
    """Return the file for what `faulthandler` writes when the process crashes."""
    return folder / f"trace-{process}.txt"


def _work(folder: Path, given: object, share: list[int], sender: Connection) -> None:
    trace = _trace(folder, os.getpid()).open("w")  # to the end
    faulthandler.enable(trace)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    targets = Targets(folder)
    os.chdir(targets.scratch)
    _warm(targets)
    sender.send(None)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, resource.RLIM_INFINITY))
    for number in share:
        name, data = given(number)  # type: ignore[operator]
        try:
            sentence = targets.check(name, data)
            outcome = Outcome(number, "answered" if sentence is None else "refused")
        except BaseException as error:
            frames = traceback.extract_tb(error.__traceback__)[-1:]
            where = "".join(f" at {Path(f.filename).name}:{f.lineno}" for f in frames)
            inner = [f for f in traceback.extract_tb(error.__traceback__) if "/zoo" in f.filename]
            where += "".join(f" from {Path(f.filename).name}:{f.lineno}" for f in inner[-1:])
            outcome = Outcome(number, "finding", f"{type(error).__name__}: {error}"[:300] + where)
        sender.send(outcome)


def _warm(targets: Targets) -> None:
    """Import what the parsers import, so that it does not count as memory of an input."""
    import sklearn.ensemble
    import sklearn.metrics  # noqa: F401

    import zoo.report.page  # noqa: F401

    for run in (targets.folder / "models").glob("*/*/*"):
        targets.check("run.json", (run / "run.json").read_bytes())


def main() -> int:
    """Run a campaign from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=sorted(TARGETS))
    parser.add_argument("--keep", type=Path, help="A folder for the inputs of what is found.")
    wanted = parser.parse_args()
    kinds = ("answered", "refused", "finding", "hang", "crash")
    counts: dict[str, Counter[str]] = {name: Counter() for name in sorted(TARGETS)}
    told: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="zoo-fuzz-") as folder:
        place = Path(folder)
        found = campaign(
            place, build(place), wanted.inputs, wanted.seed, wanted.workers, wanted.only
        )
        for name, data, outcome in found:
            counts[name][outcome.kind] += 1
            if outcome.kind in ("answered", "refused"):
                continue
            if wanted.keep:
                wanted.keep.mkdir(parents=True, exist_ok=True)
                (wanted.keep / f"{name}-{outcome.number}".replace(" ", "-")).write_bytes(data)
            key = f"{name} {outcome.kind} {outcome.detail.rsplit(' at ', 1)[-1]}"
            if key not in told or outcome.kind != "finding":
                told.add(key)
                first, *trace = outcome.detail.splitlines() or [""]
                print(f"{name}, input {outcome.number}: {outcome.kind} {first!r}", *trace, sep="\n")
    print(f"{'parser':<20}{'inputs':>8}" + "".join(f"{kind:>10}" for kind in kinds))
    for name, by_kind in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        line = "".join(f"{by_kind[kind]:>10}" for kind in kinds)
        print(f"{name:<20}{by_kind.total():>8}{line}")
    total = sum(counts.values(), Counter())
    return int(any(total[kind] for kind in kinds[2:]))


if __name__ == "__main__":
    sys.exit(main())
