"""Splits: every track where it belongs, groups on one side, the same on every machine."""

import random
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.datasets import Dataset, Track
from zoo.datasets.collections.gtzan import GENRES, facts
from zoo.datasets.collections.known import COLLECTIONS
from zoo.evaluate import protocols
from zoo.evaluate.protocols import (
    DEFAULT_PROTOCOL,
    LEAVE_ONE_GROUP_OUT,
    Fold,
    chosen_protocol,
    parse_protocol,
    split_hash,
)
from zoo.evaluate.published_splits import PUBLISHED as SPLITS
from zoo.evaluate.published_splits import note_published
from zoo_registry import ProtocolError

PUBLISHED = list(SPLITS)
FIXED = [LEAVE_ONE_GROUP_OUT, *PUBLISHED]  # whatever the seed
EXAMPLES = ["kfold:2", "kfold:5", "kfold:3x2", "holdout:0.3", "holdout:0.25x3", *FIXED]
DRAWN = st.sampled_from(
    ["kfold:2", "kfold:3", "kfold:5", "kfold:2x3", "holdout:0.1", "holdout:0.3x2", "holdout:0.5",
     "holdout:0.9", LEAVE_ONE_GROUP_OUT]
)  # fmt: skip


def make(labels, groups=None, **lists) -> Dataset:
    """Return a dataset whose tracks are t0000, t0001 and so on."""
    tracks = [
        Track(
            id=f"t{number:04d}",
            label=str(label),
            digest=f"d{number}",
            group=None if groups is None or groups[number] is None else str(groups[number]),
            **{name: values[number] for name, values in lists.items()},
        )
        for number, label in enumerate(labels)
    ]
    return Dataset("set", "there", tracks)


@st.composite
def datasets(draw, pure: bool = False) -> Dataset:
    """Return up to four classes of tracks in groups of any size, or each track alone.

    `pure` groups have one class each.
    """
    classes = draw(st.integers(2, 4))
    labels, groups = [], []
    for label in range(classes):
        if draw(st.booleans()):
            sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=7))
        else:
            sizes = [1] * draw(st.integers(1, 12))
        for number, size in enumerate(sizes):
            labels += [label] * size
            groups += [f"{label if pure else draw(st.integers(0, classes))}-{number}"] * size
    return make(labels, groups)


def split(dataset: Dataset, text: str, seed: int = 0, grouped: bool = True) -> list[Fold]:
    return parse_protocol(text).folds(dataset, seed, grouped)


def assert_sound(dataset: Dataset, folds: list[Fold], grouped: bool) -> None:
    assert [fold.number for fold in folds] == list(range(len(folds)))
    for fold in folds:
        train, test = fold.train.tolist(), fold.test.tolist()
        assert train
        assert test
        assert train == sorted(set(train))
        assert test == sorted(set(test))
        assert not set(train) & set(test)
        assert set(train) | set(test) == set(range(len(dataset)))
        if grouped:
            assert not set(dataset.groups[train].tolist()) & set(dataset.groups[test].tolist())


class TestEveryProtocol:
    def test_documented(self):
        documented = re.findall(r"^``(.+)``$", protocols.__doc__, re.MULTILINE)
        filled = [re.sub("F", "0.3", re.sub("[KR]", "2", name)) for name in documented]
        assert filled == ["kfold:2", "kfold:2x2", "holdout:0.3x2", *FIXED]
        for name in filled:
            assert parse_protocol(name).spec == name
        with pytest.raises(ProtocolError) as caught:
            parse_protocol("none")
        for name in ("kfold:5", "holdout:0.3x3", *FIXED):
            assert name in str(caught.value)

    def test_default(self):
        assert parse_protocol(DEFAULT_PROTOCOL).spec == DEFAULT_PROTOCOL

    @pytest.mark.parametrize("text", EXAMPLES)
    def test_seeded_and_independent_of_the_order_of_tracks(self, text):
        dataset = gtzan(step=4)
        first = split(dataset, text, seed=3)
        again = split(dataset, text, seed=3)
        shuffled = list(dataset.tracks)
        random.Random(1).shuffle(shuffled)
        moved = split(Dataset("other", "elsewhere", shuffled), text, seed=3)
        for folds in (again, moved):
            assert split_hash(dataset, folds) == split_hash(dataset, first)
        other = split(dataset, text, seed=4)
        same = split_hash(dataset, other) == split_hash(dataset, first)
        assert same is (text in FIXED)

    @pytest.mark.parametrize("text", EXAMPLES)
    @pytest.mark.parametrize("seed", [0, 2**32 - 1])
    def test_every_seed_that_a_command_takes(self, text, seed):
        assert split(gtzan(step=4), text, seed)

    @pytest.mark.parametrize("text", EXAMPLES)
    def test_indices_are_integers(self, text):
        for fold in split(gtzan(step=4), text):
            assert fold.train.dtype.kind == fold.test.dtype.kind == "i"


