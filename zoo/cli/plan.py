"""Plan of ``zoo train --dry-run``: what would be trained, and about how long it takes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from zoo.cli.output import Text, columns, make_table
from zoo_registry.errors import UsageError
from zoo_registry.text import few

if TYPE_CHECKING:
    from zoo.datasets import Dataset
    from zoo.training.estimate import Estimate
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

    Yields
    ------
    str or Table
        The table, and sentences below it.
    """
    from zoo.training.estimate import in_words

    plan = list(_plan(registry, dataset, wishes, params, protocol, grouped, changed, every))
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
        yield (
            f"All together: {whole}, if the machine does nothing else. --nested, --sizes and "
            "--tuned come on top."
        )
    yield "Nothing was trained."


def _plan(
    registry: "Registry",
    dataset: "Dataset",
    wishes: "Sequence[tuple[str | None, str, int]]",
    params: Mapping[str, str],
    protocol: str | None,
    grouped: bool,
    changed: int | None,
    every: bool,
) -> "Iterator[tuple[str, Estimate]]":
    from zoo.evaluate.protocols import chosen_protocol
    from zoo.plugins.registry import all_changes, usable_model
    from zoo.training.estimate import estimate
    from zoo.training.wish import Wish

    wish = Wish.checked(changed, all_changes(registry), dataset)
    split = chosen_protocol(protocol, dataset, grouped)
    for frontend, name, seed in wishes:
        with suppress(UsageError) if every else nullcontext():
            model = usable_model(registry, name, frontend)
            resolved = model.card.resolve(params)
            found = estimate(model, dataset, resolved, split, grouped=grouped, seed=seed, wish=wish)
            yield name + f" on {frontend}" * bool(frontend) + f", seed {seed}" * bool(seed), found
