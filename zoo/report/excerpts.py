"""Tracks to listen to: an excerpt, a picture of the sound, and what models say while it plays."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.audio.decode import open_stream, waveform
from zoo.audio.frontends import LogMel
from zoo.datasets import FeatureTable, open_dataset
from zoo.inference.predict import Prediction, predict
from zoo.inference.predictors import open_model
from zoo.plugins.registry import offered_datasets, open_registry
from zoo.workspace import remembered
from zoo_registry.errors import ZooError
from zoo_registry.runs import Run, RunRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Sound", "Stretch", "Timeline", "find_recordings", "hear", "timelines"]

EXCERPT = 10.0  # seconds
LONGEST = 600.0  # seconds of a track that are looked at
_DIGEST = 16  # hexadecimal digits that predictions keep of a sha256
_FORMATS = (("MP3", "MPEG_LAYER_III", "audio/mpeg"), ("OGG", "VORBIS", "audio/ogg"))
_COMPRESSION = 0.6  # of what libsndfile can do: about 60 kbit/s, plenty for one channel
_PICTURE = (480, 64)  # columns and rows of pixels
_RANGE = 80.0  # dB below the loudest that the picture shows
# Raised whenever the same artefact and tracks come to give other timelines.
_VERSION = "timelines-1"


@dataclass(frozen=True)
class Sound:
    """What the page holds of a recording.

    Attributes
    ----------
    seconds : float
        How much of it is looked at: all, up to ten minutes.
    start, end : float
        Where the excerpt lies, in seconds.
    audio, picture : str
        Data URIs of the excerpt, and of the log-mel spectrogram of all that is looked at.
    """

    seconds: float
    start: float
    end: float
    audio: str
    picture: str


@dataclass(frozen=True)
class Stretch:
    """Windows in a row that a model gives one label, until the next label begins."""

    start: float
    end: float
    label: str
    confidence: float | None


@dataclass(frozen=True)
class Timeline:
    """What an artefact says over the time of one track, or why it says nothing."""

    stretches: tuple[Stretch, ...] = ()
    reason: str | None = None


def find_recordings(record: RunRecord, wanted: Mapping[str, str]) -> dict[str, Path | str]:
    """Return where the recordings of tracks are.

    Parameters
    ----------
    record : RunRecord
        Of a run on the dataset.
    wanted : mapping of str to str
        The start of the sha256 of each track's bytes, by track.

    Returns
    -------
    dict
        By track, the file, or a sentence that says why there is none.
    """
    source = record.dataset.source
    try:
        dataset = open_dataset(source, offered_datasets(open_registry()))
    except ZooError as error:  # a plugin may offer it
        return dict.fromkeys(wanted, f"The recordings cannot be had: {error}.")
    files = {track.id: track for track in dataset.tracks}
    found: dict[str, Path | str] = {}
    for name, digest in wanted.items():
        track = files.get(name)
        if isinstance(dataset, FeatureTable):
            found[name] = "The models were given a table of features, so there is nothing to hear."
        elif track is not None and track.url is not None:
            found[name] = f"The recording is at {track.url}, and is not fetched for a report."
        elif track is None or not (track.path and track.path.is_file()):
            found[name] = f"The recording is no longer in {source}."
        elif track.digest[:_DIGEST] != digest:
            found[name] = f"The recording in {source} is another one than the models heard."
        else:
            found[name] = track.path.absolute()
    return found


def hear(path: Path) -> Sound:
    """Take an excerpt and a picture of a recording.

    Raises
    ------
    AudioError
        If it cannot be decoded.
    """
    frontend = LogMel()
    rate = frontend.sample_rate
    blocks, size = [], 0
    for block in waveform(open_stream(path), rate):
        blocks.append(block)
        size += block.size
        if size >= LONGEST * rate:
            break
    samples = np.concatenate(blocks)[: round(LONGEST * rate)]
    length = min(samples.size, round(EXCERPT * rate))
    first = (samples.size - length) // 2
    return Sound(
        seconds=samples.size / rate,
        start=first / rate,
        end=(first + length) / rate,
        audio=_audio(samples[first : first + length], rate),
        picture=_picture(frontend(samples)),
    )


def _audio(samples: "NDArray[np.float32]", rate: int) -> str:
    import soundfile

    # Ogg only where libsndfile is too old for MP3: some browsers cannot play it, and its
    # streams are numbered at random.
    available = soundfile.available_formats()
    container, codec, kind = next(item for item in _FORMATS if item[0] in available)
    out = io.BytesIO()
    soundfile.write(
        out, np.clip(samples, -1.0, 1.0), rate, codec, format=container,
        compression_level=_COMPRESSION,
    )  # fmt: skip
    return _uri(kind, out.getvalue())


def _picture(decibels: "NDArray[np.float32]") -> str:
    """Draw a log-mel spectrogram, shape (frames, mels), high pitches on top."""
    import matplotlib as mpl
    from PIL import Image

    columns, rows = (min(most, size) for most, size in zip(_PICTURE, decibels.shape, strict=True))
    small = np.add.reduceat(decibels, _starts(decibels.shape[0], columns), axis=0)
    small /= np.diff([*_starts(decibels.shape[0], columns), decibels.shape[0]])[:, None]
    small = np.add.reduceat(small, _starts(decibels.shape[1], rows), axis=1)
    small /= np.diff([*_starts(decibels.shape[1], rows), decibels.shape[1]])
    top = float(small.max())
    shades = np.clip((small - top + _RANGE) / _RANGE * 255, 0, 255).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(shades.T[::-1]), mode="L")
    image = image.convert("P")
    colours = 255 * mpl.colormaps["magma"](np.arange(256))[:, :3]
    image.putpalette(colours.astype(np.uint8).tobytes())
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return _uri("image/png", out.getvalue())


def _starts(size: int, parts: int) -> "NDArray[np.int64]":
    return np.arange(parts, dtype=np.int64) * size // parts


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def timelines(
    run: Run, files: Mapping[str, Path], digests: Mapping[str, str]
) -> dict[str, Timeline]:
    """Let the artefact of a run listen to recordings; remembered, since it takes a while.

    Parameters
    ----------
    run : Run
        Complete.
    files : mapping of str to Path
        By track.
    digests : mapping of str to str
        The start of the sha256 of each track's bytes, by track.

    Returns
    -------
    dict
        By track.
    """
    tracks = sorted(files)
    compute = partial(_listen, run, [files[track] for track in tracks])
    try:
        if not run.has_artefact:
            return dict.fromkeys(tracks, Timeline(reason="it has no ONNX file"))
        key = [run.record.artefact.sha256, [digests[track] for track in tracks]]
        heard = remembered(_VERSION, key, compute)
    except (ZooError, KeyError) as error:
        return dict.fromkeys(tracks, Timeline(reason=str(error)))
    return {
        track: Timeline(tuple(Stretch(*item) for item in found["stretches"]), found["reason"])
        for track, found in zip(tracks, heard, strict=True)
    }


def _listen(run: Run, paths: Sequence[Path]) -> list[dict[str, Any]]:
    listener = open_model(str(run.folder), threads=1)
    if not listener.has_times:
        return [{"stretches": [], "reason": "it does not say how its windows lie"}] * len(paths)
    return [_stretches(found) for found in predict(listener, paths, timeline=True)]


def _stretches(found: Prediction) -> dict[str, Any]:
    sections = [item for item in found.timeline or () if item.start < LONGEST]
    held = [list(group) for _, group in groupby(sections, key=lambda item: item.label)]
    ends = [*(group[0].start for group in held[1:]), *(item.end for item in sections[-1:])]
    stretches = []
    for group, end in zip(held, ends, strict=True):
        sure = [item.confidence for item in group if item.confidence is not None]
        mean = sum(sure) / len(sure) if sure else None
        stretches.append([group[0].start, min(end, LONGEST), group[0].label, mean])
    return {"stretches": stretches, "reason": found.error}
