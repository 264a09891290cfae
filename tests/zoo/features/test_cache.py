"""Cached arrays: whole or absent, whatever happens to the disk and however many write."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from zoo.audio.frontends import FRONTENDS
from zoo.audio.properties import Properties
from zoo.features.cache import FeatureCache
from zoo_registry import identity

DIGEST = "d" * 64
FRONTEND = {"name": "rows", "version": 1, "width": 2}


@pytest.fixture
def cache(tmp_path) -> FeatureCache:
    return FeatureCache(tmp_path / "features", FRONTEND)


@given(
    arrays.arrays(
        np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.floats(width=32)
    )
)
def test_comes_back_bit_by_bit(tmp_path_factory, array):
    cache = FeatureCache(tmp_path_factory.mktemp("cache"), FRONTEND)
    assert cache.get(DIGEST) is None
    cache.put(DIGEST, array)
    got = cache.get(DIGEST)
    assert got.dtype == np.float32
    assert got.shape == array.shape
    assert got.tobytes() == array.tobytes()
    assert not got.flags.writeable


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.float64).reshape(3, 4),
        np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4)),
        np.arange(24, dtype=np.float32).reshape(3, 8)[:, ::2],
        np.arange(12).reshape(3, 4),
    ],
    ids=["doubles", "by columns", "strided", "integers"],
)
def test_any_layout_is_stored_the_same_way(cache, array):
    cache.put(DIGEST, array)
    got = cache.get(DIGEST)
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    np.testing.assert_array_equal(got, array)


def test_only_large_arrays_are_mapped(cache, monkeypatch):
    cache.put(DIGEST, np.ones((3, 2)))
    assert not isinstance(cache.get(DIGEST), np.memmap)
    monkeypatch.setattr("zoo.features.cache._LARGE", 1)
    assert isinstance(cache.get(DIGEST), np.memmap)


@pytest.mark.parametrize("large", [1, 2**30], ids=["mapped", "read"])
def test_arrays_outlive_their_entry(cache, monkeypatch, large):
    monkeypatch.setattr("zoo.features.cache._LARGE", large)
    cache.put(DIGEST, np.ones((3, 2)))
    got = cache.get(DIGEST)
    cache.put(DIGEST, np.zeros((3, 2)))
    assert got.tolist() == [[1, 1]] * 3
    assert cache.get(DIGEST).tolist() == [[0, 0]] * 3


def test_more_arrays_are_held_than_files_may_be_open(cache):
    resource = pytest.importorskip("resource")
    cache.put(DIGEST, np.ones((1, 165)))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[0]), before[1]))
    try:
        assert len([cache.load(DIGEST) for _ in range(300)]) == 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_entries_differ_by_audio_and_by_every_field(cache):
    others = [identity(kind()) for kind in FRONTENDS.values()] + [
        FRONTEND | {"width": 3}, FRONTEND | {"version": 2}, FRONTEND | {"name": "other"},
        FRONTEND | {"height": 1},
    ]  # fmt: skip
    paths = {FeatureCache(cache.folder, other).path(DIGEST) for other in others}
    paths |= {cache.path(DIGEST), cache.path("e" * 64)}
    assert len(paths) == len(others) + 2
    reordered = FeatureCache(cache.folder, dict(reversed(FRONTEND.items())))
    assert reordered.path(DIGEST) == cache.path(DIGEST)


@given(st.data())
def test_damage_is_noticed(tmp_path_factory, data):
    cache = FeatureCache(tmp_path_factory.mktemp("cache"), FRONTEND)
    cache.put(DIGEST, np.arange(40.0).reshape(8, 5))
    path = cache.path(DIGEST)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[place:]
    path.write_bytes(content)
    assert cache.get(DIGEST) is None
    cache.put(DIGEST, np.ones((1, 1)))
    assert cache.get(DIGEST).tolist() == [[1]]


@pytest.mark.parametrize("content", [b"", bytes(4), bytes(1000), b"\x93NUMPY", b"text"], ids=repr)
def test_other_contents(cache, content):
    path = cache.path(DIGEST)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert cache.get(DIGEST) is None


def test_folder_in_the_way(cache):
    cache.path(DIGEST).mkdir(parents=True)
    assert cache.get(DIGEST) is None


def test_failed_write_leaves_nothing(cache):
    with pytest.raises(ValueError, match="could not convert"):
        cache.put(DIGEST, np.array([["no number"]]))
    assert cache.get(DIGEST) is None
    assert [path for path in cache.folder.rglob("*") if path.is_file()] == []


WRITER = """
import sys
from pathlib import Path
import numpy as np
from zoo.features.cache import FeatureCache
cache = FeatureCache(Path(sys.argv[1]), {frontend})
array = np.full((300, 500), float(sys.argv[2]), np.float32)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(12):
    cache.put({digest!r}, array)
"""


def test_two_processes_write_one_entry(cache):
    code = WRITER.format(frontend=FRONTEND, digest=DIGEST)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(cache.folder), value],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for value in ("1", "2")
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    seen = set()
    while any(writer.poll() is None for writer in writers) or not seen:
        got = cache.get(DIGEST)
        if got is None:
            assert not seen, "an entry that was there has gone"
            continue
        seen |= set(np.unique(got).tolist())
        assert got.min() == got.max()
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    assert seen <= {1.0, 2.0}
    assert [path for path in Path(cache.folder).rglob("*") if path.is_file()] == [
        cache.path(DIGEST)
    ]


def test_properties_are_kept_with_the_array(cache):
    notes = {"unheard": "a second track"}
    properties = Properties(rate=8_000, channels=2, codec="mp3", seconds=1.5, notes=notes)
    cache.put(DIGEST, np.ones((1, 1)), properties)
    assert cache.properties(DIGEST) == properties
    assert cache.known(DIGEST)
    assert cache.properties("0" * 64) is None
    for damaged in ("[", '{"unheard": "a second track"}'):  # such as an earlier version wrote
        next(cache.folder.rglob("*.json")).write_text(damaged)
        assert cache.properties(DIGEST) is None
        assert not cache.known(DIGEST)
