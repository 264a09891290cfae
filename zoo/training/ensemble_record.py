"""Record of an ensemble: what its members have in common, and what several have in sum."""

import datetime
import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

from msgspec.structs import replace

from zoo.datasets.places import note_named
from zoo.evaluate.ensemble import Weighting, Weights
from zoo_registry.places import models_folder
from zoo_registry.published import is_published
from zoo_registry.record import (
    DatasetInfo,
    FoldRecord,
    FrontEndInfo,
    MachineInfo,
    MemberInfo,
    ModelInfo,
    RunRecord,
    TuningInfo,
)
from zoo_registry.runs import ROBUSTNESS, Run

__all__ = ["dataset_of", "ensemble_record", "now"]


def dataset_of(members: Sequence[Run]) -> DatasetInfo:
    """Return the dataset of an ensemble: that of a run of the user's, if there is one.

    Parameters
    ----------
    members : sequence of Run
        The runs that it combines.
    """
    own = [member for member in members if not is_published(member)]
    return (own or members)[0].record.dataset


def now() -> str:
    """Return the time as a record has it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def ensemble_record(members: Sequence[Run], weights: Weighting, found: Weights) -> RunRecord:
    """Return the record of an ensemble, without what is known of its files.

    Parameters
    ----------
    members : sequence of Run
        The runs that it combines.
    weights : {"mean", "fit"}
        What the user asked for.
    found : Weights
        What was found.
    """
    records = [member.record for member in members]
    first = records[0]
    names = [m.id if is_published(m) else m.record.model.name for m in members]
    called = names if len({*names}) == len(names) else [member.id for member in members]
    frontend, plugin = _front_end(records)
    return RunRecord(
        model=ModelInfo(
            name="ensemble",
            title=f"Ensemble of {', '.join(called)}",
            family="ensemble",
            distribution="genre-zoo",
            version=version("genre-zoo"),
            licence=_joined(record.model.licence for record in records),
        ),
        params={"members": "+".join(called), "weights": weights},
        frontend=frontend,
        frontend_plugin=plugin,
        dataset=replace(dataset_of(members)),
        protocol=first.protocol,
        seed=first.seed,
        versions=_versions(records),
        tuned=_tuned(records),
        skipped=list(first.skipped),
        folds=_folds(records),
        split=first.split,
        audit=first.audit,
        members=[
            MemberInfo(
                run=_reference(member),
                command=member.record.command,
                predictions=str(member.record.predictions),
                robustness=member.hashes.get(ROBUSTNESS),
                artefact=member.record.artefact.sha256,
                weight=float(weight),
                folds=own.tolist(),
            )
            for member, weight, own in zip(members, found.whole, found.of_parts.T, strict=True)
        ],
        machine=MachineInfo(
            platform=platform.platform(),
            processors=os.cpu_count(),
            python=platform.python_version(),
        ),
        started=now(),
    )


def _front_end(records: Sequence[RunRecord]) -> tuple[dict[str, Any], FrontEndInfo | None]:
    """Return the front end that all members have, or what several have in sum."""
    first = records[0]
    if all(record.frontend == first.frontend for record in records):
        return first.frontend, first.frontend_plugin
    names = dict.fromkeys(str(record.frontend["name"]) for record in records)
    rates = [record.frontend.get("sample_rate", 0) for record in records]
    front_end = {"name": "+".join(names), "sample_rate": max(rates)}
    known = [record.frontend_plugin for record in records if record.frontend_plugin]
    plugins = [plugin for plugin in known if plugin.has_weights] or known
    if not plugins:
        return front_end, None
    seen = {corpus: own for plugin in plugins for corpus, own in plugin.trained_on.items()}
    info = FrontEndInfo(
        title=str(_joined(plugin.title for plugin in plugins)),
        package=_joined(plugin.package for plugin in plugins),
        licence=_joined(plugin.licence for plugin in plugins),
        notice=_joined((plugin.notice for plugin in plugins), "\n\n"),
        weights=any(plugin.has_weights for plugin in plugins),
        network=any(plugin.network for plugin in plugins),
        trained_on=seen,
    )
    return front_end, info


def _joined(texts: Iterable[str | None], sign: str = ", ") -> str | None:
    return sign.join(dict.fromkeys(filter(None, texts))) or None


def _versions(records: Sequence[RunRecord]) -> dict[str, str]:
    """Return the versions of the packages that the members depend on, several if they differ."""
    names = dict.fromkeys(name for record in records for name in record.versions)
    return {name: str(_joined(record.versions.get(name) for record in records)) for name in names}


def _tuned(records: Sequence[RunRecord]) -> TuningInfo | None:
    """Return what the searches for the parameters of members have seen, in sum."""
    found = [record.tuned for record in records if record.tuned]
    if not found:
        return None
    return TuningInfo(
        tuning=_joined(tuned.tuning for tuned in found),
        nested=all(tuned.nested for tuned in found),
        trials=sum(tuned.trials for tuned in found),
        tuner=_joined(tuned.tuner for tuned in found),
        seen=sorted({digest for tuned in found for digest in tuned.seen}),
    )


def _folds(records: Sequence[RunRecord]) -> list[FoldRecord]:
    """Return the folds of the members, with their times in sum."""
    found = []
    for entries in zip(*(record.folds for record in records), strict=True):
        first = entries[0]
        skipped = {(one.track, one.change): one for entry in entries for one in entry.skipped}
        found.append(
            FoldRecord(
                fold=first.fold,
                train_tracks=first.train_tracks,
                test_tracks=first.test_tracks,
                error=None,
                train_seconds=sum(entry.train_seconds or 0 for entry in entries),
                predict_seconds=sum(entry.predict_seconds or 0 for entry in entries),
                skipped=list(skipped.values()),
            )
        )
    return found


def _reference(run: Run) -> str:
    """Return the word of a command for a run: its name or id, its folder if it lies elsewhere."""
    place, home = run.folder.absolute(), models_folder().absolute()
    if is_published(run) or home in place.parents:
        return run.id
    note_named(str(place))
    return str(place)
