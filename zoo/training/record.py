"""Record of a run at its beginning: everything that is needed to repeat the run."""

import os
import platform
from importlib.metadata import PackageNotFoundError, metadata

from zoo.datasets import Dataset, FeatureTable, Reading
from zoo.datasets.collections.known import COLLECTIONS
from zoo.datasets.places import is_relative, place_of
from zoo.evaluate.protocols import Protocol
from zoo.execution.environment import PACKAGES, versions
from zoo.features.arrays import frontend_of
from zoo.features.copies import VERSION, has_copies
from zoo.plugins.classical import components_of
from zoo_registry.card import ParamValue
from zoo_registry.frontend import has_network
from zoo_registry.model import Model
from zoo_registry.record import (
    DatasetInfo,
    FrontEndInfo,
    MachineInfo,
    ModelInfo,
    ProtocolInfo,
    RunRecord,
)

__all__ = ["new_record"]


def new_record(
    model: Model,
    params: dict[str, ParamValue],
    dataset: Dataset,
    protocol: Protocol,
    grouped: bool,
    seed: int,
) -> RunRecord:
    """Return the record of a run before its first fold.

    Parameters
    ----------
    model : Model
        The model that will be trained.
    params : dict
        Every parameter of the card.
    dataset : Dataset
        The dataset of the run.
    protocol : Protocol
        The way to split it.
    grouped : bool
        Whether tracks that belong together stay on one side of each split.
    seed : int
        Random seed of the split and the model.
    """
    card, source = model.card, model.source
    columns = len(dataset.feature_names) if isinstance(dataset, FeatureTable) else None
    collection = COLLECTIONS.get(dataset.collection or "")
    return RunRecord(
        model=ModelInfo(
            name=card.name,
            title=card.title,
            family=card.family,
            distribution=source.distribution,
            version=source.version,
            licence=_licence(source.distribution),
            file=source.name if source.is_file else None,
        ),
        params=card.recorded(params),
        frontend=frontend_of(model, dataset),
        frontend_plugin=None if isinstance(dataset, FeatureTable) else _frontend_plugin(model),
        components=components_of(model, columns),
        copies=VERSION if has_copies(model, dataset) else None,
        dataset=DatasetInfo(
            name=dataset.name,
            source=dataset.source,
            fingerprint=dataset.fingerprint,
            classes=list(dataset.classes),
            tracks=len(dataset),
            collection=dataset.collection,
            licence=collection.licence if collection else None,
            citation=collection.citation if collection else None,
            reading=dataset.reading if dataset.reading != Reading() else None,
            selection=dataset.selection or None,
            place=place_of(dataset.source) if is_relative(dataset.source) else None,
            kept_from=dataset.kept_from,
        ),
        protocol=ProtocolInfo(spec=protocol.spec, grouped=grouped),
        seed=seed,
        versions=versions((*PACKAGES, *card.requires)),
        machine=MachineInfo(
            platform=platform.platform(),
            processors=os.cpu_count(),
            python=platform.python_version(),
        ),
    )


def _frontend_plugin(model: Model) -> FrontEndInfo | None:
    """Return the description of the front end's plugin, if it has one."""
    card, source = model.frontend_card, model.source.frontend
    if not card:
        own = model.card.frontend  # it may be a network, and have no card
        return (
            FrontEndInfo(title=own.name, weights=True, network=True) if has_network(own) else None
        )
    return FrontEndInfo(
        title=card.title,
        spec=source.spec if source else None,
        distribution=source.distribution if source else None,
        version=source.version if source else None,
        package=card.package,
        licence=card.licence,
        notice=card.notice,
        weights=card.has_weights,
        network=has_network(card.frontend),
        trained_on={seen.corpus: dict(seen.overlaps) for seen in card.trained_on},
    )


def _licence(distribution: str | None) -> str | None:
    """Return the licence that an installed package declares."""
    if distribution is None:
        return None
    try:
        described = metadata(distribution).json
    except PackageNotFoundError:
        return None
    found = described.get("license_expression") or described.get("license")
    return str(found) if found else None
