"""What the user says about a dataset, which a record keeps to open the same tracks again."""

from zoo_registry.structures import Count, Structure

__all__ = ["Reading"]


class Reading(Structure, kw_only=True, omit_defaults=True):
    """What the user says about a dataset: the columns of its tables, and the tracks to take.

    `path`, `label`, `group` and `fold` are names of columns, `only` and `without` of classes;
    `limit` is the number of tracks per class, in whole groups unless `by_track`, and in each of the
    published parts if `by_part`. If it stands `alone`, one class is enough: others are added.
    """

    path: str | None = None
    label: str | None = None
    group: str | None = None
    fold: str | None = None
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    limit: Count | None = None
    by_track: bool = False
    by_part: bool = False
    alone: bool = False

    @property
    def columns(self) -> dict[str, str]:
        """The columns that are named, by role."""
        named = {name: getattr(self, name) for name in ("path", "label", "group", "fold")}
        return {name: column for name, column in named.items() if column}

    @property
    def said(self) -> str:
        """The columns that are named, for a title, such as "groups by Künstler"."""
        return ", ".join(f"{role}s by {column}" for role, column in self.columns.items())

    @property
    def options(self) -> list[str]:
        """The options of a command that say the same."""
        pairs = [(f"--{name}-column", column) for name, column in self.columns.items()]
        pairs += [("--only-class", name) for name in self.only]
        pairs += [("--exclude-class", name) for name in self.without]
        pairs += [("--limit", str(self.limit))] * (self.limit is not None)
        return [word for pair in pairs for word in pair]
