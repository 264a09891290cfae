"""Ensembles as runs: one file that answers as the members do, checked and repeated like any run."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

import zoo
from tests.notes import Notes
from zoo.artefacts.artefact import Artefact
from zoo.artefacts.bundle import hand_over
from zoo.training.verify import verify_run
from zoo.workspace import find_run, prefer
from zoo_registry.errors import RunError, UsageError
from zoo_registry.predictions import Predictions
from zoo_registry.published import find_published
from zoo_registry.runs import Run

CLASSES = ("a", "b", "c")


@pytest.fixture
def pair(hearing) -> list[Run]:
    """Return runs on windows of a second, and on shorter ones that overlap."""
    return [hearing("seconds"), hearing("frames")]


def sounds(rate: int):
    """Yield sounds with one window and with many, and with no whole number of them."""
    rng = np.random.default_rng(1)
    for seconds in (0.6, 1.0, 2.4, 7.3, 29.0):
        time = np.arange(round(seconds * rate)) / rate
        tone = np.sin(2 * np.pi * 150 * time * (1 + time % 2))
        yield (0.3 * tone + 0.05 * rng.standard_normal(time.size)).astype(np.float32)


class TestFile:
    def test_its_mean_is_the_weighted_mean_of_the_members(self, pair):
        run = zoo.ensemble(pair, "fit")
        whole = Artefact(run.artefact_path)
        members = [Artefact(find_run(one.run).artefact_path) for one in run.record.members]
        weights = [one.weight for one in run.record.members]
        for sound in sounds(whole.rate):
            expected = sum(
                weight * member.run(sound).probabilities.mean(axis=0)
                for weight, member in zip(weights, members, strict=True)
            )
            found = whole.run(sound)
            np.testing.assert_allclose(found.probabilities.mean(axis=0), expected, atol=1e-5)
            assert len(found.times) == len(found.probabilities)

    def test_windows_that_coincide_are_combined_one_by_one(self, hearing):
        run = zoo.ensemble([hearing("seconds"), hearing("torn")])
        whole = Artefact(run.artefact_path)
        members = [Artefact(find_run(one.run).artefact_path) for one in run.record.members]
        *_, sound = sounds(whole.rate)
        expected = np.mean([member.run(sound).probabilities for member in members], axis=0)
        np.testing.assert_allclose(whole.run(sound).probabilities, expected, atol=1e-5)

    def test_a_long_recording_is_read_in_parts(self, pair):
        whole = Artefact(zoo.ensemble(pair).artefact_path)
        rng = np.random.default_rng(2)
        level = np.repeat(rng.uniform(0.01, 0.5, 100), whole.rate)
        time = np.arange(level.size) / whole.rate
        sound = (level * np.sin(2 * np.pi * 200 * time)).astype(np.float32)
        at_once = whole.run(sound)
        parts = [*whole.stream(iter(np.array_split(sound, 40)))]
        assert len(parts) > 2
        np.testing.assert_allclose(np.concatenate([p.times for p in parts]), at_once.times)
        # Windows of the other member are cut again in each part.
        means = [np.concatenate([p.probabilities for p in parts]), at_once.probabilities]
        np.testing.assert_allclose(*(mean.mean(axis=0) for mean in means), atol=0.01)

    def test_a_front_end_is_there_once(self, tone_folder):
        data = str(tone_folder())
        members = [zoo.train(m, data, protocol="kfold:2", jobs=1) for m in ("svm", "logistic")]
        run = zoo.ensemble(members)
        sizes = [member.record.artefact.bytes for member in members]
        assert run.record.artefact.bytes < sum(sizes) - 250_000  # of the window and the filters

    def test_runs_of_other_rates_are_merged(self, tmp_path):
        members = [find_published("gtzan"), find_published("gtzan-light")]
        run = zoo.ensemble(members)
        assert run.record.artefact.parity < 1e-4
        assert [one.run for one in run.record.members] == ["gtzan", "gtzan-light"]
        low, high = (Artefact(each.artefact_path, own=True) for each in members)
        rng = np.random.default_rng(0)
        song = (0.1 * np.cumsum(rng.standard_normal(10 * 48_000)) / 50).astype(np.float32)
        soundfile.write(tmp_path / "song.wav", song / np.abs(song).max(), 48_000)
        assert (low.rate, high.rate) == (16_000, 22_050)
        mean, *alone = (
            zoo.predict(each, tmp_path / "song.wav").probabilities for each in (run, *members)
        )
        for name, probability in mean.items():
            expected = sum(each[name] for each in alone) / 2
            assert probability == pytest.approx(expected, abs=5e-3)

    def test_the_mean_probability_decides(self, hearing, torn_song, tmp_path):
        """The vote of its windows would be another one: that was not measured."""
        run = zoo.ensemble([hearing("torn"), hearing("seconds")], "mean")
        (found,) = zoo.predict(run, [torn_song])
        assert found.label == found.label_mean
        hand_over(run, tmp_path / "out")
        script = [sys.executable, str(tmp_path / "out" / "predict.py"), str(torn_song)]
        done = subprocess.run(script, capture_output=True, text=True, check=True)
        assert done.stdout.split()[0] == found.label
        assert json.loads(Artefact(run.artefact_path)._session.metadata)["decision"] == "mean"

    def test_a_file_from_elsewhere_is_not_merged(self, pair, command, capsys):
        from zoo_registry.own_files import _own

        _own(pair[1].record.artefact.sha256).unlink()
        run = zoo.ensemble(pair)
        assert run.status == "no artefact"
        assert f"zoo runs verify {pair[1].id} --rerun" in run.lack
        assert command("runs", "show", run.id) == 0
        assert capsys.readouterr().out.count(run.record.error) == 1
        assert not run.artefact_path.exists()


def checked(run: Run, **more):
    """Return the findings on a run whose tones the user names."""
    return verify_run(run, data=run.record.dataset.source, **more)


class TestRun:
    def test_the_same_command_finds_it(self, pair):
        first = zoo.ensemble(pair)
        stamps = {path: path.stat().st_mtime_ns for path in first.folder.iterdir()}
        notes = Notes()
        again = zoo.ensemble(reversed([each.id for each in pair]), reporter=notes)
        assert again.id == first.id
        assert {path: path.stat().st_mtime_ns for path in again.folder.iterdir()} == stamps
        assert any("is there already" in note for note in notes.texts)
        assert zoo.ensemble(pair, "fit").id != first.id

    def test_it_is_a_row_like_any(self, pair, command, capsys):
        assert command("ensemble", *(each.id for each in pair)) == 0
        capsys.readouterr()
        (board,) = zoo.leaderboard()
        (row,) = (row for row in board.rows if row.model == "ensemble")
        assert row.rank
        assert row.ci_low < row.accuracy <= row.ci_high
        assert row.params == {"members": "frames+seconds", "weights": "mean"}
        assert command("runs", "show", row.run) == 0
        assert f"{pair[0].id} 0.500" in capsys.readouterr().out
        assert checked(find_run(row.run), rerun=True) == []

    def test_what_is_missing_or_damaged_is_made_again(self, pair):
        run = zoo.ensemble(pair)
        content = run.artefact_path.read_bytes()
        run.artefact_path.unlink()
        run.card_path.write_text("")
        assert run.record.command == f"zoo ensemble {pair[1].id} {pair[0].id} --weights mean"
        again = zoo.ensemble(pair)
        assert again.artefact_path.read_bytes() == content
        assert again.damaged() == []

    def test_changed_answers_are_a_finding(self, pair):
        run = zoo.ensemble(pair)
        text = run.predictions_path.read_text()
        changed = re.sub(r"0\.\d+,(0\.\d+)\n", r"\1,\1\n", text, count=1)
        assert changed != text
        run.predictions_path.write_text(changed, newline="")
        assert {one.what for one in checked(run)} >= {"predictions"}

    def test_a_member_that_is_gone_is_a_finding_and_removing_it_says_so(
        self, pair, command, capsys, torn_song
    ):
        run = zoo.ensemble(pair)
        assert command("runs", "remove", pair[0].id, "--yes") == 0
        assert run.id in capsys.readouterr().err
        (found,) = checked(run)
        assert found.what == "members"
        assert pair[0].record.command in found.detail
        (answer,) = zoo.predict(run, [torn_song])
        assert answer.run == run.id

    def test_a_damaged_file_of_a_member_is_a_finding(self, pair, command, capsys):
        run = zoo.ensemble(pair)
        pair[0].artefact_path.write_bytes(b"lost")
        (found,) = checked(run)
        assert found.what == "members"
        assert pair[0].damage(["model.onnx"]) in found.detail

    def test_a_member_with_other_answers_makes_another_ensemble(self, pair):
        run = zoo.ensemble(pair)
        member = pair[0]
        own = member.predictions()
        turned = Predictions(**(vars(own) | {"probabilities": own.probabilities[:, ::-1]}))
        member.predictions_path.write_text(turned.to_csv(), newline="")
        member.record.predictions = member.sha256(member.predictions_path)
        member.write()
        (found,) = checked(run)
        assert (found.what, member.id in found.detail) == ("members", True)
        assert zoo.ensemble(pair).id != run.id

    def test_a_member_with_another_file_is_merged_anew(self, pair):
        run = zoo.ensemble(pair)
        member = find_run(run.record.members[0].run)
        member.record.artefact.sha256 = "0" * 64
        run.record.members[0].artefact = "1" * 64
        run.write()
        assert [one.what for one in checked(run)] == ["members"]
        notes = Notes()
        assert zoo.ensemble(pair, reporter=notes).id == run.id
        assert any("again" in note for note in notes.texts)
        assert checked(find_run(run.id)) == []


class TestRefused:
    @pytest.fixture
    def made(self, write_run):
        """Return a function that writes a run with random answers, of one board by default."""

        def make(name: str, seed: int = 0, **changes) -> Run:
            rng = np.random.default_rng([seed, *name.encode()])
            means = rng.dirichlet([1, 1, 1], 60)
            labels = np.arange(60) // 5 % 3
            folds = [{"fold": number} for number in range(2)]
            return write_run(
                name, labels, means.argmax(axis=1), probabilities=means, folds=folds, **changes
            )

        return make

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"split": "1" * 64}, "split otherwise"),
            ({"protocol": {"spec": "kfold:3", "grouped": True}}, "protocols"),
            ({"protocol": {"spec": "kfold:2", "grouped": False}}, "--ungrouped"),
            ({"status": "running", "error": "it was killed"}, "again"),
        ],
        ids=["split", "protocol", "grouping", "unfinished"],
    )
    def test_runs_of_other_boards(self, made, changes, words, command, capsys):
        members = [made("one-1"), made("two-2", **changes)]
        assert command("ensemble", *(str(each.folder) for each in members)) == 2
        assert words in capsys.readouterr().err

    def test_one_run_twice_or_alone_or_an_ensemble(self, made, command, capsys):
        members = [made("one-1"), made("two-2"), made("three-3")]
        for words in (["one"], ["one", "one-1"]):
            assert command("ensemble", *words) == 2
        run = zoo.ensemble(members[:2])
        with pytest.raises(UsageError, match="is an ensemble itself; name its members"):
            zoo.ensemble([run, members[2]])
        with pytest.raises(UsageError, match="take the front end of one member"):
            zoo.train("svm", "demo", from_run=run)
        shutil.copytree(members[0].folder, members[0].folder.with_name("one-copy"))
        with pytest.raises(UsageError, match="the same answers"):
            zoo.ensemble([members[0], Run.read(members[0].folder.with_name("one-copy"))])

    def test_other_weights(self, made):
        with pytest.raises(UsageError, match='"mean" or "fit"'):
            zoo.ensemble([made("one-1"), made("two-2")], "best")

    def test_damaged_answers(self, made):
        members = [made("one-1"), made("two-2")]
        members[1].predictions_path.write_text("lost")
        with pytest.raises(RunError, match="predictions"):
            zoo.ensemble(members)

    def test_a_damaged_file_leaves_nothing_behind(self, pair, command, capsys):
        pair[0].artefact_path.write_bytes(b"lost")
        assert command("ensemble", *(each.id for each in pair)) == 1
        said = capsys.readouterr().err.splitlines()
        assert said == [f"zoo: {pair[0].damage(['model.onnx'])}"]
        assert {row.model for board in zoo.leaderboard() for row in board.rows} == {
            each.record.model.name for each in pair
        }
        assert not [*pair[0].folder.parent.glob("ensemble-*")]


class TestEvents:
    def test_extensions_are_told_of_a_complete_run_once(self, pair, install_plugin):
        source = "from zoo_registry import hookimpl\n" + "".join(
            f"@hookimpl\ndef zoo_run_{event}(run):\n"
            "    known = run.record.extensions.get('ext', [])\n"
            "    assert run.artefact_path.exists() and not run.damaged()\n"
            f"    return {{'ext': [*known, '{event} ' + run.record.status]}}\n"
            for event in ("started", "finished")
        )
        install_plugin("ext", source, group="zoo.extensions")
        run = zoo.ensemble(pair)
        kept = {"ext": ["started complete", "finished complete"]}
        assert run.record.extensions == Run.read(run.folder).record.extensions == kept
        assert zoo.ensemble(pair).record.extensions == kept
        assert checked(run) == []


class TestWords:
    """Words that mean several runs mean those that fit one another."""

    @pytest.fixture
    def seeded(self, write_run):
        """Return a function that writes a run, whose answers and split are those of its seed."""

        def make(name: str, seed: int, second: int = 0, **changes) -> Run:
            rng = np.random.default_rng([seed, *name.encode()])
            means, labels = rng.dirichlet([1, 1, 1], 60), np.arange(60) // 5 % 3
            changes = {
                "split": f"{seed:064x}",
                "finished": f"2024-01-01T10:20:{second:02d}+00:00",
                "folds": [{"fold": 0}, {"fold": 1}],
            } | changes
            return write_run(
                name, labels, means.argmax(axis=1), probabilities=means, seed=seed, **changes
            )

        return make

    @staticmethod
    def members(*words: str) -> set[str]:
        return {one.run for one in zoo.ensemble(words).record.members}

    def test_whichever_ended_last(self, seeded):
        seeded("svm-0", 0, 1), seeded("svm-1", 1, 2)
        seeded("knn-1", 1, 3), seeded("knn-0", 0, 4)
        seeded("tree-2", 2, 7), seeded("tree-1", 1, 6)
        assert self.members("svm", "knn") == {"svm-0", "knn-0"}
        assert self.members("svm-1", "knn") == {"svm-1", "knn-1"}
        seeded("svm-2", 2, 9)
        assert self.members("svm", "tree") == {"svm-1", "tree-1"}
        seeded("svm-3", 3, 8, params={"C": 3})  # no other model has this seed
        seeded("svm-4", 0, 9, params={"C": 4})
        assert self.members("knn", "svm") == {"svm-4", "knn-0"}
        assert self.members("tree", "svm") == {"svm-1", "tree-1"}

    def test_a_preferred_run(self, seeded):
        seeded("svm-0", 0), seeded("svm-1", 1, 2), seeded("knn-1", 1, 3)
        prefer(seeded("knn-0", 0))
        assert self.members("svm", "knn") == {"svm-0", "knn-0"}

    def test_a_word_is_another_run_than_an_id(self, seeded):
        seeded("svm-0", 0, 1, params={"C": 1}), seeded("svm-1", 0, 2)
        assert self.members("svm", "svm-1") == {"svm-0", "svm-1"}

    def test_within_a_second_the_record_that_was_written_last_is_the_newest(self, seeded):
        for name, when in (("svm-0", 200), ("svm-1", 300), ("svm-2", 100)):
            run = seeded(name, 0, params={"C": when})
            os.utime(run.folder / "run.json", (when, when))
        assert find_run("svm").id == "svm-1"

    @pytest.mark.parametrize("words", [("svm-0", "knn-1"), ("knn-1", "svm-0")])
    def test_runs_that_do_not_fit_have_one_that_does(self, seeded, words, command, capsys):
        seeded("svm-0", 0), seeded("knn-1", 1), seeded("knn-0", 0)
        assert command("ensemble", *words) == 2
        assert "(seeds 1 and 0); give knn-0 in place of knn-1\n" in capsys.readouterr().err

    def test_without_such_a_run_a_command_makes_one(self, seeded, command, capsys):
        seeded("svm-0", 0), seeded("knn-1", 1)
        assert command("ensemble", "svm", "knn") == 2
        said = capsys.readouterr().err
        assert "cannot be combined: they were split otherwise" in said
        assert re.search("`zoo train svm .*--seed 1` trains one that fits knn-1", said)


def test_members_without_a_file_have_scores_only(write_run):
    labels = np.arange(60) // 5 % 3
    rng = np.random.default_rng(0)
    members = []
    for name in ("one-1", "two-2"):
        means = rng.dirichlet([1, 1, 1], 60)
        seen = {"tuning": f"{name}-search", "trials": 3, "seen": [f"{len(members):016x}"]}
        members.append(
            write_run(
                name, labels, means.argmax(axis=1), probabilities=means,
                folds=[{"fold": 0}, {"fold": 1}], tuned=seen,
            )
        )  # fmt: skip
    run = zoo.ensemble(members, "fit")
    assert run.state == "complete, scores only"
    assert "it has no ONNX form" in run.form
    (board,) = zoo.leaderboard()
    (row,) = (row for row in board.rows if row.run == run.id)
    assert row.tuned_on_test == 2  # both searches


def test_ensembles_of_the_same_models_have_rows_that_can_be_told_apart(write_run):
    labels, rng = np.arange(60) // 5 % 3, np.random.default_rng(0)
    runs = {}
    for name in ("one-1", "one-2", "two-1"):
        means = rng.dirichlet([1, 1, 1], 60)
        more = {"params": {"C": float(name[-1])}, "folds": [{"fold": 0}, {"fold": 1}]}
        runs[name] = write_run(name, labels, means.argmax(axis=1), probabilities=means, **more)
    made = [zoo.ensemble([runs[name], runs["two-1"]]).id for name in ("one-1", "one-2")]
    (board,) = zoo.leaderboard()
    assert {row.run for row in board.rows} == {*runs, *made}
    names = [board.name(row) for row in board.rows]
    assert len({*names}) == len(names)
    assert {name for name in names if name.startswith("ensemble")} == {
        "ensemble one-1",
        "ensemble one-2",
    }
