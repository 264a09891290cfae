"""An encoder of a stranger: level and peak of patches of sound and of its differences."""

from dataclasses import dataclass, field
from typing import ClassVar

from zoo import Encoder, FrontEndCard, TrainedOn

NETWORK = """<ir_version: 10, opset_import: ["": 18]>
peaks (float[n, 4000] sound) => (float[n, 4] embedding) {
    axis = Constant <value_ints = [1]> ()
    first = Constant <value_ints = [0]> ()
    second = Constant <value_ints = [1]> ()
    end = Constant <value_ints = [4000]> ()
    before = Constant <value_ints = [3999]> ()
    late = Slice (sound, second, end, axis)
    early = Slice (sound, first, before, axis)
    change = Sub (late, early)
    level = ReduceL2 (sound, axis)
    peak = ReduceMax (sound, axis)
    changes = ReduceL2 (change, axis)
    jump = ReduceMax (change, axis)
    embedding = Concat <axis = 1> (level, peak, changes, jump)
}"""


@dataclass(frozen=True)
class Peaks(Encoder):
    """Four numbers of each patch of half a second."""

    name: ClassVar[str] = "peaks"
    version: ClassVar[int] = 1
    patch: ClassVar[int] = 4_000

    sample_rate: int = field(default=8_000, init=False)
    window: float = 2.0
    step: float = 0.5

    def network(self):
        from onnx import parser

        return parser.parse_model(NETWORK)


card = FrontEndCard(
    contract=1,
    frontend=Peaks(),
    title="Peaks",
    licence="MIT",
    notice="Copyright (c) a stranger",
    trained_on=(TrainedOn(corpus="nothing at all"),),
)
