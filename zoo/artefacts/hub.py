"""Folder of a run for the Hugging Face Hub: card, ONNX file, configuration, script, evaluation."""

import json
import shlex
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zoo.artefacts.artefact import FEATURES, WAVEFORM, Artefact
from zoo.artefacts.bundle import SCRIPT, portable, with_usage
from zoo.artefacts.front_matter import front_matter
from zoo.evaluate.metrics import class_scores, confusion, score
from zoo.evaluate.robustness import by_change
from zoo.evaluate.significance import interval
from zoo_registry.errors import RunError, UsageError
from zoo_registry.files import make_folder, sweep, sync, temporary_path, unwritable
from zoo_registry.predictions import Predictions
from zoo_registry.runs import ARTEFACT, CARD, Run

__all__ = ["CONFIG", "EVALUATION", "REPOSITORY", "for_the_hub", "upload_command"]

CONFIG, EVALUATION = "config.json", "evaluation.json"
REPOSITORY = "NAME/MODEL"
_LARGE = "*.onnx filter=lfs diff=lfs merge=lfs -text\n"


def for_the_hub(run: Run, folder: Path) -> list[Path]:
    """Write a folder that can be uploaded to the Hugging Face Hub as it is.

    Its files name no track and no machine. The folder appears when all of them are written.

    Parameters
    ----------
    run : Run
        Complete run with an artefact, which may be a published one or an ensemble.
    folder : Path
        New or empty folder.

    Returns
    -------
    list of Path
        Model card with front matter, artefact, ``config.json``, ``evaluation.json``,
        ``.gitattributes`` and, for a model of audio, the script.

    Raises
    ------
    UsageError
        If the run has no artefact, or the folder exists and is not empty.
    RunError
        If the folder cannot be written, or a file of the run is damaged.
    """
    artefact, given = portable(run)
    predictions = run.predictions()
    card = with_usage(given).decode("utf-8", "replace")
    if not card.startswith("---\n"):  # of an earlier version, or written by the user
        card = front_matter(run.record, predictions) + card
    contents = {
        CARD: card.encode(),
        ARTEFACT: given[ARTEFACT],
        CONFIG: _json(_config(artefact)),
        EVALUATION: _json(_evaluation(run, predictions)),
        **({SCRIPT: given[SCRIPT]} if SCRIPT in given else {}),
        ".gitattributes": _LARGE.encode(),
    }
    _write(folder, contents)
    return [folder / name for name in contents]


def upload_command(folder: Path) -> str:
    """Return the command that uploads a folder; `REPOSITORY` stands for the user's choice."""
    return f"hf upload {REPOSITORY} {shlex.quote(str(folder))}"


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write the files into a temporary folder, and rename that."""
    target = folder.absolute()
    temporary = temporary_path(target)
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} exists and is not a folder; give another one")
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} exists and is not an empty folder; give another one")
        make_folder(target.parent)
        sweep(target.parent)
        temporary.mkdir()
        for name, content in contents.items():
            (temporary / name).write_bytes(content)
            sync(temporary / name)
        if folder.exists():
            folder.rmdir()  # only Unix replaces an empty folder
        temporary.rename(target)
        sync(target.parent)
    except OSError as error:
        raise RunError(unwritable(folder, error, "give another folder")) from error
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(temporary)


def _config(artefact: Artefact) -> dict[str, Any]:
    """Return what the model takes and gives, as models on the Hub state it."""
    metadata = artefact.metadata
    names = dict(enumerate(artefact.classes))
    return {
        "library_name": "genre-zoo",
        "model_type": metadata.model.name if metadata.model else None,
        "id2label": {str(number): name for number, name in names.items()},
        "label2id": {name: number for number, name in names.items()},
        "input": WAVEFORM if artefact.takes_audio else FEATURES,
        "sample_rate": artefact.rate or None,
        "shortest": artefact.shortest or None,
        "frontend": metadata.frontend,
        "windows": metadata.windows.to_dict() if metadata.windows else None,
        "decision": "mean" if artefact.by_mean else "vote",
    }


def _evaluation(run: Run, predictions: Predictions) -> dict[str, Any]:
    """Return what was measured, and how, without the names of tracks."""
    record, changed = run.record, run.robustness()
    return {
        "run": record.id,
        "dataset": {
            "name": record.dataset.title,
            "fingerprint": record.dataset.fingerprint,
            "tracks": record.dataset.tracks,
        },
        "protocol": record.protocol.to_dict(),
        "seed": record.seed,
        "parameters": record.params,
        "versions": record.versions,
        "tested_tracks": len(predictions.scored),
        "scores": asdict(score(predictions)),
        "accuracy_interval": interval(record, predictions),
        "classes": [asdict(one) for one in class_scores(predictions)],
        "labels": predictions.classes,
        "confusion": confusion(predictions).tolist(),
        "changes": [asdict(one) for one in by_change(changed, predictions)] if changed else [],
    }


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