class TestWithoutAName:
    @given(datasets(), st.booleans())
    @settings(deadline=None)
    def test_it_can_split_whatever_can_be_split(self, dataset, grouped):
        found = chosen_protocol(None, dataset, grouped)
        one_out = parse_protocol(LEAVE_ONE_GROUP_OUT).refusal(dataset, grouped)
        kfold = parse_protocol(DEFAULT_PROTOCOL).refusal(dataset, grouped)
        assert found.refusal(dataset, grouped) == one_out
        assert (found.spec == DEFAULT_PROTOCOL) == (kfold is None)

    def test_it_is_said(self):
        said = []
        dataset = make("aaaabbbbb", [0, 0, 1, 2, *"vwxyz"])
        assert chosen_protocol(None, dataset, note=said.append).spec == LEAVE_ONE_GROUP_OUT
        assert chosen_protocol("kfold:2", dataset, note=said.append).spec == "kfold:2"
        assert chosen_protocol(None, make("aaaaabbbbb"), note=said.append).spec == "kfold:5"
        (sentence,) = said
        assert sentence == (
            "class 'a' has 3 groups, too few for kfold:5: by leave-one-group-out one group of "
            "each class is tested at a time, by 5 models"
        )

    def test_many_groups_are_not_left_out_one_by_one(self):
        said = []
        dataset = make("aaaa" + "b" * 51)
        found = chosen_protocol(None, dataset, note=said.append)
        assert found.spec == "kfold:4"
        assert len(found.folds(dataset, 0)) == 4
        assert said == [
            "class 'a' has 4 tracks, too few for kfold:5: kfold:4 is used, since "
            "leave-one-group-out would train 51 models"
        ]
        with pytest.raises(ProtocolError, match=r"kfold:5 needs 5.*use --protocol kfold:4"):
            chosen_protocol("kfold:5", dataset).folds(dataset, 0)

    def test_two_groups_of_a_class_are_two_folds(self):
        said = []
        dataset = make("aabbbbb")
        assert chosen_protocol(None, dataset, note=said.append).spec == "kfold:2"
        assert said == ["class 'a' has 2 tracks, too few for kfold:5: kfold:2 is used"]

    def test_one_group_of_each_class_is_tested_at_a_time(self):
        dataset = make("aaabbbb", [0, 0, None, 1, None, 1, None])
        tests = [fold.test.tolist() for fold in split(dataset, LEAVE_ONE_GROUP_OUT)]
        assert tests == [[0, 1, 3, 5], [2, 4], [6]]
        ungrouped = split(dataset, LEAVE_ONE_GROUP_OUT, grouped=False)
        assert [fold.test.tolist() for fold in ungrouped] == [[0, 3], [1, 4], [2, 5], [6]]

    @given(datasets(), st.booleans())
    @settings(deadline=None)
    def test_one_left_out_is_one_of_each_class(self, dataset, grouped):
        """Also if groups have tracks of several classes; and no class is ever missing."""
        try:
            folds = split(dataset, LEAVE_ONE_GROUP_OUT, grouped=grouped)
        except ProtocolError:
            return
        assert_sound(dataset, folds, grouped)
        groups = dataset.groups if grouped else np.arange(len(dataset))
        for fold in folds:
            pairs = set(zip(groups[fold.test], dataset.labels[fold.test], strict=True))
            assert len({label for _, label in pairs}) == len(pairs)
            assert set(dataset.labels[fold.train]) == set(dataset.labels)

    def test_a_class_with_one_group_cannot_be_tested(self):
        dataset = make("aaabbb", [0, 0, 0, 1, 2, 3])
        reason = "class 'a' of there has 1 group .*any split needs 2; use --ungrouped"
        with pytest.raises(ProtocolError, match=reason):
            split(dataset, LEAVE_ONE_GROUP_OUT)
        with pytest.raises(ProtocolError, match=reason):
            chosen_protocol(None, dataset).folds(dataset, 0)

    @pytest.mark.parametrize("name", sorted(COLLECTIONS))
    def test_known_groups_are_explained(self, name):
        dataset = make("aaabbbcc", [0, 0, 0, 1, 2, 3, 4, 5])
        dataset = replace(dataset, collection=name)
        known = COLLECTIONS[name]
        whose = "artists" if known.by_artist else "groups"
        where = "in a table of the zoo" if name == "gtzan" else "published with it"
        assert chosen_protocol(None, dataset).refusal(dataset).partition("; ")[2] == (
            f"'b', 'c' have enough; the files were recognised as {known.title}, whose {whose} are "
            f"{where}; use --exclude-class=a, for scores that are valid for new groups, or "
            "--ungrouped, which splits by track and gives scores that are too high, or more groups"
        )
        merged = replace(dataset, kept_from="gtzan")
        assert "recognised" not in chosen_protocol(None, merged).refusal(merged)


