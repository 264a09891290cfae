"""Training of one model: from its name and a dataset to a complete run, fold by fold."""

import errno
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from zoo.artefacts.model_card import model_card
from zoo.audio.decode import decode
from zoo.datasets import Dataset, FeatureTable, Reading
from zoo.datasets.hashing import recording
from zoo.datasets.places import note_trained
from zoo.evaluate.cross_validation import Experiment
from zoo.evaluate.protocols import Protocol, chosen_protocol, parse_protocol
from zoo.evaluate.subsets import checked_sizes
from zoo.execution.engine import Engine, LocalProcesses
from zoo.execution.progress import Reporter
from zoo.features.embeddings import write_embeddings
from zoo.features.extraction import extract
from zoo.plugins.classical import check_estimator
from zoo.plugins.registry import all_changes, find_dataset, open_registry, usable_model
from zoo.training.folds import clear
from zoo.training.history import note_changes
from zoo.training.names import check_name, named
from zoo.training.network_checks import check_network, validation_lack
from zoo.training.origin import Origin
from zoo.training.record import new_record
from zoo.training.sizes import Sizes
from zoo.training.training import Training
from zoo.training.wish import Wish
from zoo.tuning.search import Search, check_search
from zoo.tuning.trials import Tuning, find_tuning
from zoo.workspace import (
    check_free,
    checked_note,
    locked,
    run_folder,
)
from zoo_registry.card import ParamValue
from zoo_registry.errors import AudioError, DatasetError, ProtocolError, RunError, UsageError
from zoo_registry.files import drop_links, write_text
from zoo_registry.model import Model
from zoo_registry.own_files import is_own
from zoo_registry.plugins import Registry
from zoo_registry.record import ArtefactInfo, RunRecord, TuningInfo
from zoo_registry.runs import CARD, FILES, FOLDERS, Run
from zoo_registry.text import in_a_line

__all__ = ["check_options", "check_seed", "parameters", "train"]

_SMALL = 20  # tracks of a class that are tried before a split is refused
_RATE = 22_050
_NO_RECORD = {errno.ELOOP, errno.EINVAL, errno.EISDIR, errno.EFBIG}  # a link, a pipe, a folder


