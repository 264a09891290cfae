"""Bundle of a run for other people: ONNX file, model card, and a script that runs the file."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from zoo.artefacts.artefact import Artefact
from zoo_registry.errors import RunError, UsageError
from zoo_registry.files import atomic_path, check_replaceable, sweep, unwritable
from zoo_registry.published import is_published
from zoo_registry.runs import ARTEFACT, CARD, ROBUSTNESS, SIZES, Run

__all__ = ["INSTALL", "SCRIPT", "hand_over", "portable", "with_usage"]

SCRIPT = "predict.py"
INSTALL = "pip install numpy soundfile onnxruntime soxr"
_STANDALONE = Path(__file__).with_name("standalone_predict.py")
_USE = f"""
## How to use it

```bash
{INSTALL}
python predict.py song.wav
```

The script reads WAV, FLAC, Ogg and MP3, but no MP4 and M4A. It prints the label, its confidence and
the path of each file.

With genre-zoo, `zoo predict FOLDER song.wav` asks the model in a copy of this folder, and reads
more formats.
"""


def hand_over(run: Run, folder: Path, force: bool = False) -> list[Path]:
    """Write the artefact of a run, and all that is needed to use it, into a folder.

    Parameters
    ----------
    run : Run
        Complete run with an artefact.
    folder : Path
        New or empty folder, or one that holds nothing but these files.
    force : bool
        Whether files of other content are replaced; what else the folder holds is kept.

    Returns
    -------
    list of Path
        Artefact, model card, the answers to changed tracks and those after training on fewer
        tracks, if the run has any, and, for a model of audio, the script, which needs numpy,
        soundfile and onnxruntime, and resamples as the zoo does if soxr is installed.

    Raises
    ------
    UsageError
        If the run has no artefact, or the folder holds anything else.
    RunError
        If the folder cannot be written, or a file of the run is damaged.
    """
    _, contents = portable(run)
    contents[CARD] = with_usage(contents)
    try:
        sweep(folder)
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} exists and is not a folder; give another one")
        there = {path.name for path in folder.iterdir()} if folder.exists() else set()
        if there - contents.keys() and not force:
            raise UsageError(
                f"{folder} exists and is not an empty folder; give another one, or --force to "
                "write to it"
            )
        written = {folder / name: content for name, content in contents.items()}
        for path, content in written.items():
            check_replaceable(path, content.__eq__, force)
        for path, content in written.items():
            with atomic_path(path) as temporary:
                temporary.write_bytes(content)
    except OSError as error:
        path = error.filename or folder
        raise RunError(unwritable(path, error, "give another folder")) from error
    return [*written]


def with_usage(contents: Mapping[str, bytes]) -> bytes:
    """Return the model card with a section on the script, if there is one.

    Parameters
    ----------
    contents : mapping of str to bytes
        Files by their names, as `portable` returns them.
    """
    return contents[CARD] + _USE.encode() * (SCRIPT in contents)


def portable(run: Run) -> tuple[Artefact, dict[str, bytes]]:
    """Return the artefact of a run, and the files for other people by their names, all checked.

    Parameters
    ----------
    run : Run
        As for `hand_over`; so are the files and the errors.
    """
    if run.lack:
        raise UsageError(run.lack)
    if not run.has_artefact:
        raise UsageError(f"{run.id} has no ONNX file to hand over: {run.record.artefact.error}")
    if is_published(run) and run.sha256(run.artefact_path) != run.record.artefact.sha256:
        raise RunError(run.damage([ARTEFACT]))
    artefact = Artefact(run.artefact_path, run.record.artefact.sha256, 1, home=run.folder)
    known = {name: run.hashes[name] for name in (ROBUSTNESS, SIZES) if name in run.hashes}
    paths = [run.artefact_path, run.card_path, *(run.folder / name for name in known)]
    try:
        contents = {path.name: run.content(path) for path in paths}
    except OSError as error:
        raise RunError(f"{error.filename} cannot be read: {error.strerror}") from error
    if lost := [n for n, own in known.items() if hashlib.sha256(contents[n]).hexdigest() != own]:
        raise RunError(run.damage(lost))
    if artefact.takes_audio:
        contents[SCRIPT] = _STANDALONE.read_bytes()
    return artefact, contents