class TestParsing:
    @pytest.mark.parametrize(
        ("text", "spec"),
        [
            ("kfold:5x1", "kfold:5"), ("kfold:05", "kfold:5"), ("kfold:5x03", "kfold:5x3"),
            ("holdout:.3", "holdout:0.3"), ("holdout:0.30x1", "holdout:0.3"),
            ("holdout:0.300x02", "holdout:0.3x2"),
        ],
    )  # fmt: skip
    def test_one_spelling(self, text, spec):
        assert parse_protocol(text).spec == spec
        assert parse_protocol(spec).spec == spec

    @given(st.integers(2, 99), st.integers(1, 99), st.decimals(0, 1, places=8))
    def test_spec_is_read_as_the_same_protocol(self, k, repeats, share):
        texts = [f"kfold:{k}x{repeats}"]
        if 0 < share < 1:
            texts.append(f"holdout:{share:f}x{repeats}")
        for text in texts:
            protocol = parse_protocol(text)
            assert parse_protocol(protocol.spec).spec == protocol.spec
            assert protocol.repeats == repeats

    def test_different_shares_are_different_protocols(self):
        one, other = parse_protocol("holdout:0.1234567"), parse_protocol("holdout:0.1234568")
        assert one.spec != other.spec

    @pytest.mark.parametrize(
        "text",
        [
            "", "kfold", "kfold:", "kfold:1", "kfold:0", "kfold:-5", "kfold:5x0", "kfold:5x",
            "kfold:2.5", "KFOLD:5", "kfold:5 ", "kfold:5\n", "holdout", "holdout:0", "holdout:1",
            "holdout:0.0", "holdout:1.0", "holdout:1.5", "holdout:-0.3", "holdout:0.3x0",
            "holdout:30%", "holdout:nan", "predefined:1", "loo", "kfold:\u0665",
            "kfold:" + "9" * 5000,
        ],
    )  # fmt: skip
    def test_nonsense(self, text):
        with pytest.raises(ProtocolError):
            parse_protocol(text)


