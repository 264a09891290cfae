"""Folders at a URL: an S3-compatible server on loopback, and fsspec's own file system."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

import zoo
from zoo.audio.decode import decode
from zoo.audio.files import on_disk
from zoo.audio.urls import is_url
from zoo.datasets import dataset_name, open_dataset
from zoo.datasets.checks.recordings import check
from zoo_registry import AudioError, DatasetError, StorageError
from zoo_registry.text import pip_install

pytest.importorskip("fsspec")


@pytest.fixture
def music(tone_folder) -> Path:
    """Return a folder of tracks, and of files that are none."""
    folder = tone_folder("music", tracks=4, seconds=0.3)
    (folder / "notes.txt").write_text("no track")
    (folder / "low" / ".hidden.wav").write_text("no track")
    return folder


def described(folder: Path) -> None:
    rows = [f"{path.relative_to(folder)},{path.stem[-1]}" for path in sorted(folder.rglob("*.wav"))]
    kept = [row for row in rows if ".hidden" not in row][1:]
    (folder / "metadata.csv").write_text("\n".join(["path,group", *kept]) + "\n")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Return the address of an S3-compatible server of its own process."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server", reason="needs moto with flask")
    port = free_port()
    code = "import sys; from moto.server import main; main(sys.argv[1:])"
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as started:  # fmt: skip
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        started.terminate()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], str]]:
    """Return a function that puts a folder into a bucket and gives its URL."""
    import s3fs

    for name, value in {
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "hush-hush",
        "AWS_ENDPOINT_URL": server,
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()  # it remembers another test's environment
    system = s3fs.S3FileSystem()
    if not system.exists("store"):
        system.mkdir("store")

    def put(folder: Path) -> str:
        if system.exists(f"store/data/{folder.name}"):
            system.rm(f"store/data/{folder.name}", recursive=True)
        system.put(str(folder), f"store/data/{folder.name}", recursive=True)
        return f"s3://store/data/{folder.name}"

    yield put
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize("with_metadata", [False, True])
def test_an_object_store_holds_the_same_data(with_metadata, bucket, music, workspace, monkeypatch):
    if with_metadata:
        described(music)
    url = bucket(music)
    here, there = open_dataset(str(music)), open_dataset(url)
    assert len(there) == (7 if with_metadata else 8)
    assert there.fingerprint == here.fingerprint
    assert there.name == dataset_name(url) == dataset_name(f"{url}/") == here.name
    assert there.source == url
    one = zoo.train("logistic", str(music), protocol="kfold:2", jobs=1)
    monkeypatch.setenv("ZOO_CACHE", str(workspace / "another"))
    other = zoo.train("logistic", url, protocol="kfold:2", jobs=1, root=workspace / "others")
    assert other.complete, other.record.error
    assert other.id == one.id
    assert other.predictions_path.read_bytes() == one.predictions_path.read_bytes()
    assert other.record.artefact.parity < 1e-4
    assert "hush" not in (other.folder / "run.json").read_text()


def test_digests_are_remembered_until_an_object_changes(bucket, music, monkeypatch):
    from zoo.datasets import remote

    read: list[str] = []
    monkeypatch.setattr(
        remote, "_sha256", lambda url, of=remote._sha256: read.append(url) or of(url)
    )
    url = bucket(music)
    first = open_dataset(f"{url}/")
    assert len(read) == 8
    assert open_dataset(url).fingerprint == first.fingerprint
    assert len(read) == 8
    path = music / "low" / "low01.wav"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # as large as before
    path.write_bytes(content)
    bucket(music)
    assert open_dataset(url).fingerprint == open_dataset(str(music)).fingerprint
    assert open_dataset(url).fingerprint != first.fingerprint


def test_what_a_bucket_does_not_have(bucket, music):
    url = bucket(music)
    for wanted, sentence in {
        "s3://no-such-bucket/x": "there is nothing at 's3://no-such-bucket/x'",
        f"{url}/nothing": "there is no folder at",
        f"{url}/low": "has no class folders",
    }.items():
        with pytest.raises(DatasetError, match=sentence):
            open_dataset(wanted)
    (music / "metadata.csv").write_text("path,label\nlow/none.wav,x\n")
    with pytest.raises(DatasetError, match=rf"{url}/metadata.csv, line 2: there is no file"):
        open_dataset(bucket(music))
    (music / "metadata.csv").write_text("path,label\n../low/low01.wav,x\n")
    with pytest.raises(DatasetError, match="leaves s3://"):
        open_dataset(bucket(music))


GONE = """
import json, sys, zoo
from zoo.datasets import Dataset, Track
tracks = [Track(i, l, d, url=u) for i, l, d, u in json.loads(sys.argv[1])]
zoo.train("logistic", Dataset("d", "d", tracks), protocol="kfold:2", jobs=1)
"""


def test_a_server_that_is_gone_is_no_fault_of_a_track(bucket, music, run_python, monkeypatch):
    tracks = open_dataset(bucket(music)).tracks
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    done = run_python(GONE, json.dumps([(t.id, t.label, t.digest, t.url) for t in tracks]))
    assert "FileUnavailable: 's3://store/data/music/" in done.stderr
    assert "EndpointConnectionError" in done.stderr
    assert "hush" not in done.stderr


def test_any_file_system_of_fsspec(music):
    url = f"file://{music}"
    there = open_dataset(url)
    assert there.fingerprint == open_dataset(str(music)).fingerprint
    assert [track.path for track in there.tracks] == [None] * 8
    location = there.tracks[0].location
    assert location == f"{url}/{there.tracks[0].id}"
    with on_disk(location) as path:
        copied = path
        sound = decode(path, 22_050)
    assert not copied.exists()
    assert np.array_equal(sound, decode(music / there.tracks[0].id, 22_050))
    assert not any(problem.distorts for problem in check(there, jobs=1))


def test_a_folder_of_this_machine_is_read_as_its_path_is(music):
    (music / "low").rename(music.parent / "elsewhere")
    (music / "low").symlink_to("../elsewhere")
    (music / "high" / "again").symlink_to(music)
    (music / "high" / "h.wav").symlink_to("high00.wav")
    here = open_dataset(str(music))
    for url in (f"file://{music}", f"local://{music}/"):
        there = open_dataset(url)
        assert (len(there), there.fingerprint) == (9, here.fingerprint)
        assert there.source == url.rstrip("/")


def test_names_in_listings_of_http_are_quoted(music):
    pytest.importorskip("aiohttp")
    for name in ("$RECYCLE.BIN", "lost+found", "System Volume Information"):
        shutil.copytree(music / "low", music / name)
    (music / "low").rename(music / "low & süß")
    (music / "high" / "high00.wav").rename(music / "high" / "a #1 100%.wav")
    handler = partial(SimpleHTTPRequestHandler, directory=str(music.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/music"
        there, here = open_dataset(url), open_dataset(str(music))
        assert there.classes == ("high", "low & süß")
        assert there.fingerprint == here.fingerprint
        with on_disk(there.tracks[0].location) as path:
            assert path.read_bytes() == here.tracks[0].path.read_bytes()
        (music / "metadata.csv").write_text("path\nhigh/a #1 100%.wav\nlow & süß/low01.wav\n")
        assert len(open_dataset(url)) == 2
        server.shutdown()


def test_a_damaged_file_is_named_by_its_url(music):
    (music / "low" / "low00.wav").write_text("no sound")
    url = f"file://{music}/low/low00.wav"
    with pytest.raises(AudioError, match=f"^{url} is not audio"), on_disk(url) as path:
        decode(path, 22_050)
    with pytest.raises(StorageError, match="there is nothing at"), on_disk(f"{url}.gone"):
        pass
    run = zoo.train("logistic", f"file://{music}", protocol="kfold:2", jobs=1)
    assert [item.track for item in run.record.skipped] == ["low/low00.wav"]


def test_what_is_larger_than_a_track_may_be_is_not_copied(music, monkeypatch):
    monkeypatch.setattr("zoo.audio.files._LARGEST", 100)
    monkeypatch.setattr("zoo.audio.files._PIECE", 64)
    url = f"file://{music}/low/low00.wav"
    with pytest.raises(AudioError, match="larger than a track may be"), on_disk(url):
        pass


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("memory://music", "is only readable within one process"),
        ("zip://music::file:///music.zip", "such addresses are not read"),
        ("zip://music::ftp://me:secret@example.org/music.zip", "such addresses are not read"),
        ("nonsense://music", "Protocol not known"),
        ("https://me:secret@example.org/music", "holds a password or a signature"),
        ("https://example.org/music?X-Amz-Signature=secret", "holds a password or a signature"),
        ("ftp://me:secret@example.org/music", "holds a password or a signature"),
    ],
)
def test_addresses_that_are_refused(url, sentence):
    with pytest.raises(DatasetError, match=sentence) as raised:
        open_dataset(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(("extra", "package"), [("s3", "s3fs"), ("gs", "gcsfs"), ("s3", "fsspec")])
def test_a_package_that_is_missing(extra, package, run_python):
    code = "import sys; sys.modules[sys.argv[1]] = None; from zoo.datasets import open_dataset\n"
    done = run_python(f"{code}open_dataset('{extra}://store/music')", package)
    assert f"DatasetError: '{extra}://store/music' needs a package that is missing" in done.stderr
    assert pip_install(extra) in done.stderr


def test_what_is_a_url():
    assert is_url("s3://a/b")
    assert is_url("GS://a/b")
    for name in ("a/b", "c:\\x", "a:b", "//a", "1://a", Path("s3://a/b")):
        assert not is_url(name)


def test_a_folder_whose_name_looks_like_a_url(make_tones, workspace):
    folder = make_tones(workspace / "s3:" / "tones", tracks=3, seconds=0.2)
    assert open_dataset("s3://tones").tracks[0].path == Path("s3:/tones/high/high00.wav")
    assert folder.is_dir()
