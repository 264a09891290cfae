"""The published runs, trained anew: ``make published``.

Everything is done in ``build/published``, with paths relative to that, so that a record names no
path of a machine. An interrupted command continues when it is given again.
"""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zoo.artefacts.model_card import model_card
from zoo.cli.console import TerminalReporter
from zoo.cli.leaderboard import print_board
from zoo.evaluate.leaderboard import leaderboard
from zoo.training.train import train
from zoo_registry.errors import ZooError
from zoo_registry.files import atomic_path, make_folder, write_text
from zoo_registry.record import MachineInfo
from zoo_registry.runs import Run

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "published"
# Where a track is in both, the later one has the whole excerpt.
GTZAN = ("gtzan-pieces", "gtzan-mini")


@dataclass(frozen=True)
class Candidate:
    """A model that may be published: what ``zoo train`` is told."""

    model: str
    frontend: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    nested: int = 0


@dataclass(frozen=True)
class Recipe:
    """A published run: its name and dataset, what is published, and what it was chosen from."""

    name: str
    data: str
    chosen: Candidate
    others: Sequence[Candidate] = ()
    protocol: str = "kfold:5"


RECIPES = (Recipe("gtzan", "data/gtzan", Candidate("logistic", "musicnn:window=3")),)


def main() -> None:
    """Train all candidates, publish those that are chosen, and print their boards."""
    source = recordings()
    WORK.mkdir(parents=True, exist_ok=True)
    os.chdir(WORK)
    os.environ["ZOO_MODELS"] = "models"
    for part in GTZAN:
        for path in sorted((source / part).glob("*/*")):
            link(path, Path("data", "gtzan", path.parent.name, path.name))
    link(source / "esc10", Path("data", "esc10"))
    reporter = TerminalReporter()
    for recipe in RECIPES:
        for one in (recipe.chosen, *recipe.others):
            run = train(
                one.model, recipe.data, frontend=one.frontend, protocol=recipe.protocol,
                params=one.params, nested=one.nested, robustness=100, reporter=reporter,
            )  # fmt: skip
            if run.lack:
                sys.exit(run.lack)
            if one is recipe.chosen:
                publish(run, recipe.name)
    for data in sorted({recipe.data for recipe in RECIPES}):
        for board in leaderboard(data):
            print_board(board)


def recordings() -> Path:
    """Return the folder of the recordings, or end with a sentence if it lacks any."""
    source = Path(os.environ.get("ZOO_TEST_DATA") or ROOT.parent / "shared" / "data").resolve()
    missing = [name for name in (*GTZAN, "esc10") if not (source / name).is_dir()]
    if missing:
        sys.exit(
            f"{source} has no {' and no '.join(missing)}; set ZOO_TEST_DATA to a folder with "
            "gtzan-mini, gtzan-pieces and esc10"
        )
    return source


def link(target: Path, path: Path) -> None:
    """Make a link, in the place of one to another file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not (path.is_symlink() and path.readlink() == target):
        path.unlink(missing_ok=True)
        path.symlink_to(target)


def publish(run: Run, name: str) -> None:
    """Write a run into ``models``, without what is known of this machine only."""
    predictions, record = run.predictions(), run.record
    record.dataset.place = None
    record.machine = MachineInfo(
        platform=f"{platform.system()} {platform.machine()}", python=record.machine.python
    )
    published = Run(ROOT / "models" / name, record)
    make_folder(published.folder)
    for file in run.hashes:
        with atomic_path(published.folder / file) as temporary:
            temporary.write_bytes(run.content(run.folder / file))
    write_text(published.card_path, model_card(published, predictions))
    published.write()


if __name__ == "__main__":
    try:
        main()
    except ZooError as error:
        sys.exit(str(error))
