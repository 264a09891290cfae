"""The part of the record of a run that describes its fits to fewer tracks."""

from msgspec import field

from zoo_registry.record_parts import FoldRecord
from zoo_registry.structures import Count, Structure

__all__ = ["SizeInfo", "SizesInfo"]


class SizeInfo(Structure, kw_only=True, omit_defaults=True):
    """A number of training tracks per class, `size`, to which the training parts were cut.

    `split` is the sha256 over the track ids of these parts and the test parts. `short` has the
    classes that have fewer tracks, each with the least and the most that a fold took.
    """

    size: Count
    split: str
    short: dict[str, tuple[Count, Count]] = field(default_factory=dict)


class SizesInfo(Structure, kw_only=True, omit_defaults=True):
    """The fits of a run to fewer tracks: `sizes`, their `folds`, and the sha256 of `sizes.csv`.

    `sizes.csv` has the sizes of which all folds are done.
    """

    sizes: list[SizeInfo] = field(default_factory=list)
    folds: list[FoldRecord] = field(default_factory=list)
    sha256: str | None = None

    @property
    def failures(self) -> list[str]:
        """A sentence on each size of which a fold failed, with the reason of the first one."""
        failed: dict[int, list[FoldRecord]] = {}
        for entry in self.folds:
            if entry.error and entry.size is not None:
                failed.setdefault(entry.size, []).append(entry)
        return [
            f"{own[0].description}{f' and {len(own) - 1} more' * (len(own) > 1)}: {own[0].error}"
            for own in failed.values()
        ]
