"""Graphs put one behind the other."""

import numpy as np
import onnx
import onnxruntime
import pytest

from zoo.audio.onnx_graphs import joined
from zoo_registry.hooks import OPSET

HEAD = f'<ir_version: 10, opset_import: ["": {OPSET}]>'


def test_a_weight_that_only_a_subgraph_reads_keeps_its_reference():
    front = onnx.parser.parse_model(
        f"{HEAD} front (float[n] waveform) => (float[n] track) {{ track = Neg (waveform) }}"
    )
    part = onnx.parser.parse_model(
        f"""{HEAD} part (float[n] track) => (float[n] probabilities) {{
            times = Constant <value_int = 3> ()
            more = Constant <value = bool {{1}}> ()
            probabilities = Loop (times, more, track) <body = step (
                int64 number, bool given, float[n] state
            ) => (bool going, float[n] next) {{
                going = Identity (given)
                next = Add (state, weight)
            }}>
        }}"""
    )
    part.graph.initializer.append(onnx.numpy_helper.from_array(np.float32([2]), "weight"))
    session = onnxruntime.InferenceSession(joined(front, part, "part/").SerializeToString())
    assert session.run(None, {"waveform": np.float32([1, 5])})[0] == pytest.approx([5, 1])
