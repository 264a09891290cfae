"""Figures as SVG that takes its colours from the page it stands in.

matplotlib draws with stand-in colours, which are then replaced by ``currentColor`` and the CSS
variables of the page; text stays text.
"""

import hashlib
import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from zoo.evaluate.calibration import Calibration
from zoo.evaluate.leaderboard import Difference, Row
from zoo_registry.text import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["intervals", "learning_curves", "quantity", "reliability", "slopes", "trade_off"]

INK, FAINT, GRID, ACCENT, SECOND = "#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f"
_THEMED = {
    INK: "currentColor",
    FAINT: "var(--faint)",
    GRID: "var(--grid)",
    ACCENT: "var(--accent)",
    SECOND: "var(--second)",
}
# Inches at 72 points: a figure as wide as a phone, on which ten points can be read.
_WIDTH = 5.0
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "zoo",  # else the identifiers are random
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that the layout is the same anywhere
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.solid_capstyle": "round",
}
_LONGEST = 22  # signs of a model's name


def intervals(rows: Sequence[Row], names: Mapping[str, str]) -> str:
    """Draw the accuracy of ranked rows with their intervals, ties in brackets.

    Parameters
    ----------
    rows : sequence of Row
        Ranked, the best first.
    names : mapping of str to str
        What to call each run.
    """
    with _figure(_WIDTH, 0.75 + 0.34 * len(rows)) as (figure, axes):
        for place, row in enumerate(rows):
            low, high = row.ci_low or 0.0, row.ci_high or 0.0
            colour = SECOND if row.tuned_on_test else ACCENT
            axes.plot([low, high], [place, place], color=colour, linewidth=7, alpha=0.35)
            axes.plot([row.accuracy], [place], "o", color=colour, markersize=7)
        axes.set_yticks(range(len(rows)), [_short(names[row.run]) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("accuracy, with its 95 % interval")
        left, beyond = axes.get_xlim()
        tick = 0.015 * (beyond - left)
        for first, last in _ties(rows):
            axes.plot(
                [beyond, beyond + tick, beyond + tick, beyond],
                [first - 0.25, first - 0.25, last + 0.25, last + 0.25],
                color=INK,
                linewidth=1.4,
                solid_capstyle="butt",
            )
        axes.set_xlim(left, beyond + 2 * tick)
        return _svg(figure)


def _ties(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """Return the first and last place of every rank that several rows share."""
    places: dict[int | None, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row.rank, []).append(place)
    return [(held[0], held[-1]) for held in places.values() if len(held) > 1]


def slopes(differences: Sequence[Difference]) -> str:
    """Draw each model's accuracy with groups kept together, and split by track."""
    with _figure(_WIDTH, max(3.2, 0.9 + 0.3 * len(differences))) as (figure, axes):
        for item in differences:
            axes.plot(
                [0, 1], [item.grouped, item.ungrouped], "o-",
                color=ACCENT, linewidth=1.8, markersize=6,
            )  # fmt: skip
        for values, at, aligned, form in (
            ([item.grouped for item in differences], -0.06, "right", "{name}  {value:.3f}"),
            ([item.ungrouped for item in differences], 1.06, "left", "{value:.3f}  {name}"),
        ):
            heights = _apart(values, axes, figure)
            for item, value, height in zip(differences, values, heights, strict=True):
                label = form.format(name=_short(item.model), value=value)
                axes.text(at, height, label, ha=aligned, va="center")
        axes.set_xticks([0, 1], ["groups kept\ntogether", "split\nby track"])
        axes.tick_params(axis="x", length=0, labeltop=True, labelbottom=False)
        axes.set_xlim(-1.15, 2.15)
        axes.set_yticks([])
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.vlines([0, 1], *axes.get_ylim(), color=GRID, linewidth=1.2, zorder=0)
        return _svg(figure)


def _apart(values: Sequence[float], axes: "Axes", figure: "Figure") -> list[float]:
    """Return heights at which labels of these values do not lie on each other."""
    low, high = axes.get_ylim()
    least = 0.19 * (high - low) / (0.75 * figure.get_size_inches()[1])
    order = sorted(range(len(values)), key=lambda number: values[number])
    heights = list(values)
    for below, above in pairwise(order):
        heights[above] = max(heights[above], heights[below] + least)
    # Pushed up only, a pile would lean: it is moved back by half of what it was pushed.
    if order:
        back = (heights[order[-1]] - values[order[-1]]) / 2
        heights = [height - back for height in heights]
    return heights


def reliability(found: Calibration) -> str:
    """Draw how often a model is right against how sure it is."""
    with _figure(2.9, 2.75) as (figure, axes):
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
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.set_xlabel("mean probability")
        axes.set_ylabel("share right")
        return _svg(figure)


def learning_curves(folds: Sequence[Sequence[Mapping[str, float]]]) -> str:
    """Draw what a training reported, one thin line a fold, one panel a unit.

    Parameters
    ----------
    folds : sequence of sequences of mappings
        The reports of each fold: ``fraction`` of the training, and figures by name.
    """
    names = list(dict.fromkeys(name for curve in folds for point in curve for name in point))
    names = [name for name in names if name != "fraction"]
    units = sorted({_unit(name) for name in names})
    with _figure(_WIDTH, 0.6 + 2.0 * len(units), rows=len(units)) as (figure, panels):
        for axes, unit in zip(panels if len(units) > 1 else [panels], units, strict=True):
            series = [name for name in names if _unit(name) == unit]
            for name in series:
                held_out = name != unit
                for number, curve in enumerate(folds):
                    points = [(p.get("fraction", 0), p[name]) for p in curve if name in p]
                    axes.plot(
                        *zip(*points, strict=True) if points else ((), ()),
                        color=SECOND if held_out else ACCENT,
                        linestyle="-" if not held_out else (0, (4, 2)),
                        linewidth=1.3, alpha=0.8, marker="." if len(points) == 1 else None,
                        label=_short(name.replace("_", " ")) if not number else None,
                    )  # fmt: skip
            axes.set_ylabel(_short(unit))
            axes.set_xlim(0, 1.02)
            if len(series) > 1:
                axes.legend(frameon=False, loc="best")
            axes.set_xlabel("share of the training" if unit == units[-1] else "")
        return _svg(figure)


def _unit(name: str) -> str:
    """Return what a figure measures: "held_out_loss" and "val_loss" are losses too."""
    return name.removeprefix("held_out_").removeprefix("val_")


def trade_off(
    rows: Sequence[Row], names: Mapping[str, str], amount: str, label: str, unit: str
) -> str:
    """Draw accuracy against an amount of a row, such as ``train_seconds``, in "s" or "B"."""
    from matplotlib.ticker import LogLocator

    known = [row for row in rows if getattr(row, amount)]
    with _figure(_WIDTH, 3.2) as (figure, axes):
        for row in known:
            at = getattr(row, amount)
            axes.vlines(
                at, row.ci_low or 0, row.ci_high or 0, color=ACCENT, linewidth=4, alpha=0.25
            )
            axes.plot([at], [row.accuracy], "o", color=ACCENT, markersize=7)
        axes.set_xscale("log")
        amounts = [getattr(row, amount) for row in known]
        axes.set_xlim(min(amounts) / 2, max(amounts) * 2)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=5))
        axes.xaxis.set_major_formatter(lambda value, _: quantity(value, unit))
        axes.set_ylabel("accuracy")
        axes.set_xlabel(label)
        axes.minorticks_off()
        heights = _apart([row.accuracy or 0 for row in known], axes, figure)
        low, high = axes.get_xlim()
        middle = (low * high) ** 0.5
        for row, at, height in zip(known, amounts, heights, strict=True):
            left = at > middle
            axes.text(
                at / 1.12 if left else at * 1.12, height, _short(names[row.run]),
                ha="right" if left else "left", va="center",
            )  # fmt: skip
        return _svg(figure)


def quantity(value: float, unit: str) -> str:
    """Return seconds or bytes in two or three digits, such as "0.25 s" and "2.1 MB"."""
    if unit == "B":
        power = min(2, int(math.log10(max(value, 1)) // 3))
        return f"{value / 1000**power:.3g} {('B', 'kB', 'MB')[power]}"
    return f"{value:.2g} {unit}" if value < 100 else f"{value:.0f} {unit}"  # noqa: PLR2004


@contextmanager
def _figure(width: float, height: float, rows: int = 1) -> "Iterator[tuple[Figure, Any]]":
    """Give an empty figure and its axes, in the style of the page, while the block runs."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # The page has other fonts than matplotlib: what is missing here may be there.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure = Figure((width, height), layout="constrained")
        yield figure, figure.subplots(rows, 1)


def _svg(figure: "Figure") -> str:
    """Return the ``<svg>`` element, without the size that would fix it."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # A style would hold for the whole page, and identifiers are the page's too: those that
    # something refers to are made the figure's own.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    text = text.replace("<svg", '<svg stroke-linejoin="round" stroke-linecap="butt"', 1)
    own = f"f{hashlib.sha256(text.encode()).hexdigest()[:8]}-"
    used = set(re.findall(r"(?:href=\"|url\()#([^\")]+)", text))
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{own}{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r"(href=\"|url\()#", rf"\1#{own}", text)
    text = re.sub(r' (?:width|height)="[^"]+pt"', "", text)
    text = text.replace("'DejaVu Sans'", "system-ui, 'DejaVu Sans'")
    for colour, themed in _THEMED.items():
        text = text.replace(colour, themed)
    return text.strip()


def _short(name: str) -> str:
    name = shown(name)
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
