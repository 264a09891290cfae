"""Weights of a TensorFlow checkpoint, read without TensorFlow."""

import struct
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_bundle"]

Message: TypeAlias = dict[int, list[int | bytes]]

_FLOAT = 1  # DT_FLOAT
_FOOTER = 48  # bytes


def read_bundle(index: bytes, data: bytes) -> dict[str, NDArray[np.float32]]:
    """Return the float32 tensors of a checkpoint by name.

    The format is that of tensorflow/core/util/tensor_bundle: an index in LevelDB's table format
    (https://github.com/google/leveldb/blob/main/doc/table_format.md) without compression, and one
    file of data. The content is trusted, so its hash is checked before.

    Parameters
    ----------
    index, data : bytes
        Content of the ``.index`` file and of the only ``.data-00000-of-00001`` file.
    """
    _, place = _handle(index[-_FOOTER:], 0)
    blocks, _ = _handle(index[-_FOOTER:], place)
    tensors = {}
    for _, handle in _entries(index, blocks):
        for key, value in _entries(index, _handle(handle, 0)[0]):
            entry = _message(value)
            if key and entry.get(1) == [_FLOAT]:
                dims = _message(_bytes(entry.get(2, [b""])[0])).get(2, [])
                shape = [_int(_message(_bytes(dim)).get(1, [0])[0]) for dim in dims]
                start, size = (_int(entry.get(field, [0])[0]) for field in (4, 5))
                values = np.frombuffer(data[start : start + size], np.float32)
                tensors[key.decode()] = values.reshape(shape)
    return tensors


def _entries(index: bytes, handle: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each entry of a block; keys share their beginnings."""
    start, size = handle
    block = index[start : start + size]
    restarts = struct.unpack("<I", block[-4:])[0]
    place, end, key = 0, size - 4 * (1 + restarts), b""
    while place < end:
        shared, place = _varint(block, place)
        own, place = _varint(block, place)
        length, place = _varint(block, place)
        key = key[:shared] + block[place : place + own]
        yield key, block[place + own : place + own + length]
        place += own + length


def _message(data: bytes) -> Message:
    """Return the fields of a Protocol Buffers message: numbers and bytes."""
    place, fields = 0, Message()
    while place < len(data):
        tag, place = _varint(data, place)
        value: int | bytes
        match tag & 7:
            case 0:
                value, place = _varint(data, place)
            case 2:
                size, place = _varint(data, place)
                value, place = data[place : place + size], place + size
            case kind:
                size = {1: 8, 5: 4}[kind]
                value, place = int.from_bytes(data[place : place + size], "little"), place + size
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _handle(data: bytes, place: int) -> tuple[tuple[int, int], int]:
    """Return offset and size of a block, and the place behind them."""
    offset, place = _varint(data, place)
    size, place = _varint(data, place)
    return (offset, size), place


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:  # noqa: PLR2004
            return value, place


def _int(value: int | bytes) -> int:
    assert isinstance(value, int)
    return value


def _bytes(value: int | bytes) -> bytes:
    assert isinstance(value, bytes)
    return value
