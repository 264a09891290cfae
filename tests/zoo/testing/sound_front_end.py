"""A front end without fault, which tests of the suite change."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from zoo import FrontEndCard


@dataclass(frozen=True)
class Loudness:
    """Mean power and peak of each half second, in decibels."""

    name: ClassVar[str] = "loudness"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "vectors"
    sample_rate: int = 8_000
    hop: int = 4_000
    reach: int = 0

    @property
    def shortest(self):
        return 100

    def __call__(self, audio):
        count = max(1, len(audio) // self.hop)
        parts = [audio[n * self.hop :][: self.hop] for n in range(count)]
        rows = [[np.mean(part**2), np.max(np.abs(part))] for part in parts]
        return np.log10(np.maximum(rows, 1e-12)).astype(np.float32)

    def reference(self, audio):
        return self(audio)

    def graph(self):
        from onnx import parser

        return parser.parse_model(
            """<ir_version: 10, opset_import: ["": 18]>
            loudness (float[1, samples] waveform) => (float[rows, 2] track) {
                row = Constant <value_ints = [-1]> ()
                column = Constant <value_ints = [1]> ()
                zero = Constant <value_ints = [0]> ()
                hop = Constant <value_ints = [4000]> ()
                least = Constant <value_float = 1e-12> ()
                ten = Constant <value_float = 10.0> ()
                audio = Squeeze (waveform, zero)
                size = Shape (audio)
                count = Div (size, hop)
                counted = Max (count, column)
                whole = Mul (counted, hop)
                end = Min (whole, size)
                used = Slice (audio, zero, end, zero)
                width = Div (end, counted)
                shape = Concat <axis = 0> (counted, width)
                parts = Reshape (used, shape)
                squares = Mul (parts, parts)
                power = ReduceMean <keepdims = 1> (squares, column)
                absolute = Abs (parts)
                peak = ReduceMax <keepdims = 1> (absolute, column)
                both = Concat <axis = 1> (power, peak)
                clipped = Max (both, least)
                logarithm = Log (clipped)
                base = Log (ten)
                track = Div (logarithm, base)
            }"""
        )


card = FrontEndCard(frontend=Loudness(), title="Loudness", references=("ITU-R BS.1770",))
