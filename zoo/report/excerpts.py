"""Recordings on a page: an excerpt to play, a spectrogram, and the votes of models over time."""

import base64
import io
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.artefact import Artefact
from zoo.audio.decode import DECODING, open_stream, waveform
from zoo.audio.frontends import LogMel
from zoo.audio.urls import is_url
from zoo.datasets import Dataset, FeatureTable, Track
from zoo.datasets.hashing import heard
from zoo.evaluate.vote import vote_winners
from zoo.evaluate.window_answers import lack_of_windows, window_answers
from zoo.inference.predict import predict
from zoo.inference.prediction import UNKNOWN, Section
from zoo.inference.timeline import stretches
from zoo.plugins.registry import find_dataset, recorded_dataset
from zoo.workspace import remembered
from zoo_registry.errors import ZooError
from zoo_registry.files import is_folder
from zoo_registry.record import TABLE, RunRecord
from zoo_registry.runs import Run

__all__ = [
    "Excerpt",
    "Timeline",
    "cut_excerpt",
    "excerpt_of",
    "file_of",
    "find_recordings",
    "open_recordings",
    "timelines",
]

EXCERPT = 10.0  # seconds
LONGEST = 600.0  # seconds of a recording that are decoded
_DIGEST = 16  # hexadecimal digits of a sha256: the digests of predictions
_FORMATS = (("MP3", "MPEG_LAYER_III", "audio/mpeg"), ("OGG", "VORBIS", "audio/ogg"))
_COMPRESSION = 0.6  # of libsndfile's scale from 0 to 1: about 60 kbit/s, enough for one channel
_PICTURE = (480, 64)  # columns and rows of pixels
_TICKS = 6
_RANGE = 80.0  # dB below the loudest point that the picture shows
_NOTHING = "The models were given a table of features, so there is nothing to hear."
# Must be raised whenever the same artefact and tracks give other spans than before.
_VERSION = "spans-1"


@dataclass(frozen=True)
class Excerpt:
    """A recording as the page holds it.

    Attributes
    ----------
    seconds : float
        Length of the decoded part: the whole recording, or its first ten minutes.
    start, end : float
        Position of the excerpt in seconds.
    audio, picture, detail : str
        Data URIs of the excerpt, and of log-mel spectrograms of the decoded part and the excerpt.
    """

    seconds: float
    start: float
    end: float
    audio: str
    picture: str
    detail: str

    @property
    def ticks(self) -> range:
        """At most six round times along the decoded part, in seconds."""
        steps = (step for step in (1, 2, 5, 10, 20, 60) if self.seconds / step <= _TICKS)
        return range(0, int(self.seconds) + 1, next(steps, 120))


@dataclass(frozen=True)
class Timeline:
    """The out-of-fold labels of a track over time, or the reason why there are none."""

    stretches: tuple[Section, ...] = ()
    reason: str | None = None


def open_recordings(record: RunRecord, data: str | None = None) -> Dataset | str:
    """Return the dataset of a run, or a sentence that says why it cannot be had.

    Parameters
    ----------
    record : RunRecord
        Record that names the dataset. A page may be handed on, so no file goes into it only
        because a record names it.
    data : str, optional
        The dataset, if the user names it.
    """
    try:
        if data is not None and (is_folder(data) or is_url(data)):
            return find_dataset(data, reading=record.dataset.reading)
        return recorded_dataset(record.dataset)
    except ZooError as error:
        is_table = record.frontend["name"] == TABLE
        return _NOTHING if is_table else f"The recordings cannot be had: {error}."


def find_recordings(opened: Dataset | str, wanted: Mapping[str, str]) -> dict[str, Track | str]:
    """Return each track, given its digest, or a sentence that says why its file cannot be had.

    Parameters
    ----------
    opened : Dataset or str
        Result of `open_recordings`.
    wanted : mapping of str to str
        Digest of each track.
    """
    if isinstance(opened, str):
        return dict.fromkeys(wanted, opened)
    if isinstance(opened, FeatureTable):
        return dict.fromkeys(wanted, _NOTHING)
    tracks = {track.id: track for track in opened.tracks}
    source = opened.source
    found: dict[str, Track | str] = {}
    for name, digest in wanted.items():
        track = tracks.get(name)
        if track is not None and track.url is not None:
            found[name] = f"The recording is at {track.url}, and is not fetched for a report."
        elif track is None or not (track.path and track.path.is_file()):
            found[name] = f"The recording is no longer in {source}."
        elif track.digest[:_DIGEST] != digest:
            found[name] = f"The recording in {source} is another one than the models heard."
        else:
            found[name] = track
    return found


def excerpt_of(track: Track) -> Excerpt:
    """Return an excerpt of a track as `cut_excerpt` does."""
    with heard(track, file_of(track)) as path:
        return cut_excerpt(path)


def cut_excerpt(path: Path) -> Excerpt:
    """Return ten seconds from the middle of a recording; `AudioError` if it cannot be decoded."""
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
    return Excerpt(
        seconds=samples.size / rate,
        start=first / rate,
        end=(first + length) / rate,
        audio=_audio(samples[first : first + length], rate),
        picture=_spectrogram(frontend(samples)),
        detail=_spectrogram(frontend(samples[first : first + length])),
    )


