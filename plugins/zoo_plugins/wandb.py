"""Extension that records every run for Weights & Biases; off until it is enabled.

Nothing is sent unless the user is logged in to W&B (``wandb login``, ``WANDB_API_KEY``) or
``WANDB_MODE`` says so. Otherwise the run is a folder ``wandb/offline-run-*``, and ``wandb sync``
sends it later. W&B's own variables, such as ``WANDB_PROJECT`` and ``WANDB_DIR``, apply; the default
project is named after the board, such as ``gtzan-kfold-5``.

A run is recorded once it has ended, under its id. Its settings are the config. The scores of the
leaderboard are its summary, those of the folds as ``fold-<number>/*``, with the confusion matrix as
a picture. Its history has a row per report of the trainings, ``training/*`` for the fit on all
tracks and ``fold-<number>/training/*`` for the folds. Record, predictions, artefact and model card
are its files. A failed run has the state failed, and its reason in the summary, until it is
complete. An interrupted run is recorded when it is resumed.
"""

import json
import netrc
import os
import re
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from zoo_plugins._tracking import (
    Tracker,
    board_name,
    confusion_picture,
    files,
    fold_part,
    settings,
    steps,
    whole_part,
)
from zoo_registry import hookimpl
from zoo_registry.runs import RECORD, Run

__all__ = ["zoo_run_finished"]

_PATIENCE = 30.0  # seconds for the first answer
_SERVER = "https://api.wandb.ai"
# Variables that the user has set are not changed.
_SETTINGS = {"WANDB_ERROR_REPORTING": "false"}
_tracker = Tracker("wandb", "Weights & Biases", "wandb", "WANDB_MODE and `wandb login`", _SETTINGS)


# Last, so that the record that is kept has what the other extensions keep of the run.
@hookimpl(trylast=True)
def zoo_run_finished(run: Run) -> dict[str, Any]:
    """Record the run, unless that is done."""
    return _tracker.report(run, lambda: _record(run))


def _record(run: Run) -> dict[str, Any]:
    offline = _is_offline()
    kept = {"run_id": run.id, "place": str(_home() / "wandb") if offline else "your account"}
    earlier = _offline_folders(run) if offline else []
    if any(_status(folder) == "complete" for folder in earlier):
        return kept
    _write(run, kept, offline)
    for folder in earlier:
        is_sent = any(folder.glob("*.synced"))
        if _status(folder) is not None and not is_sent:
            shutil.rmtree(folder)
    return kept


def _write(run: Run, kept: dict[str, Any], offline: bool) -> None:
    import wandb

    board, home = board_name(run), _home()
    home.mkdir(parents=True, exist_ok=True)  # otherwise wandb takes a temporary folder
    quiet = wandb.Settings(
        silent=True, console="off", disable_git=True, save_code=False, init_timeout=_PATIENCE,
        x_save_requirements=False, x_disable_meta=True, x_disable_stats=True,
        x_disable_machine_info=True, host="",
    )  # fmt: skip
    record = run.record
    labels = {record.model.name, record.model.family, record.frontend_spec}
    tracked = wandb.init(
        id=run.id, name=run.id, job_type="train", group=board, config=settings(run),
        dir=str(home.absolute()),  # that of W&B's own process may be another
        project=os.environ.get("WANDB_PROJECT") or re.sub(r"[/\\#?%: ]", "-", board)[:128],
        tags=[tag[:64] for tag in sorted(labels)],
        mode="offline" if offline else None, resume=None if offline else "allow",
        reinit="create_new", settings=quiet,
    )  # fmt: skip
    try:
        if tracked.summary.get("zoo.status") != "complete":
            _fill(tracked, run, kept)
    except BaseException:
        tracked.finish(exit_code=1)
        raise
    tracked.finish(exit_code=0 if run.complete else 1)


def _fill(tracked: Any, run: Run, kept: dict[str, Any]) -> None:
    """Add history, summary and files to a run of W&B."""
    import wandb

    history: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    whole = whole_part(run)
    summary: dict[str, Any] = {"zoo.status": run.record.status, **whole.metrics}
    if whole.error:
        summary["zoo.error"] = whole.error
    if run.complete and (picture := confusion_picture(run)) is not None:
        summary["confusion"] = wandb.Image(picture)
    for step, figures in steps(whole.curve):
        history[step] |= figures
    for entry in run.record.folds:
        part, name = fold_part(run, entry), f"fold-{entry.fold}"
        summary |= {f"{name}/{key}": value for key, value in part.metrics.items()}
        if part.error:
            summary[f"{name}/error"] = part.error
        for step, figures in steps(part.curve):
            history[step] |= {f"{name}/{key}": value for key, value in figures.items()}
    for step in sorted(history):
        tracked.log(history[step], step=step)
    tracked.summary.update(summary)
    # Copies, so that a record that is sent later needs nothing of the run's folder. The record is
    # the last, because it says that the others are there.
    home = Path(tracked.dir)
    for path in files(run):
        shutil.copyfile(path, home / path.name)
        tracked.save(str(home / path.name), base_path=str(home), policy="end")
    record = json.loads(run.content(run.folder / RECORD))
    record["extensions"]["wandb"] = kept
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    (home / RECORD).write_text(text, encoding="utf-8")
    tracked.save(str(home / RECORD), base_path=str(home), policy="end")


def _is_offline() -> bool:
    """Whether the user has chosen neither a mode nor an account."""
    if os.environ.get("WANDB_MODE"):
        return os.environ["WANDB_MODE"] == "offline"
    if any(os.environ.get(f"WANDB_{name}") for name in ("API_KEY", "IDENTITY_TOKEN_FILE")):
        return False
    # `wandb login` writes the server's name into this file, as wandb finds it.
    names = [os.environ["NETRC"]] if os.environ.get("NETRC") else ["~/.netrc", "~/_netrc"]
    server = urlsplit(os.environ.get("WANDB_BASE_URL") or _SERVER).hostname or ""
    for path in (Path(name).expanduser() for name in names):
        try:
            if netrc.netrc(path).authenticators(server):
                return False
        except (OSError, netrc.NetrcParseError):
            continue
    return True


def _home() -> Path:
    return Path(os.environ.get("WANDB_DIR") or ".")


def _offline_folders(run: Run) -> list[Path]:
    """Return the folders of the run that are or were to be sent later."""
    # A second one within the same second has a number behind it.
    pattern = re.compile(rf"offline-run-\d+_\d+-{re.escape(run.id)}(-\d+)?")
    return [path for path in _home().glob("wandb/offline-run-*") if pattern.fullmatch(path.name)]


def _status(folder: Path) -> str | None:
    """Return the status of a run that was recorded; None if that has not ended."""
    try:
        return str(json.loads((folder / "files" / RECORD).read_bytes())["status"])
    except (OSError, ValueError, KeyError):
        return None
