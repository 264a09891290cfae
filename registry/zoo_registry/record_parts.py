"""The parts of the record of a run: its model, dataset, protocol, folds and artefact."""

import re
import shlex
from pathlib import PurePath, PurePosixPath
from typing import Annotated, Literal

from msgspec import Meta, field

from zoo_registry.parameters import ParamValue
from zoo_registry.reading import Reading
from zoo_registry.structures import Count, Number, Structure, from_plain
from zoo_registry.text import few

__all__ = [
    "ArtefactInfo",
    "DatasetInfo",
    "FoldRecord",
    "FrontEndInfo",
    "ImportanceInfo",
    "MachineInfo",
    "MemberInfo",
    "ModelDescription",
    "ModelInfo",
    "NotedTrack",
    "ProtocolInfo",
    "RobustnessInfo",
    "SkippedChange",
    "SkippedTrack",
    "TuningInfo",
]

_SHOWN = 5  # pairs in a sentence

Curve = list[dict[str, float]]  # a training that diverges has figures that are not finite
_Place = Annotated[str, Meta(pattern=r"^[^\0]*$")]  # no path has a zero byte
# Former versions stored the sentence, and no `impossible`; what they saved answers.
_NO_FORM = re.compile(r"has no `export` hook|ONNX form")


class ModelDescription(Structure, kw_only=True):
    """The model of an artefact; a loose file has no distribution, and its hash as version."""

    name: str
    title: str
    family: str
    distribution: str | None = None
    version: str | None = None
    licence: str | None = None


class ModelInfo(ModelDescription, kw_only=True):
    """The model of a run: its description, and the path that a loose file had.

    Nothing is ever loaded from that path: code is loaded because the user names its file, or has
    installed it.
    """

    file: _Place | None = None

    @property
    def description(self) -> ModelDescription:
        """The model without the path, which others need not know."""
        return from_plain(self.to_dict(), ModelDescription)

    @property
    def is_file(self) -> bool:
        """Whether the model is a loose file; `version` is the first digits of its hash."""
        return self.distribution is None

    @property
    def reference(self) -> str:
        """The argument of ``zoo train`` that means this model, for a command that is shown."""
        return shlex.quote(self.file or self.name)


class FrontEndInfo(Structure, kw_only=True, omit_defaults=True):
    """The plugin of a front end: its title and origin, and what its card says of its weights.

    `spec` is the value of ``--front-end`` if it is not the front end of the model's card; of a
    loose file it has the path, from which nothing is loaded because a record names it.
    `weights` tells whether it has any, `network` whether it is a network, of which excerpts are no
    training copies; earlier versions left both out. `trained_on` has what they
    have seen, each with what datasets have in common with it, by the names of their collections.
    """

    title: str
    spec: _Place | None = None
    distribution: str | None = None
    version: str | None = None
    package: str | None = None
    licence: str | None = None
    notice: str | None = None
    weights: bool = False
    network: bool = False
    trained_on: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def is_file(self) -> bool:
        """Whether it is a loose file; `version` is the first digits of its hash."""
        return self.distribution is None

    @property
    def has_weights(self) -> bool:
        """Whether it was trained, also as earlier versions recorded it."""
        return self.weights or bool(self.package or self.licence or self.trained_on)

    @property
    def origin(self) -> str:
        """Package and version, or name and hash of a loose file; empty for the model's own."""
        if not self.spec:
            return ""
        path, _, fields = self.spec.rpartition(":")
        name = PurePath(path if "=" in fields else self.spec).name
        parts = (
            (name, (self.version or "")[:6]) if self.is_file else (self.distribution, self.version)
        )
        return " ".join(filter(None, parts))

    @property
    def described_weights(self) -> str:
        """Title, package and licence of the weights; empty without any."""
        if not self.has_weights:
            return ""
        licence = f"licence: {self.licence or 'not declared'}"
        return "; ".join(filter(None, (self.title, self.package, licence)))


class NotedTrack(Structure, kw_only=True):
    """A track of which not all sound is used as it is, and what is not."""

    track: str
    note: str


