"""Audit of a split: information that test tracks share with training tracks (leakage)."""

from collections.abc import Sequence
from typing import Any

from zoo.datasets.base import Dataset, Track
from zoo.evaluate.protocols import Fold
from zoo_registry.predictions import OTHER
from zoo_registry.record import AuditInfo, FoldAudit

__all__ = ["audit", "leaks", "summary"]

# Attributes of a track that a test track must not share with a training track.
_KINDS = {"group": "group", "recording": "recording", "duplicate": "file_digest"}


def audit(dataset: Dataset, folds: Sequence[Fold]) -> AuditInfo:
    """Count the test tracks of each fold that share information with training tracks."""
    keys = {kind: [getattr(t, name) for t in dataset.tracks] for kind, name in _KINDS.items()}
    return AuditInfo(
        folds=[_audit_fold(dataset, fold, keys) for fold in folds],
        conflicts=_conflicts(dataset),
        known=sum(
            bool(track.group or track.recording) for track in dataset.tracks if track.label != OTHER
        ),
    )


def leaks(found: AuditInfo | None) -> bool:
    """Whether any test track shares information with a training track."""
    return found is not None and any(fold.any for fold in found.folds)


def summary(*found: AuditInfo) -> dict[str, Any]:
    """Sum up the audit over all folds.

    Parameters
    ----------
    *found : AuditInfo
        Results of `audit` for splits of one dataset, at least one.

    Returns
    -------
    dict
        ``tested, group, recording, duplicate, any``: counts; ``share``: ``any / tested``;
        ``conflicts, known``: counts; ``missing``: classes without a training track in some fold;
        ``splits``: number of splits.
    """
    folds = [fold for one in found for fold in one.folds]
    counts = {
        name: sum(getattr(fold, name) for fold in folds) for name in ("tested", *_KINDS, "any")
    }
    return counts | {
        "share": counts["any"] / counts["tested"] if counts["tested"] else 0.0,
        "conflicts": len(found[0].conflicts),
        "known": found[0].known,
        "missing": sorted({name for fold in folds for name in fold.missing}),
        "splits": len(found),
    }


def _audit_fold(dataset: Dataset, fold: Fold, keys: dict[str, list[str | None]]) -> FoldAudit:
    present = set(dataset.labels[fold.train].tolist())
    shared: dict[str, set[int]] = {}
    for kind, values in keys.items():
        trained = {values[n] for n in fold.train} - {None}
        shared[kind] = {int(n) for n in fold.test if values[n] in trained}
    return FoldAudit(
        fold=fold.number,
        tested=len(fold.test),
        **{kind: len(tracks) for kind, tracks in shared.items()},
        any=len(set().union(*shared.values())),
        missing=[name for n, name in enumerate(dataset.classes) if n not in present],
    )


def _conflicts(dataset: Dataset) -> list[list[str]]:
    first_with: dict[str, Track] = {}
    pairs = []
    for track in dataset.tracks:
        keys = [f"digest {track.digest}"]
        if track.recording and not track.segment:  # segments of a recording may differ
            keys.append(f"recording {track.recording}")
        for key in keys:
            first = first_with.setdefault(key, track)
            if first.label != track.label and [first.id, track.id] not in pairs:
                pairs.append([first.id, track.id])
    return pairs
