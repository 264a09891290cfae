"""Figures take their colours from the page, say what they show, and break on no name."""

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.evaluate.board import Difference, Row
from zoo.evaluate.reliability import Calibration
from zoo.evaluate.size_curve import Expected, SizeCurve, SizePoint
from zoo.evaluate.thresholds import Thresholds
from zoo.report import figures
from zoo.report.learning_curves import drawable, learning_curves
from zoo_registry.text import shown

HOSTILE = [
    "<script>alert(1)</script>", '" onload="alert(1)', "]]>", "&lt;", "$x^{2$", r"\frac{1}",
    "two\nlines", "\x00\x1b[31m", "\udc80", "\u202egnp", "日本語", "", "-" * 300,
]  # fmt: skip

TICK = re.compile(r"\.\d0*|1\.0*")


def row(name: str, accuracy: float = 0.5, rank: int = 1, **more) -> Row:
    given = {
        "rank_low": rank, "tied_with": (), "model": name, "run": name, "status": "complete",
        "ci_low": accuracy - 0.1, "ci_high": accuracy + 0.1, "accuracy_mean": accuracy,
        "macro_f1": accuracy, "fold_accuracy": (accuracy,), "train_seconds": 1.5,
        "predict_ms_per_track": 1.0, "artefact_bytes": 20_000,
    }  # fmt: skip
    return Row(rank=rank, accuracy=accuracy, **given | more)


