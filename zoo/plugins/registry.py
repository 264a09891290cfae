"""The registry of the application: plugins, default hooks, data sets and changes of extensions."""

import json
import logging
import os
import pickle
from collections.abc import Callable, Mapping, Set
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.audio.urls import is_url
from zoo.audio.weights import check_weights
from zoo.datasets import Dataset, offered_dataset, open_dataset
from zoo.datasets.places import note_named, was_named
from zoo.execution.progress import Reporter
from zoo.plugins.from_run import recorded_run, with_tracks_of
from zoo.plugins.keras_defaults import NetworkDefaults
from zoo.plugins.sklearn_defaults import EstimatorDefaults
from zoo.plugins.stored_frontend import SUFFIX, stored_frontend
from zoo_registry.errors import DatasetError, LayoutError, PluginError, UsageError, ZooError
from zoo_registry.frontend import identity
from zoo_registry.kept import stdout_kept
from zoo_registry.model import Model, Source
from zoo_registry.places import cache_folder
from zoo_registry.plugins import Registry
from zoo_registry.published import published
from zoo_registry.reading import Reading
from zoo_registry.record import FrontEndInfo, RunRecord
from zoo_registry.record_parts import DatasetInfo
from zoo_registry.text import canonical_json, in_a_line, pip_install, quoted

if TYPE_CHECKING:
    from zoo.audio.changes import Change
    from zoo.execution.engine import Engine

__all__ = [
    "all_changes",
    "find_dataset",
    "loaded_model",
    "offered_datasets",
    "open_registry",
    "recorded_dataset",
    "recorded_model",
    "usable_model",
]

_log = logging.getLogger(__name__)


def open_registry() -> Registry:
    """Return a fresh registry of everything that is installed."""
    return Registry(defaults=[EstimatorDefaults(), NetworkDefaults()], stored=stored_frontend)


@lru_cache(maxsize=4)
def loaded_model(source: Source) -> Model:
    """Return the model of a source, loaded once per process: workers get a source, no module.

    Parameters
    ----------
    source : Source
        Place and version of the plugin.

    Raises
    ------
    UsageError, PluginError
        If it cannot be loaded, or has another version now, such as an edited file.
    """
    model = open_registry().load(source.name, source.frontend_spec)
    if model.source != source:
        which = f"{source.name} or its front end" if source.frontend else source.name
        raise PluginError(f"{which} was changed; run the same command to train it again")
    return model


def usable_model(registry: Registry, name: str, frontend: str | None = None) -> Model:
    """Return a model that can be trained in this environment.

    Parameters
    ----------
    registry : Registry
        Registry with the model.
    name : str
        Name of the model, or path of a file.
    frontend : str, optional
        Front end in the place of the card's, such as "handcrafted:window=10".

    Raises
    ------
    UsageError
        If there is no model or front end of this name, the model does not take the front end, or
        what one of them requires is not installed.
    PluginError
        If a plugin is broken.
    """
    try:
        model = registry.load(name, frontend)
    except LayoutError as error:
        raise UsageError(f"{error}{_that_fit(registry, error.layout)}") from None
    if missing := model.missing():
        install = pip_install(model.card.extra, missing)
        raise UsageError(f"{name} needs {', '.join(missing)}, which is not installed; {install}")
    if model.frontend_card:
        check_weights(model.frontend_card)
    return model


def _that_fit(registry: Registry, layout: str) -> str:
    """Return the published runs and front ends of a layout, as the end of a sentence."""
    ready = [
        s for s in registry.frontends(cache_folder() / "slow-plugins.json") if s.status == "ready"
    ]
    names = [state.name for state in ready if state.layout == layout]
    runs = [run.id for run in published() if run.record.frontend["name"] in names]
    options = [*(f"--from {run}" for run in runs), *(f"--front-end {name}" for name in names)]
    return f"; these fit: {', '.join(options)}" if options else ""


