"""Entry points of installed plugins, before any of them is imported.

A model is an entry point of the group ``zoo.plugins``; its name is that of the entry point. An
extension (a wrapper of hooks, a listener, a source of datasets or commands) is an entry point of
``zoo.extensions``, which is used by default, or of ``zoo.extensions.optional``, which is used
once the user enables it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Literal

from zoo_registry.enabled import DISABLED, Switches
from zoo_registry.model import Source

__all__ = ["BUILT_IN", "EXTENSIONS", "MODELS", "OPTIONAL", "PluginEntry", "read_entries"]

MODELS = "zoo.plugins"
EXTENSIONS = "zoo.extensions"
OPTIONAL = "zoo.extensions.optional"
BUILT_IN = "genre-zoo"


@dataclass(frozen=True)
class PluginEntry:
    """One entry point.

    Attributes
    ----------
    kind, point : {"model", "extension"}, EntryPoint
    withheld : {"disabled", "broken"} or None
        Why it is not imported: it is switched off, or another plugin has its name.
    reason : str or None
        The same as a sentence.
    """

    kind: Literal["model", "extension"]
    point: EntryPoint
    withheld: Literal["disabled", "broken"] | None = None
    reason: str | None = None

    @property
    def name(self) -> str:
        """The name of the entry point."""
        return self.point.name

    @property
    def source(self) -> Source:
        """The package that it comes from."""
        dist = self.point.dist
        return Source(self.name, dist.name if dist else "unknown", dist.version if dist else None)


def read_entries(
    switches: Switches, points: Iterable[EntryPoint] | None = None
) -> list[PluginEntry]:
    """Return the entry points of plugins: built-in ones first, then by package and name.

    Parameters
    ----------
    switches : Switches
        Choices of the user.
    points : iterable of EntryPoint, optional
        Entry points to use instead of the installed ones.
    """
    groups = (MODELS, EXTENSIONS, OPTIONAL)
    if points is None:
        installed = entry_points()  # the distributions are read once for all groups
        points = [point for group in groups for point in installed.select(group=group)]
    entries: dict[tuple[str, str, str | None], PluginEntry] = {}
    for point in points:
        if point.group in groups:
            entry = PluginEntry("model" if point.group == MODELS else "extension", point)
            entries[point.name, point.value, entry.source.distribution] = entry
    owners: dict[tuple[str, str], PluginEntry] = {}
    return [_withheld(entry, switches, owners) for entry in sorted(entries.values(), key=_rank)]


def _rank(entry: PluginEntry) -> tuple[bool, str, str]:
    package = entry.source.distribution or ""
    return package != BUILT_IN, package, entry.name


def _withheld(
    entry: PluginEntry, switches: Switches, owners: dict[tuple[str, str], PluginEntry]
) -> PluginEntry:
    """Return `entry`, withheld if it is switched off or an earlier plugin has its name."""
    package = entry.source.distribution
    off = sorted({entry.name, package or ""} & switches.disabled)
    if entry.point.group == OPTIONAL and not {entry.name, package} & switches.enabled:
        reason = f"it is optional: `zoo plugins enable {entry.name}` switches it on"
        return replace(entry, withheld="disabled", reason=reason)
    # A built-in model that is switched off keeps its name: no other plugin may replace it.
    if not off or package == BUILT_IN:
        owner = owners.setdefault((entry.kind, entry.name), entry)
        if owner is not entry:
            reason = (
                f"the name {entry.name!r} is taken by {owner.source.distribution}; "
                "the author of the package has to choose another"
            )
            return replace(entry, withheld="broken", reason=reason)
    if off:
        reason = f"it is switched off: `zoo plugins enable {off[0]}`, or change {DISABLED}"
        return replace(entry, withheld="disabled", reason=reason)
    return entry
