"""The search for parameters: repeatable, interruptible, and never without saying what it saw."""

import csv
import importlib.util
import json
import re
import warnings
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import get_args

import pytest

import zoo
from tests.notes import Notes
from zoo import Card
from zoo.cli.leaderboard import print_board
from zoo.cli.options import Tuner
from zoo.datasets import open_dataset
from zoo.evaluate.protocols import parse_protocol
from zoo.features.copies import VERSION
from zoo.report.tables import MARK, board_markdown
from zoo.training.verify import verify_run
from zoo.tuning.keras_tuner_oracle import TUNERS, Oracle, Proposal, _keras_tuner
from zoo.tuning.trials import Tuning, importance
from zoo_registry import LogFloat, Registry, UsageError
from zoo_registry.processes import this_process

pytestmark = [
    pytest.mark.deep,
    pytest.mark.skipif(
        importlib.util.find_spec("keras_tuner") is None, reason="needs genre-zoo[deep]"
    ),
]

# Right with a probability that grows with `skill`; it logs what it is asked to do.
PLUGIN = """
import json
from pathlib import Path
from typing import get_args
import numpy as np
from zoo import Card, Choice, Float, Handcrafted, Int, LogFloat, hookimpl

card = Card(
    name="pupil", title="Pupil", family="test", frontend=Handcrafted(),
    params={"skill": 0.3, "mood": "calm", "level": 2, "rate": 0.01, "epochs": 9},
    space={"skill": Float(0.0, 1.0), "mood": Choice(("calm", "wild")), "level": Int(1, 9, 2),
           "rate": LogFloat(1e-4, 1.0)},
)

@hookimpl
def train(tracks, labels, classes, params, seed):
    with open("log", "a") as log:
        log.write(json.dumps(params) + "\\n")
    stop = Path("stop")
    if stop.exists() and len(Path("log").read_text().splitlines()) == int(stop.read_text()):
        raise KeyboardInterrupt
    if Path("picky").exists() and params["mood"] == "wild":
        raise ValueError("not in this mood")
    X = np.concatenate(tracks)
    centres = np.stack([X[labels == c].mean(axis=0) for c in range(len(classes))])
    return centres, params["skill"], seed

@hookimpl
def predict(model, tracks):
    centres, skill, seed = model
    answers = []
    for track in tracks:
        nearest = int(np.linalg.norm(centres - track[0], axis=1).argmin())
        rng = np.random.default_rng(abs(int(track[0, 0] * 1e6)) + seed)
        said = nearest if rng.random() < skill else int(rng.integers(len(centres)))
        answers.append(np.eye(len(centres))[[said]])
    return answers
"""


@pytest.fixture
def pupil(workspace) -> str:
    Path("pupil.py").write_text(PLUGIN, encoding="utf-8")
    return "./pupil.py"


def listed(tuning: Tuning) -> list[tuple]:
    return [(trial.number, trial.params, trial.scores, trial.error) for trial in tuning.trials]


def proposed(
    card: Card, tuner: str, trials: int, score: Callable[[Proposal], float | None]
) -> list[list[Proposal]]:
    """Return the proposals of a search, in the batches in which they come."""
    batches = []
    with Oracle(card, tuner, trials, seed=0) as oracle:
        while batch := oracle.propose():
            batches.append(batch)
            for proposal in batch:
                oracle.finish(proposal, score(proposal))
    return batches


@pytest.mark.parametrize("tuner", TUNERS)
def test_every_built_in_space_is_searched(tuner):
    registry = Registry()
    for name in registry.names():
        card = registry.load(name).card
        proposals = [*chain(*proposed(card, tuner, 4, lambda proposal: proposal.number / 10))]
        assert [proposal.number for proposal in proposals] == [0, 1, 2, 3, 4], name
        for proposal in proposals:
            assert card.resolve(proposal.params) == dict(card.params) | proposal.params
            assert set(proposal.params) == set(card.space)
            assert 0 < proposal.share <= 1


