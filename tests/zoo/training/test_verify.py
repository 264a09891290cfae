"""A run is what it claims to be, or verification says what is not."""

import csv
import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest

import zoo
from zoo.artefacts.model_card import model_card
from zoo.cli.app import run as run_command
from zoo.training.verify import verify_run
from zoo.workspace import find_run
from zoo_registry.runs import Run


@pytest.fixture(scope="module")
def verified(tmp_path_factory, make_tones) -> Path:
    """Return a folder of tones and of a run on them that is not of the usual parameters."""
    place = tmp_path_factory.mktemp("verified")
    make_tones(place / "tones", tracks=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(place / "cache"))
        patch.setenv("ZOO_MODELS", "models")
        patch.chdir(place)
        zoo.train("logistic", "tones", params={"C": 0.02}, seed=3)
    return place


@pytest.fixture
def run(verified: Path, workspace: Path) -> Run:
    """Return the run in this workspace, where it may be changed."""
    shutil.copytree(verified, workspace, dirs_exist_ok=True)
    return find_run("logistic")


def kinds(run: Run, **options) -> set[str]:
    return {finding.what for finding in verify_run(Run.read(run.folder), **options)}


def edit_predictions(run: Run, change) -> None:
    with run.predictions_path.open(newline="") as file:
        rows = list(csv.reader(file))
    change(rows)
    with run.predictions_path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def edit_record(run: Run, **changes) -> None:
    path = run.folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def accept_predictions(run: Run) -> None:
    """Let the record have the hash of the predictions as they are now."""
    content = run.predictions_path.read_bytes()
    edit_record(run, predictions=hashlib.sha256(content).hexdigest())


def details(run: Run) -> list[str]:
    return [finding.detail for finding in verify_run(Run.read(run.folder))]


def test_an_honest_run_is_verified(run):
    assert kinds(run) == set()
    assert kinds(run, rerun=True) == set()


def test_a_card_says_what_test_tracks_share_with_training(workspace, make_tones):
    folder = make_tones(workspace / "tones", tracks=6)
    songs = sorted(path.relative_to(folder) for path in folder.rglob("*.wav"))
    rows = [f"{song},{song.parent.name} {n % 2}" for n, song in enumerate(songs)]
    (folder / "metadata.csv").write_text("\n".join(["path,group", *rows]))
    share = "12 of 12 tested tracks (100%) share an artist or another group"
    for grouped in (True, False):
        run = zoo.train("logistic", "tones", protocol="kfold:2", grouped=grouped, jobs=1)
        assert (share in run.card_path.read_text()) == (not grouped)
        assert kinds(run) == set()
    # Earlier versions did not say so.
    run.card_path.write_text(model_card(run, run.predictions(), edition=1))
    assert share not in run.card_path.read_text()
    assert kinds(run) == set()


def test_a_changed_label_is_found(run):
    def change(rows):
        rows[1][1] = "high" if rows[1][1] == "low" else "low"

    edit_predictions(run, change)
    assert {"predictions", "card"} <= kinds(run)
    assert "label is not the dataset's" in " ".join(details(run))


def test_swapped_rows_are_found(run):
    def change(rows):
        rows[1], rows[2] = rows[2], rows[1]

    edit_predictions(run, change)
    assert "order of the split" in " ".join(details(run))


def test_a_better_prediction_is_found_even_with_its_hash(run):
    def change(rows):
        rows[1][-1], rows[1][-2] = rows[1][-2], rows[1][-1]
        rows[1][-3], rows[1][-4] = rows[1][-4], rows[1][-3]

    edit_predictions(run, change)
    accept_predictions(run)
    assert "card" in kinds(run)
    run.card_path.unlink()
    forged = Run.read(run.folder)
    run.card_path.write_text(model_card(forged, forged.predictions()))
    assert kinds(run) == {"windows"}  # which have the votes as they were
    edit_record(run, windows=None)
    assert kinds(run) == set()  # consistent in itself; only training again tells
    assert kinds(run, rerun=True) == {"rerun"}


def test_a_shifted_probability_is_found_by_training_again(run):
    """The votes, their winner and the winner of the mean stay."""

    def change(rows):
        low, high = sorted((len(rows[1]) - 2, len(rows[1]) - 1), key=lambda n: float(rows[1][n]))
        rows[1][low] = f"{float(rows[1][low]) - 1e-3:.9g}"
        rows[1][high] = f"{float(rows[1][high]) + 1e-3:.9g}"

    edit_predictions(run, change)
    accept_predictions(run)
    assert kinds(run) == set()
    (finding,) = verify_run(Run.read(run.folder), rerun=True)
    assert finding.what == "rerun"
    assert finding.detail.startswith("1 of 12 tracks are predicted differently, by up to 0.001 in")


