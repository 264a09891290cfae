"""Answers of a run to changed tracks, as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from statistics import mean
from typing import TYPE_CHECKING, Any

from zoo.cli.output import Text, columns, make_table, percent
from zoo_registry.errors import RunError

if TYPE_CHECKING:
    from zoo.evaluate.robustness import ChangeScore
    from zoo_registry.predictions import Predictions
    from zoo_registry.runs import Run

__all__ = ["robustness_part"]


def robustness_part(
    run: "Run", predictions: "Predictions"
) -> tuple[list[dict[str, Any]] | None, Text]:
    """Return the answers of a run to changed tracks for JSON and for people.

    Parameters
    ----------
    run : Run
        A run whose folds are done.
    predictions : Predictions
        All its predictions.

    Returns
    -------
    list of dict or None, iterable
        None without any, or if their file is damaged, which is said.
    """
    from zoo.evaluate.board import failure_sentences
    from zoo.evaluate.robustness import by_change, change_sentences, failed_changes

    try:
        changed = run.robustness()
    except RunError as error:
        return None, iter(["", f"{error}."])
    failed = failure_sentences(failed_changes(run.record.robustness, changed))
    if not changed:
        return None, iter(failed)
    changes = by_change(changed, predictions)
    table = _robustness(changes, changed.tracks, change_sentences(run.record.robustness))
    return list(map(asdict, changes)), chain(table, failed)


def _robustness(
    changes: "Sequence[ChangeScore]", tracks: int, sentences: Mapping[str, str]
) -> Text:
    yield ""
    yield make_table(
        [
            *columns("change", no_wrap=True),
            *columns("what is done"),
            *columns("right", "unchanged", "difference", "", justify="right"),
        ],
        (
            (
                each.change,
                sentences.get(each.change),
                percent(each.accuracy),
                percent(each.clean),
                f"{each.accuracy - each.clean:+.3f}",
                "the same answer to all" if each.same_answer else None,
            )
            for each in changes
        ),
        f"robustness {percent(mean(each.accuracy for each in changes))}, {tracks} tracks",
    )
