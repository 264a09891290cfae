"""Plan of ``zoo train --dry-run``: what would be trained, and about how long it takes."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from zoo.cli.output import Note, Text, columns, make_table
from zoo_registry.errors import UsageError
from zoo_registry.text import few

if TYPE_CHECKING:
    from pathlib import Path

    from zoo.datasets import Dataset
    from zoo_registry.plugins import Registry

__all__ = ["plan_text"]

_NAMED = 5  # trainings in a sentence


def plan_text(
    registry: "Registry",
    dataset: "Dataset",
    wishes: "Sequence[tuple[str | None, str, int]]",
    params: Mapping[str, str],
    protocol: str | None,
    grouped: bool,
    changed: int | None,
    every: bool,
    *,
    tuned: bool = False,
    nested: int = 0,
    tuner: str = "random",
    sizes: Sequence[int] = (),
    jobs: int | None = None,
    cluster: bool = False,
) -> Text:
    """Yield a table of trainings with their estimates, and what these are based on.

    Parameters
    ----------
    registry : Registry
        Registry of the models.
    dataset : Dataset
        The tracks.
    wishes : sequence of (str or None, str, int)
        Front end, model and seed of each training.
    params : mapping
        Values of ``--set``.
    protocol, grouped : str or None, bool
        The split.
    changed : int or None
        Value of ``--robustness``.
    every : bool
        Whether all models are meant, of which some may not fit the data.
    tuned, nested, tuner, sizes : bool, int, str, sequence of int
        As for `zoo.train`; so are the errors.
    jobs, cluster : int or None, bool
        Number of processes, and whether the work is for a cluster instead.

    Yields
    ------
    str or Table
        The table, and sentences below it.
    """
    from zoo.evaluate.protocols import chosen_protocol
    from zoo.execution.progress import Reporter
    from zoo.plugins.registry import all_changes, usable_model
    from zoo.training.estimate import Estimate, estimate, in_words
    from zoo.training.network_checks import validation_lack
    from zoo.training.train import check_options, parameters
    from zoo.training.wish import Wish

    wish = Wish.checked(changed, all_changes(registry), dataset)
    split = chosen_protocol(protocol, dataset, grouped)
    plan, notes = list[tuple[str, Estimate]](), list[Note]()
    arrays: set[Path] = set()
    for frontend, model, seed in wishes:
        with suppress(UsageError) if every else nullcontext():
            check_options(protocol, seed, tuned, nested, None)
            loaded = usable_model(registry, model, frontend)
            resolved, tuning = parameters(
                loaded, params, dataset, split, grouped, seed, tuned=tuned, nested=nested,
                tuner=tuner, reporter=Reporter(),
            )  # fmt: skip
            one = estimate(
                loaded, dataset, resolved, split, grouped=grouped, seed=seed, wish=wish,
                tuning=tuning, sizes=sizes, jobs=jobs, before=arrays,
            )  # fmt: skip
            lack = validation_lack(
                loaded, resolved, dataset, split.folds(dataset, seed, grouped), seed
            )
            notes += [Note(lack)] * bool(lack)
            name = model + f" on {frontend}" * bool(frontend) + f", seed {seed}" * bool(seed)
            plan.append((name, one))
    yield from dict.fromkeys(notes)
    yield make_table(
        [
            *columns("training", "run", "state"),
            *columns("folds", "tracks per fold", "arrays to compute", justify="right"),
            *columns("estimate", no_wrap=True),
        ],
        (
            (name, one.run, one.state, one.folds, one.tracks, one.arrays,
             in_words([one]) if one.high else "nothing to do")
            for name, one in plan
        ),
        leave=("tracks per fold", "folds", "arrays to compute", "run", "state"),
        whole="a pipe",
    )  # fmt: skip
    due = [(name, one) for name, one in plan if one.high]
    for basis in dict.fromkeys(one.basis for _, one in due):
        names = [name for name, one in due if one.basis == basis]
        yield f"{few(names, _NAMED)}: estimated from {basis}."
    if due:
        whole = in_words([one for _, one in due])
        what = "on this machine, not the cluster" if cluster else "if the machine does nothing else"
        yield f"All together: {whole}, {what}."
    yield "Nothing was trained."
