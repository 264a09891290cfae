"""Embeddings of the tracks of a run, which stand for recordings that are not on this machine.

`embeddings.npz` has two arrays: ``rows``, float16 or float32, shape (tracks, columns), the mean of
the rows that the front end gives for each track; and ``tracks``, uint8, the UTF-8 bytes of a JSON
list with one object per row, see `EmbeddedTrack`.
"""

import io
import json
import math
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from zoo.datasets.base import Embedded, Track
from zoo_registry.errors import RunError
from zoo_registry.runs import EMBEDDINGS, Run
from zoo_registry.structures import Count, Structure, from_plain
from zoo_registry.text import digest, first_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EmbeddedTrack", "read_embeddings", "to_npz"]

_LARGEST = 256 << 20  # bytes, also unpacked
_COST = 0.05  # of the standard deviation of a column, which half precision may change
_LEAST = 1e-8  # of a column that does not vary
_MEMBERS = {"rows.npy": ("float16", "float32"), "tracks.npy": ("uint8",)}
_SHA256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class EmbeddedTrack(Structure, kw_only=True, omit_defaults=True):
    """A track of `embeddings.npz`.

    `sha256` is that of the bytes of its file, `bandwidth` the frequency in Hz above which there is
    nothing; all else is as of `zoo.datasets.Track`.
    """

    id: Annotated[str, Meta(min_length=1)]
    label: Annotated[str, Meta(min_length=1)]
    sha256: _SHA256
    group: str | None = None
    recording: str | None = None
    fold: str | None = None
    split: str | None = None
    bandwidth: Count = 0


def to_npz(rows: "NDArray[np.floating]", tracks: Sequence[EmbeddedTrack]) -> bytes:
    """Return the content of `embeddings.npz`; the same for the same embeddings.

    Parameters
    ----------
    rows : array, shape (tracks, columns)
        They are stored in half precision if that changes no column by more than a twentieth of its
        standard deviation.
    tracks : sequence of EmbeddedTrack
        One per row.
    """
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        half = rows.astype(np.float16)
        lost = (half - rows).std(axis=0)
    fits = np.isfinite(half).all() and (lost <= _COST * rows.std(axis=0) + _LEAST).all()
    text = json.dumps([track.to_dict() for track in tracks], ensure_ascii=False).encode()
    content = io.BytesIO()
    np.savez_compressed(
        content,
        rows=half if fits else rows.astype(np.float32),
        tracks=np.frombuffer(text, np.uint8),
    )
    return content.getvalue()


def read_embeddings(run: Run) -> list[Track]:
    """Return the tracks of the embeddings of a run.

    Parameters
    ----------
    run : Run
        Any run, also one that came from elsewhere.

    Raises
    ------
    RunError
        If it has no embeddings, or the file is damaged, too large, or not the one of the record.
    """
    import numpy as np

    path, known = run.embeddings_path, run.record.embeddings
    if known is None:
        raise RunError(f"{run.id} has no embeddings of its tracks")
    if run.sha256(path) != known:
        raise RunError(run.damage([EMBEDDINGS]))
    try:
        arrays = _arrays(run.content(path))
        rows, text = arrays["rows.npy"], bytes(arrays["tracks.npy"])
        listed = from_plain(json.loads(text.decode()), list[EmbeddedTrack])
        if len(listed) != len(rows) or not np.isfinite(rows).all():
            raise ValueError("its rows are not those of its tracks, or not finite")
        if len({item.id for item in listed}) < len(listed):
            raise ValueError("it has two tracks of one id")
    except (OSError, ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise RunError(f"{path} is damaged: {first_line(error)}") from error
    rows.flags.writeable = False
    return [
        Track(
            id=item.id,
            label=item.label,
            digest=digest([item.sha256, row.tobytes().hex()]),
            group=item.group,
            recording=item.recording,
            fold=item.fold,
            split=item.split,
            embedded=Embedded(item.sha256, row[None], item.bandwidth),
        )
        for item, row in zip(listed, rows, strict=True)
    ]


def _arrays(content: bytes) -> dict[str, "NDArray[Any]"]:
    """Return the arrays of an ``.npz`` file from anywhere; what its headers claim is not trusted.

    Raises
    ------
    ValueError, zipfile.BadZipFile
        If it is no such file, or too large.
    """
    import zlib

    found = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        listed = archive.infolist()
        if sorted(item.filename for item in listed) != sorted(_MEMBERS):
            raise ValueError(f"it does not hold {' and '.join(_MEMBERS)}")
        if sum(item.file_size for item in listed) > _LARGEST:
            raise ValueError(f"it unpacks to more than {_LARGEST >> 20} MB")
        for item in listed:
            if item.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError("it is packed in another way than numpy packs")
            try:
                file = io.BytesIO(archive.read(item))
            except (RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
                raise ValueError(f"{item.filename} cannot be unpacked: {error}") from error
            found[item.filename] = _array(file, item.filename)
    return found


def _array(file: io.BytesIO, name: str) -> "NDArray[Any]":
    """Return the array of an ``.npy`` file, whose header may be forged."""
    import numpy as np

    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("it is of another version")
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
        rest = file.getvalue()[file.tell() :]
        if (
            dtype.name not in _MEMBERS[name]
            or is_fortran
            or len(shape) != 1 + (name != "tracks.npy")
        ):
            raise ValueError(f"it has an array of {dtype} of shape {shape}")
        if min(shape) < 1 or math.prod(shape) * dtype.itemsize != len(rest):
            raise ValueError(f"its shape {shape} is not that of its numbers")
    except Exception as error:  # numpy reads a forged header as Python, and raises what that raises
        raise ValueError(f"{name} is not an array of the zoo: {first_line(error)}") from error
    return np.frombuffer(rest, dtype).reshape(shape)
