"""The published runs, trained anew: ``make published``, or this script with names of some.

Everything is done in ``build/published``, with paths relative to that, so that a record names no
path of a machine. An interrupted command continues when it is given again.
"""

import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo.artefacts.model_card import model_card
from zoo.cli.console import TerminalReporter
from zoo.cli.leaderboard import print_board
from zoo.datasets import Dataset
from zoo.evaluate.board import Board
from zoo.evaluate.leaderboard import leaderboard
from zoo.execution.progress import Reporter
from zoo.features.embeddings import write_embeddings
from zoo.inference.predict import predict
from zoo.inference.prediction import UNKNOWN
from zoo.plugins.registry import find_dataset
from zoo.training.train import train
from zoo_registry.errors import ZooError
from zoo_registry.files import atomic_path, make_folder, write_text
from zoo_registry.record import MachineInfo
from zoo_registry.runs import Run

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "published"
CHANGED = 100  # tracks that are also changed as everyday handling changes them
LIGHT = 2_000_000  # bytes of the ONNX file of gtzan-light, at most

GTZAN = ("gtzan-pieces", "gtzan-mini")  # of a track in both, the latter has the whole excerpt
SOURCES = {
    "gtzan": (
        "Trained on 100 excerpts of half a minute, and on pieces of 2 to 3 seconds of 409 others, "
        "of the 1,000 tracks of GTZAN."
    ),
    "esc10": (
        "Trained on ESC-10 by Karol J. Piczak (CC BY 3.0), clips by users of Freesound, who are "
        "named in its README: doi:10.7910/DVN/YDEPUT."
    ),
}
NETWORK = "Trained again on another machine, a network differs by some hundredths."


@dataclass(frozen=True)
class Candidate:
    """A model that may be published, as ``zoo train`` takes it."""

    model: str
    frontend: str | None = None
    nested: int = 0

    def __str__(self) -> str:
        on = f" on {self.frontend}" if self.frontend else ""
        return f"{self.model}{on}{' with a nested search' if self.nested else ''}"


MUSICNN, SHORT = "musicnn:window=3", "handcrafted:window=3"
HEADS = ("logistic", "elasticnet", "svm", "random-forest", "knn")
ON_MUSICNN = (
    *(Candidate(model, MUSICNN) for model in HEADS),
    Candidate("logistic", MUSICNN, nested=10),
)
ALONE = (*map(Candidate, HEADS), Candidate("cnn2d"))
ALONE_SHORT = tuple(Candidate(model, SHORT) for model in HEADS[:-1])


@dataclass(frozen=True)
class Recipe:
    """A published run: the most accurate of its candidates that fit."""

    data: str
    protocol: str
    candidates: tuple[Candidate, ...]
    strange: str  # recordings of none of its classes
    fits: Callable[[Run], bool] = lambda run: True
    condition: str = ""


RECIPES = {
    "gtzan": Recipe("gtzan", "kfold:5", ON_MUSICNN, "esc10"),
    "gtzan-light": Recipe(
        "gtzan", "kfold:5", ALONE + ALONE_SHORT, "esc10",
        lambda run: (run.record.artefact.bytes or 0) < LIGHT, " of less than 2 MB",
    ),
    "esc10": Recipe("esc10", "predefined", ALONE, "gtzan"),
}  # fmt: skip


def main() -> None:
    """Train all candidates, publish the best ones, and print their boards."""
    source = recordings()
    WORK.mkdir(parents=True, exist_ok=True)
    os.chdir(WORK)
    os.environ["ZOO_MODELS"] = "models"
    places, reporter = lay_out(source, Path("data")), TerminalReporter()
    data = {name: find_dataset(str(place), reporter=reporter) for name, place in places.items()}
    recipes = {name: RECIPES[name] for name in sys.argv[1:] or RECIPES}
    runs = {name: trained(recipe, data, reporter) for name, recipe in recipes.items()}
    boards = {
        each.data: leaderboard(str(places[each.data]), each.protocol)[0]
        for each in recipes.values()
    }
    for name, recipe in recipes.items():
        publish(name, recipe, runs[name], boards[recipe.data], places, data)
    for board in boards.values():
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


def lay_out(source: Path, folder: Path) -> dict[str, Path]:
    """Make datasets of links to the recordings, and return their folders by name."""
    for part in GTZAN:
        for path in sorted((source / part).glob("*/*")):
            link(path, folder / "gtzan" / path.parent.name / path.name)
    link(source / "esc10", folder / "esc10")
    return {name: folder / name for name in SOURCES}


def link(target: Path, path: Path) -> None:
    """Make a link, in the place of one to another file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not (path.is_symlink() and path.readlink() == target):
        path.unlink(missing_ok=True)
        path.symlink_to(target)


def trained(
    recipe: Recipe, data: Mapping[str, Dataset], reporter: Reporter
) -> dict[str, Candidate]:
    """Train the candidates of a recipe, and return them by the ids of their runs."""
    found = {}
    for one in recipe.candidates:
        run = train(
            one.model, data[recipe.data], frontend=one.frontend, protocol=recipe.protocol,
            nested=one.nested, robustness=CHANGED, reporter=reporter,
        )  # fmt: skip
        if run.lack:
            sys.exit(run.lack)
        found[run.id] = one
    return found


def publish(
    name: str,
    recipe: Recipe,
    runs: Mapping[str, Candidate],
    board: Board,
    places: Mapping[str, Path],
    data: Mapping[str, Dataset],
) -> None:
    """Write the best of some runs into ``models``, without what is known of this machine only."""
    home = Path("models", recipe.data, recipe.protocol.replace(":", "-"))
    rows = [row for row in board.rows if row.run in runs and recipe.fits(Run.read(home / row.run))]
    best = rows[0]
    run = Run.read(home / best.run)
    if run.record.frontend_plugin and run.record.frontend_plugin.has_weights:
        write_embeddings(run, data[recipe.data])
    record = run.record
    record.dataset.place = None
    record.machine = MachineInfo(
        platform=f"{platform.system()} {platform.machine()}", python=record.machine.python
    )
    ties = [str(runs[row.run]) for row in rows if row.run in best.tied_with]
    tied = f" Its difference to {', '.join(ties)} is not significant." if ties else ""
    record.notes = [
        SOURCES[recipe.data],
        f"Chosen as the most accurate of {len(rows)} candidates{recipe.condition}, tested on the "
        f"same folds. This choice makes its accuracy a little too high.{tied}",
        strange(run, recipe.strange, places),
        *[NETWORK] * (record.model.family == "deep"),
    ]
    published = Run(ROOT / "models" / name, record)
    make_folder(published.folder)
    for file in run.hashes:
        with atomic_path(published.folder / file) as temporary:
            temporary.write_bytes(run.content(run.folder / file))
    write_text(published.card_path, model_card(published, run.predictions()))
    published.write()


def strange(run: Run, other: str, places: Mapping[str, Path]) -> str:
    """Return a sentence on what a model says of recordings of none of its classes."""
    each, sure = (
        [answer.label for answer in predict(run.folder, places[other], min_confidence=least)]
        for least in (0.0, "auto")
    )
    return (
        f"Of the {len(each)} recordings of {other}, which are of none of its classes, it calls "
        f"{each.count(UNKNOWN)} unknown, and {sure.count(UNKNOWN)} with `--min-confidence auto`."
    )


if __name__ == "__main__":
    try:
        main()
    except ZooError as error:
        sys.exit(str(error))
