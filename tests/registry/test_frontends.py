"""Front ends as plugins: how one is named, what its fields take, and which model takes it."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from zoo import FrontEndCard, Handcrafted, LogMel, TrainedOn
from zoo_registry import PluginError, Registry, UsageError
from zoo_registry.frontend import with_fields

MINE = """
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from zoo import FrontEndCard

@dataclass(frozen=True)
class Mine:
    name: ClassVar[str] = "{name}"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "{layout}"
    sample_rate: int = 8000
    exact: bool = True
    kind: str = "mean"

    def __call__(self, audio):
        return np.array([[audio.mean(), audio.std()]], np.float32)

card = FrontEndCard(frontend=Mine(), title="Mine")
"""


@pytest.fixture
def mine(tmp_path):
    def write(name="mine", layout="vectors", file="mine.py"):
        path = tmp_path / file
        path.write_text(MINE.format(name=name, layout=layout))
        return str(path)

    return write


class TestSpec:
    @pytest.mark.parametrize("name", ["handcrafted", "log-mel", "musicnn", "yamnet"])
    def test_every_built_in_one_is_found(self, name):
        loaded = Registry().frontend(name)
        assert loaded.card.name == name
        assert loaded.card.references
        assert loaded.source.spec == name

    @pytest.mark.parametrize(
        ("spec", "fields"),
        [
            ("handcrafted:window=10", "window=10.0"),
            ("handcrafted:window=10,hop_length=256", "hop_length=256,window=10.0"),
            ("handcrafted:hop_length=256,window=10.0", "hop_length=256,window=10.0"),
            ("handcrafted:window=30", ""),
            ("handcrafted:", ""),
        ],
    )
    def test_fields_are_those_that_differ(self, spec, fields):
        if spec.endswith(":"):
            with pytest.raises(UsageError, match="no front end 'handcrafted:'"):
                Registry().frontend(spec)
            return
        loaded = Registry().frontend(spec)
        assert loaded.source.fields == fields
        assert Registry().frontend(loaded.source.spec).card.frontend == loaded.card.frontend

    @pytest.mark.parametrize(
        ("spec", "sentence"),
        [
            ("nothing", "there is no front end 'nothing'; choose one of: handcrafted, "),
            ("svm", "there is no front end 'svm'"),
            ("", "there is no front end ''"),
            ("handcrafted:wind=3", "has no field 'wind'; its fields are: sample_rate=22050, "),
            ("handcrafted:window=long", "'window' of the front end handcrafted cannot be 'long'"),
            ("handcrafted:n_fft=1.5", "cannot be '1.5'; give a value like its default, 1024"),
            ("handcrafted:window=", "cannot be ''"),
            ("handcrafted:window=1,2", "is no front end; give NAME or NAME:FIELD=VALUE"),
            ("handcrafted:sample_rate=8000", "need a rate above 12800 Hz"),
            ("musicnn:sample_rate=8000", "has no field 'sample_rate'; its fields are: window="),
            ("musicnn:window=0", "are seconds above 0"),
            ("./nothing.py", "there is no file 'nothing.py'"),
        ],
    )
    def test_a_wrong_one_is_one_sentence(self, spec, sentence):
        with pytest.raises(UsageError) as error:
            Registry().frontend(spec)
        assert sentence in str(error.value)

    def test_a_loose_file(self, mine):
        path = mine()
        loaded = Registry().frontend(f"{path}:exact=false,kind=max")
        assert (loaded.card.frontend.exact, loaded.card.frontend.kind) == (False, "max")
        assert loaded.source.is_file
        assert loaded.source.spec == f"{path}:exact=False,kind=max"

    def test_a_loose_file_takes_no_name_of_another(self, mine):
        with pytest.raises(UsageError, match="a name that is taken"):
            Registry().frontend(mine("handcrafted"))

    def test_a_file_without_a_card_is_broken(self, tmp_path):
        path = tmp_path / "empty.py"
        path.write_text("")
        with pytest.raises(PluginError, match="declares no `card` of a front end"):
            Registry().frontend(str(path))

    def test_one_that_is_switched_off_says_so(self, monkeypatch):
        monkeypatch.setenv("ZOO_PLUGINS_DISABLED", "log-mel")
        with pytest.raises(UsageError, match=r"front end 'log-mel' cannot be used.*switched off"):
            Registry().frontend("log-mel")


class TestModels:
    def test_its_front_end_is_another(self, mine):
        model = Registry().load("svm", mine())
        assert model.card.frontend.name == "mine"
        assert model.frontend_card.title == "Mine"
        assert Registry().load("svm").card.frontend == Handcrafted()

    def test_its_own_front_end_is_no_other(self):
        model = Registry().load("svm", "handcrafted")
        assert model.source.frontend is None
        assert model.frontend_card.title == "Hand-crafted features"

    def test_it_takes_no_other_layout(self):
        with pytest.raises(UsageError, match=r"cnn2d takes a row per short-time frame.*musicnn"):
            Registry().load("cnn2d", "musicnn")
        with pytest.raises(UsageError, match="svm takes a row per window"):
            Registry().load("svm", "log-mel")

    def test_another_one_is_another_source(self, mine):
        first = Registry().load("svm", mine()).source
        second = Registry().load("svm", "handcrafted:window=5").source
        assert len({first, second, Registry().load("svm").source}) == 3
        assert second.frontend_spec == "handcrafted:window=5.0"


@dataclass(frozen=True)
class Rows:
    name: ClassVar[str] = "rows"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "vectors"
    sample_rate: int = 8000

    def __call__(self, audio):
        return audio.reshape(-1, 2)


class TestCard:
    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            ({"frontend": LogMel}, "is no front end"),
            ({"title": 3}, "the title of 'rows' is text, not 3"),
            ({"licence": 3}, "the licence of 'rows' is text"),
            ({"references": "one"}, "references of 'rows' is no tuple"),
            ({"trained_on": ("songs",)}, "trained_on of 'rows' is no tuple"),
            ({"trained_on": None}, "trained_on of 'rows' is no tuple"),
            ({"references": 3}, "references of 'rows' is no tuple"),
            ({"contract": 99}, "written for contract 99"),
        ],
    )
    def test_a_wrong_field_is_one_sentence(self, given, sentence):
        with pytest.raises(PluginError) as error:
            FrontEndCard(**({"frontend": Rows(), "title": "Rows"} | given))
        assert sentence in str(error.value)

    def test_what_is_missing_is_one_command(self):
        card = FrontEndCard(frontend=Rows(), title="Rows", package="no-such-thing==1.0")
        assert card.missing == "pip install --no-deps no-such-thing==1.0"
        assert FrontEndCard(frontend=Rows(), title="Rows").missing is None
        assert FrontEndCard(frontend=Rows(), title="Rows", package="numpy").missing is None
        assert FrontEndCard(frontend=Rows(), title="Rows", package="numpy==0.1").missing

    def test_it_is_as_it_was_written(self):
        seen = TrainedOn(corpus="songs", overlaps={"gtzan": "shares artists with GTZAN"})
        card = FrontEndCard(frontend=Rows(), title="Rows", trained_on=[seen])
        assert card.trained_on == (seen,)
        with pytest.raises(TypeError):
            seen.overlaps["more"] = ""

    def test_a_single_corpus_needs_no_tuple(self):
        seen = TrainedOn(corpus="songs")
        assert FrontEndCard(frontend=Rows(), title="Rows", trained_on=seen).trained_on == (seen,)

    def test_what_has_weights(self):
        for name, has_weights in (("musicnn", True), ("handcrafted", False), ("log-mel", False)):
            assert Registry().frontend(name).card.has_weights == has_weights
        for stated in ({"licence": "MIT"}, {"package": "numpy"}, {"weights": {"a": "b"}}):
            assert FrontEndCard(frontend=Rows(), title="Rows", **stated).has_weights
        assert not FrontEndCard(frontend=Rows(), title="Rows").has_weights


def test_fields_keep_their_types():
    assert with_fields(Handcrafted(), {"window": "5"}) == Handcrafted(window=5.0)
    assert with_fields(Handcrafted(), {}) == Handcrafted()