@pytest.mark.parametrize("failing", [False, True])
@pytest.mark.parametrize("tuner", TUNERS)
def test_trials_that_are_proposed_together_are_those_of_one_after_the_other(
    tuner, failing, tmp_path
):
    card = Registry().load("cnn2d").card
    trials = 22

    def score(number: int) -> float | None:
        return None if failing and number % 5 == 4 else (number * 7 % 11) / 11

    batches = proposed(card, tuner, trials, lambda proposal: score(proposal.number))
    together = [proposal.trial.hyperparameters.values for proposal in [*chain(*batches)][1:]]
    oracle = _keras_tuner(card, tuner, trials, 0)
    oracle._set_project_dir(str(tmp_path), "oracle")
    alone = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while len(alone) < trials:
            trial = oracle.create_trial("one")
            if trial.status != "RUNNING":
                break
            alone.append(trial.hyperparameters.values)
            found = score(len(alone))
            trial.status = "COMPLETED"
            if found is None:
                trial.status = "FAILED"
            else:
                oracle.update_trial(trial.trial_id, {"accuracy": found})
            oracle.end_trial(trial)
    assert together == alone
    sizes = [len(batch) for batch in batches]
    assert max(sizes) == {"random": 23, "bayesian": 19, "hyperband": max(sizes)}[tuner]
    assert len(sizes) < len(together)


@pytest.mark.parametrize("tuner", TUNERS)
def test_every_tuner_stays_in_the_space_and_begins_with_the_defaults(tuner, pupil, feature_table):
    tuning = zoo.tune(pupil, str(feature_table(tracks=12)), trials=9, tuner=tuner)
    first, *others = tuning.trials
    assert first.params == {"skill": 0.3, "mood": "calm", "level": 2, "rate": 0.01}
    assert len(others) == 9
    for trial in others:
        assert 0 <= trial.params["skill"] <= 1
        assert trial.params["mood"] in {"calm", "wild"}
        assert trial.params["level"] in {1, 3, 5, 7, 9}
        assert 1e-4 <= trial.params["rate"] <= 1
        assert (trial.share == 1) or tuner == "hyperband"
        assert len(trial.scores) == 3
    assert len({json.dumps(trial.params) for trial in others}) > 6
    whole = [trial.score for trial in tuning.trials if trial.share == 1]
    assert tuning.best.score == max(whole)
    assert (len(whole) < 10) == (tuner == "hyperband")
    epochs = [json.loads(line)["epochs"] for line in Path("log").read_text().splitlines()]
    expected = [round(9 * trial.share) for trial in tuning.trials for _ in range(3)]
    assert epochs == expected
    assert Tuning.read(tuning.folder).trials == tuning.trials
    with (tuning.folder / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["score"]) for row in rows] == pytest.approx(
        [trial.score for trial in tuning.trials], abs=1e-5
    )


@pytest.mark.parametrize("tuner", TUNERS)
def test_an_interrupted_search_has_the_trials_of_a_whole_one(tuner, pupil, feature_table, tmp_path):
    table = str(feature_table(tracks=12))
    whole = zoo.tune(pupil, table, trials=6, tuner=tuner, root=tmp_path / "whole")
    Path("log").unlink()
    for stop in ("5", "12"):
        Path("stop").write_text(stop)
        with pytest.raises(KeyboardInterrupt):
            zoo.tune(pupil, table, trials=6, tuner=tuner)
    Path("stop").unlink()
    assert listed(zoo.tune(pupil, table, trials=6, tuner=tuner)) == listed(whole)
    # Seven trials of three folds; the two folds that were interrupted began twice.
    assert len(Path("log").read_text().splitlines()) == 7 * 3 + 2
    again = zoo.tune(pupil, table, trials=6, tuner=tuner)
    assert listed(again) == listed(whole)
    assert len(Path("log").read_text().splitlines()) == 7 * 3 + 2


