"""Comparison of two runs as tables, as Markdown, and as a page with the runs side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.evaluate.board import TITLES, metric_key, p_text, score_text
from zoo.evaluate.comparison import OneRight, RunComparison, Setting, limits, signed
from zoo.report.html import is_page, open_templates
from zoo.report.html import signed as with_hash
from zoo.report.svg import (
    ACCENT,
    FAINT,
    INK,
    SECOND,
    WIDTH,
    CaptionedFigure,
    captioned,
    new_figure,
    score_ticks,
    short_name,
)
from zoo.report.tables import markdown_table
from zoo_registry.errors import RunError
from zoo_registry.files import check_replaceable, unwritable, write_text
from zoo_registry.text import shown

__all__ = [
    "Table",
    "comparison_markdown",
    "comparison_page",
    "comparison_tables",
    "sentences",
    "write_comparison",
]

_TITLES = {metric_key(name): title for name, title in TITLES.items()}
_LONG = 40  # characters of a setting
_SHARED = 12  # characters of a setting in front of the first that differs
_DRAWN = 40  # classes of a figure
_COUNTED = 20  # classes in a terminal


@dataclass(frozen=True)
class Table:
    """A table of a comparison.

    Attributes
    ----------
    name : str
        File name for saving it, without suffix.
    title : str
        Line above it.
    headings : tuple of str
        Names of its columns.
    rows : list of tuple of str
        Cells.
    texts : int
        Number of columns with text; those behind them have numbers.
    more : int
        Number of rows that were left out.
    """

    name: str
    title: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    texts: int = 1
    more: int = 0


def sentences(found: RunComparison) -> list[str]:
    """Return what is said above the tables: the verdict, and on what it is based."""
    equal = [] if found.settings else ["Nothing differs between the runs but their answers."]
    if not found.settings and not (found.only_first or found.only_second):
        equal = ["Nothing differs between the runs."]
    return [*filter(None, (found.verdict, found.basis)), *found.notes, *equal]


def comparison_tables(found: RunComparison, most: int | None = None) -> list[Table]:
    """Return the tables of a comparison, without those that are empty.

    Parameters
    ----------
    found : RunComparison
        The comparison.
    most : int, optional
        Number of tracks that only one run gets right, of each run; all by default.
    """
    one, other = found.first.name, found.second.name
    tables = [
        Table(
            "settings", "what differs", ("setting", one, other),
            [(item.what, *_values(item)) for item in found.settings], texts=3,
        ),
        Table(
            "metrics", f"metrics, {found.tests} tests of {found.groups} groups"
            if found.groups < found.tests else f"metrics, {found.tests} tests",
            ("metric", one, other, "difference", "95 % interval", "p"),
            [
                (
                    _TITLES[item.metric], score_text(item.first), score_text(item.second),
                    signed(item.difference), limits(item.low, item.high, signed),
                    p_text(item.p),
                )
                for item in found.metrics
            ],
        ),
        _classes(found, None if most is None else _COUNTED),
        Table(
            "robustness", "share right of tracks with everyday changes",
            ("change", "tracks", one, other, "difference"),
            [
                (
                    item.change, str(item.tracks), score_text(item.first), score_text(item.second),
                    signed(item.difference),
                )
                for item in found.changes
            ],
        ),
        _tracks("only-first", one, other, found.only_first, most),
        _tracks("only-second", other, one, found.only_second, most),
    ]  # fmt: skip
    return [table for table in tables if table.rows]


def _classes(found: RunComparison, most: int | None) -> Table:
    """Return the classes, or those in which the runs differ in most tests."""
    ordered = sorted(found.classes, key=lambda item: -item.won - item.lost)
    kept = {item.name for item in ordered[:most]}
    one, other = found.first.name, found.second.name
    return Table(
        "classes", f"share right of each class (recall); won: only {one} is right, lost: only "
        f"{other}",
        ("class", "tests", one, other, "difference", "won", "lost"),
        [
            (
                item.name, str(item.tests), score_text(item.first), score_text(item.second),
                signed(item.difference), str(item.won), str(item.lost),
            )
            for item in found.classes if item.name in kept
        ],
        more=len(found.classes) - len(kept),
    )  # fmt: skip


def _tracks(
    name: str, right: str, other: str, tracks: Sequence[OneRight], most: int | None
) -> Table:
    shown_ones = tracks[:most]
    tests = sum(item.tests for item in tracks)
    of = f" in {tests} tests" if tests > len(tracks) else ""
    return Table(
        name, f"only {right} is right: {len(tracks)} track{'s' * (len(tracks) != 1)}{of}",
        ("track", "label", f"{other} says"),
        [(item.track, item.label, item.says) for item in shown_ones],
        texts=3, more=len(tracks) - len(shown_ones),
    )  # fmt: skip


def _values(setting: Setting) -> tuple[str, str]:
    """Return the two values as texts; of long ones the part in which they differ."""
    one, other = ("-" if value is None else str(value) for value in (setting.first, setting.second))
    if max(len(one), len(other)) > _LONG:
        same = next((n for n, (a, b) in enumerate(zip(one, other)) if a != b), 0)  # noqa: B905
        begin = max(0, same - _SHARED)
        one, other = (
            "…" * (begin > 0) + text[begin:][:_LONG] + "…" * (len(text) > begin + _LONG)
            for text in (one, other)
        )
    return one, other


def comparison_markdown(found: RunComparison) -> str:
    """Return a comparison as Markdown: sentences, and a heading and table each."""
    parts = [f"**{shown(found.first.name)} and {shown(found.second.name)}**"]
    parts += map(shown, sentences(found))
    for table in comparison_tables(found):
        parts += [f"**{shown(table.title)}**", markdown_table([table.headings, *table.rows])]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def write_comparison(path: Path, found: RunComparison, force: bool = False) -> None:
    """Write a page with both runs side by side.

    Parameters
    ----------
    path : Path
        The file.
    found : RunComparison
        What it shows.
    force : bool
        Whether a file that is no such page, or was changed, is replaced.

    Raises
    ------
    UsageError
        If a file that is to be replaced is no such page, or was changed.
    RunError
        If the file cannot be written.
    """
    check_replaceable(path, is_page, force)
    page = comparison_page(found)
    try:
        write_text(path, page)
    except OSError as error:
        raise RunError(unwritable(path, error, "give another path")) from error


def comparison_page(found: RunComparison) -> str:
    """Return a page with both runs side by side."""
    tables = {table.name: table for table in comparison_tables(found)}
    sections = ["runs", "metrics", "classes", *["robustness"] * ("robustness" in tables), "tracks"]
    content: dict[str, Any] = {
        "sections": [(name, name.capitalize()) for name in sections],
        "found": found,
        "runs": (found.first, found.second),
        "sentences": sentences(found),
        "tables": tables,
        "difference": _differences(found),
        "recall": _recall(found),
    }
    return with_hash(open_templates().get_template("comparison.html").render(content))


def _differences(found: RunComparison) -> CaptionedFigure:
    """Draw the difference of each metric that is a share, with its interval."""
    one, other = found.first.name, found.second.name
    drawn = [item for item in found.metrics if item.metric != "log_loss"]
    values = "; ".join(
        f"{_TITLES[item.metric]} {signed(item.difference)} ({limits(item.low, item.high, signed)})"
        for item in drawn
    )
    caption = (
        f"{one} minus {other}: a dot, and its 95 % interval; less is better for the calibration "
        "error. An interval beside the line at 0 tells which run is better."
    )
    with new_figure(WIDTH, 0.85 + 0.34 * len(drawn)) as (figure, axes):
        score_ticks(axes.xaxis)
        axes.axvline(0, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        for place, item in enumerate(drawn):
            colour = ACCENT if item.better else FAINT
            axes.plot([item.low, item.high], [place, place], color=colour, linewidth=7, alpha=0.35)
            axes.plot([item.difference], [place], "o", color=colour, markersize=7)
        axes.set_yticks(range(len(drawn)), [_TITLES[item.metric] for item in drawn])
        axes.set_ylim(len(drawn) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"{short_name(one)} minus {short_name(other)}")
        return captioned(figure, "difference", f"Difference of each metric: {values}", caption)


def _recall(found: RunComparison) -> CaptionedFigure:
    """Draw the recall of each class for both runs."""
    one, other = found.first.name, found.second.name
    drawn = sorted(found.classes, key=lambda item: -item.won - item.lost)[:_DRAWN]
    drawn.sort(key=lambda item: -item.difference)
    values = "; ".join(f"{c.name} {score_text(c.first)}, {score_text(c.second)}" for c in drawn)
    caption = f"Share of each class that is right: {one} filled, {other} hollow."
    if len(drawn) < len(found.classes):
        caption += f" The {len(drawn)} classes of {len(found.classes)} that differ most."
    with new_figure(WIDTH, 1.0 + 0.27 * len(drawn)) as (figure, axes):
        for place, item in enumerate(drawn):
            line = [item.first, item.second]
            axes.plot(line, [place, place], color=FAINT, linewidth=2.5, alpha=0.5)
            axes.plot(
                [item.second], [place], "s", color=SECOND, markersize=7, markerfacecolor="none",
                markeredgewidth=1.6, label="" if place else short_name(other), clip_on=False,
            )  # fmt: skip
            axes.plot(
                [item.first], [place], "o", color=ACCENT, markersize=6, clip_on=False,
                label="" if place else short_name(one),
            )  # fmt: skip
        axes.set_yticks(range(len(drawn)), [short_name(item.name) for item in drawn])
        axes.set_ylim(len(drawn) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("share right")
        score_ticks(axes.xaxis)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(
            handles[::-1], labels[::-1], loc="outside upper center", ncols=2, frameon=False
        )
        return captioned(figure, "classes", f"Share of each class that is right: {values}", caption)