class DatasetInfo(Structure, kw_only=True, omit_defaults=True):
    """The tracks that a run used: `source` is the argument of ``--data``, `tracks` their number.

    If tracks were left out, `whole` is the fingerprint with them. Earlier versions left it out, and
    had the fingerprint of all tracks in the place of that of the used ones. `noted` has the tracks
    of which not all sound is used as it is, such as one of two channels. `bandwidth` has, for each
    used track in the order of the dataset, the frequency in Hz above which there is nothing, 0 for
    silence; earlier versions did not measure it. `collection` is the published collection that the
    tracks belong to, such as "gtzan", if it is known, `licence` and `citation` its licence and how
    to cite it. `reading` opens the same tracks again;
    `selection` says what they are of the whole dataset, such as "3 of 10 classes". If
    `source` is not an absolute path or address, `place` is the hash of that. `kept_from` is the run
    whose tracks were added to those of `source`: its name, its id, or its folder. `alike` has the
    pairs of a track of `source` and an added one that may be copies by their sound; None if they
    were not compared.
    """

    name: str
    source: _Place
    fingerprint: str
    classes: list[str]
    tracks: Count
    whole: str | None = None
    noted: list[NotedTrack] = field(default_factory=list)
    bandwidth: list[Count] = field(default_factory=list)
    collection: str | None = None
    licence: str | None = None
    citation: str | None = None
    reading: Reading | None = None
    selection: str | None = None
    place: str | None = None
    kept_from: _Place | None = None
    alike: list[tuple[str, str]] | None = None

    @property
    def copies(self) -> str:
        """A sentence on tracks that may be copies of added ones, empty if none were added."""
        if self.kept_from is None:
            return ""
        run = PurePath(self.kept_from).name
        if self.alike is None:
            return f"Copies of the tracks of {run} in another format were not looked for."
        if not self.alike:
            return ""
        pairs = few([f"{one} like {other}" for one, other in self.alike], _SHOWN)
        count = len({one for one, _ in self.alike})
        return (
            f"{count} recording{'s' * (count != 1)} of {self.source} may be in {run} already, by "
            f"the sound ({pairs}). If they are, remove them: a model that has learnt a copy is "
            "tested on its memory."
        )

    @property
    def title(self) -> str:
        """The name, what was taken of the dataset of that name, and how it was read."""
        read = self.reading.said if self.reading else ""
        return ", ".join(filter(None, (self.name, self.selection, read)))


class ProtocolInfo(Structure, kw_only=True):
    """The protocol of a run, such as "kfold:5", and whether groups stay together."""

    spec: str
    grouped: bool


class TuningInfo(Structure, kw_only=True, omit_defaults=True):
    """The search that found the parameters of a run.

    `tuning` identifies the search. If it is `nested`, every fold had a search of its own with
    this `tuner`, and its result is in the fold's `params`. `seen` has the first 16 hexadecimal
    digits of the sha256 of each track that the search used.
    """

    tuning: str | None = None
    nested: bool = False
    trials: Count
    tuner: str | None = None
    seen: list[str]


class SkippedTrack(Structure, kw_only=True):
    """A track that could not be used, and the reason."""

    track: str
    reason: str


class SkippedChange(Structure, kw_only=True):
    """A change of a track that has no array, or an answer that the model failed to give."""

    track: str
    change: str
    reason: str


class RobustnessInfo(Structure, kw_only=True, omit_defaults=True):
    """The sample of test tracks that a model was also asked about as they are changed.

    `tracks` is their number, `changes` has the version of each change by its name, `sentences`
    describes the changes, `sha256` is that of `robustness.csv`.
    """

    tracks: Count
    changes: dict[str, Count]
    sentences: dict[str, str] = field(default_factory=dict)
    sha256: str | None = None


class ImportanceInfo(Structure, kw_only=True, omit_defaults=True):
    """The columns that were shuffled among tested windows, to see what a model needs.

    `families` has the number of columns of each family by its name, `sha256` is that of
    `importance.csv`.
    """

    families: dict[str, Count]
    sha256: str | None = None