def test_votes_alone_are_compared_with_those_of_training_again(run):
    def change(rows):
        votes = rows[1][-4:-2]
        rows[1][-4:-2] = [str(7 * int(vote)) for vote in votes]

    edit_predictions(run, change)
    accept_predictions(run)
    edit_record(run, windows=None)  # else their number tells it
    assert kinds(run) == set()
    assert kinds(run, rerun=True) == {"rerun"}


def test_a_digit_more_is_not_the_file_that_was_written(run):
    def change(rows):
        rows[1][-1] = f"{rows[1][-1]}1"

    edit_predictions(run, change)
    assert details(run) == ["predictions.csv is not the file that the run wrote"]


@pytest.mark.parametrize(
    ("column", "more", "sentence"),
    [
        (4, 99, "its groups are not those of the dataset"),
        (-1, 1e-4, "it holds rows without votes, or probabilities off one"),
    ],
)
def test_a_changed_cell_is_found_even_with_its_hash(run, column, more, sentence):
    def change(rows):
        rows[1][column] = f"{float(rows[1][column]) + more:.9g}"

    edit_predictions(run, change)
    accept_predictions(run)
    assert sentence in details(run)


def test_a_row_without_votes_is_found_even_with_its_hash(run):
    def change(rows):
        rows[1][-4:-2] = ["0", "0"]

    edit_predictions(run, change)
    accept_predictions(run)
    assert "it holds rows without votes, or probabilities off one" in details(run)


def test_a_changed_card_is_found(run):
    text = run.card_path.read_text(encoding="utf-8")
    run.card_path.write_text(text.replace("accuracy", "Accuracy", 1), encoding="utf-8")
    assert kinds(run) == {"card"}
    assert kinds(run, rerun=True) == {"card"}


def test_the_card_of_a_run_whose_bandwidth_was_not_measured(run):
    """Earlier versions did not measure it, and their cards have no row of it."""
    row = next(line for line in run.card_path.read_text().splitlines(True) if "| bandwidth" in line)
    plain = json.loads((run.folder / "run.json").read_text())
    del plain["dataset"]["bandwidth"]
    edit_record(run, **plain)
    assert kinds(run) == {"card"}
    run.card_path.write_text(run.card_path.read_text().replace(row, ""))
    assert kinds(run) == set()


def test_a_card_to_which_the_others_were_a_class_is_of_an_earlier_version(run):
    text = run.card_path.read_text()
    run.card_path.write_text(text.replace("| high |", "| _other | 6 | 1.000 |\n| high |"))
    (said,) = details(run)
    assert said.startswith(
        "README.md is that of an earlier version, which scored _other as a class"
    )
    assert f"`zoo runs remove {run.id}` and `{run.record.command}`" in said


def test_tracks_that_were_left_out_are_left_out_again(tone_folder):
    folder = tone_folder(tracks=3, seconds=0.2)
    (folder / "high" / "broken.wav").write_text("no music", encoding="utf-8")
    again = zoo.train("decision-tree", str(folder), protocol="kfold:2", jobs=1)
    assert [item.track for item in again.record.skipped] == ["high/broken.wav"]
    assert kinds(again, rerun=True) == set()


@pytest.mark.parametrize("status", ["failed", "running"])
def test_a_run_that_is_not_complete_is_no_proof(run, status):
    edit_record(run, status=status)
    state = (
        "failed (no reason is recorded): once that is corrected,"
        if status == "failed"
        else "was interrupted, fit on all tracks:"
    )
    again = f"run `{run.record.command}` again"
    assert details(run) == [f"the run is not complete: {run.id} {state} {again}"]


@pytest.mark.parametrize(
    "options",
    [{"grouped": False}, {"protocol": "holdout:0.4x2"}, {"grouped": False, "protocol": "kfold:3"}],
    ids=str,
)
def test_training_again_repeats_protocol_grouping_and_seed(feature_table, options):
    table = str(feature_table(tracks=12, groups=4, spread=2.0))
    again = zoo.train("logistic", table, seed=5, params={"C": 0.02}, jobs=1, **options)
    assert kinds(again, rerun=True) == set()


