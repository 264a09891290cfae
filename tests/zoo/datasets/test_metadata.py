"""The ``metadata.csv`` that the zoo writes."""

import pytest

from tests import published
from zoo.datasets import Reading, open_dataset
from zoo.datasets.metadata import write_metadata
from zoo_registry.errors import UsageError


class TestColumnsOfTheUser:
    """A written metadata.csv has the columns that the user has named."""

    def folder(self, tmp_path):
        rows = [["Datei", "Klasse", "label"]]
        for number in range(4):
            published.clip(tmp_path / "wav" / f"{number}.wav", number)
            rows.append([f"wav/{number}.wav", "ab"[number % 2], "x"])
        published.lines(tmp_path / "labels.csv", rows)
        return tmp_path

    def test_the_same_options_read_the_same(self, tmp_path):
        folder = self.folder(tmp_path)
        reading = Reading(path="Datei", label="Klasse")
        before = open_dataset(str(folder), reading=reading)
        assert write_metadata(before, [], folder)
        for said in (reading, Reading(label="Klasse"), Reading()):
            assert open_dataset(str(folder), reading=said).fingerprint == before.fingerprint
        after = open_dataset(str(folder), reading=reading)
        assert write_metadata(after, [], folder) is None

    def test_a_column_of_another_meaning(self, tmp_path):
        folder = self.folder(tmp_path)
        path = folder / "labels.csv"
        path.write_text(path.read_text().replace("Klasse", "group"))
        dataset = open_dataset(str(folder), reading=Reading(label="group"))
        with pytest.raises(
            UsageError, match="cannot have the label of the tracks in its column 'g"
        ):
            write_metadata(dataset, [], folder)
        assert not (folder / "metadata.csv").exists()
