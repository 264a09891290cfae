"""A run is what it claims to be, or verification says what is not."""

import csv
import json
from pathlib import Path

import pytest

import zoo
from zoo.training.verify import verify_run
from zoo_registry.runs import Run


@pytest.fixture
def run(tone_folder) -> Run:
    return zoo.train("logistic", str(tone_folder(tracks=6)))


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


def test_an_honest_run_is_verified(run):
    assert kinds(run) == set()
    assert kinds(run, rerun=True) == set()


def test_a_changed_label_is_found(run):
    def change(rows):
        rows[1][1] = "high" if rows[1][1] == "low" else "low"

    edit_predictions(run, change)
    assert {"predictions", "card"} <= kinds(run)
    details = " ".join(finding.detail for finding in verify_run(Run.read(run.folder)))
    assert "label is not the dataset's" in details


def test_swapped_rows_are_found(run):
    def change(rows):
        rows[1], rows[2] = rows[2], rows[1]

    edit_predictions(run, change)
    details = " ".join(finding.detail for finding in verify_run(Run.read(run.folder)))
    assert "order of the split" in details


def test_a_better_prediction_is_found_even_with_its_hash(run):
    import hashlib

    def change(rows):
        rows[1][-1], rows[1][-2] = rows[1][-2], rows[1][-1]
        rows[1][-3], rows[1][-4] = rows[1][-4], rows[1][-3]

    edit_predictions(run, change)
    content = run.predictions_path.read_bytes()
    edit_record(run, predictions=hashlib.sha256(content).hexdigest())
    assert "card" in kinds(run)
    run.card_path.unlink()
    from zoo.artefacts.model_card import model_card

    forged = Run.read(run.folder)
    run.card_path.write_text(model_card(forged, forged.predictions()))
    assert kinds(run) == set()  # consistent in itself; only training again tells
    assert kinds(run, rerun=True) == {"rerun"}


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


def test_a_foreign_split_is_found(run):
    edit_record(run, split="0" * 64)
    assert kinds(run) == {"split"}


def test_an_altered_audit_is_found(run):
    edit_record(run, audit={**run.record.audit, "known": 99})
    assert kinds(run) == {"audit"}


def test_an_altered_artefact_is_found(run):
    content = bytearray(run.artefact_path.read_bytes())
    content[len(content) // 2] ^= 1
    run.artefact_path.write_bytes(content)
    assert kinds(run) == {"artefact"}


def test_a_dataset_that_is_gone_is_found(run):
    Path(run.record.dataset.source).rename("elsewhere")
    assert kinds(run) == {"dataset"}
    assert kinds(run, data="elsewhere") == set()
