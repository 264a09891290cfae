"""The embedding of a piece of sound: the mean row of its front-end array, as an output."""

from zoo.artefacts.session import EMBEDDING

__all__ = ["with_embedding"]

_TRACK = "track"


def with_embedding(content: bytes) -> bytes:
    """Return an artefact that also gives the mean row of ``track``, float32 (1, columns).

    Parameters
    ----------
    content : bytes
        The ONNX file. One without the value ``track`` between waveform and probabilities is
        returned as it is.
    """
    import onnx

    model = onnx.load_from_string(content)
    graph = model.graph
    has_track = any(_TRACK in node.output for node in graph.node)
    if not has_track or any(EMBEDDING in node.output for node in graph.node):
        return content
    helper, axis = onnx.helper, f"{EMBEDDING}/axis"
    graph.initializer.append(helper.make_tensor(axis, onnx.TensorProto.INT64, [1], [0]))
    graph.node.append(helper.make_node("ReduceMean", [_TRACK, axis], [EMBEDDING]))
    kind = onnx.TensorProto.FLOAT
    graph.output.append(helper.make_tensor_value_info(EMBEDDING, kind, [1, "columns"]))
    changed: bytes = model.SerializeToString(deterministic=True)
    return changed
