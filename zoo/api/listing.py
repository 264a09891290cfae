"""Lists of which a slice is one of the same kind, which a notebook shows as a table."""

from typing import Any, Self, SupportsIndex, TypeVar, overload

__all__ = ["Listing"]

_T = TypeVar("_T")


class Listing(list[_T]):
    """A list whose slices are of the same class."""

    @overload
    def __getitem__(self, place: SupportsIndex) -> _T: ...
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: Any) -> Any:
        """Return an item, or a list of some of them."""
        found = super().__getitem__(place)
        return type(self)(found) if isinstance(place, slice) else found