def test_a_search_that_is_not_done_says_so(pupil, feature_table):
    notes = Notes()
    table = str(feature_table(tracks=12))
    Path("stop").write_text("8")
    with pytest.raises(KeyboardInterrupt):
        zoo.tune(pupil, table, trials=4, protocol="kfold:3")
    Path("stop").unlink()
    (path,) = Path("models").rglob("tuning.json")
    tuning = Tuning.read(path.parent)
    assert tuning.state == "interrupted, trial 2 of 4"
    tuning.record.process = this_process()
    assert tuning.state == "running, trial 2 of 4"
    tuning.record.process = "01234567-1-0"
    assert tuning.state == "unfinished on another machine, trial 2 of 4"
    zoo.train(pupil, table, protocol="kfold:3", tuned=True, reporter=notes)
    assert f"the search {tuning.id} is interrupted, trial 2 of 4; the best of its" in notes.texts[0]
    done = zoo.tune(pupil, table, trials=4, protocol="kfold:3")
    assert done.state is None
    stored = path.read_bytes()
    assert b"process" not in stored
    before = path.stat().st_mtime_ns
    zoo.tune(pupil, table, trials=4, protocol="kfold:3")
    assert path.stat().st_mtime_ns == before  # which tells the newest of several


def test_hyperband_shares_out_the_tracks_of_a_model_without_epochs(feature_table):
    tuning = zoo.tune("logistic", str(feature_table(tracks=30)), trials=12, tuner="hyperband")
    assert {round(trial.share, 2) for trial in tuning.trials} >= {0.11, 0.33, 1.0}
    assert all(trial.error is None for trial in tuning.trials)
    assert tuning.best.share == 1


def test_the_command_offers_every_tuner():
    assert get_args(Tuner) == TUNERS


def test_more_trials_continue_a_search(pupil, feature_table):
    table = str(feature_table(tracks=12))
    few = zoo.tune(pupil, table, trials=2)
    more = zoo.tune(pupil, table, trials=5)
    assert few.folder == more.folder
    assert listed(more)[:3] == listed(few)
    assert len(more.trials) == 6


def test_failed_trials_are_marked_and_the_search_goes_on(pupil, feature_table):
    Path("picky").touch()
    tuning = zoo.tune(pupil, str(feature_table(tracks=12)), trials=10)
    failed = [trial for trial in tuning.trials if trial.error]
    assert 0 < len(failed) < 10
    assert {trial.params["mood"] for trial in failed} == {"wild"}
    (error,) = {trial.error for trial in failed}
    assert error.startswith("ValueError: not in this mood (line ")
    assert tuning.best.params["mood"] == "calm"
    assert len(tuning.trials) == 11


def test_what_explains_the_scores_is_important(pupil, feature_table):
    tuning = zoo.tune(pupil, str(feature_table(tracks=20, spread=0.3)), trials=30)
    shares = importance(tuning)
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=lambda name: shares[name]) == "skill"
    del tuning.trials[5:]
    assert importance(tuning) == {}