def recorded_model(
    record: RunRecord,
    file: str | None,
    command: str,
    registry: Registry | None = None,
    frontend: str | None = None,
) -> Model:
    """Return the model that a record describes, with its front end.

    A record may come from anywhere, so it names no code: a loose file is loaded only if the user
    has named it, any other plugin only if it is installed under this name.

    Parameters
    ----------
    record : RunRecord
        Record of a run.
    file : str or None
        File of the model, if the user has named it.
    command : str
        Command that names the file, with ``{}`` in its place.
    registry : Registry, optional
        Registry with the model; a fresh one by default.
    frontend : str, optional
        File of the front end, if the user has named it.

    Raises
    ------
    UsageError, PluginError
        If a file is needed, or another one than was trained; or if a plugin is not installed.
    """
    registry = registry or open_registry()
    described, spec = record.model, None
    if given := record.frontend_plugin:
        spec = given.spec
        if given.is_file and spec:
            spec = _trusted(registry, given, record.frontend, frontend)
    if not described.is_file:
        return registry.installed(described.name, spec)
    if file is None:
        raise UsageError(
            f"its record names the file {described.reference}, and no code is loaded because a "
            f"record names it; if you trust that file, `{command.format(described.reference)}`"
        )
    model = registry.load(file, spec)
    if model.source.version != described.version:
        raise UsageError(f"{file} is not the file that was trained, its hash differs")
    return model


def _trusted(
    registry: Registry, described: FrontEndInfo, fields: Mapping[str, Any], file: str | None
) -> str | None:
    """Return the user's word for the front end of a loose file, which the user has named.

    The ONNX file of a run holds no code, and is used only if the zoo wrote it.
    """
    if file is None and described.spec and described.spec.endswith(SUFFIX):
        file = described.spec
    if file is None:
        raise UsageError(
            f"its record names the front end {quoted(described.spec or '')}, and no code is loaded "
            "because a record names it; if you trust that file, add "
            f"--front-end {quoted(described.spec or '')}"
        )
    loaded = registry.frontend(file)
    if loaded.source.version != described.version:
        raise UsageError(f"{file} is not the front end that was trained on, its hash differs")
    found = json.loads(canonical_json(identity(loaded.card.frontend)))
    others = [
        f"{name} is {value!r} and was {fields[name]!r}"
        for name, value in found.items()
        if fields.get(name, value) != value
    ]
    if others:
        raise UsageError(f"{file} is not the front end that was trained on: {', '.join(others)}")
    return file


def find_dataset(
    wanted: str,
    registry: Registry | None = None,
    *,
    trust: bool = True,
    engine: "Engine | None" = None,
    reporter: Reporter | None = None,
    reading: Reading | None = None,
) -> Dataset:
    """Return the dataset that the user names as ``--data``, also if an extension offers it.

    Parameters
    ----------
    wanted : str
        As for `open_dataset`.
    registry : Registry, optional
        Registry with the extensions; a fresh one by default.
    trust, engine, reporter, reading : bool, Engine, Reporter, Reading
        As for `open_dataset`.

    Raises
    ------
    DatasetError
        If there is no such dataset, or it cannot be used.
    PluginError
        If an extension offers it, and fails.
    """
    offered = offered_datasets(registry or open_registry())
    dataset = open_dataset(wanted, offered, trust, engine, reporter, reading)
    wanted = _place(wanted, offered)
    if os.path.exists(wanted):  # noqa: PTH110  (allows a long name)
        note_named(wanted)
    return dataset


