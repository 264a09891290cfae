"""Front end of a run, taken from its ONNX file: the graph up to ``track``.

It needs neither the plugin nor the package that the front end came from. Its identity is that of
the record and the hash of the graph.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from zoo.audio.frontends import GraphFrontEnd
from zoo.audio.onnx_graphs import TRACK, cut_at_track
from zoo_registry.errors import PluginError, RunError, UsageError, ZooError
from zoo_registry.frontend import Layout
from zoo_registry.frontend_card import FrontEndCard, TrainedOn
from zoo_registry.model import LoadedFrontEnd, Source
from zoo_registry.own_files import is_own
from zoo_registry.published import is_published
from zoo_registry.runs import Run
from zoo_registry.structures import SHORTEST_MOST, Structure, from_plain
from zoo_registry.text import in_a_line

__all__ = ["SUFFIX", "stored_frontend"]

SUFFIX = ".onnx"
_METADATA = "zoo"  # their key in the file
_PROBE = 3  # rows of noise that tell where rows begin


class _Grid(Structure, kw_only=True):
    """Position of windows, in samples."""

    hop: Annotated[int, Meta(ge=1, le=2**32)]
    reach: Annotated[int, Meta(ge=0, le=2**32)]


class _Stated(Structure, kw_only=True):
    """What the metadata of an artefact state of its front end."""

    windows: _Grid | None = None
    shortest: Annotated[int, Meta(ge=0, le=SHORTEST_MOST)] = 0


@dataclass(frozen=True)
class _Stored(GraphFrontEnd):
    """Base of front ends that are a part of a file."""

    version: ClassVar[int]
    layout: ClassVar[Layout] = "vectors"
    content: ClassVar[bytes]
    hop: ClassVar[int]
    reach: ClassVar[int]
    shortest: ClassVar[int]

    def graph(self) -> Any:
        """Return the computation as an ``onnx.ModelProto``."""
        import onnx

        return onnx.load_from_string(self.content)


def stored_frontend(path: Path) -> LoadedFrontEnd:
    """Return the front end in the ONNX file of a run.

    Parameters
    ----------
    path : Path
        ``model.onnx`` in the folder of a complete run.

    Raises
    ------
    UsageError
        If there is no such run, or its file has no front end that can be used.
    RunError
        If the file is not the one of the record, or the zoo did not write it.
    """
    try:
        run = Run.read(path.parent)
    except RunError as error:
        raise UsageError(
            f"{path} is not an ONNX file of a run, so it is not a front end"
        ) from error
    known = run.record.artefact.sha256
    if path.name != run.artefact_path.name or known is None:
        raise UsageError(f"{path} is not the ONNX file of {run.id}")
    try:
        content = run.content(path)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != known:
        raise RunError(run.damage([path.name]))
    # A network can loop for ever for one recording in a thousand, and would be a part of what
    # this zoo writes.
    if not (is_own(known) or is_published(run)):
        raise RunError(
            f"the network of {run.id} was not written by the zoo on this machine, and is not "
            f"trained on; install the plugin of its front end {run.record.frontend['name']}, or "
            f"`zoo runs verify {run.folder} --rerun`"
        )
    try:
        return _loaded(run, path, content)
    except (ZooError, MemoryError):
        raise
    except Exception as error:
        raise UsageError(f"{path} has no front end that can be used: {in_a_line(error)}") from error


def _loaded(run: Run, path: Path, content: bytes) -> LoadedFrontEnd:
    import numpy as np
    import onnx

    parts = cut_at_track(content)
    stated = {item.key: item.value for item in onnx.load_from_string(content).metadata_props}
    described = from_plain(json.loads(stated[_METADATA]), _Stated)
    grid = described.windows
    if parts is None or grid is None:
        raise UsageError(
            f"{path} has no front end of its own whose rows have a known position; "
            "choose another run, or a front end from `zoo models`"
        )
    version = hashlib.sha256(parts[0]).hexdigest()[:12]
    frontend = _frontend(
        run.record.frontend,
        {"content": parts[0], "hop": grid.hop, "reach": grid.reach}
        | {"shortest": described.shortest},
        is_network=bool(run.record.frontend_plugin and run.record.frontend_plugin.network),
    )
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, _PROBE * grid.hop).astype(np.float32)
    if len(frontend(noise)) != _PROBE:
        raise UsageError(
            f"the front end {frontend.name} in {path} does not give a row per window, so that it "
            "cannot be used without its plugin; install that, or choose another run"
        )
    plugin = run.record.frontend_plugin
    card = FrontEndCard(
        frontend=frontend,
        title=plugin.title if plugin else frontend.name,
        licence=plugin.licence if plugin else None,
        notice=plugin.notice if plugin else None,
        trained_on=tuple(
            TrainedOn(corpus=corpus, overlaps=overlaps)
            for corpus, overlaps in (plugin.trained_on if plugin else {}).items()
        ),
    )
    return LoadedFrontEnd(card, Source(str(path.resolve()), None, version), sys.modules[__name__])


def _frontend(recorded: Mapping[str, Any], parts: dict[str, Any], is_network: bool) -> Any:
    """Return an instance of a class with the recorded name, version and fields."""
    if "preprocess" in recorded:
        raise UsageError("it prepares audio in a hook of its model, which is not a front end")
    fields = {k: v for k, v in recorded.items() if k not in ("name", "version", "file")}
    for name, value in fields.items():
        if not isinstance(value, str | int | float | None):
            raise PluginError(f"its field {name!r} is not a number or text")
    base = {k: recorded[k] for k in ("name", "version")} | parts
    if is_network:
        base["network"] = TRACK  # so that it is known for one
    kind = make_dataclass(
        "Stored",
        [(name, type(value), field(default=value, init=False)) for name, value in fields.items()],
        bases=(_Stored,),
        namespace=base,
        frozen=True,
    )
    return kind()
