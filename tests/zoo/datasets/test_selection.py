"""Selections: by class, by a number per class, the same every time and nested."""

import json
import sys
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from zoo.cli.app import run as run_command
from zoo.datasets import Dataset, Reading, Track, open_dataset
from zoo.datasets.selection import select
from zoo.evaluate.protocols import parse_protocol
from zoo.plugins.registry import recorded_dataset
from zoo.report.tables import heading
from zoo.training.verify import verify_run
from zoo_registry.errors import UsageError


def made(groups: list[tuple[int, int]]) -> Dataset:
    """Return a dataset with these tracks: class and group, 0 for no group."""
    tracks = [
        Track(f"{number}", f"class{label}", f"{number:x}", group=f"g{group}" if group else None)
        for number, (label, group) in enumerate(groups)
    ]
    return Dataset("made", "made", tracks)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), max_size=60),
    st.integers(1, 12),
    st.randoms(use_true_random=False),
)
def test_a_limit_takes_whole_groups_and_is_nested(groups, limit, random):
    dataset = made([(0, 0), (1, 0), *groups])
    few, more = (select(dataset, Reading(limit=n)) for n in (limit, limit + random.randint(1, 9)))
    assert {track.id for track in few.tracks} <= {track.id for track in more.tracks}
    units: dict[tuple[str, int], set[str]] = {}
    for track, group in zip(dataset.tracks, dataset.groups.tolist(), strict=True):
        units.setdefault((track.label, group), set()).add(track.id)
    taken = {track.id for track in few.tracks}
    assert all(unit <= taken or unit.isdisjoint(taken) for unit in units.values())
    assert few.classes == dataset.classes
    whole = Counter(track.label for track in dataset.tracks)
    for label, count in Counter(track.label for track in few.tracks).items():
        smallest = min(len(unit) for (name, _), unit in units.items() if name == label)
        assert count <= max(limit, smallest)
        assert count >= min(whole[label], 1)
    shuffled = random.sample(list(dataset.tracks), len(dataset))
    again = select(Dataset("other", "other", shuffled), Reading(limit=limit))
    assert again.fingerprint == few.fingerprint
    assert bool(few.selection) == (len(few) < len(dataset))


def test_classes_of_every_kind_of_dataset(tone_folder, feature_table, small_demo, monkeypatch):
    folder = tone_folder(classes=("a", "b", "c"), tracks=2, seconds=0.2)
    table = feature_table()
    own = made([(0, 0), (1, 0), (2, 0)])
    for wanted, offered in (
        (str(folder), {}), (f"file://{folder}", {}), (str(table), {}), ("own", {"own": lambda: own})
    ):  # fmt: skip
        whole = open_dataset(wanted, offered)
        first, second, third = whole.classes
        one = open_dataset(wanted, offered, reading=Reading(without=(second,)))
        other = open_dataset(wanted, offered, reading=Reading(only=(third, first), limit=99))
        assert one.classes == other.classes == (first, third)
        assert one.fingerprint == other.fingerprint != whole.fingerprint
        assert one.selection == "2 of 3 classes"
        assert one.reading == Reading(without=(second,))
    rows = open_dataset(str(table), reading=Reading(limit=2))
    assert rows.features.shape == (6, 6)
    ids = [track.id for track in open_dataset(str(table)).tracks]
    expected = open_dataset(str(table)).features[[ids.index(track.id) for track in rows.tracks]]
    np.testing.assert_array_equal(rows.features, expected)
    monkeypatch.setenv("ZOO_CACHE", str(small_demo))
    assert len(open_dataset("demo", reading=Reading(only=("ballad", "march"), limit=3))) == 6


@pytest.mark.parametrize(
    ("reading", "sentence"),
    [
        (Reading(only=("Class_0", "class1")), "has no class 'Class_0'; the closest is 'class0'"),
        (Reading(without=("clas2",)), "has no class 'clas2'; the closest is 'class2'"),
        (Reading(only=("class1",)), "'class1' would be left; at least two are needed"),
        (Reading(only=("class0", "class1"), without=("class1",)), "'class0' would be left"),
        (Reading(limit=0), "a limit of 0 takes no track"),
    ],
)
def test_a_selection_that_is_none(reading, sentence):
    with pytest.raises(UsageError, match=sentence):
        select(made([(0, 0), (1, 0), (2, 0)]), reading)


