"""Datasets of mirdata and soundata, read by these packages from small synthetic copies."""

import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import zoo
from tests import published
from tests.notes import Notes
from zoo.datasets import dataset_name, open_dataset
from zoo.plugins.registry import find_dataset, offered_datasets, open_registry, recorded_dataset
from zoo_plugins.loaders import zoo_datasets
from zoo_registry.errors import DatasetError
from zoo_registry.record import DatasetInfo
from zoo_registry.text import pip_install

pytestmark = pytest.mark.skipif(
    find_spec("mirdata") is None or find_spec("soundata") is None,
    reason="needs genre-zoo[collections]",
)


@pytest.fixture(scope="module", autouse=True)
def packages():
    """Import them once; what they import warns of its own dependencies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [import_module(f"{name}.core") for name in ("mirdata", "soundata")]


@pytest.fixture
def indexed(workspace, monkeypatch):
    """Give a loader an index, which the packages download into their own folders."""

    def give(package: str, files: dict[str, str], *others: str) -> None:
        kind = {"mirdata": "tracks", "soundata": "clips"}[package]
        path = published.index(workspace / f"{package}.json", kind, files, others)
        monkeypatch.setattr(f"{package}.core.Index.get_path", lambda self: str(path))

    monkeypatch.setenv("HOME", str(workspace / "home"))
    return give


def files(folder: Path, suffix: str = ".wav") -> dict[str, str]:
    found = sorted(folder.rglob(f"*{suffix}"))
    return {path.stem: path.relative_to(folder).as_posix() for path in found}


def test_the_zoo_offers_them():
    offered = offered_datasets(open_registry())
    assert {"mirdata:", "soundata:"} <= offered.keys()
    with pytest.raises(DatasetError, match=r"with a name: .*mirdata:NAME, soundata:NAME"):
        open_dataset("nonsense", offered)


def test_gtzan_of_mirdata(workspace, indexed):
    home = workspace / "home" / "mir_datasets" / "gtzan_genre"
    published.gtzan(home / "gtzan_genre" / "genres")
    indexed("mirdata", files(home) | {"blues.00099": "gone.wav"}, "beats", "tempo")
    notes = Notes()
    dataset = find_dataset("mirdata:gtzan_genre", reporter=notes)
    assert notes.texts == ["mirdata's gtzan_genre: 9 of 10 recordings, classes by genre."]
    assert (dataset.name, dataset.source) == ("mirdata:gtzan_genre", "mirdata:gtzan_genre")
    assert (dataset.collection, dataset.classes) == ("gtzan", ("blues", "jazz", "rock"))
    assert all(track.path.is_file() and track.digest for track in dataset.tracks)
    assert dataset.tracks[0].group  # an artist
    assert find_dataset("mirdata:gtzan_genre").fingerprint == dataset.fingerprint


def test_urbansound8k_of_soundata_where_it_lies(workspace, indexed):
    folder = published.urbansound8k(workspace / "my copy")
    indexed("soundata", files(folder))
    wanted = f"soundata:urbansound8k@{folder}"
    dataset = find_dataset(wanted)
    assert (dataset.name, dataset.source) == ("soundata:urbansound8k", wanted)
    assert dataset_name(wanted) == dataset.name
    assert zoo.leaderboard(wanted) == []  # a name that is offered is no typing error
    own = open_dataset(str(folder))
    facts = {(t.digest, t.label, t.fold, t.group) for t in dataset.tracks}
    assert facts == {(t.digest, t.label, t.fold, t.group) for t in own.tracks}


def test_esc50_of_soundata(workspace, indexed):
    folder = published.esc(workspace / "esc")
    indexed("soundata", files(folder))
    dataset = find_dataset(f"soundata:esc50@{folder}")
    assert dataset.classes == ("dog", "rain")
    assert {track.fold for track in dataset.tracks} == set("12345")
    assert dataset.has_groups


def test_ballroom_of_mirdata(workspace, indexed):
    folder = published.ballroom(workspace / "ballroom")
    indexed("mirdata", files(folder), "beats", "tempo")
    dataset = find_dataset(f"mirdata:ballroom@{folder}")
    assert dataset.classes == ("jive", "rumba-misc", "viennesewaltz")


def info(source: str) -> DatasetInfo:
    return DatasetInfo(name="d", source=source, fingerprint="", classes=["a"], tracks=1)


def test_a_record_opens_no_folder_that_was_not_named(workspace, indexed):
    folder = published.esc(workspace / "esc")
    indexed("soundata", files(folder))
    wanted = f"soundata:esc50@{folder}"
    with pytest.raises(DatasetError, match="which no command was given here"):
        recorded_dataset(info(wanted))
    dataset = find_dataset(wanted)
    assert recorded_dataset(info(wanted)).fingerprint == dataset.fingerprint


class TestRefusals:
    def said(self, wanted: str) -> str:
        with pytest.raises(DatasetError) as caught:
            find_dataset(wanted)
        return str(caught.value)

    def test_a_folder_that_is_not_there(self, indexed):
        said = self.said("mirdata:gtzan_genre")
        assert said.startswith("there is no folder ")
        assert said.endswith("as --data mirdata:gtzan_genre@FOLDER")

    def test_no_index(self, workspace):
        (workspace / "empty").mkdir()
        said = self.said(f"soundata:dcase23_task2@{workspace / 'empty'}")
        assert "initialize('dcase23_task2').download(['index'])" in said

    def test_no_recordings(self, workspace, indexed):
        (workspace / "empty").mkdir()
        indexed("mirdata", {"blues.00000": "a.wav"}, "beats", "tempo")
        said = self.said(f"mirdata:gtzan_genre@{workspace / 'empty'}")
        assert said.startswith("none of the 1 recordings of mirdata's gtzan_genre is in ")

    def test_no_annotations(self, workspace, indexed):
        folder = published.urbansound8k(workspace / "urban")
        indexed("soundata", files(folder))
        (folder / "metadata" / "UrbanSound8K.csv").unlink()
        said = self.said(f"soundata:urbansound8k@{folder}")
        assert said.startswith("the annotations of soundata's urbansound8k cannot be read: ")

    def test_a_wrong_name(self):
        assert "has no dataset 'urbansound8'; it has" in self.said("soundata:urbansound8")
        assert self.said("mirdata:").startswith("mirdata has no dataset ''")

    def test_a_loader_without_one_class(self, workspace, indexed):
        home = workspace / "vocadito"
        published.clip(home / "a.wav", 1)
        indexed("mirdata", {"a": "a.wav"}, "f0", "lyrics", "notesA1", "notesA2")
        said = self.said(f"mirdata:vocadito@{home}")
        assert said.startswith("mirdata's vocadito has no classes of whole recordings; write the")

    def test_a_loader_with_two(self, workspace, indexed):
        home = workspace / "irmas"
        names = {f"{n}__": f"cel/[cel][cla]000{n}__{n}.wav" for n in range(2)}
        for number, name in enumerate(names.values()):
            published.clip(home / name, number)
        indexed("mirdata", names, "annotation")
        said = self.said(f"mirdata:irmas@{home}")
        assert "has more than one class of each recording (genre, instrument); write" in said

    def test_a_package_that_is_not_installed(self, monkeypatch):
        monkeypatch.setattr("zoo_plugins.loaders.find_spec", lambda name: None)
        said = self.said("mirdata:gtzan_genre")
        assert said == f"mirdata is not installed; {pip_install('collections')} brings it"


def test_offering_them_imports_nothing(monkeypatch):
    for package in ("mirdata", "soundata"):
        monkeypatch.setitem(sys.modules, package, None)  # an import would raise
    assert zoo_datasets().keys() == {"mirdata:", "soundata:"}
