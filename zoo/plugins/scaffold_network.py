"""Network of the encoder that ``zoo plugins new --kind front-end`` writes."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.audio.encoders import Encoder
from zoo_registry.errors import UsageError
from zoo_registry.hooks import OPSET
from zoo_registry.text import first_line, in_a_line

__all__ = ["Network", "read_network", "small_network"]

_RATE = 16_000  # Hz, of most networks
_RATE_KEYS = ("sample_rate", "samplerate", "sampling_rate", "rate")
_LEVEL = 0.1
_ORIGIN = re.compile(r".*\[\w+Error\](?: : \d+ : \w+ :)? ?")  # before the reason of an error


@dataclass(frozen=True)
class Network:
    """An ONNX file of a network.

    Attributes
    ----------
    content : bytes
        The file, from patches, float32 (patches, samples), to embeddings.
    patch, rate : int or None
        Samples of a patch and sample rate in Hz, if the file states them.
    """

    content: bytes
    patch: int | None
    rate: int | None

    def texts(self) -> dict[str, str]:
        """Return the values of the placeholders in the template."""
        rate, note = self.rate or _RATE, ": CHANGE THIS, the file does not state it"
        patch = self.patch or rate
        step = max(round(patch / rate, 3), 0.01)
        return {
            "patch": f"{patch:_}", "patch_note": "" if self.patch else note,
            "rate": f"{rate:_}", "rate_note": "" if self.rate else note,
            "step": str(step), "window": str(max(3.0, step)),
        }  # fmt: skip

    def questions(self) -> list[str]:
        """Return a sentence for each number that the author has to fill in."""
        rate = self.rate or _RATE
        asked = []
        if not self.rate:
            asked.append(f"it states no sample rate; {_RATE} Hz is taken, change `sample_rate`")
        if not self.patch:
            asked.append(f"it states no length of a patch; {rate} is taken, change `patch`")
        return asked


def read_network(path: Path) -> Network:
    """Return the network of a file, which is run once.

    Parameters
    ----------
    path : Path
        ONNX file. Numbers that lie in files beside it are put into the result.

    Raises
    ------
    UsageError
        If it cannot be read, or is not a network from patches of sound to embeddings.
    """
    import onnx

    from zoo.audio.onnx_encoder import inputs as inputs_of

    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} cannot be read: it is not a file")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    try:
        proto = onnx.load(path)
    except MemoryError:
        raise
    except Exception as error:
        raise UsageError(
            f"{path} is not an ONNX file, or is cut off: {in_a_line(error)}"
        ) from error
    if not proto.HasField("graph"):
        raise UsageError(f"{path} is not an ONNX file: it has no graph")
    known = onnx.defs.onnx_opset_version()
    if newer := [e.version for e in proto.opset_import if not e.domain and e.version > known]:
        raise UsageError(
            f"{path} uses version {newer[0]} of the operators, and versions up to {known} are "
            f"known here; export it with opset_version={OPSET}"
        )
    if len(proto.SerializeToString()) > len(content):  # its numbers are in other files
        content = proto.SerializeToString()
    inputs, outputs = inputs_of(proto), list(proto.graph.output)
    if len(inputs) != 1 or len(outputs) != 1:
        raise UsageError(
            f"{path} has {_listed('input', inputs)} and {_listed('output', outputs)}; an encoder "
            "has one of each: keep the embedding, by onnx.utils.extract_model"
        )
    for what, item in (("input", inputs[0]), ("output", outputs[0])):
        if len(_shape(item)) != 2 or item.type.tensor_type.elem_type != onnx.TensorProto.FLOAT:  # noqa: PLR2004
            wanted = "(patches, samples)" if what == "input" else "(patches, columns)"
            raise UsageError(
                f"the {what} {item.name!r} of {path} is of type {_described(item)}; an encoder's "
                f"is float32 of shape {wanted}"
            )
    stated = {item.key.lower(): item.value for item in proto.metadata_props}
    rates = (int(stated[key][:9]) for key in _RATE_KEYS if stated.get(key, "").isdecimal())
    least, most = Encoder.bounds["sample_rate"]
    rate = next((rate for rate in rates if least <= rate <= most), None)
    network = Network(content, _shape(inputs[0])[1], rate)
    _check_runs(proto, network, path)
    return network


def _check_runs(proto: Any, network: Network, path: Path) -> None:
    """Raise `UsageError` unless the network gives numbers for noise, within an encoder's graph."""
    import numpy as np
    import onnxruntime

    from zoo.audio.onnx_encoder import pooled

    patch = network.patch or network.rate or _RATE
    noise = np.random.default_rng(0).standard_normal((1, 2 * patch)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        graph = pooled(proto, patch, patch, 2 * patch, _LEVEL).SerializeToString()
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        (rows,) = session.run(None, {"waveform": noise})
    except Exception as error:
        reason = _ORIGIN.sub("", first_line(error))
        raise UsageError(f"{path} does not run on patches of {patch} samples: {reason}") from error
    (output,) = proto.graph.output
    if _shape(output)[1] not in (None, rows.shape[1]):
        raise UsageError(
            f"the output {output.name!r} of {path} is declared with {_shape(output)[1]} columns, "
            f"and it gives {rows.shape[1]}; correct the declaration"
        )
    if not np.isfinite(rows).all():
        raise UsageError(f"{path} gives numbers that are not finite for noise")


def _listed(what: str, items: list[Any]) -> str:
    names = ", ".join(item.name for item in items)
    return f"{len(items)} {what}{'' if len(items) == 1 else 's'} ({names})"


def _shape(item: Any) -> list[int | None]:
    """Return the dimensions of a value, None for one that varies."""
    return [dim.dim_value or None for dim in item.type.tensor_type.shape.dim]


def _described(item: Any) -> str:
    import onnx

    kind = onnx.TensorProto.DataType.Name(item.type.tensor_type.elem_type).lower()
    dims = ", ".join("any" if dim is None else str(dim) for dim in _shape(item))
    return f"{kind} ({dims})"


def small_network() -> Network:
    """Return a network of 32 filters, the logarithm of whose power is the embedding."""
    import numpy as np
    import onnx

    patch, taps, bands = 8_000, 512, 32
    pitch = 100 * 1.15 ** np.arange(bands)[:, None]
    phase = 2 * np.pi * pitch * np.arange(taps) / _RATE
    filters = np.hanning(taps) * np.concatenate([np.cos(phase), np.sin(phase)]) / taps
    network = onnx.parser.parse_model(f"""
        <ir_version: 10, opset_import: ["": 18]>
        small (float[patches, {patch}] sound) => (float[patches, {bands}] embedding) {{
            one = Constant <value_ints = [1]> ()
            two = Constant <value_ints = [2]> ()
            least = Constant <value_float = 1e-6> ()
            shape = Constant <value_ints = [0, 2, {bands}]> ()
            channel = Unsqueeze (sound, one)
            filtered = Conv <strides = [256]> (channel, filters)
            squares = Mul (filtered, filtered)
            means = ReduceMean <keepdims = 0> (squares, two)
            pairs = Reshape (means, shape)
            power = ReduceSum <keepdims = 0> (pairs, one)
            audible = Max (power, least)
            embedding = Log (audible)
        }}""")
    weights = onnx.numpy_helper.from_array(filters[:, None].astype(np.float32), "filters")
    network.graph.initializer.append(weights)
    return Network(network.SerializeToString(), patch, _RATE)