class TestDrawnSplits:
    @given(datasets(), DRAWN, st.integers(0, 9), st.booleans())
    @settings(max_examples=100)
    def test_partition(self, dataset, text, seed, grouped):
        try:
            folds = split(dataset, text, seed, grouped)
        except ProtocolError as error:
            assert_helpful(str(error), dataset, text, grouped)
            return
        assert_sound(dataset, folds, grouped)
        tested = np.bincount(np.concatenate([fold.test for fold in folds]), minlength=len(dataset))
        if not text.startswith("holdout"):
            assert set(tested.tolist()) == {parse_protocol(text).repeats}
        else:
            assert len(folds) == parse_protocol(text).repeats

    @given(datasets(pure=True), DRAWN, st.integers(0, 9))
    @settings(max_examples=100)
    def test_every_class_is_learnt_and_tested(self, dataset, text, seed):
        """Whenever its groups, each of one class, can be divided so."""
        try:
            folds = split(dataset, text, seed)
        except ProtocolError:
            return
        every = set(range(len(dataset.classes)))
        for fold in folds:
            assert set(dataset.labels[fold.train].tolist()) == every
            tested = set(dataset.labels[fold.test].tolist())
            assert tested == every or text == LEAVE_ONE_GROUP_OUT

    @given(
        st.lists(st.integers(2, 40), min_size=2, max_size=4),
        st.sampled_from([0.1, 0.25, 0.3, 0.5, 0.8]),
        st.integers(0, 99),
    )
    def test_share_of_single_tracks_is_exact(self, sizes, share, seed):
        dataset = make([label for label, size in enumerate(sizes) for _ in range(size)])
        (fold,) = split(dataset, f"holdout:{share}", seed)
        wanted = [min(size - 1, max(1, round(share * size))) for size in sizes]
        assert np.bincount(dataset.labels[fold.test]).tolist() == wanted

    @given(st.lists(st.integers(5, 40), min_size=2, max_size=4), st.integers(2, 5))
    def test_folds_of_single_tracks_are_stratified(self, sizes, k):
        dataset = make([label for label, size in enumerate(sizes) for _ in range(size)])
        for fold in split(dataset, f"kfold:{k}"):
            counts = np.bincount(dataset.labels[fold.test], minlength=len(sizes))
            assert (np.abs(counts - np.array(sizes) / k) < 1).all()

    def test_repeats_differ(self):
        dataset = make([number % 2 for number in range(40)])
        for text, size in (("kfold:4x3", 4), ("holdout:0.3x3", 1)):
            folds = split(dataset, text)
            parts = [folds[start : start + size] for start in range(0, len(folds), size)]
            assert len({split_hash(dataset, part) for part in parts}) == 3

    def test_ungrouped_ignores_groups(self):
        dataset = make([number % 2 for number in range(40)], [number // 20 for number in range(40)])
        with pytest.raises(ProtocolError, match="--ungrouped"):
            split(dataset, "kfold:5")
        folds = split(dataset, "kfold:5", grouped=False)
        assert_sound(dataset, folds, grouped=False)

    def test_all_classes_that_are_too_small_are_named(self):
        dataset = make(["a"] * 9 + ["b b"] * 3 + ["c"] * 2 + ["d"] * 5)
        reason = parse_protocol("kfold:5").refusal(dataset)
        assert reason == (
            "class 'c' of there has 2 tracks, 'b b' has 3, and kfold:5 needs 5; "
            "'a', 'd' have enough; use --protocol kfold:2, or "
            "--exclude-class='b b' --exclude-class=c, or more tracks"
        )
        with pytest.raises(ProtocolError, match=re.escape(reason)):
            split(dataset, "kfold:5")
        assert parse_protocol("kfold:2").refusal(dataset) is None

    def test_equal_bytes_stay_together(self):
        tracks = [Track(f"t{n:02d}", "ab"[n % 2], f"d{n // 4}") for n in range(40)]
        dataset = Dataset("set", "there", tracks)
        assert_sound(dataset, split(dataset, "kfold:5"), grouped=True)

    @pytest.mark.parametrize("share", ["0.05", "0.1", "0.2", "0.5", "0.95"])
    def test_few_large_groups(self, share):
        """Two artists a class, ten tracks each: one of them is tested, whatever the share."""
        labels = [number // 20 for number in range(60)]
        dataset = make(labels, [number // 10 for number in range(60)])
        (fold,) = split(dataset, f"holdout:{share}")
        assert np.bincount(dataset.labels[fold.test]).tolist() == [10, 10, 10]
        assert_sound(dataset, [fold], grouped=True)


def assert_helpful(message: str, dataset: Dataset, text: str, grouped: bool) -> None:
    """Check that what an error proposes works."""
    assert "; use " in message
    if match := re.search(r"--protocol (kfold:\d+)", message):
        assert_sound(dataset, split(dataset, match[1], grouped=grouped), grouped)
    if "--ungrouped" in message:
        assert_sound(dataset, split(dataset, text, grouped=False), grouped=False)
    if without := re.findall(r"--exclude-class=(\S+?)[, ]", message):
        assert {str(name) for name in without} < set(dataset.classes)
        others = dataset.without({t.id for t in dataset.tracks if t.label in without})
        assert_sound(others, split(others, text, grouped=grouped), grouped)


def gtzan(step: int = 1) -> Dataset:
    """Return a dataset with the names of GTZAN, or of a part, and its artists as groups."""
    tracks = [
        Track(
            f"{name.split('.')[0]}/{name}.wav", name.split(".")[0], name,
            group=fact.artist, fold=str(number % 4),
        )
        for number, (name, fact) in enumerate(list(facts().items())[::step])
    ]  # fmt: skip
    return Dataset("gtzan", "gtzan", tracks)


class TestPublished:
    def test_folds(self):
        folds = ["10", "2", "1", None, "2", "1"]
        dataset = make("aabbab", fold=folds)
        found = split(dataset, "predefined")
        assert [fold.test.tolist() for fold in found] == [[2, 5], [1, 4], [0]]
        assert [fold.train.tolist() for fold in found] == [[0, 1, 4], [0, 2, 5], [1, 2, 4, 5]]

    def test_parts(self):
        dataset = make("abababa", split=["train", "test", "valid", "test", None, "train", "extra"])
        (fold,) = split(dataset, "predefined")
        assert fold.test.tolist() == [1, 3]
        assert fold.train.tolist() == [0, 2, 5, 6]

    @pytest.mark.parametrize(
        ("lists", "reason"),
        [
            ({}, "no published folds"),
            ({"fold": ["1"] * 4}, "one published fold only"),
            ({"split": ["train"] * 4}, "no track with a label in a published part called test"),
            ({"split": ["test"] * 4}, "no track with a label in a published part to train on"),
        ],
        ids=str,
    )
    def test_nothing_to_go_by(self, lists, reason):
        with pytest.raises(ProtocolError, match=f"there .*{reason}.*; use kfold:5"):
            split(make("abab", **lists), "predefined")
        assert note_published(make("abab", **lists), "kfold:5") == ""

    def test_a_note_if_another_protocol_is_used(self):
        parts = make("abab", split=["train", "train", "test", "test"])
        said = "the published split is not used by kfold:5, but by `--protocol predefined`"
        assert note_published(parts, "kfold:5") == said
        assert note_published(parts, "predefined") == ""
        folds = make("abab", fold=["1", "1", "2", "2"])
        assert "the published folds are not used" in note_published(folds, "holdout:0.3")

    @pytest.mark.parametrize("text", [name for name in PUBLISHED if name != "predefined"])
    def test_partitions_of_gtzan_are_for_gtzan(self, text):
        with pytest.raises(ProtocolError, match="there is not GTZAN"):
            split(make("abab"), text)

    def test_fault_filtered(self):
        dataset = gtzan()
        (fold,) = split(dataset, "fault-filtered")
        assert (len(fold.train), len(fold.test)) == (443 + 197, 290)
        copies = {
            dataset.tracks[number].digest for part in (fold.train, fold.test) for number in part
        }
        assert not any(facts()[name].duplicate_of in copies for name in copies)

    def test_artist_3fold(self):
        dataset = gtzan()
        folds = split(dataset, "artist-3fold")
        assert len(folds) == 3
        assert sum(len(fold.test) for fold in folds) == 948
        for fold in folds:
            assert len(fold.train) + len(fold.test) == 948
            assert set(dataset.labels[fold.test].tolist()) == set(range(len(GENRES)))
            artists = [
                {dataset.tracks[number].group for number in part}
                for part in (fold.train, fold.test)
            ]
            assert not artists[0] & artists[1]


def test_a_holdout_of_whole_groups_says_which_share_it_tests():
    labels, groups = np.repeat(["a", "b"], 20), np.arange(40) // 4
    said = []
    for grouped in (True, False):
        chosen_protocol("holdout:0.3", make(labels, groups), grouped, said.append)
    assert said == [
        "holdout:0.3 tests 8 of 40 tracks: groups stay whole, and class 'a' has 5 groups"
    ]