def test_a_missing_row_is_found(run):
    edit_predictions(run, lambda rows: rows.pop())
    assert "predictions" in kinds(run)


def test_a_replaced_file_is_found_and_named(run, tone_folder):
    folder = Path(run.record.dataset.source)
    (folder / "low" / "low01.wav").write_bytes((folder / "high" / "high00.wav").read_bytes())
    findings = verify_run(Run.read(run.folder))
    assert any("low/low01.wav" in finding.detail for finding in findings)


def test_a_missing_file_is_found_and_named(run):
    folder = Path(run.record.dataset.source)
    (folder / "low" / "low01.wav").unlink()
    findings = verify_run(Run.read(run.folder))
    assert any("missing: low/low01.wav" in finding.detail for finding in findings)


def test_another_seed_is_found(run):
    edit_record(run, seed=1)
    assert {"record", "split"} <= kinds(run)


def test_a_folder_may_be_renamed_but_no_record_changed(run, monkeypatch, capsys):
    friend = run.folder.rename("friend")
    monkeypatch.setattr(sys, "argv", ["zoo", "runs", "verify", "./friend"])
    assert run_command() == 0
    captured = capsys.readouterr()
    assert captured.out == "friend: verified\n"
    assert f"friend is the run {run.id}: its folder was renamed" in captured.err
    moved = Run.read(friend)
    edit_record(moved, params={"C": 0.03})
    assert "record" in kinds(moved)
    moved = Run.read(friend)  # the card alone is changed easily
    moved.card_path.write_text(model_card(moved, moved.predictions()))
    assert "record" in kinds(moved)


def test_a_foreign_split_is_found(run):
    edit_record(run, split="0" * 64)
    assert kinds(run) == {"split"}


def test_an_altered_audit_is_found(run):
    edit_record(run, audit={**run.record.audit, "known": 99})
    assert kinds(run) == {"audit", "card"}


def test_an_altered_artefact_is_found(run):
    content = bytearray(run.artefact_path.read_bytes())
    content[len(content) // 2] ^= 1
    run.artefact_path.write_bytes(content)
    assert kinds(run) == {"artefact"}


def test_code_of_a_record_is_not_loaded_to_train_again(feature_table):
    model = (Path(__file__).parents[3] / "plugins/zoo_plugins/decision_tree.py").read_text()
    Path("mine.py").write_text(model.replace('"decision-tree"', '"mine"'))
    run = zoo.train("./mine.py", str(feature_table()), protocol="kfold:2", jobs=1)
    (finding,) = verify_run(run, rerun=True)
    place = Path("mine.py").resolve()
    assert finding.what == "rerun"
    assert f"names the file {place}, and no code is loaded because a record names" in finding.detail
    assert f"`zoo runs verify {place} --rerun`" in finding.detail
    assert verify_run(run, rerun=True, file="./mine.py") == []
    Path("mine.py").write_text(f"{model}\n# changed".replace('"decision-tree"', '"mine"'))
    (finding,) = verify_run(run, rerun=True, file="./mine.py")
    assert "is not the file that was trained" in finding.detail


@pytest.mark.parametrize("source", ["s3://bucket/tones", "file:///tones", "/", "../tones", "/proc"])
def test_no_place_is_read_because_a_record_names_it(run, source, monkeypatch):
    def read(*given):
        raise AssertionError(given)

    for reader in ("remote.read_remote", "folder.read_folder"):
        monkeypatch.setattr(f"zoo.datasets.{reader}", read)
    Path("../tones").mkdir(exist_ok=True)
    edit_record(run, dataset={**run.record.dataset, "source": source})
    (finding,) = verify_run(Run.read(run.folder))
    assert finding.what == "dataset"
    assert "give it as --data" in finding.detail


def test_a_place_is_read_if_the_user_has_named_it(run, tmp_path_factory):
    place = tmp_path_factory.mktemp("moved") / "tones"
    Path(run.record.dataset.source).rename(place)
    edit_record(run, dataset={**run.record.dataset, "source": str(place)})
    assert kinds(run) == {"dataset"}
    assert kinds(run, data=str(place)) == set()
    assert kinds(run) == set()


def test_a_forged_protocol_is_no_endless_split(run):
    edit_record(run, protocol={"spec": "kfold:2x999999", "grouped": True})
    assert {"split"} < kinds(run)


def test_a_dataset_that_is_gone_is_found(run):
    Path(run.record.dataset.source).rename("elsewhere")
    assert kinds(run) == {"dataset"}
    assert kinds(run, data="elsewhere") == set()
