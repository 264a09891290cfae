"""Front end and model as one graph: typed windows, and what a front end has to have."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import onnx
import pytest
from onnx import helper, parser

from zoo import CannotExport, Exported, Handcrafted, LogMel
from zoo.artefacts.compose import compose
from zoo_registry.frontend import (
    BoundedFrontEnd,
    ExportableFrontEnd,
    TimedFrontEnd,
    VerifiableFrontEnd,
)

WINDOWS = """
<ir_version: 10, opset_import: ["": 18]>
windows (float[rows, 1] track) => (float[windows, 1] probabilities) {
    probabilities = Identity (track)
}
"""


@dataclass(frozen=True)
class Plain:
    name: ClassVar[str] = "plain"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "frames"
    sample_rate: int = 100

    def __call__(self, audio):
        return audio[:, None]


@dataclass(frozen=True)
class WithGraph(Plain):
    def graph(self) -> Any:
        return parser.parse_model("""
            <ir_version: 10, opset_import: ["": 18]>
            plain (float[1, samples] waveform) => (float[samples, 1] track) {
                track = Transpose <perm = [1, 0]> (waveform)
            }
        """)


@dataclass(frozen=True)
class WithTimes(WithGraph):
    hop: ClassVar[int] = 1
    reach: ClassVar[int] = 3


def composed(frontend, exported, preprocess=False):
    model = SimpleNamespace(
        card=SimpleNamespace(name="m", frontend=frontend),
        overrides_preprocess=preprocess,
        export=lambda _: exported,
    )
    proto, windows = compose(model, None)
    onnx.checker.check_model(proto)
    return [output.name for output in proto.graph.output], windows


def windows_model(**properties):
    proto = parser.parse_model(WINDOWS)
    helper.set_model_props(proto, {name: str(value) for name, value in properties.items()})
    return proto


@pytest.mark.parametrize(
    "exported",
    [Exported(windows_model(), window=20, hop=10), windows_model(window=20, hop=10)],
    ids=["typed", "properties, as the first contract has it"],
)
def test_windows_of_a_front_end_of_frames(exported):
    outputs, windows = composed(WithTimes(), exported)
    assert outputs == ["probabilities", "times"]
    assert (windows.length, windows.hop, windows.reach) == (20, 10, 3)


def test_without_windows_there_are_no_times():
    assert composed(WithTimes(), windows_model()) == (["probabilities"], None)


def test_without_a_position_of_rows_there_are_no_times():
    exported = Exported(windows_model(), window=20, hop=10)
    assert composed(WithGraph(), exported) == (["probabilities"], None)


def test_what_cannot_be_exported_says_why():
    with pytest.raises(CannotExport, match="the front end plain has no `graph`"):
        composed(Plain(), windows_model())
    with pytest.raises(CannotExport, match="prepares audio in a `preprocess` hook"):
        composed(WithTimes(), windows_model(), preprocess=True)


@pytest.mark.parametrize("frontend", [Handcrafted(), LogMel()], ids=lambda item: item.name)
def test_front_ends_of_the_zoo_keep_every_protocol(frontend):
    for protocol in (ExportableFrontEnd, TimedFrontEnd, BoundedFrontEnd, VerifiableFrontEnd):
        assert isinstance(frontend, protocol)
    assert not isinstance(Plain(), ExportableFrontEnd)
    assert not isinstance(WithGraph(), TimedFrontEnd | BoundedFrontEnd | VerifiableFrontEnd)


class TestTable:
    """How a file is compared on the tracks of a feature table."""

    class Artefact:
        takes_audio = False
        classes = ("a", "b")

        def __init__(self, answer):
            self.calls = 0
            self.answer = answer

        def run(self, rows):
            self.calls += 1
            return SimpleNamespace(probabilities=self.answer(rows))

    def compared(self, answer, fault=0.0):
        from zoo.artefacts.export import _compare_tracks

        rows = [np.full((1 + n % 2, 2), n / 50, np.float32) for n in range(50)]
        tracks = [SimpleNamespace(id=f"track {n}") for n in range(50)]
        artefact = self.Artefact(answer)
        expected = [answer(array) for array in rows]
        expected[33] = expected[33] + fault
        model = SimpleNamespace(predict=lambda *_: expected)
        return _compare_tracks(artefact, model, None, tracks, rows), artefact

    @staticmethod
    def by_row(rows):
        return np.stack([rows[:, 0], 1 - rows[:, 0]], axis=1).astype(float)

    def test_rows_are_asked_for_together(self):
        found, artefact = self.compared(self.by_row)
        assert found == {"parity_tracks": 50, "parity": 0.0, "same_winner": 50}
        assert artefact.calls == 2

    @pytest.mark.parametrize("kind", ["mean", "normalised"])
    def test_a_model_of_whole_tracks_is_asked_for_each(self, kind):
        def whole(rows):
            answer = self.by_row(rows)
            return answer.mean(axis=0, keepdims=True) if kind == "mean" else answer * len(rows)

        found, artefact = self.compared(whole)
        assert found == {"parity_tracks": 50, "parity": 0.0, "same_winner": 50}
        assert artefact.calls == 52

    def test_the_track_that_differs_is_named(self):
        with pytest.raises(Exception, match=r"differs .* by 0.01 in the probability of track 33"):
            self.compared(self.by_row, fault=0.01)