def drawings(names: list[str]) -> dict[str, str]:
    rows = [row(name, 0.9 - 0.05 * n, n // 2 + 1) for n, name in enumerate(names)]
    called = {name: name for name in names}
    differences = [
        Difference("data", "kfold:5", name, 0.4 + 0.01 * n, 0.6, 0.2 - 0.01 * n, None)
        for n, name in enumerate(names)
    ]
    curve = [{"fraction": 0.5, "loss": 2.0, **{f"held_out_{name}": 1.0 for name in names}}]
    drawn = {
        "intervals": figures.intervals(rows, called),
        "slopes": figures.slopes(differences),
        "time": figures.trade_off(rows, called, "train_seconds", "s", "time", "of a fold"),
        "size": figures.trade_off(rows, called, "artefact_bytes", "B", "size", "of the file"),
        "curves": learning_curves(names[0], [curve, []], {}),
        "reliability": figures.reliability(
            names[0], Calibration((0.0, 0.5), (0.1, 0.6), (0.05, 0.6), (0.0, 1.0), (3, 1), 0.1)
        ),
        "coverage": figures.coverage(
            names[0],
            Thresholds(tracks=50, confidence=[0.9, 0.5], right=[1.0, 0.8], answered=[0.3, 1.0]),
        ),
    }
    points = [SizePoint(size, n, n, 0.1 * n, 0.0, 1.0) for n, size in enumerate((2, 4, None), 1)]
    drawn["sizes"] = figures.size_curves(
        [
            SizeCurve(name, name, "groups", tuple(points), Expected(0.2, 0.1, 0.9), ())
            for name in names
        ],
        called,
    )
    for figure in drawn.values():
        assert all((figure.name, figure.label, figure.caption))
    return {name: str(figure.svg) for name, figure in drawn.items()}


SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"


class Drawing:
    """Where things are in a figure, in its own coordinates: x to the right, y down."""

    def __init__(self, svg: str) -> None:
        self._root = ET.fromstring(svg)
        inside = {id(path) for defs in self._root.iter(f"{SVG}defs") for path in defs}
        self._paths = [path for path in self._root.iter(f"{SVG}path") if id(path) not in inside]

    def _of(self, width: float) -> list[ET.Element]:
        """Return the paths of this width, which is one where a style says nothing."""
        found = []
        for path in self._paths:
            style = path.get("style")
            said = re.search(r"stroke-width: ([\d.]+)", style)
            if "stroke: " in style and (float(said[1]) if said else 1.0) == width:
                found.append(path)
        return found

    def lines(self, width: float) -> list[list[tuple[float, float]]]:
        """Return the points of every line of this width."""
        return [
            [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d"))]
            for path in self._of(width)
        ]

    def colours(self, width: float) -> list[str]:
        """Return the colours of these lines."""
        return [re.search(r"stroke: ([^;]+)", path.get("style"))[1] for path in self._of(width)]

    def dots(self) -> list[tuple[float, float]]:
        """Return where dots are, which have a colour of a model."""
        return [
            (float(use.get("x")), float(use.get("y")))
            for use in self._root.iter(f"{SVG}use")
            if "var(--faint)" not in use.get("style")
        ]

    def words(self) -> dict[str, tuple[float, float]]:
        """Return where texts are."""
        return {
            text.text: (float(text.get("x")), float(text.get("y")))
            for text in self._root.iter(f"{SVG}text")
            if text.get("x")
        }


def straight(values: Sequence[float], places: Sequence[float]) -> np.ndarray:
    """Check that places are a linear function of values; return its offset and its slope."""
    line = np.polynomial.Polynomial.fit(values, places, 1).convert().coef
    np.testing.assert_allclose(line[0] + line[1] * np.asarray(values), places, atol=0.02)
    return line


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    return drawings(["svm", "cnn2d", "forest"])


def test_no_colour_is_fixed_and_nothing_is_referred_to_elsewhere(drawn):
    for name, svg in drawn.items():
        assert ET.fromstring(svg).get("viewBox"), name
        assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) == set(), name
        assert "var(--accent)" in svg
        assert "<style" not in svg
        assert all(ref.startswith("#") for ref in re.findall(r'href="([^"]*)"', svg))


def test_identifiers_are_used_and_are_no_other_figures(drawn):
    seen: set[str] = set()
    for svg in drawn.values():
        held = re.findall(r' id="([^"]+)"', svg)
        assert len(set(held)) == len(held)
        assert set(held) == set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
        assert not seen & set(held)
        seen |= set(held)


def test_text_is_text(drawn):
    for name in ("intervals", "slopes", "time", "size"):
        words = "".join(ET.fromstring(drawn[name]).itertext())
        for model in ("svm", "cnn2d", "forest"):
            assert model in words
    assert "95 % interval" in drawn["intervals"]
    assert ".600" in drawn["slopes"]


def test_intervals_lie_where_the_axis_says():
    rows = [
        row("a", 0.9, 1, ci_low=0.85, ci_high=0.97),
        row("b", 0.7, 1, ci_low=0.55, ci_high=0.72, tuned_on_test=3),
        row("c", 0.6, 2, ci_low=0.41, ci_high=0.66),
    ]
    names = {"a": "first", "b": "second", "c": "third"}
    found = Drawing(figures.intervals(rows, names).svg)
    ticks = {float(text): x for text, (x, _) in found.words().items() if TICK.fullmatch(text)}
    offset, slope = straight(list(ticks), list(ticks.values()))
    assert slope > 0
    bars, dots = found.lines(7), found.dots()
    assert len(bars) == len(dots) == 3
    for its, bar, dot in zip(rows, bars, dots, strict=True):
        xs = offset + slope * np.array([its.ci_low, its.ci_high, its.accuracy])
        np.testing.assert_allclose([bar[0][0], bar[1][0], dot[0]], xs, atol=0.05)
        assert bar[0][1] == bar[1][1] == dot[1]
        word = found.words()[names[its.run]]
        assert word[1] == pytest.approx(dot[1], abs=6)  # the name stands beside it
        assert word[0] < bar[0][0]
    assert dots[0][1] < dots[1][1] < dots[2][1]  # the best on top
    assert found.colours(7) == ["var(--accent)", "var(--second)", "var(--accent)"]
    (bracket,) = found.lines(1.4)
    heights = [y for _, y in bracket]
    assert min(heights) < dots[0][1] < dots[1][1] < max(heights) < dots[2][1]


def test_slopes_lead_from_grouped_to_by_track():
    given = [
        Difference("data", "kfold:5", "one", 0.4, 0.6, 0.2, None),
        Difference("data", "kfold:5", "two", 0.5, 0.45, -0.05, None),
    ]
    found = Drawing(figures.slopes(given).svg)
    lines = found.lines(1.8)
    values = [value for item in given for value in (item.grouped, item.ungrouped)]
    _, slope = straight(values, [y for line in lines for _, y in line])
    assert slope < 0  # the better the higher
    (grouped, _), (by_track, _) = lines[0]
    assert grouped < by_track
    assert lines[1][0][0] == grouped
    words = found.words()
    assert words["one  .400"][0] < grouped < by_track < words[".600  one"][0]
    assert words["two  .500"][1] < words["one  .400"][1]
    assert words[".600  one"][1] < words[".450  two"][1]


@pytest.mark.parametrize(("amount", "unit"), [("train_seconds", "s"), ("artefact_bytes", "B")])
def test_a_trade_off_lies_where_the_axes_say(amount, unit):
    rows = [
        row("a", 0.9, 1, ci_low=0.85, ci_high=0.97, **{amount: 50_000}),
        row("b", 0.7, 2, ci_low=0.55, ci_high=0.72, **{amount: 2_000}),
        row("c", 0.6, 3, ci_low=0.41, ci_high=0.66, **{amount: 100}),
        row("d", 0.5, 4, **{amount: None}),
    ]
    names = {name: name for name in "abcd"}
    found = Drawing(figures.trade_off(rows, names, amount, unit, "cost", "of a fold").svg)
    bars, dots = found.lines(4), found.dots()
    assert len(bars) == len(dots) == 3
    words = found.words()
    assert "cost" in words
    assert "d" not in words
    heights = {float(text): y for text, (_, y) in words.items() if TICK.fullmatch(text)}
    # The words are a little below the lines that they name.
    offset, slope = straight(list(heights), list(heights.values()))
    assert slope < 0
    across = {quantity: x for quantity, (x, _) in words.items() if quantity.endswith(f" {unit}")}
    across |= {quantity: x for quantity, (x, _) in words.items() if quantity.endswith(f"k{unit}")}
    factor = {"s": 1, "B": 1, "kB": 1000}
    logs = [np.log10(float(number) * factor[kind]) for number, kind in map(str.split, across)]
    left, decade = straight(logs, list(across.values()))
    assert decade > 0
    shift = {dot[1] - (offset + slope * its.accuracy) for its, dot in zip(rows, dots, strict=False)}
    assert max(shift) - min(shift) < 0.05
    assert -8 < min(shift) < 0
    for its, bar, dot in zip(rows, bars, dots, strict=False):
        x = left + decade * np.log10(getattr(its, amount))
        np.testing.assert_allclose([bar[0][0], bar[1][0], dot[0]], x, atol=0.1)
        ys = offset + slope * np.array([its.ci_low, its.ci_high]) + min(shift)
        np.testing.assert_allclose(sorted([bar[0][1], bar[1][1]]), sorted(ys), atol=0.1)
        assert words[its.model][1] == pytest.approx(dot[1], abs=8)


def test_bars_of_a_reliability_diagram_are_as_high_as_the_share_that_is_right():
    low, high = (0.0, 0.5), (0.5, 1.0)
    given = Calibration(low, high, (0.3, 0.9), (0.2, 0.7), (5, 20), 0.15)
    found = Drawing(figures.reliability("svm", given).svg)
    (diagonal,) = [line for line in found.lines(1) if len(line) == 2]
    (x0, y0), (x1, y1) = diagonal
    bars = [line for line in found.lines(1) if len(line) == 4]
    assert len(bars) == 2
    for bar, left, right, share in zip(bars, low, high, given.accuracy, strict=True):
        xs, ys = [x for x, _ in bar], [y for _, y in bar]
        np.testing.assert_allclose(
            [min(xs), max(xs), min(ys), max(ys)],
            [*(x0 + (x1 - x0) * np.array([left, right])), *(y0 + (y1 - y0) * np.array([share, 0]))],
            atol=0.05,
        )
    circles = [line for line in found.lines(1) if len(line) > 4]
    centres = [[(min(of) + max(of)) / 2 for of in zip(*circle, strict=True)] for circle in circles]
    for (x, y), sure, share in zip(centres, given.confidence, given.accuracy, strict=True):
        assert x == pytest.approx(x0 + (x1 - x0) * sure, abs=0.05)
        assert y == pytest.approx(y0 + (y1 - y0) * share, abs=0.05)


def test_a_curve_of_coverage_goes_through_its_shares():
    given = Thresholds(
        tracks=100,
        confidence=[0.9, 0.8, 0.7, 0.2],
        right=[1.0, 0.9, 0.95, 0.7],
        answered=[0.1, 0.4, 0.5, 1.0],
    )
    drawing = Drawing(figures.coverage("svm", given).svg)
    (few,), (curve,) = drawing.lines(1), drawing.lines(2)
    assert few[-1] == curve[0]  # of less than 20 tracks
    points = [*few[:-1], *curve]
    (x0, y0), (x1, y1) = points[0], points[-1]
    for (x, y), share, right in zip(points, given.answered, given.right, strict=True):
        assert (x - x0) / (x1 - x0) == pytest.approx((share - 0.1) / 0.9, abs=0.01)
        assert (y - y0) / (y1 - y0) == pytest.approx((right - 1) / -0.3, abs=0.01)


def test_learning_curves_lie_on_their_axes():
    folds = [
        [
            {"fraction": part, "loss": loss / part, "held_out_loss": 1 + loss / part}
            for part in (0.5, 1)
        ]
        for loss in (1.0, 0.7)
    ]
    found = Drawing(learning_curves("cnn2d", folds, {"epochs": 4}).svg)
    curves = found.lines(1.3)[:4]
    given = [
        (point["fraction"], point[name]) for name in ("loss", "held_out_loss")
        for fold in folds for point in fold
    ]  # fmt: skip
    drawn = [place for curve in curves for place in curve]
    assert straight([x for x, _ in given], [x for x, _ in drawn])[1] > 0
    assert straight([y for _, y in given], [y for _, y in drawn])[1] < 0
    assert found.colours(1.3)[:4] == ["var(--accent)"] * 2 + ["var(--second)"] * 2
    words = found.words()
    assert {"training", "validation", "loss", "epoch"} <= set(words)
    # The last epoch has the lowest validation loss; dots of the legend and of ticks are others.
    assert {curve[-1] for curve in curves[2:]} <= set(found.dots())


def test_learning_curves_name_the_best_epoch_or_why_there_is_none():
    losses = ((3.0, 1.0, 2.0), (2.0, 2.0, 3.0))
    folds = [
        [
            {"fraction": n / 4, "loss": 1.0, "held_out_loss": loss, "held_out_accuracy": n / 4}
            for n, loss in enumerate(fold, start=1)
        ]
        for fold in losses
    ]
    caption = learning_curves("cnn2d", folds, {"epochs": 4, "validation": 0.2}).caption
    assert "A dot marks the lowest validation loss of a fold: epoch 2, 1;" in caption
    assert "validation accuracy there .375" in caption
    plain = [[{"fraction": 0.5, "loss": 1.0}, {"fraction": 1.0, "loss": 0.5}]]
    reasons = [
        learning_curves("x", plain, params).caption
        for params in ({"validation": 0.0}, {"validation": 0.2}, {})
    ]
    assert len(set(reasons)) == 3
    assert "--set validation=0.25" in reasons[0]
    assert "too few tracks or groups" in reasons[1]
    assert "share of the training" in str(learning_curves("x", plain, {}).svg)


def test_a_bracket_holds_what_may_be_the_best():
    apart = [row("a", 0.9, 1), row("b", 0.8, 2), row("c", 0.7, 3)]
    tied = [row("a", 0.9, 1), row("b", 0.8, 1), row("c", 0.7, 3)]
    called = {name: name for name in "abc"}
    brackets = [
        figures.intervals(rows, called).svg.count("stroke-width: 1.4") for rows in (apart, tied)
    ]
    assert brackets == [0, 1]


def test_the_same_twice(drawn):
    assert drawings(["svm", "cnn2d", "forest"]) == drawn


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_any_name_can_be_drawn(name, drawn):
    for svg in drawings([name, "other"]).values():
        tree = ET.fromstring(svg)
        assert {element.tag.rsplit("}")[-1] for element in tree.iter()} <= {
            "svg", "g", "path", "defs", "use", "text", "clipPath", "rect", "tspan",
        }  # fmt: skip


@given(st.text(st.characters(exclude_categories=[]), max_size=30))
@settings(max_examples=200)
def test_shown_is_one_line_that_can_be_seen_and_written(text):
    found = shown(text)
    found.encode("utf-8")
    assert len(found.splitlines()) <= 1
    assert shown(found) == found
    if text.isascii() and text.isprintable():
        assert found == text


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0123, "s", "0.012 s"), (1.5, "s", "1.5 s"), (1234.0, "s", "1234 s"),
        (512, "B", "512 B"), (20_000, "B", "20 kB"), (58_400_000, "B", "58.4 MB"),
    ],
)  # fmt: skip
def test_quantities(value, unit, words):
    assert figures.quantity(value, unit) == words