def test_a_class_in_another_form_of_unicode():
    tracks = [
        Track(name, unicodedata.normalize("NFD", name), name) for name in ("Böen", "dog", "rain")
    ]
    chosen = select(
        Dataset("x", "x", tracks), Reading(without=(unicodedata.normalize("NFC", "Böen"),))
    )
    assert chosen.classes == ("dog", "rain")


def test_a_run_of_a_selection(feature_table, monkeypatch, capfd):
    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zoo", *words])
        status = run_command()
        return status, *capfd.readouterr()

    table = str(feature_table(classes=4, groups=5))
    chosen = ("--exclude-class", "class2", "--limit", "9")
    status, out, _ = command("data", "info", table, *chosen, "--format", "json")
    facts = json.loads(out)
    assert (status, facts["selection"]) == (0, "3 of 4 classes, at most 8 tracks per class")
    assert [(item["tracks"], item["groups"]) for item in facts["classes"]] == [(8, 4)] * 3
    train = ("train", "decision-tree", "--data", table, "--protocol", "kfold:4")
    assert command(*train)[0] == 0
    status, out, _ = command(*train, *chosen)
    assert status == 0
    assert "table, 3 of 4 classes, at most 8 tracks per class, kfold:4, 24 tracks" in out
    whole, part = sorted(zoo.leaderboard(), key=lambda board: len(board.title))
    assert heading(whole) == "table, kfold:4, 40 tracks"
    assert part.fingerprint == facts["fingerprint"]
    run = zoo.workspace.find_run(part.rows[0].run)
    again = run.record.command.split()[1:]
    assert [*chosen] == again[again.index("--exclude-class") :][:4]
    assert "is trained already" in command(*again)[2]
    assert recorded_dataset(run.record.dataset, within=Path()).fingerprint == part.fingerprint
    assert verify_run(run) == []
    assert "# Decision tree on table, 3 of 4 classes" in run.card_path.read_text()
    tune = ("tune", "decision-tree", "--data", table, "--protocol", "kfold:4", "--trials", "1")
    status, _, notes = command(*tune, *chosen)
    assert f"`zoo train decision-tree --data {table} {' '.join(chosen)} --protocol" in notes


def test_a_metadata_csv_is_never_written_of_a_part(tone_folder, monkeypatch, capfd):
    folder = tone_folder(seconds=0.2)
    monkeypatch.setattr(sys, "argv", ["zoo", "data", "check", str(folder), "--write", "--limit=2"])
    assert run_command() == 2
    assert "--write lists all tracks" in capfd.readouterr().err
    assert not (folder / "metadata.csv").exists()


def test_a_limit_is_named_where_it_leaves_too_few_tracks():
    dataset = made([(0, n // 4 + 1) for n in range(20)] + [(1, 0)] * 20)
    protocol = parse_protocol("kfold:5")
    few = select(dataset, Reading(limit=5))
    assert "--limit 5 leaves 4 tracks of 'class0'; raise it, or use " in protocol.refusal(few)
    by_track = select(dataset, Reading(limit=5, by_track=True))
    assert Counter(track.label for track in by_track.tracks) == {"class0": 5, "class1": 5}
    assert protocol.refusal(by_track, grouped=False) is None
    assert "--limit" not in parse_protocol("kfold:30").refusal(dataset)


def test_a_limit_within_published_parts():
    dataset = made([(n % 2, 0) for n in range(40)])
    tracks = [
        replace(track, split="test" if n >= 36 else "train")
        for n, track in enumerate(dataset.tracks)
    ]
    few = select(replace(dataset, tracks=tracks), Reading(limit=3, by_part=True))
    found = Counter((track.label, track.split) for track in few.tracks)
    assert {part for _, part in found} == {"train", "test"}
    assert all(count <= 3 for count in found.values())
    assert len({label for label, part in found if part == "test"}) == 2
    assert few.selection == "at most 3 tracks per class and part"
