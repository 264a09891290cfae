"""Learning curves of a run: a panel per quantity, a line per fold."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from zoo.evaluate.board import score_text
from zoo.report.svg import (
    ACCENT,
    SECOND,
    WIDTH,
    CaptionedFigure,
    captioned,
    new_figure,
    score_ticks,
    short_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["drawable", "learning_curves"]

_POINTS = 1_000  # of a learning curve
_CURVES = 12  # names of values in a figure
_LARGEST = 1e30  # of a value; axes cannot be calculated for the largest floats
_PREFIXES = ("held_out_", "val_")  # of values of tracks that were not trained on
_MANY = 30  # epochs, of which each cannot have a tick

Points = Sequence[Mapping[str, float]]


def drawable(folds: Iterable[Sequence[Mapping[str, float]]]) -> list[list[dict[str, float]]]:
    """Return the learning curves with at most so many points and names as a figure can show.

    Parameters
    ----------
    folds : iterable of sequences of mappings
        As for `learning_curves`. Figures that are not finite, or too large, are left out: a
        training may diverge, and a record may say anything.
    """
    found, names = [], {"fraction": None}  # in the order in which they come
    for curve in folds:
        step = -(-len(curve) // _POINTS)
        points = [*curve[:-1:step], curve[-1]] if curve else []
        kept = [{k: v for k, v in point.items() if abs(v) <= _LARGEST} for point in points]
        names |= dict.fromkeys(name for point in kept for name in point)
        found.append(kept)
    shown = set(list(names)[: _CURVES + 1])
    found = [[{k: v for k, v in p.items() if k in shown} for p in curve] for curve in found]
    found = [[point for point in curve if point.keys() - {"fraction"}] for curve in found]
    return [curve for curve in found if curve]


def learning_curves(
    name: str, folds: Sequence[Points], params: Mapping[str, object]
) -> CaptionedFigure:
    """Return a figure of a run's learning curves: a line per fold, dashed for validation.

    Parameters
    ----------
    name : str
        The displayed name of the run.
    folds : sequence of sequences of mappings
        The progress reports of each fold: ``fraction`` of the training, 0 to 1, and other
        values by name, of which each unit gets a panel.
    params : mapping
        Parameters of the run; if it has `epochs`, the horizontal axis counts them.
    """
    epochs = params.get("epochs")
    count = epochs if isinstance(epochs, int) and epochs > 0 else None
    keys = dict.fromkeys(key for curve in folds for point in curve for key in point)
    keys.pop("fraction", None)
    units = sorted(set(map(_unit, keys)), key=lambda unit: (unit != "loss", unit))
    best = [_best(curve) for curve in folds]
    with new_figure(WIDTH, 0.6 + 2.0 * len(units), len(units)) as (figure, panels):
        for axes, unit in zip(panels if len(units) > 1 else [panels], units, strict=True):
            series = [key for key in keys if _unit(key) == unit]
            for key in series:
                _draw(axes, key, folds, count)
            loss = _held_out_loss(series)
            for point in filter(None, best):
                if loss in point:
                    at = _place(point, count)
                    axes.plot([at], [point[loss]], "o", color=SECOND, markersize=5)
            axes.set_ylabel(short_name(unit.replace("_", " ")))
            axes.set_xlim(0, 1.02 * (count or 1))
            if count and count <= _MANY:
                axes.xaxis.get_major_locator().set_params(integer=True)
            if unit == "accuracy":
                score_ticks(axes.yaxis)
            axes.legend(frameon=False, loc="best")
            axes.set_xlabel(
                ("epoch" if count else "share of the training") if unit == units[-1] else ""
            )
        return captioned(
            figure, f"learning-{name}", _label(name, folds), _caption(name, best, count, params)
        )


def _draw(axes: "Axes", key: str, folds: Sequence[Points], count: int | None) -> None:
    """Draw a value of all folds."""
    held_out = _unit(key) != key
    for number, curve in enumerate(folds):
        points = [(_place(point, count), point[key]) for point in curve if key in point]
        axes.plot(
            *zip(*points, strict=True) if points else ((), ()),
            color=SECOND if held_out else ACCENT,
            linestyle=(0, (4, 2)) if held_out else "-",
            linewidth=1.3, alpha=0.7, marker="." if len(points) == 1 else None,
            label=("validation" if held_out else "training") if not number else None,
        )  # fmt: skip


def _place(point: Mapping[str, float], count: int | None) -> float:
    return point.get("fraction", 0) * (count or 1)


def _unit(name: str) -> str:
    """Return what a value measures: "held_out_loss" and "val_loss" are losses too."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _held_out_loss(names: Iterable[str]) -> str:
    """Return the name of the loss of validation, empty without one."""
    return next((name for name in names if name in [f"{p}loss" for p in _PREFIXES]), "")


def _best(curve: Points) -> Mapping[str, float] | None:
    """Return the first point with the lowest loss of validation, None without one."""
    known = [(point[loss], point) for point in curve if (loss := _held_out_loss(point))]
    return min(known, key=lambda pair: pair[0])[1] if known else None


def _label(name: str, folds: Sequence[Points]) -> str:
    last = [f"{key} {value:.3g}" for key, value in folds[0][-1].items() if key != "fraction"]
    return f"Learning curves of {name} over {len(folds)} folds; the first ends at " + ", ".join(
        last
    )


def _caption(
    name: str,
    best: Sequence[Mapping[str, float] | None],
    count: int | None,
    params: Mapping[str, object],
) -> str:
    """Return what the dots mean, or why there is no validation."""
    found = [point for point in best if point]
    if found:
        caption = f"{name}. A dot marks the lowest validation loss of a fold"
        if count:
            epochs = ", ".join(f"{_place(point, count):.0f}" for point in found)
            caption += f": epoch {epochs}"
        accuracies = [point["held_out_accuracy"] for point in found if "held_out_accuracy" in point]
        if accuracies:
            mean = sum(accuracies) / len(accuracies)
            caption += f"; validation accuracy there {score_text(mean)}, mean of the folds"
        return f"{caption}."
    reason = "The run recorded no validation."
    if params.get("validation") == 0:
        reason = (
            "No validation: all training tracks were used for training. --set validation=0.25 "
            "holds some of them out and keeps the best epoch."
        )
    elif "validation" in params:
        reason = "No validation: a class has too few tracks or groups to hold some of them out."
    return f"{name}. {reason}"
