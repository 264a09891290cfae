"""Embeddings of a run: what is written is read again, and nothing else is."""

import hashlib
import io
import json
import pickle
import shutil
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import zoo
from zoo.datasets import open_dataset
from zoo.datasets.embedded import EmbeddedTrack, read_embeddings, to_npz
from zoo.features.embeddings import write_embeddings
from zoo.training.verify import verify_run
from zoo.workspace import find_run, remove
from zoo_registry.errors import RunError, UsageError


def listed(count: int) -> list[EmbeddedTrack]:
    return [
        EmbeddedTrack(id=f"a/{n}.wav", label="ab"[n % 2], sha256=f"{n:064x}", group=f"artist {n}")
        for n in range(count)
    ]


@pytest.fixture
def run(trained, workspace):
    """Return a run on tones in this workspace, with its embeddings."""
    shutil.copytree(trained("torn"), workspace, dirs_exist_ok=True)
    shutil.copytree(trained("torn").with_name("trained_cache"), workspace / "cache")
    return embedded(find_run("torn"))


def embedded(run):
    return write_embeddings(run, open_dataset(run.record.dataset.source))


class TestFile:
    def test_it_stands_for_the_recordings(self, run):
        dataset = open_dataset(run.record.dataset.source)
        tracks = read_embeddings(find_run("torn"))
        assert [t.id for t in tracks] == [t.id for t in dataset.tracks]
        assert [t.label for t in tracks] == [t.label for t in dataset.tracks]
        assert [t.file_digest for t in tracks] == [t.digest for t in dataset.tracks]
        assert not {t.digest for t in tracks} & {t.digest for t in dataset.tracks}
        bandwidth = [t.embedded.bandwidth for t in tracks]
        assert bandwidth == run.record.dataset.bandwidth

    def test_it_is_the_same_every_time(self, run):
        first = run.embeddings_path.read_bytes()
        embedded(run)
        assert run.embeddings_path.read_bytes() == first

    def test_it_belongs_to_the_run(self, run):
        data = run.record.dataset.source
        assert verify_run(run, data=data) == []
        run.embeddings_path.write_bytes(b"")
        (finding,) = verify_run(run, data=data)
        assert finding.what == "embeddings"
        with pytest.raises(RunError, match=r"embeddings\.npz"):
            read_embeddings(run)
        zoo.train("./torn.py", data, protocol="kfold:2", jobs=1)
        assert verify_run(find_run("torn"), data=data) == []
        assert remove(run.folder) == []
        assert not run.folder.exists()

    def test_another_dataset_is_refused(self, run, make_tones, workspace):
        make_tones(workspace / "others", tracks=2)
        with pytest.raises(UsageError, match="is not the dataset"):
            write_embeddings(run, open_dataset("others"))


@given(arrays.arrays(np.float64, (5, 3), elements=st.floats(-1e30, 1e30)))
def test_half_precision_keeps_what_tells_tracks_apart(rows):
    found = np.load(io.BytesIO(to_npz(rows, listed(5))))["rows"]
    assert np.isfinite(found).all()
    allowed = 0.06 * rows.std(axis=0) + 1e-7 * np.abs(rows).max() + 1e-7
    assert ((found.astype(float) - rows).std(axis=0) <= allowed).all()


def packed(**members) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in members.items():
            file = io.BytesIO()
            if isinstance(array, bytes):
                file.write(array)
            else:
                np.save(file, array, allow_pickle=True)
            archive.writestr(f"{name}.npy", file.getvalue())
    return content.getvalue()


def text(items) -> np.ndarray:
    return np.frombuffer(json.dumps(items).encode(), np.uint8)


def forged_header(shape: str) -> bytes:
    header = f"{{'descr': '<f2', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle was loaded')",))


ROWS = np.ones((2, 3), np.float16)
TRACKS = [track.to_dict() for track in listed(2)]
HOSTILE = {
    "empty": b"",
    "no archive": b"PK\x03\x04" + bytes(100),
    "a pickle": pickle.dumps(Bomb()),
    "pickled rows": packed(rows=np.array([[Bomb()]], object), tracks=text(TRACKS)),
    "NaN": packed(rows=ROWS * np.float16("nan"), tracks=text(TRACKS)),
    "infinite": packed(rows=ROWS * np.float16("inf"), tracks=text(TRACKS)),
    "one row": packed(rows=ROWS[:1], tracks=text(TRACKS)),
    "no rows": packed(rows=ROWS[:0], tracks=text([])),
    "no columns": packed(rows=ROWS[:, :0], tracks=text(TRACKS)),
    "a vector": packed(rows=ROWS[0], tracks=text(TRACKS)),
    "doubles": packed(rows=ROWS.astype(float), tracks=text(TRACKS)),
    "texts": packed(rows=ROWS, tracks=np.array(["a", "b"])),
    "no tracks": packed(rows=ROWS),
    "something else": packed(rows=ROWS, tracks=text(TRACKS), more=ROWS),
    "twice the same": packed(rows=ROWS, tracks=text(TRACKS[:1] * 2)),
    "no label": packed(rows=ROWS, tracks=text([{"id": "a", "sha256": "0" * 64}] * 2)),
    "no hash": packed(rows=ROWS, tracks=text([t | {"sha256": "../x"} for t in TRACKS])),
    "deep": packed(rows=ROWS, tracks=np.frombuffer(b"[" * 100_000, np.uint8)),
    "no text": packed(rows=ROWS, tracks=np.full(9, 255, np.uint8)),
    "a huge claim": packed(rows=forged_header("(2, 10**12)"), tracks=text(TRACKS)),
    "a negative claim": packed(rows=forged_header("(-1, 3)"), tracks=text(TRACKS)),
    "code for a shape": packed(rows=forged_header("__import__('os')"), tracks=text(TRACKS)),
    "a bomb": packed(rows=bytes(300 << 20), tracks=text(TRACKS)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_sentence(name, write_run):
    run = write_run("svm-a", [0] * 4, [0] * 4)
    content = HOSTILE[name]
    run.embeddings_path.write_bytes(content)
    run.record.embeddings = hashlib.sha256(content).hexdigest()
    with pytest.raises(RunError, match=r"embeddings\.npz is damaged: ") as raised:
        read_embeddings(run)
    assert "\n" not in str(raised.value)
