"""What a new training takes from an earlier run: its front end, and its tracks."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from zoo.audio.weights import check_weights
from zoo.datasets import Dataset, FeatureTable
from zoo.datasets.embedded import read_embeddings
from zoo.datasets.merged import merged
from zoo.datasets.places import note_named, place_of, recorded_place, was_named
from zoo.datasets.recorded import differences, usable
from zoo.workspace import chosen, find_run, meant
from zoo_registry.errors import DatasetError, PluginError, RunError, UsageError
from zoo_registry.files import is_file
from zoo_registry.frontend import fields_of, identity
from zoo_registry.places import models_folder
from zoo_registry.plugins import Registry
from zoo_registry.published import is_published
from zoo_registry.record import TABLE, DatasetInfo
from zoo_registry.runs import RECORD, Run
from zoo_registry.text import few, quoted

__all__ = ["frontend_of_run", "named_run", "recorded_run", "with_tracks_of"]

_SHOWN = 5  # members in a sentence


def recorded_run(word: str) -> Run:
    """Return the run that a record names: a published one, one of the workspace, or a known folder.

    Parameters
    ----------
    word : str
        Its id, or its folder, which a command on this machine was given.

    Raises
    ------
    UsageError, RunError
        If there is no such run, or it cannot be read.
    """
    is_path = Path(word).name != word
    if is_path and not was_named(word):
        raise UsageError(
            f"the record names the run {quoted(word)}, which no command was given here; "
            "give it as --from if it is the run"
        )
    return find_run(word)


def named_run(word: str, beside: str | None = None) -> Run:
    """Return the run that the user names as ``--from``; its folder may be named by records, then.

    Parameters
    ----------
    word : str
        As for `zoo.workspace.find_run`.
    beside : str, optional
        Value of ``--data`` to which the tracks of the run are added. The name of a model does not
        mean its runs on these, so that the same command finds the same run after it has made one.

    Raises
    ------
    UsageError, RunError
        As by `zoo.workspace.find_run`; or if all runs of that name are on these tracks.
    """
    found = meant(word)
    if beside is not None and not _is_one(word, found):
        place = place_of(beside)
        others = [run for run in found if not _has(run, place)]
        if not others:
            raise UsageError(
                f"every run of {word} has learnt the tracks of {beside} already, so that "
                "--keep-classes adds nothing; name a run on other tracks, or leave it out"
            )
        found = others
    run = chosen(found)
    note_named(str(run.folder))
    return run


def _is_one(word: str, found: Sequence[Run]) -> bool:
    """Return whether a word names one run by its id or folder, and not those of a model."""
    if is_file(Path(word, RECORD)):
        return True
    (first, *others) = found
    return not others and first.id.startswith(word) and word != first.record.model.name


def _has(run: Run, place: str) -> bool:
    """Return whether a run was trained on the tracks of a place, perhaps beside others."""
    known = set[str]()
    while run.id not in known:  # a forged record may keep itself
        known.add(run.id)
        if recorded_place(run.record.dataset) == place:
            return True
        if not (kept_from := run.record.dataset.kept_from):
            return False
        try:
            run = recorded_run(kept_from)
        except (UsageError, RunError):  # removed since
            return False
    return False


def frontend_of_run(run: Run, registry: Registry) -> str:
    """Return the value of ``--front-end`` that means the front end of a run.

    It is the installed one if that is the same, with the recorded fields; otherwise the one in the
    ONNX file of the run. The code of no loose file is loaded.

    Parameters
    ----------
    run : Run
        A complete run.
    registry : Registry
        Registry with the installed front ends.

    Raises
    ------
    UsageError
        If the run is not complete, or has no front end that can be used.
    RunError
        If its ONNX file is damaged, or was not written by this zoo.
    """
    recorded = run.record.frontend
    if run.lack:
        raise UsageError(run.lack)
    if run.record.members:
        names = few([member.run for member in run.record.members], _SHOWN)
        raise UsageError(f"{run.id} is an ensemble; take the front end of one member: {names}")
    if recorded["name"] == TABLE:
        raise UsageError(
            f"{run.id} was trained on a table of features, and has no front end for recordings"
        )
    if "preprocess" in recorded:
        raise UsageError(
            f"{run.id} prepares recordings in a hook of its model {run.record.model.name}, which "
            "is not a front end for others"
        )
    if spec := _installed(run, registry):
        return spec
    if not run.has_artefact:
        raise UsageError(
            f"the front end {recorded['name']} of {run.id} is not installed, and the run has no "
            "ONNX file that holds it"
        )
    return str(run.artefact_path.resolve())


def with_tracks_of(run: Run, dataset: Dataset, opened: Callable[[DatasetInfo], Dataset]) -> Dataset:
    """Return a dataset with the tracks of a run added.

    These are its embeddings, if it has any, as published runs have; otherwise its recordings.

    Parameters
    ----------
    run : Run
        A complete run.
    dataset : Dataset
        Recordings.
    opened : callable
        Returns the dataset of a record.

    Raises
    ------
    UsageError
        If the dataset is a table of features, it has all the tracks already, or the recordings of
        the run cannot be had, or are no more those that the run was trained on.
    RunError
        If its embeddings are damaged.
    """
    if isinstance(dataset, FeatureTable):
        raise UsageError(
            f"{dataset.source} is a table of features, and the tracks of {run.id} are recordings; "
            "give a folder of recordings, or leave out --keep-classes"
        )
    info = run.record.dataset
    if run.record.embeddings:
        tracks = read_embeddings(run)
    else:
        try:
            whole = opened(info)
        except DatasetError as error:
            raise UsageError(
                f"--keep-classes trains on the recordings of {run.id} again, too, and they cannot "
                f"be had: {error}"
            ) from error
        _check_unchanged(run, whole)
        tracks = [*usable(run, whole).tracks]
    if {track.file_digest for track in tracks} <= {track.file_digest for track in dataset.tracks}:
        raise UsageError(
            f"{dataset.source} has all tracks of {run.id} already, so that --keep-classes adds "
            "nothing; name a run on other tracks, or leave out --keep-classes"
        )
    place, home = run.folder.absolute(), models_folder().absolute()
    kept_from = run.id if is_published(run) or home in place.parents else str(place)
    return merged(dataset, tracks, run.id, info.title, kept_from, info.collection)


def _check_unchanged(run: Run, dataset: Dataset) -> None:
    """Raise `UsageError` if the recordings of a run are not those that it was trained on."""
    if found := list(differences(run, dataset, run.predictions())):
        raise UsageError(
            f"--keep-classes trains on the recordings of {run.id} again, too, and "
            f"{quoted(dataset.source)} is not as it was then ({'; '.join(found)}); put back "
            f"what it was, train {run.record.model.name} on it again, or leave out --keep-classes"
        )


def _installed(run: Run, registry: Registry) -> str | None:
    """Return the name and fields of the installed front end, if that is the one of the run."""
    recorded, plugin = run.record.frontend, run.record.frontend_plugin
    name = str(recorded["name"])
    entries = [e for e in registry.entries if (e.kind, e.name) == ("front-end", name)]
    if not any(not entry.withheld for entry in entries) or "file" in recorded:
        return None
    with suppress(PluginError, UsageError, RunError):
        loaded = registry.frontend(name)
        if plugin and plugin.spec and plugin.distribution != loaded.source.distribution:
            return None
        fields = {k: recorded.get(k) for k in fields_of(loaded.card.frontend)}
        own = fields_of(loaded.card.frontend)
        changed = ",".join(f"{k}={v}" for k, v in fields.items() if v != own[k])
        spec = f"{name}:{changed}" if changed else name
        found = registry.frontend(spec).card
        check_weights(found)
        if identity(found.frontend) == recorded:
            return spec
    return None