class FoldRecord(Structure, kw_only=True, omit_defaults=True):
    """One fold of a run; a fold that failed has an `error` and no seconds.

    If the training part was cut, `size` is the number of tracks per class. `train_groups` is the
    number of groups in the training part, in a run with such folds. `params` has the parameters
    that a nested search found, `curve` the figures that the training
    reported, each with the `fraction` that was done. `sha256` is that of the fold's file,
    `robustness` that of its file of changed tracks, `windows` that of the windows of both,
    `importance` that of its answers to shuffled columns, and `skipped` has the changed tracks
    without an answer. `betas` has the power that calibrates its
    predictions, see `zoo.evaluate.calibration`; a single fold has one per half. Earlier versions
    had none, and kept no windows.
    """

    fold: Count
    train_tracks: Count
    test_tracks: Count
    error: str | None
    size: Count | None = None
    train_groups: Count | None = None
    params: dict[str, ParamValue] | None = None
    curve: Curve = field(default_factory=list)
    train_seconds: Number | None = None
    predict_seconds: Number | None = None
    sha256: str | None = None
    robustness: str | None = None
    windows: str | None = None
    importance: str | None = None
    betas: list[Number] = field(default_factory=list)
    skipped: list[SkippedChange] = field(default_factory=list)

    def __post_init__(self) -> None:
        if (self.train_seconds is None) != (self.predict_seconds is None):
            raise ValueError("one of train_seconds and predict_seconds is missing")
        if self.is_trained and not (self.train_tracks and self.test_tracks):
            raise ValueError("a fold was trained or tested without a track")

    @property
    def name(self) -> str:
        """The number of the fold, with its size in front if it has one."""
        return f"{self.fold}" if self.size is None else f"{self.size}-{self.fold}"

    @property
    def description(self) -> str:
        """The fold in words."""
        size = "" if self.size is None else f"{self.size} tracks per class, "
        return f"{size}fold {self.fold}"

    @property
    def is_trained(self) -> bool:
        """Whether the model was trained and tested."""
        return self.train_seconds is not None


class MemberInfo(Structure, kw_only=True, omit_defaults=True):
    """A member of an ensemble: its name or id, or its folder if that is in another workspace.

    `command` is the one that trains it. `predictions`, `robustness` and `artefact` are the SHA-256
    of the files that the ensemble was made from. `weight` is that of the artefact, `folds` has
    those of the predictions of each fold, of a single fold those of its halves.
    """

    run: _Place
    command: str
    predictions: str
    robustness: str | None = None
    artefact: str | None = None
    weight: Number
    folds: list[Number]


class ArtefactInfo(Structure, kw_only=True, omit_defaults=True):
    """The artefact of a run, or the `error` that prevented it.

    `parity` is the largest difference in probability of a window between file and Python model
    over `parity_tracks` tracks, `same_winner` the number of those for which both name the same
    class, `reference` the difference between the front end and its reference in standard
    deviations. `params` and `curve` are those of the fit on all tracks, as in `FoldRecord`. `saved`
    has the sha256 of each file that the plugin saved of a model without a file. `impossible` tells
    whether the model has no ONNX form, so that it can never have a file.
    """

    params: dict[str, ParamValue] | None = None
    curve: Curve = field(default_factory=list)
    fit_seconds: Number | None = None
    file: Literal["model.onnx"] | None = None
    sha256: str | None = None
    bytes: Count | None = None
    parity_tracks: Count | None = None
    parity: Number | None = None
    same_winner: Count | None = None
    reference: float | None = None
    error: str | None = None
    impossible: bool | None = None
    saved: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(".." in PurePosixPath(name).parts or name.startswith("/") for name in self.saved):
            raise ValueError("a saved file is not in the run's folder")
        written = (self.file, self.bytes, self.parity_tracks, self.parity, self.same_winner)
        if self.sha256 is not None and None in written:
            raise ValueError("the description of the file is not complete")

    @property
    def is_due(self) -> bool:
        """Whether there is no file, although the model has an ONNX form."""
        impossible = self.impossible
        if impossible is None and self.error:
            impossible = bool(self.saved) or _NO_FORM.search(self.error) is not None
        return self.sha256 is None and not impossible


class MachineInfo(Structure, kw_only=True, omit_defaults=True):
    """The machine that trained: platform, number of processors, version of Python.

    As long as it trains, `process` is the name of the process; see `zoo_registry.processes`.
    """

    platform: str | None = None
    processors: Count | None = None
    python: str | None = None
    process: str | None = None
