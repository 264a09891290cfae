"""Python as a scientist expects it: what goes in, what comes out, and how it looks."""

import os
import shutil
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

import zoo
from zoo.api.figures import Confusion
from zoo.cli.leaderboard import print_board
from zoo.evaluate.metrics import METRICS, confusion
from zoo_registry.errors import DatasetError, RunError, UsageError, ZooError
from zoo_registry.runs import RECORD, Run


@pytest.fixture
def song(mistaken) -> str:
    return str(mistaken / "low" / "low01.wav")


@pytest.fixture
def run(mistaken) -> zoo.TrainedRun:
    (found,) = [each for each in zoo.runs() if each.record.model.name == "svm" and grouped(each)]
    return found


def grouped(run: zoo.Run) -> bool:
    return run.record.protocol.grouped


class TestRecordings:
    def test_one_is_one_and_several_are_several(self, run, song, mistaken):
        for one in (song, Path(song)):
            assert zoo.predict("svm", one).label == "low"
            assert zoo.predict(run, one) == zoo.predict(run.folder, one) == run.predict(one)
        folder = mistaken / "low"
        for many in ([song], (song,), iter([song]), str(folder), f"{folder}/*1.wav"):
            answers = zoo.predict(run, many)
            assert [answer.label for answer in answers] == ["low"] * len(answers)
        assert len(zoo.predict(["svm", "logistic"], song)) == 2

    def test_answers_are_read_again_by_index_and_while_they_come(self, run, mistaken):
        answers = zoo.predict(run, mistaken)
        assert f"0 of {len(answers)}" in repr(answers)
        first = next(iter(answers))
        assert f"1 of {len(answers)}" in repr(answers)
        assert (answers[0], answers[-1]) == (first, list(answers)[-1])
        assert answers[1:3] == list(answers)[1:3]
        assert list(answers.to_frame().label) == [answer.label for answer in answers]
        streamed = zoo.predict(run, mistaken)
        assert list(streamed.stream()) == list(answers)
        assert f"0 of {len(answers)}" in repr(streamed)
        closed = zoo.predict(run, mistaken)
        closed.close()
        for ended in (streamed, closed):
            for read in (list, lambda found: found[1], lambda found: found.to_frame()):
                with pytest.raises(UsageError, match="again for the others"):
                    read(ended)
        answers.close()  # all are there
        assert list(answers.stream()) == list(answers)
        with pytest.raises(IndexError):
            answers[len(answers)]

    def test_an_array_is_answered_as_its_file(self, run, song):
        expected = run.predict(song)
        mono, rate = soundfile.read(song)
        stereo = np.stack([mono, mono])
        whole, _ = soundfile.read(song, dtype="int16")
        for array in (mono, mono.astype("f4"), stereo, stereo.T, whole, whole.astype("i4") << 16):
            found = zoo.predict(run, array, rate=rate)
            assert found.path == "array"
            assert found.probabilities == pytest.approx(expected.probabilities, abs=1e-4)
        names = [each.path for each in zoo.predict(run, [mono, song, (whole, rate)], rate=rate)]
        assert names == ["array 1", song, "array 3"]
        assert run.predict((mono, rate), timeline=True).timeline == (
            run.predict(song, timeline=True).timeline
        )
        assert run.predict(np.array([song])).to_frame().path[0] == song
        assert "NaN" in zoo.predict(run, mono * np.nan, rate=rate).error

    @pytest.mark.parametrize(
        ("array", "rate", "words"),
        [
            (np.zeros(9_000), None, "rate=22050"),
            (np.zeros(9_000), 0.5, "no sample rate"),
            (np.zeros(9_000), "fast", "rate is 'fast'"),
            (np.zeros((4, 4)), 22_050, "does not tell channels"),
            (np.zeros((400, 400)), 22_050, "does not tell channels"),
            (np.zeros((2, 2, 400)), 22_050, "does not tell channels"),
            (np.float32(1), 22_050, "no recording"),
            (list(np.zeros(9, "f4")), 22_050, "float32 is no recording"),
            ((22_050, np.zeros(9_000)), None, "the array comes first, and then its rate"),
            (np.zeros(0), 22_050, "empty"),
            (np.zeros(9_000, bool), 22_050, "bool"),
            ([0.0, 0.1], 22_050, "no recording"),
            ([], None, "an empty list is no recording"),
            (7, None, "7 is no recording"),
            ({"a": 1}, None, "no recording"),
        ],
    )
    def test_what_is_no_recording_is_refused_in_a_sentence(self, run, array, rate, words):
        for ask in (run.predict, zoo.embed):
            with pytest.raises(UsageError, match=words) as caught:
                ask(array, rate=rate)
            assert "\n" not in str(caught.value)

    def test_a_rate_of_files_and_no_recording_are_refused(self, run, song):
        with pytest.raises(UsageError, match="files have their own"):
            zoo.predict(run, song, rate=22_050)
        for given in ((), (run,)):
            with pytest.raises(UsageError, match="name a recording"):
                zoo.predict(*given)
        for turned in ((np.zeros(9_000), "svm"), (song, run)):
            with pytest.raises(UsageError, match="the model comes first"):
                zoo.predict(*turned)

    def test_arrays_and_files_have_the_same_embedding(self, song, mistaken):
        samples, rate = soundfile.read(song)
        found = zoo.embed([song, (samples, rate)], frontend="handcrafted", jobs=1)
        assert found.files == [song, "array 2"]
        assert found.rows[0] == pytest.approx(found.rows[1])
        assert found.to_frame().shape == found.rows.shape
        assert "handcrafted" in repr(found)


