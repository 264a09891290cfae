"""Arrays of changed tracks are computed once, by any engine, and no failure ends a run."""

import os
from pathlib import Path

import numpy as np
import pytest

from zoo.audio.changes import CHANGES, Change
from zoo.audio.decode import decode
from zoo.datasets import open_dataset
from zoo.execution.engine import Engine, InProcess, LocalProcesses
from zoo.features.changed import changed_arrays, extract_changed
from zoo.plugins.registry import open_registry
from zoo.workspace import cache_folder


@pytest.fixture
def dataset(workspace: Path, make_tones):
    return open_dataset(str(make_tones(workspace / "tones", tracks=2, seconds=0.5)))


@pytest.fixture
def model():
    return open_registry().load("svm")


def stored() -> list[Path]:
    return sorted(cache_folder().rglob("*.npy"))


def test_each_change_of_each_track_is_an_array_of_its_own(dataset, model):
    pairs = [(index, change) for index in (0, 3) for change in CHANGES.values()]
    assert extract_changed(dataset, model, pairs, InProcess()) == {}
    assert len(stored()) == len(pairs)
    times = [path.stat().st_mtime_ns for path in stored()]
    arrays = changed_arrays(dataset, model, pairs)
    assert len(arrays) == len(pairs)
    audio = decode(dataset.tracks[3].path, 22_050)
    changed, _ = CHANGES["offset"](audio, 22_050)
    expected = model.card.frontend(changed)
    found = arrays[pairs.index((3, CHANGES["offset"]))]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    extract_changed(dataset, model, pairs, InProcess())
    assert [path.stat().st_mtime_ns for path in stored()] == times
    stored()[0].unlink()
    stored()[0].write_bytes(b"damaged")
    assert [array.tolist() for array in changed_arrays(dataset, model, pairs)] == [
        array.tolist() for array in arrays
    ]


class Workers(LocalProcesses):
    """Processes also for few tracks, which are otherwise done in the process of the command."""

    def map_unordered(self, call, items, small=False, risky=False):
        return super().map_unordered(call, items, risky=risky)


def test_workers_compute_the_same(dataset, model):
    pairs = [(index, change) for index in (0, 1) for change in CHANGES.values()]
    alone = [a.tolist() for a in changed_arrays(dataset, model, pairs)]
    for path in stored():
        path.unlink()
    assert extract_changed(dataset, model, pairs, Workers(2)) == {}
    assert [path.exists() for path in stored()] == [True] * len(pairs)
    assert [a.tolist() for a in changed_arrays(dataset, model, pairs)] == alone


def raises(audio, rate):
    raise LookupError("no such\nroom")


def writes(audio, rate):
    audio[:] = 0
    return audio, rate


def nothing(audio, rate):
    return None


def empty(audio, rate):
    return audio[:0], rate


def undefined(audio, rate):
    return audio * np.nan, rate


def stereo(audio, rate):
    return audio[None], rate


def still(audio, rate):
    return audio, 0


def dies(audio, rate):
    os._exit(9)


@pytest.mark.parametrize(
    ("apply", "reason"),
    [
        (raises, "LookupError: no such"),
        (writes, "read-only"),
        (nothing, "TypeError"),
        (empty, "empty"),
        (undefined, "NaN"),
        (stereo, "shape (1, "),
        (still, "at 0 Hz"),
    ],
)
def test_a_broken_change_is_a_reason(dataset, model, apply, reason):
    broken = Change("broken", "It does not work", 1, apply)
    pairs = [(0, broken), (0, CHANGES["offset"])]
    reasons = extract_changed(dataset, model, pairs, InProcess())
    assert list(reasons) == [(0, "broken")]
    assert reason in reasons[0, "broken"]
    assert dataset.tracks[0].id.split("/")[-1] in reasons[0, "broken"]
    assert len(changed_arrays(dataset, model, pairs[1:])) == 1


@pytest.mark.parametrize("engine", [LocalProcesses(1), LocalProcesses(2)])
def test_a_change_of_a_plugin_cannot_end_the_process_of_the_command(dataset, model, engine: Engine):
    deadly = Change("quiet", "It ends the process", 2, dies)  # whatever its name is
    reasons = extract_changed(dataset, model, [(0, deadly)], engine)
    assert "ended the process that changed it" in reasons[0, "quiet"]


def test_a_change_that_ends_its_process_costs_that_array_only(dataset, model):
    deadly = Change("deadly", "It ends the process", 1, dies)
    pairs = [(0, CHANGES["quiet"]), (0, deadly), (0, CHANGES["offset"]), (1, CHANGES["quiet"])]
    for _ in range(2):
        reasons = extract_changed(dataset, model, pairs, Workers(2))
        assert list(reasons) == [(0, "deadly")]
        assert "ended the process that changed it" in reasons[0, "deadly"]
    others = [pair for pair in pairs if pair[1] is not deadly]
    assert len(stored()) == 3
    assert len(changed_arrays(dataset, model, others)) == 3