class TestHonesty:
    def test_a_search_names_the_tracks_of_the_training_part_alone(self, pupil, feature_table):
        table = str(feature_table(tracks=12, groups=6))
        dataset = open_dataset(table)
        tuning = zoo.tune(pupil, table, trials=1, protocol="holdout:0.3")
        fold = parse_protocol("holdout:0.3").folds(dataset, 0, True)[0]
        digests = [track.digest[:16] for track in dataset.tracks]
        assert tuning.record.seen == sorted(
            (digests[index] for index in fold.train), key=digests.index
        )
        assert not set(tuning.record.seen) & {digests[index] for index in fold.test}

    @pytest.mark.parametrize(("protocol", "flatters"), [("holdout:0.3", False), ("kfold:3", True)])
    def test_the_board_marks_what_was_tuned_on_its_test_tracks(
        self, pupil, feature_table, capsys, protocol, flatters
    ):
        table = str(feature_table(tracks=12))
        tuning = zoo.tune(pupil, table, trials=4, protocol=protocol)
        run = zoo.train(pupil, table, protocol=protocol, tuned=True)
        plain = zoo.train(pupil, table, protocol=protocol)
        assert run.id != plain.id
        assert run.record.params == plain.record.params | tuning.best.params
        (board,) = zoo.leaderboard()
        rows = {row.run: row for row in board.rows}
        assert (rows[run.id].tuned, rows[plain.id].tuned) == (True, False)
        assert rows[plain.id].tuned_on_test == 0
        assert rows[run.id].tuned_on_test == (24 if flatters else 0)
        print_board(board)
        for text in (capsys.readouterr().out, board_markdown(board)):
            assert (re.search(rf"pupil[^|\n]*{MARK}", text) is not None) == flatters
            assert ("tuned on 24 of the 36 tracks" in text) == flatters
        assert verify_run(run) == []
        assert verify_run(run, rerun=True, file=run.record.model.file) == []

    def test_nested_tuning_sees_no_test_track(self, pupil, feature_table):
        table = str(feature_table(tracks=12))
        run = zoo.train(pupil, table, protocol="kfold:3", nested=3)
        assert run.complete, run.record.error
        assert all(set(entry.params) == {"skill", "mood", "level", "rate"}
                   for entry in run.record.folds)  # fmt: skip
        (board,) = zoo.leaderboard()
        assert (board.rows[0].tuned, board.rows[0].tuned_on_test) == (True, 0)
        assert not run.fold_path(0).parent.exists()
        assert verify_run(run, rerun=True, file=run.record.model.file) == []


def test_a_search_is_not_continued_with_other_training_copies(make_tones, tmp_path, monkeypatch):
    tones = str(make_tones(tmp_path / "tones", tracks=10, seconds=0.2))
    first = zoo.tune("decision-tree", tones, trials=1, jobs=1)
    assert first.record.copies == VERSION
    monkeypatch.setattr("zoo.tuning.search.VERSION", VERSION + 1)
    other = zoo.tune("decision-tree", tones, trials=1, jobs=1)
    assert other.folder != first.folder
    assert (other.record.copies, len(other.trials)) == (VERSION + 1, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"tuner": "magic"}, "tuner is 'magic'; give "),
        ({"protocol": "kfold:99"}, "99"),
    ],
    ids=str,
)
def test_what_cannot_be_searched_is_refused(arguments, words, feature_table):
    with pytest.raises(UsageError, match=words):
        zoo.tune("svm", str(feature_table()), trials=1, **arguments)


def test_too_few_tracks_to_train_on(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{n * 5 % 13},{'ab'[n // 3 > 0]}" for n in range(12)]
    path.write_text("\n".join(["f,label", *rows]))
    with pytest.raises(UsageError, match=r"class 'a' .* has 2 tracks to train on") as caught:
        zoo.tune("svm", str(path), trials=1, protocol="kfold:3")
    assert "--protocol" not in str(caught.value)


def test_tuned_without_a_search_and_both_ways_at_once(feature_table):
    table = str(feature_table())
    with pytest.raises(UsageError, match="zoo tune svm"):
        zoo.train("svm", table, tuned=True)
    with pytest.raises(UsageError, match="--nested"):
        zoo.train("svm", table, tuned=True, nested=3)


@pytest.mark.parametrize(
    "name", [state.name for state in Registry().models() if state.distribution == "genre-zoo"]
)
def test_every_built_in_model_has_a_space_that_its_card_accepts(name):
    card = Registry().load(name).card
    assert card.space
    for key, item in card.space.items():
        edges = item.values if hasattr(item, "values") else (item.low, item.high)
        for value in edges:
            assert card.resolve({key: value})[key] == value
        if isinstance(item, LogFloat) and isinstance(card.params[key], float):
            assert item.low <= card.params[key] <= item.high
