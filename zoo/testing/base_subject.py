"""The plugin under test, with the sounds that checks share, and a fresh process to ask."""

import os
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.testing.outcome import CheckFailed, Skipped
from zoo_registry.errors import UsageError
from zoo_registry.temporary import temporary_folder

__all__ = ["PROBE_SECONDS", "BaseSubject"]

PROBE_SECONDS = (0.3, 1.0, 2.0, 5.0, 12.0, 46.0)


class BaseSubject(ABC):
    """A plugin under test. Everything is computed when a check first needs it."""

    _kept: frozenset[str]
    """Names of the attributes that `__init__` sets."""

    def close(self) -> None:
        """Release everything that was computed, and delete the temporary files."""
        if folder := self.__dict__.get("_folder"):
            folder.cleanup()
        kept = self._kept | {"_kept"}
        self.__dict__ = {name: value for name, value in vars(self).items() if name in kept}

    @property
    @abstractmethod
    def module(self) -> ModuleType:
        """The plugin's module; raises `Skipped` if the plugin cannot be loaded."""

    @property
    @abstractmethod
    def rate(self) -> int:
        """Sample rate of the front end in Hz."""

    @property
    @abstractmethod
    def words(self) -> list[str]:
        """The words by which another process loads the plugin: model, front end."""

    def _declared(self, name: str) -> Any:
        """Return an attribute of the plugin's module, or None if the plugin cannot be loaded."""
        with suppress(Skipped, UsageError):
            return getattr(self.module, name, None)
        return None

    @property
    def file(self) -> str | None:
        """The file of the plugin's module; None if it cannot be loaded."""
        file: str | None = self._declared("__file__")
        return file

    @property
    def expected_failures(self) -> dict[str, str]:
        """The reasons in the module's `expected_failures`, by check."""
        declared = self._declared("expected_failures")
        return dict(declared) if isinstance(declared, Mapping) else {}

    def tone(self, kind: int, seconds: float, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return a tone in noise, at about 0.4 of full scale; its kind, 0 to 19, is its pitch."""
        time = np.arange(max(1, round(seconds * self.rate))) / self.rate
        pitch = 110 * 1.2**kind * rng.uniform(0.98, 1.02)  # up to 3.5 kHz
        waves = sum(np.sin(2 * np.pi * n * pitch * time + rng.uniform(0, 6)) / n for n in (1, 2, 3))
        mixed = 0.2 * waves + 0.02 * rng.standard_normal(time.size)
        return mixed.astype(np.float32)

    @cached_property
    def probe_sounds(self) -> list[NDArray[np.float32]]:
        """The waveforms for prediction, of several lengths and levels."""
        rng = np.random.default_rng(1)
        return [
            self.tone(number % 3, seconds, rng) * np.float32(0.5**number)
            for number, seconds in enumerate(PROBE_SECONDS)
        ]

    @cached_property
    def _folder(self) -> tempfile.TemporaryDirectory[str]:
        return temporary_folder()

    def new_folder(self) -> Path:
        """Return an empty folder."""
        return Path(tempfile.mkdtemp(dir=self._folder.name))

    def in_worker(self, task: str, folder: Path) -> None:
        """Do a task of `zoo.testing.worker` in a fresh interpreter, or raise `CheckFailed`."""
        path = os.pathsep.join(entry for entry in sys.path if entry)
        done = subprocess.run(
            [sys.executable, "-m", "zoo.testing.worker", task, str(folder), *self.words],
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["it ended without a word"]
            raise CheckFailed(f"in a fresh process it fails to {task}: {lines[-1]}")
