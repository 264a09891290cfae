"""The audit of a split: what test tracks share with the tracks that a model learnt from."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from zoo.datasets.base import Dataset, Track
from zoo.evaluate.protocols import Fold
from zoo_registry.record import AuditInfo, FoldAudit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["audit", "leaks", "summary"]

# What two tracks can have in common. A group is an artist, or what the metadata calls one.
_KINDS: dict[str, Callable[[Track], str | None]] = {
    "group": lambda track: track.group,
    "recording": lambda track: track.recording,
    "duplicate": lambda track: track.digest,
}


def audit(dataset: Dataset, folds: Sequence[Fold]) -> AuditInfo:
    """Count, in each fold, the test tracks that are not new to the model.

    Parameters
    ----------
    dataset : Dataset
    folds : sequence of Fold
    """
    keys = {kind: [key(track) for track in dataset.tracks] for kind, key in _KINDS.items()}
    return AuditInfo(
        folds=[_audit_fold(dataset, fold, keys) for fold in folds],
        conflicts=_conflicts(dataset),
        known=sum(bool(track.group or track.recording) for track in dataset.tracks),
    )


def leaks(found: AuditInfo | None) -> bool:
    """Whether any test track was not new to its model."""
    return found is not None and any(fold.any for fold in found.folds)


def summary(found: AuditInfo) -> dict[str, Any]:
    """Return the audit over all folds: counts, and their share of the tested tracks.

    Returns
    -------
    dict
        ``tested, group, recording, duplicate, any``: counts; ``share``: ``any / tested``;
        ``conflicts, known``: counts; ``missing``: classes that some fold did not learn.
    """
    folds = found.folds
    counts = {
        name: sum(getattr(fold, name) for fold in folds) for name in ("tested", *_KINDS, "any")
    }
    return counts | {
        "share": counts["any"] / counts["tested"] if counts["tested"] else 0.0,
        "conflicts": len(found.conflicts),
        "known": found.known,
        "missing": sorted({name for fold in folds for name in fold.missing}),
    }


def _audit_fold(dataset: Dataset, fold: Fold, keys: dict[str, list[str | None]]) -> FoldAudit:
    shared: dict[str, set[int]] = {}
    for kind, values in keys.items():
        learnt = {values[n] for n in fold.train} - {None}
        shared[kind] = {int(n) for n in fold.test if values[n] in learnt}
    return FoldAudit(
        fold=fold.number,
        tested=len(fold.test),
        **{kind: len(tracks) for kind, tracks in shared.items()},
        any=len(set().union(*shared.values())),
        missing=_missing(dataset, fold.train),
    )


def _missing(dataset: Dataset, train: "NDArray[np.int64]") -> list[str]:
    learnt = set(dataset.labels[train].tolist())
    return [name for number, name in enumerate(dataset.classes) if number not in learnt]


def _conflicts(dataset: Dataset) -> list[list[str]]:
    holders: dict[str, Track] = {}
    pairs = []
    for track in dataset.tracks:
        for key in (f"recording {track.recording}", f"digest {track.digest}"):
            if key == "recording None":
                continue
            first = holders.setdefault(key, track)
            if first.label != track.label and [first.id, track.id] not in pairs:
                pairs.append([first.id, track.id])
    return pairs
