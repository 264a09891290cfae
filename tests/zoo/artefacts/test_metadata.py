"""The metadata of artefacts, those that were written before they were typed included."""

import json

import pytest

from zoo.artefacts.metadata import ArtefactMetadata, WindowGrid
from zoo_registry.structures import from_plain
from zoo_registry.text import json_text

FORMER = (
    '{"format": 2, "run": "svm-92bee6aae6", "model": {"name": "svm", "title": "SVM (RBF)", '
    '"family": "classical", "distribution": "genre-zoo", "version": "0.1.0", "licence": "MIT"}, '
    '"classes": ["ambient", "ballad"], "frontend": {"name": "handcrafted", "version": 3, '
    '"sample_rate": 22050, "window": 30.0}, "windows": {"hop": 661500, "length": 661500, '
    '"reach": 0}, "params": {"C": 5.0, "gamma": "scale"}, "dataset": {"name": "demo", '
    '"fingerprint": "628a", "tracks": 200}, "protocol": {"spec": "kfold:5", "grouped": true}, '
    '"seed": 0, "metrics": {"accuracy": 0.9, "accuracy_mean": 0.95, "macro_f1": 0.85}, '
    '"versions": {"numpy": "2.4.6"}, "intended_use": "Classifies audio into 2 classes."}'
)


def test_former_metadata_are_read_and_written_as_they_were():
    metadata = from_plain(json.loads(FORMER), ArtefactMetadata)
    assert metadata.windows == WindowGrid(hop=661500, length=661500, reach=0)
    assert json_text(metadata.to_dict()) == FORMER


def test_the_shortest_length_is_there_only_if_it_was_stated():
    former = from_plain(json.loads(FORMER), ArtefactMetadata)
    assert not former.shortest
    stated = json.loads(FORMER) | {"shortest": 2048}
    assert from_plain(stated, ArtefactMetadata).to_dict() == stated
    for wrong in (-1, 0.5, None, "1", 2**24 + 1, 2**64):
        with pytest.raises(ValueError, match="'shortest'"):
            from_plain(stated | {"shortest": wrong}, ArtefactMetadata)


def test_what_is_needed_to_predict_is_enough():
    needed = {"format": 2, "classes": ["a"], "frontend": {"name": "table"}}
    metadata = from_plain(needed, ArtefactMetadata)
    assert metadata.run is metadata.model is metadata.windows is None
    for name in needed:
        with pytest.raises(ValueError, match=f"'{name}' is missing"):
            from_plain({key: needed[key] for key in needed if key != name}, ArtefactMetadata)