def train(
    model: str,
    data: str | Dataset = "demo",
    *,
    frontend: str | None = None,
    from_run: str | Run | None = None,
    keep_classes: bool = False,
    protocol: str | None = None,
    grouped: bool = True,
    params: Mapping[str, str | ParamValue] | None = None,
    tuned: bool = False,
    nested: int = 0,
    tuner: str = "random",
    seed: int = 0,
    robustness: int | None = None,
    sizes: Sequence[int | str] = (),
    name: str | None = None,
    note: str | None = None,
    jobs: int | None = None,
    engine: Engine | None = None,
    reporter: Reporter | None = None,
    registry: Registry | None = None,
    root: Path | None = None,
) -> Run:
    """Train and evaluate a model, or return the run that did so before: one run of `zoo.train`.

    Parameters
    ----------
    model, data : str, str or Dataset
        As for `zoo.train`.
    frontend, from_run, keep_classes, protocol, grouped, params : str, str or Run, bool, mapping
        As for `zoo.train`.
    tuned, nested, tuner, seed, robustness, sizes, name, note, jobs, engine : bool, int, str
        As for `zoo.train`.
    reporter : Reporter, optional
        Receiver of progress and notes; by default they are not shown.
    registry, root : Registry, Path, optional
        As for `zoo.train`; so are the errors.

    Returns
    -------
    Run
        Complete; or failed, or without an artefact, with the error in the record.
    """
    reporter, registry = reporter or Reporter(), registry or open_registry()
    engine = engine or LocalProcesses(jobs)
    origin = Origin.checked(from_run, keep_classes, frontend, data)
    loaded = usable_model(registry, model, origin.frontend(registry) or frontend)
    check_name(name, loaded, params or {}, seed, tuned)
    check_options(protocol, seed, tuned, nested, note)
    fewer, chosen = checked_sizes(sizes), partial(chosen_protocol, protocol, grouped=grouped)
    if isinstance(data, str):
        data = find_dataset(
            data, registry, engine=engine, reporter=reporter, reading=Reading(alone=keep_classes)
        )
    data = origin.extended(data, registry, reporter)
    _check_split(chosen(data), data, seed, grouped, is_nested=nested > 0)
    note_changes(data, reporter, root)
    wish = Wish.checked(robustness, all_changes(registry), data)
    extraction = extract(data, loaded, engine, reporter) if tuned else None
    searched = extraction.dataset if extraction else data
    resolved, tuning_info = parameters(
        loaded, params or {}, searched, chosen(searched), grouped, seed, tuned=tuned, nested=nested,
        tuner=tuner, reporter=reporter, root=root,
    )  # fmt: skip

    # A run is known by the tracks that it used. Which can be used is known after the extraction,
    # but a run that used all of them is found without.
    used = extraction.dataset if extraction else data
    while True:
        splitting = chosen(used, note=reporter.warn, seed=seed)
        record = new_record(loaded, resolved, used, splitting, grouped, seed)
        record.tuned = tuning_info
        record.dataset.whole = None if used is data else data.fingerprint
        folder = _folder(record, root, name)
        waiting = f"{record.id} is being trained by another process; waiting for it"
        with locked(folder, partial(reporter.note, waiting)):
            run = _open_run(folder, record)
            wanted = (
                wish.reopen(run, used, splitting.folds(used, seed, grouped), reporter)
                if robustness and run.is_scored
                else wish
            )
            done = _is_done(run, loaded, reporter)
            fits = Sizes(run, used, partial(splitting.folds, used, seed, grouped), fewer)
            if done and fits.are_complete:
                fits.note(reporter)
                clear(run)
                return named(run, name, note, reporter)
            for own in FILES | FOLDERS:
                drop_links(folder / own)  # nothing outside of the run is written through them
            check_estimator(loaded, resolved)
            extraction = extraction or extract(data, loaded, engine, reporter)
            if extraction.dataset.fingerprint == used.fingerprint:
                folds = splitting.folds(used, seed, grouped)
                experiment = Experiment(loaded, used, seed)
                search = Search(experiment, tuner, grouped, engine) if nested else None
                if not done:
                    if lack := validation_lack(loaded, resolved, used, folds, seed):
                        reporter.warn(lack)
                    sample = wanted.sample(run, loaded, used, folds)
                    run = Training(
                        named(run, name, note, reporter), experiment, extraction, folds, search,
                        sample, reporter, engine,
                    ).finish()  # fmt: skip
                fits.train(experiment, search, engine, reporter)
                return _with_embeddings(named(run, name, note, reporter), used)
        used = extraction.dataset
        with suppress(OSError):  # it is empty
            folder.rmdir()


def check_seed(seed: int) -> None:
    """Raise `UsageError` if there is no such random seed."""
    if not 0 <= seed < 2**32:
        raise UsageError(f"the seed {seed} is out of range; give one from 0 to {2**32 - 1}")


def check_options(
    protocol: str | None, seed: int, tuned: bool, nested: int, note: str | None
) -> None:
    """Raise `UsageError` for options that contradict each other, or a value out of range.

    Parameters
    ----------
    protocol, seed, tuned, nested, note : str or None, int, bool, int, str or None
        As for `train`.
    """
    check_seed(seed)
    if protocol is not None:
        parse_protocol(protocol)
    if tuned and nested:
        raise UsageError("--tuned takes parameters that were found, --nested finds its own")
    checked_note(note or "")


def parameters(
    model: Model,
    given: Mapping[str, str | ParamValue],
    dataset: Dataset,
    protocol: Protocol,
    grouped: bool,
    seed: int,
    *,
    tuned: bool,
    nested: int,
    tuner: str,
    reporter: Reporter,
    root: Path | None = None,
) -> tuple[dict[str, ParamValue], TuningInfo | None]:
    """Return every parameter of a run, and what its record has of a search.

    Parameters
    ----------
    model : Model
        The model.
    given : mapping
        Parameters of the user.
    dataset : Dataset
        The tracks that can be used.
    protocol, grouped, seed : Protocol, bool, int
        The split.
    tuned, nested, tuner, reporter, root : bool, int, str, Reporter, Path
        As for `train`.

    Raises
    ------
    UsageError
        If `tuned`, and there is no search.
    """
    if not tuned:
        info = TuningInfo(nested=True, trials=nested, tuner=tuner, seen=[]) if nested else None
        return _checked(model, given), info
    tuning = find_tuning(model, dataset, root, protocol=protocol.spec, grouped=grouped, seed=seed)
    best, info = _found(tuning, reporter)
    return _checked(model, best | dict(given)), info


