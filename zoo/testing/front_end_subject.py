"""The front end under test."""

from functools import cached_property
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from zoo.plugins.registry import open_registry
from zoo.testing.base_subject import BaseSubject
from zoo.testing.outcome import Skipped, require
from zoo_registry.errors import PluginError
from zoo_registry.frontend import FrontEnd
from zoo_registry.model import LoadedFrontEnd

__all__ = ["FrontEndSubject"]


class FrontEndSubject(BaseSubject):
    """A front end under test. Everything is computed when a check first needs it.

    Parameters
    ----------
    name : str
        A name that ``zoo models`` lists, or the path of a plugin's file; behind a colon, values of
        its fields, as in ``handcrafted:window=10``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._kept = frozenset(vars(self))

    @cached_property
    def loaded(self) -> LoadedFrontEnd:
        """The front end, loaded as by every command."""
        return open_registry().frontend(self.name)

    @property
    def declared(self) -> LoadedFrontEnd:
        """The front end; a check that needs it is skipped if it cannot be loaded."""
        try:
            return self.loaded
        except PluginError as error:
            raise Skipped("it cannot be loaded; see `card-complete`") from error

    @property
    def frontend(self) -> FrontEnd:
        """The front end; a check that needs it is skipped if its weights are not installed."""
        card = self.declared.card
        if card.missing:
            raise Skipped(f"it needs its weights, which are not installed; {card.missing}")
        return card.frontend

    @property
    def module(self) -> ModuleType:
        """The plugin's module."""
        return self.declared.module

    @property
    def rate(self) -> int:
        """Sample rate in Hz."""
        return self.declared.card.frontend.sample_rate

    @property
    def words(self) -> list[str]:
        """The words by which another process loads the front end."""
        return ["", self.declared.source.spec]

    def rows(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the array of a waveform; its type and shape are checked, and the columns."""
        given = waveform.copy()
        rows = np.asarray(self.frontend(given))
        require(
            np.array_equal(given, waveform), "preparing audio changes the waveform; work on a copy"
        )
        require(
            rows.ndim == 2 and rows.size and rows.dtype == np.float32,  # noqa: PLR2004
            f"{waveform.size} samples give a {rows.dtype} array of shape {rows.shape}; "
            "return float32, (rows, columns), with at least one row",
        )
        return rows

    def finite(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the array of a waveform, like `rows`; its numbers and columns are checked."""
        rows = self.rows(waveform)
        require(
            np.isfinite(rows).all(),
            f"{waveform.size} samples give numbers that are not finite; guard logarithms, "
            "divisions and roots against zero and negative numbers",
        )
        require(
            rows.shape[1] == self.columns,
            f"{waveform.size} samples give {rows.shape[1]} columns, others {self.columns}; all "
            "recordings must have as many",
        )
        return rows

    @cached_property
    def columns(self) -> int:
        """Number of columns of a sound of two seconds."""
        return int(self.rows(self.probe_sounds[2]).shape[1])

    @cached_property
    def probe(self) -> list[NDArray[np.float32]]:
        """The arrays of the probe sounds."""
        return [self.finite(waveform) for waveform in self.probe_sounds]
