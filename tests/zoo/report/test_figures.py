"""Figures take their colours from the page, say what they show, and break on no name."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.evaluate.calibration import Calibration
from zoo.evaluate.leaderboard import Difference, Row
from zoo.report import figures
from zoo_registry.text import shown

HOSTILE = [
    "<script>alert(1)</script>", '" onload="alert(1)', "]]>", "&lt;", "$x^{2$", r"\frac{1}",
    "two\nlines", "\x00\x1b[31m", "\udc80", "\u202egnp", "日本語", "", "-" * 300,
]  # fmt: skip


def row(name: str, accuracy: float = 0.5, rank: int = 1, **more) -> Row:
    given = {
        "tied_with": (), "model": name, "run": name, "status": "complete",
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
    return {
        "intervals": figures.intervals(rows, called),
        "slopes": figures.slopes(differences),
        "time": figures.trade_off(rows, called, "train_seconds", "time", "s"),
        "size": figures.trade_off(rows, called, "artefact_bytes", "size", "B"),
        "curves": figures.learning_curves([curve, []]),
        "reliability": figures.reliability(
            Calibration((0.0, 0.5), (0.1, 0.6), (0.05, 0.6), (0.0, 1.0), (3, 1), 0.1)
        ),
    }


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
    assert "0.600" in drawn["slopes"]


def test_ties_are_in_brackets():
    apart = [row("a", 0.9, 1), row("b", 0.8, 2), row("c", 0.7, 3)]
    tied = [row("a", 0.9, 1), row("b", 0.8, 1), row("c", 0.7, 3)]
    called = {name: name for name in "abc"}
    brackets = [
        figures.intervals(rows, called).count("stroke-width: 1.4") for rows in (apart, tied)
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
