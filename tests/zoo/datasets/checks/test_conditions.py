"""Classes whose files were made differently are named, and no others."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from zoo.audio.properties import Properties
from zoo.cli.app import run as run_command
from zoo.datasets import open_dataset
from zoo.datasets.checks.conditions import differences
from zoo.datasets.checks.recordings import check

RATE = 22_050
PLAIN = Properties(rate=RATE, channels=1, codec="pcm", seconds=5.0, bandwidth=11_025, level=-20.0)


def sound(seed: int, seconds: float = 1.5) -> np.ndarray:
    """Return a tone in noise, like no other one."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    tone = np.sin(2 * np.pi * rng.uniform(200, 800) * time)
    return rng.uniform(0.1, 0.4) * (tone + rng.uniform(0.05, 0.3) * rng.standard_normal(time.size))


def _padded(path: Path, samples: np.ndarray) -> None:
    quiet = np.zeros(RATE // 4)
    soundfile.write(path, np.concatenate([quiet, samples[: -RATE // 2], quiet]), RATE)


def _mp3(path: Path, samples: np.ndarray) -> None:
    soundfile.write(path.with_suffix(".mp3"), samples, RATE)


def _narrow(path: Path, samples: np.ndarray) -> None:
    """Write what an MP3 at a low rate leaves, as WAV."""
    low = path.with_suffix(".tmp")
    soundfile.write(low, soxr.resample(samples, RATE, 8_000), 8_000, format="MP3")
    soundfile.write(path, soxr.resample(soundfile.read(low)[0], 8_000, RATE)[: samples.size], RATE)
    low.unlink()


MADE: dict[str, tuple[Callable[[Path, np.ndarray], None], str]] = {
    "padded": (_padded, "owl: 0.25 s of silence at both ends"),
    "mp3": (_mp3, "owl: mp3"),
    "rate": (lambda p, x: soundfile.write(p, soxr.resample(x, RATE, 44_100), 44_100), "44100 Hz"),
    "stereo": (lambda p, x: soundfile.write(p, np.stack([x, x], axis=1), RATE), "owl: stereo"),
    "narrow": (_narrow, "the bandwidth alone"),
    "quiet": (lambda p, x: soundfile.write(p, 0.03 * x, RATE), "the level alone"),
    "short": (lambda p, x: soundfile.write(p, x[:RATE], RATE), "owl: 1 s"),
    "alike": (lambda p, x: soundfile.write(p, x, RATE), ""),
}


@pytest.mark.parametrize("name", MADE)
def test_how_one_class_was_made(name, tmp_path):
    write, expected = MADE[name]
    for number in range(24):
        label = ("other", "wind", "owl")[number % 3]
        path = tmp_path / label / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        (write if label == "owl" else MADE["alike"][0])(path, sound(number))
    problems = [p for p in check(open_dataset(str(tmp_path)), jobs=1) if p.distorts]
    assert {problem.kind for problem in problems} <= {"recording-conditions"}
    if expected:
        assert any(expected in problem.detail for problem in problems)
        assert all("owl: " in p.detail and "100 % of tracks" in p.detail for p in problems)
    else:
        assert not problems


def test_the_command_says_it(tmp_path, monkeypatch, capsys, workspace):
    for number in range(12):
        path = tmp_path / "data" / ("owl", "other")[number % 2] / f"{number}.wav"
        path.parent.mkdir(exist_ok=True, parents=True)
        (_padded if number % 2 == 0 else MADE["alike"][0])(path, sound(number))
    monkeypatch.setattr(sys, "argv", ["zoo", "data", "check", "data", "--format", "json"])
    assert run_command() == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["kind"] == "recording-conditions"
    assert problem["detail"] == (
        "other: no silence, owl: 0.25 s of silence at both ends; silence alone separates them "
        "for 100 % of tracks"
    )


def varied(count: int, seed: int = 0) -> list[Properties]:
    """Return properties of tracks of one kind."""
    rng = np.random.default_rng(seed)
    return [
        replace(
            PLAIN,
            level=float(rng.normal(-20, 4)),
            seconds=float(rng.uniform(3, 9)),
            leading=float(rng.exponential(0.1)),
            trailing=float(rng.exponential(0.1)),
            bandwidth=int(rng.choice([9_500, 10_000, 11_025])),
        )
        for _ in range(count)
    ]


def named(labels: list[str], found: list[Properties], groups: list[int] | None = None) -> list[str]:
    """Return the differences that are proven."""
    return [said for proven, said in told(labels, found, groups) if proven]


def told(
    labels: list[str], found: list[Properties], groups: list[int] | None = None
) -> list[tuple[bool, str]]:
    return list(differences(labels, groups or list(range(len(labels))), found))


class TestDifferences:
    def test_several_classes_that_were_made_alike(self):
        labels = [f"c{number % 10}" for number in range(100)]
        found = [
            replace(one, codec="mp3" if label < "c5" else "pcm")
            for one, label in zip(varied(100), labels, strict=True)
        ]
        (said,) = named(labels, found)
        assert "the codec alone" in said
        assert "c0: mp3" in said or "others: mp3" in said

    def test_two_of_many_classes_each_in_its_own_way(self):
        labels = [f"c{number % 10}" for number in range(60)]
        rates = {"c3": 8_000, "c7": 16_000}
        found = [
            replace(one, rate=rates.get(label, RATE))
            for one, label in zip(varied(60), labels, strict=True)
        ]
        (said,) = named(labels, found)
        assert said.startswith("c3: 8000 Hz, c7: 16000 Hz, others: 22050 Hz; the sample rate")

    def test_every_class_a_little(self):
        """Each is three decibels louder than the one before."""
        rng = np.random.default_rng(0)
        labels = [f"c{number % 8}" for number in range(160)]
        found = [
            replace(one, level=-3.0 * int(label[1]) + float(rng.normal(0, 1)))
            for one, label in zip(varied(160), labels, strict=True)
        ]
        (said,) = named(labels, found)
        assert "the level alone" in said

    @pytest.mark.parametrize("sizes", [(6, 6), (5, 95)])
    def test_small_classes(self, sizes):
        labels = ["a"] * sizes[0] + ["b"] * sizes[1]
        found = [
            replace(one, channels=1 + (label == "a"))
            for one, label in zip(varied(len(labels)), labels, strict=True)
        ]
        (said,) = named(labels, found)
        assert said == (
            "a: stereo, b: mono; the number of channels alone separates them for 100 % of tracks"
        )

    def test_differences_that_do_not_matter(self):
        """GTZAN's classes differ by 0.01 s in 30."""
        labels = ["a", "b"] * 20
        found = [
            replace(one, seconds=30.0 + 0.01 * (label == "a"), leading=0.01 * (label == "a"))
            for one, label in zip(varied(40), labels, strict=True)
        ]
        assert named(labels, found) == []

    @pytest.mark.parametrize("end", ["leading", "trailing"])
    def test_a_little_silence_at_one_end(self, end):
        labels = ["a", "b"] * 20
        found = [replace(PLAIN, **{end: 0.05 * (label == "a")}) for label in labels]
        (said,) = named(labels, found)
        where = {"leading": "beginning", "trailing": "end"}[end]
        assert said.startswith(f"a: 0.05 s of silence at the {where}, b: no silence; silence alone")

    def test_two_artists_prove_nothing(self):
        labels = ["a"] * 20 + ["b"] * 20
        found = [
            replace(one, rate=8_000 if label == "a" else RATE)
            for one, label in zip(varied(40), labels, strict=True)
        ]
        assert named(labels, found)
        assert named(labels, found, [0] * 10 + [1] * 10 + [2] * 10 + [3] * 10) == []
        assert named(labels, found, [0] * 40) == []
        assert named(["a"] * 40, found) == []

    def test_classes_of_too_few_groups_are_named(self):
        labels = ["a"] * 10 + ["b"] * 10 + ["c"] * 20
        groups = [0] * 10 + [1] * 10 + list(range(2, 22))
        found = [
            replace(one, rate=44_100 if label == "a" else RATE)
            for one, label in zip(varied(40), labels, strict=True)
        ]
        assert told(labels, found, groups) == [
            (
                False,
                "too few groups to compare silence, sample rate, bandwidth, level, length: "
                "a (1 group), b (1 group)",
            ),
            (
                False,
                "a: 44100 Hz, others: 22050 Hz; the sample rate alone tells all of these tracks "
                "apart, but of so few groups this may be chance",
            ),
        ]

    @pytest.mark.parametrize(
        "change",
        [{"codec": "mp3"}, {"channels": 2}, {"rate": 8_000}, {"leading": 1.0}, {"seconds": 3.0}],
    )
    def test_one_value_of_a_class_of_few_groups_is_observed(self, change):
        labels, groups = ["a"] * 5 + ["b"] * 5, [0] * 5 + [1] * 5
        found = [replace(PLAIN, **change) if label == "a" else PLAIN for label in labels]
        (few, seen) = told(labels, found, groups)
        assert [few[0], seen[0]] == [False, False]
        assert "a (1 group), b (1 group)" in few[1]
        assert "alone tells all of these tracks apart" in seen[1]
        mixed = [*found[:4], PLAIN, *found[5:]]
        assert len(told(labels, mixed, groups)) == 1
        assert told(labels, [PLAIN] * 10, groups) == []

    def test_few_tracks_without_groups(self):
        labels = ["a"] * 3 + ["b"] * 3
        (few,) = told(labels[1:-1], [replace(PLAIN, level=-float(n % 2)) for n in range(4)])
        assert few == (False, "too few tracks to compare level: a (2 tracks), b (2 tracks)")
        # Three of each can differ by a single property, all of them.
        assert told(labels, [replace(PLAIN, level=-float(n % 3)) for n in range(6)]) == []

    def test_random_halves_of_a_class_are_alike(self):
        alarms = 0
        for seed in range(30):
            labels = np.random.default_rng(seed).permutation(["a", "b"] * (4 + seed)).tolist()
            alarms += bool(named(labels, varied(len(labels), seed)))
        assert alarms <= 2


@pytest.mark.real
@pytest.mark.parametrize("name", ["gtzan-mini", "esc10"])
def test_real_classes_are_alike(real_data, name):
    problems = check(open_dataset(str(real_data / name)))
    assert not [problem for problem in problems if problem.kind == "recording-conditions"]
    few = [problem.detail for problem in problems if problem.kind == "untested-conditions"]
    assert len(few) == (name == "gtzan-mini")  # four of its classes are of one artist each
    assert all("blues (1 group)" in detail for detail in few)
