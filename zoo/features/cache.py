"""Cache of front-end arrays on disk, addressed by content: equal audio is computed once.

An entry is named by the sha256 of (the audio's sha256, the front end's identity, the versions of
decoding and of the choice of rows), and holds a ``.npy`` array followed by its CRC-32: numpy
ignores what follows the array, so that an entry can be memory-mapped, and a damaged one is noticed.
Beside it, a ``.json`` holds the `Properties` of the audio.
"""

import io
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zoo.audio.decode import DECODING
from zoo.audio.properties import Properties
from zoo.workspace import cache_folder
from zoo_registry.files import atomic_path, read_json, write_text
from zoo_registry.structures import from_plain
from zoo_registry.text import digest, json_text

__all__ = ["FeatureCache", "features_folder"]

_CHECKSUM = 4  # bytes
_ROWS = 1  # must be raised whenever other rows of the same samples are kept
_LARGE = 2**22  # bytes; a few minutes of log-mel


def features_folder() -> Path:
    """Return the folder of the cache of front-end arrays."""
    return cache_folder() / "features"


@dataclass(frozen=True)
class FeatureCache:
    """Arrays of one front end.

    Attributes
    ----------
    folder : Path
        Shared by all front ends and processes.
    frontend : mapping
        The identity of the front end.
    columns : dict
        The sha256 of the audio of one array for each number of columns that was loaded.
    """

    folder: Path
    frontend: Mapping[str, Any]
    columns: dict[int, str] = field(default_factory=dict, compare=False)

    def path(self, audio_digest: str) -> Path:
        """Return where the array of the audio of this sha256 is, or would be."""
        key = digest([audio_digest, dict(self.frontend), DECODING, _ROWS])
        return self.folder / key[:2] / f"{key}.npy"

    def get(self, audio_digest: str) -> NDArray[np.float32] | None:
        """Return the array, read-only; None if it is absent or damaged."""
        try:
            path = self.path(audio_digest)
            status = path.stat()
            whole = _is_whole(path, status.st_size, status.st_mtime_ns)
            return self.load(audio_digest) if whole else None
        except Exception:  # numpy reads a forged header as Python, and raises what that raises
            return None

    def load(self, audio_digest: str) -> NDArray[np.float32]:
        """Return the array of `audio_digest`, found whole by `get`; raise OSError if it is gone."""
        # A small one is not memory-mapped: a map keeps its file open, a process may have a thousand
        # of these, and a training on ten thousand tracks may hold all arrays.
        path = self.path(audio_digest)
        mapped: Literal["r"] | None = "r" if path.stat().st_size >= _LARGE else None
        array: NDArray[np.float32] = np.load(path, mmap_mode=mapped, allow_pickle=False)
        if array.dtype != np.float32 or array.ndim != 2:  # noqa: PLR2004
            raise ValueError("it is not an array of a front end")
        array.flags.writeable = False
        self.columns.setdefault(array.shape[1], audio_digest)
        return array

    def mark_crashed(self, audio_digest: str) -> None:
        """Record that the audio of this sha256 crashed a process."""
        with atomic_path(self._mark(audio_digest), durable=False) as temporary:
            temporary.touch()

    def has_crashed(self, audio_digest: str) -> bool:
        """Return whether this audio has crashed a process before."""
        return self._mark(audio_digest).exists()

    def _mark(self, audio_digest: str) -> Path:
        return self.path(audio_digest).with_suffix(".died")

    def properties(self, audio_digest: str) -> Properties | None:
        """Return the properties that were stored with an array; earlier versions stored none."""
        try:
            return from_plain(read_json(self._properties(audio_digest)), Properties)
        except (OSError, ValueError):
            return None

    def known(self, audio_digest: str) -> Properties | None:
        """Return the properties of an entry that is whole, with its array; otherwise None."""
        return None if self.get(audio_digest) is None else self.properties(audio_digest)

    def _properties(self, audio_digest: str) -> Path:
        return self.path(audio_digest).with_suffix(".json")

    def put(
        self,
        audio_digest: str,
        array: NDArray[np.float32],
        properties: Properties | None = None,
    ) -> None:
        """Store an array; of two processes that store the same one, the last one wins."""
        if properties:
            text = json_text(asdict(properties))
            write_text(self._properties(audio_digest), text, durable=False)
        content = io.BytesIO()
        np.save(content, np.ascontiguousarray(array, dtype=np.float32), allow_pickle=False)
        content.write(zlib.crc32(content.getbuffer()).to_bytes(_CHECKSUM, "little"))
        with atomic_path(self.path(audio_digest), durable=False) as temporary:
            temporary.write_bytes(content.getbuffer())


@lru_cache(maxsize=2**17)  # a file of the same size and time is read for its checksum once
def _is_whole(path: Path, size: int, modified: int) -> bool:
    del size, modified
    content = path.read_bytes()
    body, checksum = content[:-_CHECKSUM], content[-_CHECKSUM:]
    return zlib.crc32(body).to_bytes(_CHECKSUM, "little") == checksum