class TestRun:
    def test_its_figures_are_those_of_the_board(self, run):
        (row,) = [r for board in zoo.leaderboard() for r in board.rows if r.run == run.id]
        assert list(run.metrics) == [metric.key for metric in METRICS.values()]
        assert run.accuracy == row.accuracy
        assert (run.accuracy.low, run.accuracy.high) == (row.ci_low, row.ci_high)
        for key, value in run.metrics.items():
            expected = getattr(row, key)
            assert np.isnan(value) if expected is None else value == pytest.approx(expected)
        assert f"{run.accuracy:.2f}" == f"{row.accuracy:.2f}"
        assert run.metrics.to_frame().loc["accuracy", "low"] == row.ci_low

    def test_confusion_and_predictions(self, run):
        assert np.array_equal(run.confusion, confusion(run.predictions))
        assert run.confusion.labels == run.predictions.classes
        assert int(run.confusion.to_frame().loc["low", "high"]) == run.confusion.counts[1, 0]
        frame = run.predictions.to_frame()
        assert list(frame.track) == list(run.predictions.tracks)
        assert (frame["probability:low"] == run.predictions.probabilities[:, 1]).all()
        assert len(run.predictions()) == len(frame)  # as of the run that extensions receive

    def test_report(self, run, workspace):
        (other,) = [
            each
            for each in zoo.runs()
            if each.record.model.name == "svm" and grouped(each) != grouped(run)
        ]
        page = other.report(workspace / "pages")
        assert other.id in page.read_text(encoding="utf-8")
        assert page.name == "tones-kfold-3-ungrouped.html"
        with pytest.raises(UsageError, match="gtzan is not among the runs of this workspace"):
            zoo.load("gtzan").report()

    def test_what_is_unfinished_or_damaged_says_so(self, run):
        (run.folder / "predictions.csv").write_text("", encoding="utf-8")
        again = zoo.load(run.folder)
        assert "damaged" in repr(again)
        assert "predictions.csv" in again._repr_html_()
        with pytest.raises(RunError):
            _ = again.accuracy
        run.record.status = "failed"
        assert repr(zoo.TrainedRun(run)).endswith("failed>")
        with pytest.raises(RunError, match="there are no scores yet"):
            _ = zoo.TrainedRun(run).confusion
        (run.folder / RECORD).write_text("{", encoding="utf-8")
        assert run.id not in [each.id for each in zoo.runs()]