@pytest.mark.parametrize(
    "curve",
    [
        [{"fraction": 0.5, "loss": math.nan}, {"fraction": 1.0, "loss": math.inf}],
        [{"fraction": 0.5, "loss": 1e308}, {"fraction": 1.0, "loss": -1e308}],
        [{"fraction": 1e308, "loss": 1.0}, {"fraction": -1e308, "loss": 1e-320}],
        [{"fraction": 1.0}], [{}], [],
        [{"fraction": n / 1e5, "loss": float(n % 7)} for n in range(100_000)],
        [{"fraction": 1.0} | {f"k{n}": 1.0 for n in range(2_000)}],
    ],
    ids=["no number", "largest", "fraction", "no figure", "empty", "none", "long", "wide"],
)  # fmt: skip
def test_a_forged_curve_is_drawn_in_part_or_left_out(curve):
    """A record may come from anywhere, and a training may diverge."""
    honest = [{"fraction": 0.5, "loss": 2.0}, {"fraction": 1.0, "loss": 1.0}]
    for folds in ([curve], [curve, honest], [honest, curve]):
        kept = drawable(folds)
        assert folds[0] is not honest or honest in kept
        assert sum(map(len, kept)) <= 2_100
        if kept:
            assert len(learning_curves("model", kept, {"epochs": 3}).svg) < 1_000_000
