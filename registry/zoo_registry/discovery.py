"""Plugins as their packages announce them, before any is imported.

A model is an entry point of the group ``zoo.plugins``; its name is the entry point's. An
extension (a wrapper of hooks, a listener, a source of data sets or commands) is one of
``zoo.extensions``, which is on, or of ``zoo.extensions.optional``, which is off until the user
enables it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Literal

from zoo_registry.enabled import DISABLED, Switches
from zoo_registry.model import Source

__all__ = ["BUILT_IN", "EXTENSIONS", "MODELS", "OPTIONAL", "Offer", "read_offers"]

MODELS = "zoo.plugins"
EXTENSIONS = "zoo.extensions"
OPTIONAL = "zoo.extensions.optional"
BUILT_IN = "genre-zoo"


@dataclass(frozen=True)
class Offer:
    """One entry point.

    Attributes
    ----------
    kind : {"model", "extension"}
    point : EntryPoint
    withheld : {"disabled", "broken"} or None
        Why it is not imported: it is switched off, or its name is taken.
    reason : str or None
        The same as a sentence.
    """

    kind: Literal["model", "extension"]
    point: EntryPoint
    withheld: Literal["disabled", "broken"] | None = None
    reason: str | None = None

    @property
    def name(self) -> str:
        """The entry point's."""
        return self.point.name

    @property
    def source(self) -> Source:
        """The package that it comes from."""
        dist = self.point.dist
        return Source(self.name, dist.name if dist else "unknown", dist.version if dist else None)


def read_offers(switches: Switches, points: Iterable[EntryPoint] | None = None) -> list[Offer]:
    """Return what is installed: built-in plugins first, then by package and name.

    Parameters
    ----------
    switches : Switches
    points : iterable of EntryPoint, optional
        Instead of those that are installed.
    """
    offers: dict[tuple[str, str, str | None], Offer] = {}
    for point in _installed() if points is None else points:
        if point.group in (MODELS, EXTENSIONS, OPTIONAL):
            kind: Literal["model", "extension"] = "model" if point.group == MODELS else "extension"
            offer = Offer(kind, point)
            offers[point.name, point.value, offer.source.distribution] = offer
    owners: dict[tuple[str, str], Offer] = {}
    return [_judged(offer, switches, owners) for offer in sorted(offers.values(), key=_rank)]


def _installed() -> list[EntryPoint]:
    found = entry_points()  # the distributions are read once for all groups
    return [
        point for group in (MODELS, EXTENSIONS, OPTIONAL) for point in found.select(group=group)
    ]


def _rank(offer: Offer) -> tuple[bool, str, str]:
    package = offer.source.distribution or ""
    return package != BUILT_IN, package, offer.name


def _judged(offer: Offer, switches: Switches, owners: dict[tuple[str, str], Offer]) -> Offer:
    """Return `offer`, withheld if the user or an earlier owner of its name is against it."""
    package = offer.source.distribution
    off = sorted({offer.name, package or ""} & switches.disabled)
    if offer.point.group == OPTIONAL and not {offer.name, package} & switches.enabled:
        reason = f"it is optional: `zoo plugins enable {offer.name}` switches it on"
        return Offer(offer.kind, offer.point, "disabled", reason)
    # A built-in model that is switched off keeps its name: nobody else may pass for it.
    if not off or package == BUILT_IN:
        owner = owners.setdefault((offer.kind, offer.name), offer)
        if owner is not offer:
            reason = (
                f"the name {offer.name!r} is taken by {owner.source.distribution}; "
                "the author of the package has to choose another"
            )
            return Offer(offer.kind, offer.point, "broken", reason)
    if off:
        reason = f"it is switched off: `zoo plugins enable {off[0]}`, or change {DISABLED}"
        return Offer(offer.kind, offer.point, "disabled", reason)
    return offer
