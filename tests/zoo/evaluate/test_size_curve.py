"""Accuracy by training size: its points, and what is said of twice as many groups."""

from dataclasses import replace

import numpy as np
import pytest

import zoo
from zoo.evaluate.metrics import score
from zoo.evaluate.significance import intervals
from zoo.evaluate.size_curve import SizeCurve, SizePoint, expected_gain, size_curve
from zoo_registry.record import SizesInfo
from zoo_registry.runs import Run


def hits(accuracies, groups: int, tracks: int, seed: int = 0) -> np.ndarray:
    """Return correct tracks of groups: harder and easier ones, the same for all points."""
    rng = np.random.default_rng(seed)
    ease = rng.normal(0, 0.15, groups)
    luck = rng.random((groups, tracks))
    return np.array([(luck < a + ease[:, None]).sum(axis=1) for a in accuracies], dtype=float)


def expected(law, counts, groups=2_000, tracks=10, seed=0):
    counts = np.array(counts, dtype=float)
    return expected_gain(
        counts, hits(law(counts), groups, tracks, seed), np.full(groups, float(tracks))
    )


@pytest.mark.parametrize(
    "law",
    [
        lambda n: 0.9 - 0.9 * n**-0.5,
        lambda n: 0.8 - 0.7 * n**-0.25,
        lambda n: 0.3 + 0.04 * np.log2(n),
        lambda n: np.full(len(n), 0.6),
    ],
    ids=["root", "slow", "logarithm", "flat"],
)
def test_many_tracks_tell_the_law(law):
    found = expected(law, [10, 20, 40, 80])
    truth = float((law(np.array([160.0])) - law(np.array([80.0])))[0])
    assert found.low <= truth <= found.high
    assert found.gain == pytest.approx(truth, abs=0.015)
    assert found.high - found.low < 0.06


def test_the_interval_covers_the_truth_as_often_as_it_says():
    def law(n):
        return 0.85 - 1.1 * n**-0.5

    truth = float((law(np.array([80.0])) - law(np.array([40.0])))[0])
    found = [expected(law, [5, 10, 20, 40], groups=60, tracks=3, seed=n) for n in range(40)]
    assert np.mean([each.low <= truth <= each.high for each in found]) >= 0.9
    assert np.mean([each.gain for each in found]) == pytest.approx(truth, abs=0.015)


def test_nobody_gets_more_than_all_right():
    counts = np.array([10.0, 40.0, 160.0])
    right = hits(0.6 + 0.09 * np.log2(counts / 10), 500, 4)
    found = expected_gain(counts, right, np.full(500, 4.0), times=64.0)
    assert found.gain == found.low == found.high == pytest.approx(1 - right[-1].sum() / 2_000)


def point(groups: float) -> SizePoint:
    return SizePoint(size=None, tracks=2 * groups, groups=groups, accuracy=0.5, low=0.4, high=0.6)


def curve(expected=None, points=4, unit="artists", **more) -> SizeCurve:
    of = tuple(point(2.0**n) for n in range(points))
    return SizeCurve("svm-1", "svm", unit=unit, points=of, expected=expected, notes=(), **more)


def test_the_sentence_says_no_more_than_the_tracks_do():
    from zoo.evaluate.size_curve import Expected

    telling = curve(Expected(0.041, 0.012, 0.069))
    assert telling.sentence == (
        "With twice as many artists, expect about +.04 (+.01 to +.07), if the curve goes on like "
        "this."
    )
    for low in (-0.02, 0.0, 0.004):
        vague = curve(Expected(0.03, low, 0.07), unit="groups")
        assert vague.sentence.startswith("What twice as many groups would give cannot be said: ")
        assert vague.sentence.endswith("includes no change.")
    two = (replace(point(1), size=2), point(2))
    assert replace(curve(), points=two).sentence.endswith(
        "it takes two sizes and all, and the curve has only 2 and all."
    )
    few = curve(unit="tracks", tested=8, tested_tracks=8).sentence
    assert few.endswith("it takes 10 tested tracks, and there are 8.")
    few = curve(tested=9, tested_tracks=20).sentence
    assert few.endswith("it takes 10 tested artists, and the 20 tracks are of 9.")
    few = curve(unit="tracks", tested=9, tested_tracks=20).sentence  # split one by one
    assert few.endswith("it takes 10 tested groups, and the 20 tracks are of 9.")
    assert "-.00" not in str(Expected(-0.001, -0.002, 0.1))


@pytest.fixture
def run(feature_table) -> Run:
    return zoo.train(
        "logistic", str(feature_table(tracks=24, groups=12, spread=3.0)), jobs=1, sizes=(4, 8)
    )


def test_points_are_those_of_the_predictions(run):
    found = zoo.size_curve(run)
    assert found is not None
    assert [point.name for point in found.points] == ["4", "8", "all"]
    for point, own in zip(
        found.points, [run.sizes().of(4), run.sizes().of(8), run.predictions()], strict=True
    ):
        assert point.accuracy == score(own).accuracy
        assert [(point.low, point.high)] == intervals([own], point.tracks)
    assert [point.tracks for point in found.points][:2] == [12, 24]
    assert [point.groups for point in found.points][:2] == [6, 12]
    assert found.unit == "groups"
    assert found.to_json()["sentence"] == found.sentence


def test_a_run_without_sizes_has_no_curve(run):
    run.record.sizes = None
    assert size_curve(run) is None
    run.record.sizes = SizesInfo()
    assert [point.name for point in size_curve(run).points] == ["all"]


def test_tracks_are_said_where_no_groups_are_known(feature_table):
    table = str(feature_table(tracks=12))
    assert size_curve(zoo.train("logistic", table, jobs=1, sizes=[3])).unit == "tracks"
    table = str(feature_table(tracks=12, groups=6, name="grouped.csv"))
    run = zoo.train("logistic", table, jobs=1, sizes=[3], grouped=False)
    found = size_curve(run)
    assert (found.unit, found.tested, found.tested_tracks) == ("tracks", 18, 36)


def test_artists_are_said_where_groups_are_artists(run):
    run.record.dataset.collection = "gtzan"
    assert size_curve(run).unit == "artists"
    run.record.dataset.collection = "esc-10"
    assert size_curve(run).unit == "groups"


def test_what_is_not_done_is_said(run):
    first = run.record.sizes.sizes[0]
    run.record.sizes.sizes.append(type(first)(size=9, split=first.split))
    (note,) = size_curve(run).notes
    assert note.startswith("9 tracks per class: not done yet; run `zoo train logistic")
