"""The figures of a board, each with a caption and a text alternative for screen readers.

`rows` are the ranked rows of the board, the best first; `names` holds the displayed name of each
run.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from zoo.evaluate.board import Difference, Row, score_text
from zoo.evaluate.comparison import limits
from zoo.evaluate.reliability import Calibration
from zoo.evaluate.size_curve import SizeCurve, SizePoint
from zoo.evaluate.thresholds import FEWEST, Thresholds
from zoo.report.svg import (
    ACCENT,
    FAINT,
    GRID,
    INK,
    SECOND,
    WIDTH,
    CaptionedFigure,
    captioned,
    new_figure,
    score_ticks,
    short_name,
)

_NAMED = 10  # points of a curve in its text alternative
_LINES = [(colour, marker) for marker in "os" for colour in (ACCENT, SECOND, INK, FAINT)]

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "coverage",
    "intervals",
    "quantity",
    "reliability",
    "size_curves",
    "slopes",
    "trade_off",
]


def intervals(rows: Sequence[Row], names: Mapping[str, str]) -> CaptionedFigure:
    """Draw the accuracy of each row and its interval, and a bracket around what may be best."""
    caption = (
        "Share of tracks that the majority vote gets right: a dot, and its 95 % interval. "
        "No model is significantly better than those in the bracket."
    )
    if any(row.tuned_on_test for row in rows):
        caption += " The second colour marks scores that are too high: a search used test tracks."
    values = "; ".join(_accuracy(row, names) for row in rows)
    label = f"Accuracy and 95 % interval of each model: {values}"
    with new_figure(WIDTH, 0.75 + 0.34 * len(rows)) as (figure, axes):
        for place, row in enumerate(rows):
            low, high = row.ci_low or 0.0, row.ci_high or 0.0
            colour = SECOND if row.tuned_on_test else ACCENT
            axes.plot([low, high], [place, place], color=colour, linewidth=7, alpha=0.35)
            axes.plot([row.accuracy], [place], "o", color=colour, markersize=7)
        axes.set_yticks(range(len(rows)), [short_name(names[row.run]) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("accuracy, with its 95 % interval")
        score_ticks(axes.xaxis)
        left, right = axes.get_xlim()
        tick = 0.015 * (right - left)
        for first, last in _leading(rows):
            axes.plot(
                [right, right + tick, right + tick, right],
                [first - 0.25, first - 0.25, last + 0.25, last + 0.25],
                color=INK, linewidth=1.4, solid_capstyle="butt",
            )  # fmt: skip
        axes.set_xlim(left, right + 2 * tick)
        return captioned(figure, "accuracy", label, caption)


def _accuracy(row: Row, names: Mapping[str, str]) -> str:
    ends = limits(row.ci_low or 0.0, row.ci_high or 0.0, score_text)
    return f"{names[row.run]} {score_text(row.accuracy)} ({ends})"


def _leading(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """Return the first and last place of each stretch of rows that may be the best."""
    stretches = (
        [place for place, _ in members]
        for leads, members in groupby(enumerate(rows), lambda pair: pair[1].rank_low == 1)
        if leads
    )
    return [(places[0], places[-1]) for places in stretches if len(places) > 1]


def slopes(differences: Sequence[Difference]) -> CaptionedFigure:
    """Draw the accuracy of each model with groups kept together, and split by track."""
    values = "; ".join(
        f"{d.model} {score_text(d.grouped)}, {score_text(d.ungrouped)}" for d in differences
    )
    label = f"Accuracy with groups kept together, and split by track: {values}"
    caption = (
        "The steeper a line, the more of the score comes from tracks of an artist or recording "
        "that the model was trained on."
    )
    grouped = [item.grouped for item in differences]
    ungrouped = [item.ungrouped for item in differences]
    with new_figure(WIDTH, max(3.2, 0.9 + 0.3 * len(differences))) as (figure, axes):
        for pair in zip(grouped, ungrouped, strict=True):
            axes.plot([0, 1], pair, "o-", color=ACCENT, linewidth=1.8, markersize=6)
        for accuracies, at, aligned, form in (
            (grouped, -0.06, "right", "{name}  {value}"),
            (ungrouped, 1.06, "left", "{value}  {name}"),
        ):
            heights = _label_heights(accuracies, axes, figure)
            for item, value, height in zip(differences, accuracies, heights, strict=True):
                text = form.format(name=short_name(item.model), value=score_text(value))
                axes.text(at, height, text, ha=aligned, va="center")
        axes.set_xticks([0, 1], ["groups kept\ntogether", "split\nby track"])
        axes.tick_params(axis="x", length=0, labeltop=True, labelbottom=False)
        axes.set_xlim(-1.15, 2.15)
        axes.set_yticks([])
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.vlines([0, 1], *axes.get_ylim(), color=GRID, linewidth=1.2, zorder=0)
        return captioned(figure, "grouped-and-by-track", label, caption)


def _label_heights(values: Sequence[float], axes: "Axes", figure: "Figure") -> list[float]:
    """Return heights at which the labels of these values do not overlap."""
    low, high = axes.get_ylim()
    least = 0.19 * (high - low) / (0.75 * figure.get_size_inches()[1])
    order = sorted(range(len(values)), key=lambda number: values[number])
    heights = list(values)
    for below, above in pairwise(order):
        heights[above] = max(heights[above], heights[below] + least)
    # The labels have only been moved up: half of the greatest shift is taken back.
    back = (heights[order[-1]] - values[order[-1]]) / 2 if order else 0.0
    return [height - back for height in heights]


def reliability(name: str, found: Calibration) -> CaptionedFigure:
    """Draw the reliability diagram of a run: accuracy against confidence."""
    bins = zip(found.tracks, found.confidence, found.accuracy, strict=True)
    values = "; ".join(
        f"{count} tracks at a mean probability of {confidence:.2f}, {accuracy:.2f} of them right"
        for count, confidence, accuracy in bins
    )
    label = f"Reliability diagram of {name}: {values}"
    caption = f"{name}: expected calibration error {score_text(found.error)}."
    with new_figure(2.9, 2.75) as (figure, axes):
        for low, high, accuracy in zip(found.low, found.high, found.accuracy, strict=True):
            axes.bar(
                low, accuracy, width=high - low, align="edge", color=ACCENT, alpha=0.35,
                edgecolor=ACCENT, linewidth=1,
            )  # fmt: skip
        axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (4, 3)))
        largest = max(found.tracks)
        axes.scatter(
            found.confidence, found.accuracy, color=ACCENT, zorder=3,
            s=[12 + 60 * count / largest for count in found.tracks], clip_on=False,
        )  # fmt: skip
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
        axes.set_yticks([0, 0.5, 1], ["0", ".5", "1"])
        axes.set_xlabel("mean probability")
        axes.set_ylabel("share right")
        return captioned(figure, f"calibration-{name}", label, caption)


def coverage(name: str, found: Thresholds) -> CaptionedFigure:
    """Draw the share of right answers against the share of tracks that get an answer."""
    points = list(zip(found.answered, found.right, found.confidence, strict=True))
    step = -(-len(points) // _NAMED)
    named = [*points[step - 1 : -1 : step], points[-1]]
    values = "; ".join(
        f"at {least:.2f} {right:.2f} of the answers are right, for {answered:.2f} of the tracks"
        for answered, right, least in named
    )
    label = f"Share right against share answered of {name}, by least confidence: {values}"
    caption = f"{name}: {score_text(found.right[-1])} right if every track gets an answer."
    with new_figure(2.9, 2.75) as (figure, axes):
        # Of fewer answers the share is not worth a line.
        first = next((n for n, p in enumerate(points) if p[0] * found.tracks >= FEWEST), 0)
        axes.plot(found.answered[: first + 1], found.right[: first + 1], color=FAINT, linewidth=1)
        axes.plot(found.answered[first:], found.right[first:], color=ACCENT, linewidth=2)
        axes.plot(found.answered[-1:], found.right[-1:], "o", color=ACCENT, clip_on=False)
        axes.set_xlim(0, 1)
        axes.set_ylim(min(0.5, *found.right), 1.02)
        axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
        axes.set_xlabel("share answered")
        score_ticks(axes.yaxis)
        axes.set_ylabel("share right")
        return captioned(figure, f"coverage-{name}", label, caption)


def trade_off(
    rows: Sequence[Row], names: Mapping[str, str], amount: str, unit: str, title: str, remark: str
) -> CaptionedFigure:
    """Return a figure of accuracy against training time or size, which is on a logarithmic axis.

    Parameters
    ----------
    rows, names : sequence of Row, mapping of str to str
        The ranked rows, and the displayed name of each run.
    amount, unit : {"train_seconds", "artefact_bytes"}, {"s", "B"}
        The field of the row that is the size or the time, and its unit; rows without are left out.
    title, remark : str
        The name of that field, and a remark on it, in words.
    """
    from matplotlib.ticker import LogLocator

    known = [(row, getattr(row, amount)) for row in rows if getattr(row, amount)]
    values = "; ".join(f"{_accuracy(row, names)} at {quantity(x, unit)}" for row, x in known)
    caption = f"Accuracy with its interval against {title}, {remark}."
    with new_figure(WIDTH, 3.2) as (figure, axes):
        for row, x in known:
            axes.vlines(x, row.ci_low or 0, row.ci_high or 0, color=ACCENT, linewidth=4, alpha=0.25)
            axes.plot([x], [row.accuracy], "o", color=ACCENT, markersize=7)
        axes.set_xscale("log")
        axes.set_xlim(min(x for _, x in known) / 2, max(x for _, x in known) * 2)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=5))
        axes.xaxis.set_major_formatter(lambda value, _: quantity(value, unit))
        axes.set_ylabel("accuracy")
        score_ticks(axes.yaxis)
        axes.set_xlabel(title)
        axes.minorticks_off()
        heights = _label_heights([row.accuracy or 0 for row, _ in known], axes, figure)
        low, high = axes.get_xlim()
        for (row, x), height in zip(known, heights, strict=True):
            left = x > (low * high) ** 0.5
            axes.text(
                x / 1.12 if left else x * 1.12, height, short_name(names[row.run]),
                ha="right" if left else "left", va="center",
            )  # fmt: skip
        return captioned(
            figure, f"accuracy-against-{title}", f"Accuracy against {title}: {values}", caption
        )


def size_curves(curves: Sequence[SizeCurve], names: Mapping[str, str]) -> CaptionedFigure:
    """Return a figure of accuracy against the number of groups that were trained on.

    Parameters
    ----------
    curves : sequence of SizeCurve
        Curves of runs of one board, the best first; a figure has the first eight of them.
    names : mapping of str to str
        The displayed name of each run.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    unit, drawn = curves[0].unit, curves[: len(_LINES)]
    values = "; ".join(
        f"{names[curve.run]} {', '.join(map(_size_point, curve.points))}" for curve in drawn
    )
    caption = (
        f"Accuracy with its 95 % interval against the number of {unit} in training, on a "
        "logarithmic axis."
    )
    if any(curve.is_telling for curve in drawn):
        caption += f" Hollow: what twice as many {unit} are expected to give, an extrapolation."
    if len(curves) > len(drawn):
        caption += f" The {len(drawn)} best of {len(curves)} models."
    with new_figure(WIDTH, 3.4) as (figure, axes):
        for place, (curve, (colour, marker)) in enumerate(zip(drawn, _LINES, strict=False)):
            shift = 1.025 ** (place - (len(drawn) - 1) / 2)  # intervals lie beside each other
            xs = [shift * point.groups for point in curve.points]
            ys = [point.accuracy for point in curve.points]
            lows, highs = zip(*[(point.low, point.high) for point in curve.points], strict=True)
            axes.vlines(xs, lows, highs, color=colour, linewidth=3, alpha=0.25)
            label = short_name(names[curve.run])
            axes.plot(xs, ys, marker=marker, color=colour, linewidth=1.6, markersize=6, label=label)
            if curve.expected and curve.is_telling:
                twice, last = 2 * xs[-1], ys[-1]
                ends = [min(max(last + x, 0), 1) for x in (curve.expected.low, curve.expected.high)]
                axes.vlines(twice, *ends, color=colour, linewidth=3, alpha=0.25)
                axes.plot(
                    [xs[-1], twice], [last, last + curve.expected.gain], marker=marker,
                    color=colour, linewidth=1.2, linestyle=(0, (3, 3)), markersize=6,
                    markerfacecolor="none", markevery=[1],
                )  # fmt: skip
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()
        axes.set_xlabel(f"{unit} in training")
        axes.set_ylabel("accuracy")
        score_ticks(axes.yaxis)
        axes.legend(frameon=False, loc="best")
        return captioned(figure, "accuracy-by-size", f"Accuracy by {unit}: {values}", caption)


def _size_point(point: SizePoint) -> str:
    ends = limits(point.low, point.high, score_text)
    return f"{score_text(point.accuracy)} ({ends}) with {point.groups:.0f}"


def quantity(value: float, unit: str) -> str:
    """Return seconds or bytes in two or three digits, such as "0.25 s" and "2.1 MB"."""
    if unit == "B":
        power = min(2, int(math.log10(max(value, 1)) // 3))
        return f"{value / 1000**power:.3g} {('B', 'kB', 'MB')[power]}"
    return f"{value:.2g} {unit}" if value < 100 else f"{value:.0f} {unit}"  # noqa: PLR2004