def _checked(model: Model, given: Mapping[str, str | ParamValue]) -> dict[str, ParamValue]:
    resolved = model.card.resolve(given)
    check_network(model, resolved)
    return resolved


def _found(tuning: Tuning, reporter: Reporter) -> tuple[dict[str, ParamValue], TuningInfo]:
    """Return the best parameters of a search, and what the record has of it."""
    if tuning.state:
        reporter.note(
            f"the search {tuning.id} is {tuning.state}; the best of its trials is used, "
            "and run the same `zoo tune` command to continue"
        )
    best = tuning.best.params if tuning.best else {}
    seen = tuning.record.seen
    return best, TuningInfo(tuning=tuning.id, trials=len(tuning.trials), seen=seen)


def _folder(record: RunRecord, root: Path | None, name: str | None) -> Path:
    """Return the folder of a run that may be given this name."""
    folder = run_folder(record, root)
    place = folder.resolve()
    check_free(name or "", lambda run: run.folder.resolve() == place)
    return folder


def _open_run(folder: Path, record: RunRecord) -> Run:
    """Return the run of this folder, to be continued, or a new one."""
    note_trained(record.dataset.source, record.used)
    try:
        run = Run.read(folder)
    except RunError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno not in _NO_RECORD:  # it may be whole
            raise
        return Run(folder, record)
    # Another run may have been moved to this place; a run of an earlier version may have left out
    # tracks that its id does not tell.
    if run.record.id != record.id or run.record.used != record.used:
        return Run(folder, record)
    if not run.complete:  # the same tracks may be in another folder now, beside others
        run.record.dataset = record.dataset
    return run


def _with_embeddings(run: Run, dataset: Dataset) -> Run:
    """Return the run with its embeddings; they are written again if they are damaged."""
    known = run.record.embeddings
    is_lost = known is not None and run.sha256(run.embeddings_path) != known
    return write_embeddings(run, dataset) if is_lost else run


def _is_done(run: Run, model: Model, reporter: Reporter) -> bool:
    """Whether the run is complete; if only its card is damaged, it is written again."""
    if run.record.status == "no artefact":
        reporter.note(f"making the artefact of {run.id}")
    if not run.complete:
        return False
    lost = run.damaged()
    if not lost and (reason := _unusable(run, model)):
        reporter.note(f"{run.id} is fitted to all tracks again: {reason}")
        run.record.artefact = ArtefactInfo()
        return False
    if not lost:
        reporter.note(f"{run.id} is trained already: {run.folder}")
        return True
    reporter.warn(f"{run.id} is damaged, and is repaired now: {', '.join(lost)}")
    if lost == [CARD]:
        drop_links(run.card_path)
        write_text(run.card_path, model_card(run, run.predictions()))
    return lost == [CARD]


def _check_split(
    splitting: Protocol, dataset: Dataset, seed: int, grouped: bool, is_nested: bool
) -> None:
    """Refuse an impossible split before the work; what is offered works with damaged files, too."""

    def split(tracks: Dataset) -> None:
        for fold in splitting.folds(tracks, seed, grouped):
            if is_nested:
                check_search(tracks, fold.train, seed, grouped)

    try:
        split(dataset)
    except ProtocolError:
        split(_decodable(dataset))
        raise


def _decodable(dataset: Dataset) -> Dataset:
    """Return a dataset without the tracks of small classes that cannot be decoded."""
    sizes = Counter(track.label for track in dataset.tracks)
    lost = set()
    for track in dataset.tracks if not isinstance(dataset, FeatureTable) else ():
        if sizes[track.label] <= _SMALL and not track.embedded:
            try:
                with recording(track) as path:
                    decode(path, _RATE)
            except AudioError:
                lost.add(track.id)
    with suppress(DatasetError):  # too few classes are left
        return dataset.without(lost)
    return dataset


def _unusable(run: Run, model: Model) -> str | None:
    """Return the reason why saved files that this zoo does not know cannot be loaded."""
    if all(map(is_own, run.record.artefact.saved.values())):
        return None
    try:
        model.load(run.saved_path)
    except Exception as error:
        return in_a_line(error)
    return None