def _audio(samples: NDArray[np.float32], rate: int) -> str:
    import soundfile

    # Ogg is used only if libsndfile is too old for MP3: some browsers cannot play it, and its
    # streams have random serial numbers.
    available = soundfile.available_formats()
    container, codec, mime = next(item for item in _FORMATS if item[0] in available)
    out = io.BytesIO()
    soundfile.write(
        out, np.clip(samples, -1.0, 1.0), rate, codec, format=container,
        compression_level=_COMPRESSION,
    )  # fmt: skip
    return _data_uri(mime, out)


def _spectrogram(decibels: NDArray[np.float32]) -> str:
    """Draw a log-mel spectrogram, shape (frames, mels), in dB, with high pitches on top."""
    import matplotlib as mpl
    from PIL import Image

    for axis, size in enumerate(_PICTURE):
        decibels = _means(decibels, size, axis)
    top = float(decibels.max())
    shades = np.clip((decibels - top + _RANGE) / _RANGE * 255, 0, 255).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(shades.T[::-1]), mode="L").convert("P")
    colours = 255 * mpl.colormaps["magma"](np.arange(256))[:, :3]
    image.putpalette(colours.astype(np.uint8).tobytes())
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return _data_uri("image/png", out)


def _means(values: NDArray[np.float32], most: int, axis: int) -> NDArray[np.float32]:
    """Average neighbouring rows or columns, so that at most `most` of them remain."""
    size = values.shape[axis]
    parts = min(most, size)
    starts = np.arange(parts + 1) * size // parts
    sums = np.add.reduceat(values, starts[:-1], axis=axis)
    counts = np.diff(starts).astype(np.float32)
    means: NDArray[np.float32] = sums / (counts[:, None] if axis == 0 else counts)
    return means


def _data_uri(mime: str, content: io.BytesIO) -> str:
    return f"data:{mime};base64,{base64.b64encode(content.getvalue()).decode('ascii')}"


def timelines(
    run: Run, found: Mapping[str, Track], digests: Mapping[str, str]
) -> dict[str, Timeline]:
    """Return the out-of-fold timeline of each track by its id.

    The answers are those of the models that did not know the track, which the run keeps; the
    artefact tells where its windows lie.

    Parameters
    ----------
    run : Run
        The run.
    found, digests : mapping of str to Track, mapping of str to str
        The tracks, and the beginning of the hash of each.
    """
    tracks = sorted(found)
    compute = partial(_spans, run, [found[track] for track in tracks])
    try:
        if not run.has_artefact:
            return dict.fromkeys(tracks, Timeline(reason="it has no ONNX file"))
        predictions = run.predictions()
        answers = window_answers(run, predictions)
        if answers is None:
            return dict.fromkeys(tracks, Timeline(reason=lack_of_windows(run, predictions)))
        key = [DECODING, run.record.artefact.sha256, [digests[track] for track in tracks]]
        computed = remembered(_VERSION, key, compute)
    except (ZooError, KeyError) as error:
        return dict.fromkeys(tracks, Timeline(reason=str(error)))
    tests: dict[str, list[NDArray[np.float64]]] = {track: [] for track in tracks}
    for track, windows in zip(predictions.tracks, answers, strict=True):
        if track in tests:
            tests[track].append(windows)
    return {
        track: _timeline(predictions.classes, tests[track], **own)
        for track, own in zip(tracks, computed, strict=True)
    }


def _timeline(
    classes: Sequence[str],
    tests: Sequence[NDArray[np.float64]],
    spans: Sequence[tuple[float, float, str | None]],
    reason: str | None,
) -> Timeline:
    """Return the labels of the windows of a track, which was tested once, or several times."""
    if not tests or not spans:
        return Timeline(reason=reason or "it did not test this track")
    probabilities = np.mean(tests, axis=0)
    votes = np.sum([np.eye(len(classes), dtype=np.int64)[own.argmax(axis=1)] for own in tests], 0)
    winners = vote_winners(votes, probabilities)
    answers = iter(zip(winners.tolist(), probabilities, strict=True))
    count, sounding = len(winners), sum(silence is None for _, _, silence in spans)
    if count == 1:  # also the mean of all rows
        spans = [(spans[0][0], spans[-1][1], None)]
    elif count == len(spans):
        spans = [(start, end, None) for start, end, _ in spans]
    elif count != sounding:
        return Timeline(reason="the windows of its folds lie elsewhere than those of its ONNX file")
    sections = []
    for start, end, silence in spans:
        if silence:
            sections.append(Section(start, end, UNKNOWN, None, silence))
        else:
            winner, own = next(answers)
            sections.append(Section(start, end, classes[winner], float(own[winner])))
    parts = stretches([section for section in sections if section.start < LONGEST])
    return Timeline(tuple(replace(part, end=min(part.end, LONGEST)) for part in parts))


def _spans(run: Run, tracks: Sequence[Track]) -> list[dict[str, Any]]:
    """Return begin and end of the windows of each track, and what is said of a silent one."""
    # The run may be trained again meanwhile, when `open_model` would refuse it.
    model = Artefact(run.artefact_path, run.record.artefact.sha256, 1, home=run.folder)
    if not model.has_times:
        return [{"spans": [], "reason": "it does not give the times of its windows"}] * len(tracks)
    found = []
    with ExitStack() as stack:
        paths = [stack.enter_context(heard(track, file_of(track))) for track in tracks]
        for prediction in predict(model, paths, timeline=True):
            spans = [
                [window.start, window.end, window.reason if window.confidence is None else None]
                for window in prediction.timeline or ()
            ]
            found.append({"spans": spans, "reason": prediction.error})
    return found


def file_of(track: Track) -> Path:
    """Return the file of a track on this machine."""
    return Path(track.location)
