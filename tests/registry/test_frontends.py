"""Front ends as plugins: how one is named, what its fields take, and which model takes it."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from zoo import FrontEndCard, Handcrafted, LogMel, TrainedOn
from zoo_registry import LayoutError, PluginError, Registry, UsageError
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
            ("handcrafted:window=1,2", "is not a front end; give NAME or NAME:FIELD=VALUE"),
            ("handcrafted:sample_rate=8000", "need a rate above 12800 Hz"),
            ("musicnn:sample_rate=8000", "has no field 'sample_rate'; its fields are: window="),
            ("musicnn:window=0", "window of musicnn is 0.0; give a number from 0.01 to 86,400"),
            ("handcrafted:window", "as in handcrafted:window=30.0; its fields are: sample_rate="),
            ("musicnn:", "as in musicnn:FIELD=VALUE; its fields are: window="),
            ("musicnn,handcrafted", "give --front-end once for each"),
            ("musicnn,handcrafted:window=3", "give --front-end once for each"),
            ("musicn", "did you mean musicnn? Choose one of: handcrafted, "),
            ("LogMel", "did you mean log-mel?"),
            ("./nothing.py", "there is no file 'nothing.py'"),
            ("musicnn:window=1e400", "'window' of the front end musicnn cannot be '1e400'"),
            (f"musicnn:window=1{'0' * 400}", "'window' of the front end musicnn cannot be '10000"),
            ("handcrafted:window=1e400", "cannot be '1e400'; give a value like its default, 30.0"),
            ("musicnn:window=1e300", "window of musicnn is 1e+300; give a number from 0.01 to"),
            ("musicnn:step=1e-9", "step of musicnn is 1e-09; give a number from 0.01 to 86,400"),
            ("handcrafted:window=-3", "window of handcrafted is -3.0; give a number from 0.01"),
            ("handcrafted:n_fft=100", "need an n_fft of 111 or more at 22050 Hz, not 100"),
            ("log-mel:hop_length=0", "hop_length of log-mel is 0; give a number from 1 to 65,536"),
            ("log-mel:n_mels=-1", "n_mels of log-mel is -1; give a number from 1 to 1,024"),
            ("log-mel:n_fft=1000000000000", "n_fft of log-mel is 1000000000000; give a number"),
            ("log-mel:sample_rate=0", "sample_rate of log-mel is 0; give a number from 1000 to"),
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

    @pytest.mark.parametrize(
        ("text", "other", "sentence"),
        [
            (
                '"vectors"',
                '"rows"',
                "layout of the front end mine is 'rows'; give one of 'vectors'",
            ),
            ('"mine"', '"My Name"', "the front end name 'My Name' is malformed; use lower-case"),
            ('"mine"', '"../x"', "the front end name '../x' is malformed"),
            ("8000", "0", "sample_rate of the front end mine is 0; give a whole number from 1 to"),
            ("8000", "-5", "sample_rate of the front end mine is -5"),
            ("8000", "'8000'", "sample_rate of the front end mine is '8000'"),
            ("8000", "10**9", "sample_rate of the front end mine is 1000000000"),
            ("8000", "8000.5", "sample_rate of the front end mine is 8000.5"),
            ("exact: bool = True", "exact: object = np.float32", "the field 'exact' of the front"),
            ("exact: bool = True", "exact: float = np.inf", "'exact' of the front end mine is inf"),
            ("exact: bool = True", "exact: int = 2**63", "the field 'exact' of the front end mine"),
            (
                "exact: bool",
                "hop: ClassVar[int] = 0; exact: bool",
                "hop of the front end mine is 0",
            ),
            (
                "exact: bool",
                "reach: ClassVar[int] = -1; exact: bool",
                "reach of the front end mine",
            ),
        ],
    )
    def test_a_value_that_cannot_be_used_is_one_sentence(self, text, other, sentence, mine):
        path = Path(mine())
        path.write_text(path.read_text().replace(text, other))
        with pytest.raises(PluginError) as error:
            Registry().frontend(str(path))
        assert sentence in str(error.value)
        assert "\n" not in str(error.value)

    def test_fields_that_give_no_samples_are_one_sentence(self, mine):
        path = Path(mine())
        hop = (
            "    length: float = 1.0\n    hop = property(lambda self: round(self.length * 8000))\n"
        )
        path.write_text(path.read_text().replace("    exact:", f"{hop}    exact:"))
        assert Registry().frontend(str(path)).card.frontend.hop == 8000
        for length in ("1e300", "1e-9", "-1"):
            with pytest.raises(UsageError, match=r"hop of the front end mine is .* give a whole"):
                Registry().frontend(f"{path}:length={length}")

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

    def test_an_empty_name_is_no_front_end(self, mine):
        for model in ("svm", mine()):
            with pytest.raises(UsageError, match="there is no front end ''"):
                Registry().load(model, "")

    def test_its_own_front_end_is_no_other(self):
        model = Registry().load("svm", "handcrafted")
        assert model.source.frontend is None
        assert model.frontend_card.title == "Hand-crafted features"

    def test_it_takes_no_other_layout(self):
        with pytest.raises(UsageError, match=r"cnn2d takes a row per short-time frame.*musicnn"):
            Registry().load("cnn2d", "musicnn")
        with pytest.raises(LayoutError, match="svm takes a row per window") as raised:
            Registry().load("svm", "log-mel")
        assert raised.value.layout == "vectors"

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
            ({"frontend": LogMel}, "is not a front end"),
            ({"title": 3}, "the title of 'rows' is text, not 3"),
            ({"licence": 3}, "the licence of 'rows' is text"),
            ({"references": "one"}, "references of 'rows' is not a tuple"),
            ({"trained_on": ("songs",)}, "trained_on of 'rows' is not a tuple"),
            ({"trained_on": None}, "trained_on of 'rows' is not a tuple"),
            ({"references": 3}, "references of 'rows' is not a tuple"),
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
