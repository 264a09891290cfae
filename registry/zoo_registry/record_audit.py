"""The part of the record of a run that describes what its test tracks share with training."""

from zoo_registry.structures import Count, Structure

__all__ = ["AuditInfo", "FoldAudit"]


class FoldAudit(Structure, kw_only=True):
    """Numbers of test tracks of a fold that share something with a training track.

    Of the `tested` tracks so many share a `group`, a `recording`, all bytes (`duplicate`), or
    `any` of these. `missing` has the classes without a training track.
    """

    fold: Count
    tested: Count
    group: Count
    recording: Count
    duplicate: Count
    any: Count
    missing: list[str]


class AuditInfo(Structure, kw_only=True):
    """The audit of a split.

    `conflicts` has pairs of track ids, equal recordings under different labels. `known` is the
    number of tracks that have a group or a recording in the metadata.
    """

    folds: list[FoldAudit]
    conflicts: list[list[str]]
    known: Count