class TestTrain:
    def test_lists_give_lists(self, feature_table):
        table, split = feature_table(), {"protocol": "holdout:0.3", "jobs": 1}
        runs = zoo.train(["decision-tree", "logistic"], table, seed=[0, 1], **split)
        found = [(run.record.model.name, run.record.seed) for run in runs]
        assert found == [(m, s) for m in ("decision-tree", "logistic") for s in (0, 1)]
        one = zoo.train("logistic", table, **split)
        assert one.id in {run.id for run in runs}
        assert list(runs.to_frame().index) == [run.id for run in runs]
        assert zoo.train("logistic", zoo.open_dataset(table), sizes=3, **split).id == one.id
        assert zoo.size_curve(one.id).to_frame().index.tolist() == ["3", "all"]
        assert zoo.leaderboard(table).to_frame().shape[0] == 2
        both = zoo.compare(runs[0], one)
        assert both.verdict in repr(both)
        assert "accuracy" in both.to_frame().index
        assert "<table>" in both._repr_html_()
        assert zoo.ensemble([runs[0], one.folder]).complete
        trials = zoo.tune("decision-tree", table, trials=1, jobs=1)
        assert trials.to_frame().trial.tolist() == [0, 1]
        assert trials.id in repr(trials)

    @pytest.mark.parametrize("function", ["train", "tune"])
    @pytest.mark.parametrize("wrong", [object(), 7, None, [], {}, b"svm", ["svm", 3]])
    def test_what_is_no_model_is_refused_in_a_sentence(self, function, wrong):
        with pytest.raises(UsageError, match='the name of a model, such as "svm"'):
            getattr(zoo, function)(wrong)

    def test_other_wrong_values(self, feature_table):
        table = feature_table()
        for call, words in (
            (lambda: zoo.train("svm", 3), "data is 3; give the name of a dataset"),
            (lambda: zoo.train("svm", table, seed="x"), "'x'|a whole number"),
            (lambda: zoo.train("svm", table, seed=True), "True was given; give a whole number"),
            (lambda: zoo.train(["svm", "svn"], table), "svn"),
            (lambda: zoo.train(["svm", "knn"], table, name="mine"), "the name of one run"),
            (lambda: zoo.ensemble("svm"), "a list of at least two runs"),
            (lambda: zoo.load(3), "the name or folder of a run"),
            (lambda: zoo.compare("gtzan", None), "None"),
            (lambda: zoo.leaderboard(3), "data is 3"),
            (lambda: zoo.leaderboard(by=None), "by is None; give the name of a metric"),
            (lambda: zoo.leaderboard(seeds="both"), 'seeds is .both.; give "together" or "apart"'),
            (lambda: zoo.write_report(folder=3), "folder is 3; give the path of a folder"),
        ):
            with pytest.raises(UsageError, match=words):
                call()
        with pytest.raises(DatasetError):
            zoo.open_dataset("no-such-folder")
        assert zoo.runs() == []


class TestShown:
    def test_a_board_is_the_table_of_the_terminal(self, run, capsys):
        for board in zoo.leaderboard():
            print_board(board)
            assert (
                repr(board)
                == "\n".join(
                    line.rstrip() for line in capsys.readouterr().out.splitlines()
                ).rstrip()
            )
            assert "<table>" in board._repr_html_()
            assert list(board.to_frame().run) == [row.run for row in board.rows]

    @pytest.mark.parametrize("name", ["leaderboard", "runs", "models", "front_ends"])
    def test_lists_are_readable_also_without_an_item(self, name, workspace):
        found = getattr(zoo, name)()
        for each in (found, found[:1], type(found)()):
            assert type(each) is type(found)
            assert isinstance(repr(each), str)
            assert isinstance(each._repr_html_(), str)
            assert len(each.to_frame()) == len(each)

    def test_html_escapes_names_and_draws_the_confusion(self, run):
        assert "background:rgba" in run._repr_html_()
        run.record.dataset.name = "<b>"
        assert "<b>," not in run._repr_html_()
        assert "<b>," not in zoo.runs()._repr_html_()

    def test_without_pandas_one_sentence_names_it(self, run, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        for thing in (run.predictions, zoo.leaderboard(), zoo.runs(), run.metrics, zoo.models()):
            with pytest.raises(ZooError, match="pip install pandas"):
                thing.to_frame()

    def test_a_script_without_a_terminal_is_silent(self, feature_table, run_python):
        table = feature_table()
        code = (
            "import sys, zoo\n"
            "assert 'pandas' not in sys.modules and 'numpy' not in sys.modules\n"
            f"print(zoo.train('decision-tree', {str(table)!r}, jobs=1).complete)"
        )
        done = run_python(code)
        assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)

    def test_help_begins_with_what_there_is_to_call(self):
        for name in ("train", "predict", "runs", "leaderboard", "open_dataset"):
            assert f"`{name}`" in zoo.__doc__
            assert getattr(zoo, name).__doc__

    def test_the_version_is_that_of_the_package(self):
        from importlib.metadata import version

        assert zoo.__version__ == version("genre-zoo")


@pytest.mark.parametrize(
    "wrong",
    [
        {"nested": -1}, {"nested": True}, {"jobs": 0}, {"jobs": 1.5}, {"robustness": -1},
        {"seed": -1}, {"seed": 10**12}, {"seed": 1.5}, {"sizes": -3}, {"sizes": 2.5}, {"name": 3},
        {"note": 3}, {"protocol": 3}, {"params": [("C", 1)]}, {"from_run": 3}, {"tuned": "no"},
        {"tuned": True, "nested": 2}, {"params": {3: 1}},
    ],
    ids=str,
)  # fmt: skip
def test_a_training_refuses_a_wrong_value_before_any_work(wrong, tone_folder, workspace):
    with pytest.raises(UsageError):
        zoo.train("knn", tone_folder(), **{"protocol": "kfold:2"} | wrong)
    assert not (workspace / "models").exists()