def recorded_dataset(
    info: DatasetInfo,
    registry: Registry | None = None,
    *,
    trust: bool = True,
    within: Path | None = None,
) -> Dataset:
    """Return the dataset that a record names.

    A record may come from anywhere, so it opens no address, and no file that the user has not
    named before.

    Parameters
    ----------
    info : DatasetInfo
        The dataset, as the record of a run has it.
    registry : Registry, optional
        Registry with the extensions; a fresh one by default.
    trust : bool
        As for `open_dataset`.
    within : Path, optional
        A folder whose files may be read nevertheless.

    Raises
    ------
    DatasetError
        If there is no such dataset, or it has to be named by the user.
    PluginError
        If an extension offers it, and fails.
    """
    registry = registry or open_registry()
    offered, source = offered_datasets(registry), info.source
    given = _place(source, offered)
    if source != "demo" and (given != source or not offered_dataset(source, offered)):
        if is_url(given):
            raise DatasetError(
                f"no address is opened because a record names it, here {quoted(source)}; "
                "give it as --data if you trust it"
            )
        place = Path(os.path.realpath(given))
        known = was_named(given) or (within and within.resolve() in (place, *place.parents))
        if not known and os.path.exists(given):  # noqa: PTH110  (allows a long name)
            raise DatasetError(
                f"the record names {quoted(source)}, which no command was given here; "
                "give it as --data if it is the dataset"
            )
    dataset = open_dataset(source, offered, trust, reading=info.reading)
    if info.kept_from is None:
        return dataset
    opened = partial(recorded_dataset, registry=registry, trust=trust, within=within)
    try:
        return with_tracks_of(recorded_run(info.kept_from), dataset, opened)
    except RecursionError:
        raise DatasetError(f"the run {quoted(info.kept_from)} has its own tracks added") from None


def _place(source: str, offered: "Mapping[str, Callable[..., Dataset]]") -> str:
    """Return the folder behind the @ of a plugin's dataset; any other value as it is."""
    is_behind = source not in offered and offered_dataset(source, offered)
    return source.partition("@")[2] or source if is_behind else source


def offered_datasets(registry: Registry) -> dict[str, Callable[..., Dataset]]:
    """Return the data sets that extensions offer, by name, as functions that load them."""
    offered: dict[str, Callable[..., Dataset]] = {}
    for offer in registry.ask("zoo_datasets"):
        if not isinstance(offer, Mapping):
            _log.warning(
                "an extension offers its data sets as a %s, and is left out; its author should "
                "return a mapping from names to functions", type(offer).__name__,
            )  # fmt: skip
            continue
        for name, load in offer.items():
            offered.setdefault(str(name), partial(_loaded, str(name), load))
    return offered


def all_changes(registry: Registry) -> "dict[str, Change]":
    """Return all changes of recordings: those of the zoo, then those of extensions by name.

    What cannot be used is logged, and left out.

    Parameters
    ----------
    registry : Registry
        Registry with the extensions.
    """
    from zoo.audio.changes import CHANGES

    offered: dict[str, Change] = {}
    for offer in registry.ask("zoo_changes"):
        try:
            for change in offer:
                if fault := _fault(change, CHANGES.keys() | offered.keys()):
                    _log.warning("a change of an extension is left out: %s", fault)
                else:
                    offered[change.name] = change
        except Exception as error:
            _log.warning(
                "an extension offers its changes as a %s, and is left out (%s); its author should "
                "return a list of zoo.Change", type(offer).__name__, in_a_line(error),
            )  # fmt: skip
    return CHANGES | dict(sorted(offered.items()))


def _fault(change: Any, taken: Set[str]) -> str | None:
    """Return the reason why a change cannot be used, and what its author should do."""
    from zoo.audio.changes import Change

    if not isinstance(change, Change):
        return f"it is a {type(change).__name__}; its author should make it a zoo.Change"
    if change.name in taken:
        return f"the name {change.name!r} is taken; its author should choose another"
    try:
        pickle.dumps(change)
    except Exception as error:
        return (
            f"{change.name} cannot be sent to a worker ({in_a_line(error)}); its author should "
            "name a function of the module"
        )
    return None


def _loaded(name: str, load: Callable[..., object], *rest: str) -> Dataset:
    """Return the data set of an extension; raise every error and wrong result as `PluginError`."""
    plugin = f"the plugin that offers the data set {name!r}"
    try:
        with stdout_kept():
            dataset = load(*rest)
    except (ZooError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PluginError(f"{plugin} failed with {in_a_line(error)}") from error
    if not isinstance(dataset, Dataset):
        raise PluginError(
            f"{plugin} gave a {type(dataset).__name__}; "
            "its author should return a zoo.datasets.Dataset"
        )
    return dataset
