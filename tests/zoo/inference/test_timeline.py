"""Timeline of a prediction: stretches of windows, and times as text."""

import pytest

from zoo.inference.prediction import Section
from zoo.inference.timeline import clock, stretches


def test_a_stretch_ends_where_the_next_begins():
    timeline = [
        Section(0.0, 4.0, "a", 0.5),
        Section(2.0, 6.0, "a", 0.75),
        Section(4.0, 8.0, "unknown", None, "silence"),
        Section(6.0, 10.0, "unknown", 0.25, "unsure"),
        Section(8.0, 12.0, "unknown", None, "silence"),
        Section(10.0, 13.5, "a", 1.0),
    ]
    assert stretches(timeline) == [
        Section(0.0, 4.0, "a", 0.625),
        Section(4.0, 6.0, "unknown", None, "silence"),
        Section(6.0, 8.0, "unknown", 0.25),
        Section(8.0, 10.0, "unknown", None, "silence"),
        Section(10.0, 13.5, "a", 1.0),
    ]


def test_a_silent_stretch_has_no_confidence():
    assert stretches([Section(0.0, 1.5, "unknown", None)]) == [Section(0.0, 1.5, "unknown", None)]


def test_an_empty_timeline_has_no_stretch():
    assert stretches([]) == []


@pytest.mark.parametrize(
    ("seconds", "decimals", "text"),
    [
        (0, 0, "0:00"),
        (59.4, 0, "0:59"),
        (59.6, 0, "1:00"),
        (187.25, 0, "3:07"),
        (3_599.9, 0, "1:00:00"),
        (3_787.0, 0, "1:03:07"),
        (0.0, 1, "0:00.0"),
        (7.46, 1, "0:07.5"),
        (59.96, 1, "1:00.0"),
        (187.5, 1, "3:07.5"),
        (3_599.96, 1, "1:00:00.0"),
        (3_787.2, 1, "1:03:07.2"),
    ],
)
def test_clock(seconds, decimals, text):
    assert clock(seconds, decimals) == text