def test_other_functions_refuse_wrong_values(run, song):
    for wrong in ({"trials": 0}, {"trials": "3"}, {"seed": -1}, {"jobs": -2}):
        with pytest.raises(UsageError):
            zoo.tune("knn", "demo", **wrong)
    for wrong in ({"rate": -1}, {"rate": float("nan")}, {"jobs": 0}, {"timeline": 3}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            zoo.predict(run, song, **wrong)
    for call in (lambda: zoo.load(3), lambda: zoo.embed(song, 3)):
        with pytest.raises(UsageError, match=r"^3 was given; give the name"):
            call()
    with pytest.raises(UsageError, match="name a recording, too"):
        zoo.predict("svm", None)


def test_a_data_frame_is_refused_with_what_to_do(run):
    frame = pytest.importorskip("pandas").DataFrame({"path": [1.0]})
    with pytest.raises(UsageError, match="column of paths"):
        zoo.predict(run, frame)
    with pytest.raises(UsageError, match="to_csv"):
        zoo.open_dataset(frame)


def test_a_run_is_the_same_from_everywhere(run, song, tmp_path, monkeypatch):
    relative = zoo.TrainedRun(Run.read(Path(os.path.relpath(run.folder))))
    again = zoo.load(run.id)
    assert len({run, again, relative}) == 1
    assert run != zoo.load("gtzan")
    assert hash(run.predict(song)) == hash(again.predict(song))
    monkeypatch.chdir(tmp_path)
    assert relative.accuracy == run.accuracy


def test_a_run_that_was_removed_says_so(feature_table):
    run = zoo.train("knn", feature_table(), protocol="kfold:2")
    shutil.rmtree(run.folder)
    with pytest.raises(RunError, match=f"{run.id} was removed from"):
        run.predictions  # noqa: B018
    assert repr(run).endswith("removed>")


def test_a_tilde_is_the_home(mistaken, song, monkeypatch):
    monkeypatch.setenv("HOME", str(mistaken))
    assert zoo.predict("svm", "~/low/low01.wav").path == song
    assert len(zoo.open_dataset("~").tracks) == len(zoo.open_dataset(mistaken).tracks)


class TestWords:
    def test_an_unknown_metric_names_the_closest(self, run):
        for name in ("f1", "F1", "macro-f1"):
            with pytest.raises(KeyError, match="did you mean 'macro_f1'"):
                run.metrics[name]

    def test_an_error_has_a_note_in_the_words_of_python(self, run, song):
        with pytest.raises(UsageError, match="--min-confidence") as caught:
            run.predict(song, min_confidence=3)
        assert caught.value.__notes__ == ["In Python, --min-confidence is min_confidence=..."]

    def test_the_board_of_a_run_is_its_own(self, run):
        assert len(zoo.leaderboard()) > 1
        board = run.board()
        assert board.grouped
        assert run.id in [row.run for row in board.rows]
        with pytest.raises(UsageError, match="on no board"):
            zoo.load("gtzan").board()

    def test_runs_of_one_model_show_what_differs(self, run, tmp_path):
        other = zoo.TrainedRun(zoo.Run(tmp_path, msgspec.structs.replace(run.record, seed=7)))
        runs = type(zoo.runs())([run, other])
        assert "seed=0" in repr(runs)
        assert "seed=0" in runs._repr_html_()
        assert "C=" not in repr(runs)

    def test_the_confusion_has_whole_names_unless_the_terminal_is_narrow(self):
        names = ["a" * 12, "b" * 12]
        assert names[0] in repr(Confusion(names, names, np.eye(2, dtype=int))).splitlines()[2]

    def test_a_dataset_without_a_class(self, tone_folder):
        folder = tone_folder(classes=("high", "low", "mid"), tracks=2)
        assert zoo.open_dataset(folder, without=["mid"]).classes == ("high", "low")
        whole = zoo.open_dataset(folder)
        assert zoo.open_dataset(whole) is whole
        assert repr(whole) == f"<dataset {folder}: 6 tracks, 3 classes>"
        assert len(zoo.open_dataset(whole, only=["mid", "low"], limit=1)) == 2

    def test_one_prediction_is_a_row(self, run, song):
        frame = run.predict(song).to_frame()
        assert frame.label.tolist() == ["low"]
        assert frame.columns.tolist() == run.predict([song]).to_frame().columns.tolist()
