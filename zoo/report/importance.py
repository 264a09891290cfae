"""The importance of columns on a page: a figure per model, and why others have none."""

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.evaluate.importance import CAVEAT, Importance, importances, lack_of_importances
from zoo.report.svg import (
    ACCENT,
    INK,
    WIDTH,
    CaptionedFigure,
    captioned,
    new_figure,
    score_ticks,
    short_name,
)
from zoo_registry.errors import RunError
from zoo_registry.runs import Run

__all__ = ["importance_section"]

_DRAWN = 12  # families


def importance_section(runs: Sequence[Run], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the variables of ``board.html`` for its section on the importance of columns.

    Parameters
    ----------
    runs : sequence of Run
        The runs, the best first.
    names : mapping of str to str
        The displayed name of each.
    """
    pictures: list[CaptionedFigure] = []
    lacking: dict[str, list[str]] = {}  # names by the reason
    for run in runs:
        name = names[run.id]
        try:
            found, lack = importances(run), lack_of_importances(run)
        except RunError as error:
            found, lack = None, str(error)
        if found:
            pictures.append(_figure(name, found))
        elif lack:
            lacking.setdefault(lack, []).append(name)
    lacks = [f"{', '.join(of)}: {lack}." for lack, of in lacking.items()]
    return {"importance": pictures, "importance_lacks": lacks, "importance_caveat": CAVEAT}


def _figure(name: str, found: Sequence[Importance]) -> CaptionedFigure:
    """Draw the loss of accuracy per family, with its interval."""
    values = "; ".join(
        f"{one.family} ({one.columns} column{'s' * (one.columns != 1)}) {one.fall:+.3f}"
        + ("" if one.low is None else f" ({one.low:+.3f} to {one.high:+.3f})")
        for one in found
    )
    label = f"Loss of accuracy of {name} with shuffled columns: {values}"
    drawn = found[:_DRAWN]
    caption = name
    if len(found) > len(drawn):
        caption += f": the {len(drawn)} of {len(found)} families with the greatest loss"
    with new_figure(WIDTH, 0.75 + 0.27 * len(drawn)) as (figure, axes):
        places = range(len(drawn))
        axes.barh(places, [one.fall for one in drawn], height=0.6, color=ACCENT, alpha=0.5)
        for place, one in zip(places, drawn, strict=True):
            if one.low is not None:
                axes.plot([one.low, one.high], [place, place], color=INK, linewidth=1.2)
        score_ticks(axes.xaxis)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_yticks(places, [short_name(one.family) for one in drawn])
        axes.set_ylim(len(drawn) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("loss of accuracy")
        return captioned(figure, f"importance-{name}", label, caption)
