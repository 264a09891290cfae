"""The record of a run, `run.json`: everything needed to repeat the run, and how it went."""

import re
import shlex
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from zoo_registry.parameters import ParamValue
from zoo_registry.structures import Count, Number, Structure, from_plain
from zoo_registry.text import digest

__all__ = [
    "FORMAT",
    "TABLE",
    "ArtefactInfo",
    "AuditInfo",
    "DatasetInfo",
    "FoldAudit",
    "FoldRecord",
    "FrontEndInfo",
    "MachineInfo",
    "ModelDescription",
    "ModelInfo",
    "ProtocolInfo",
    "RobustnessInfo",
    "RunRecord",
    "SkippedChange",
    "SkippedTrack",
    "Status",
    "TuningInfo",
]

FORMAT = 1
TABLE = "table"  # the front end of a table of features

Curve = list[dict[str, float]]  # a training that diverges has figures that are not finite
_Time = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$")]
_Place = Annotated[str, Meta(pattern=r"^[^\0]*$")]  # no path has a zero byte
Status = Literal["running", "complete", "no artefact", "failed"]
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
    `trained_on` has what the weights have seen, each with what datasets have in common with it, by
    the names of their collections.
    """

    title: str
    spec: _Place | None = None
    distribution: str | None = None
    version: str | None = None
    package: str | None = None
    licence: str | None = None
    notice: str | None = None
    trained_on: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def is_file(self) -> bool:
        """Whether it is a loose file; `version` is the first digits of its hash."""
        return self.distribution is None


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
    tracks belong to, such as "gtzan", if it is known.
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


class FoldRecord(Structure, kw_only=True, omit_defaults=True):
    """One fold of a run; a fold that failed has an `error` and no seconds.

    `params` has the parameters that a nested search found, `curve` the figures that the training
    reported, each with the `fraction` that was done. `sha256` is that of the fold's file,
    `robustness` that of its file of changed tracks, `windows` that of the windows of both, and
    `skipped` has the changed tracks without an answer. `betas` has the power that calibrates its
    predictions, see `zoo.evaluate.calibration`; a single fold has one per half. Earlier versions
    had none, and kept no windows.
    """

    fold: Count
    train_tracks: Count
    test_tracks: Count
    error: str | None
    params: dict[str, ParamValue] | None = None
    curve: Curve = field(default_factory=list)
    train_seconds: Number | None = None
    predict_seconds: Number | None = None
    sha256: str | None = None
    robustness: str | None = None
    windows: str | None = None
    betas: list[Number] = field(default_factory=list)
    skipped: list[SkippedChange] = field(default_factory=list)

    def __post_init__(self) -> None:
        if (self.train_seconds is None) != (self.predict_seconds is None):
            raise ValueError("one of train_seconds and predict_seconds is missing")
        if self.is_trained and not (self.train_tracks and self.test_tracks):
            raise ValueError("a fold was trained or tested without a track")

    @property
    def is_trained(self) -> bool:
        """Whether the model was trained and tested."""
        return self.train_seconds is not None


class FoldAudit(Structure, kw_only=True):
    """Numbers of test tracks of a fold that share something with a training track.

    Of the `tested` tracks so many share a `group`, a `recording`, all bytes (`duplicate`), or
    `any` of these. `missing` has the classes without a training track.
    """

    fold: Count
    tested: Count
    group: Count
    recording: Count
    duplicate: Count
    any: Count
    missing: list[str]


class AuditInfo(Structure, kw_only=True):
    """The audit of a split.

    `conflicts` has pairs of track ids, equal recordings under different labels. `known` is the
    number of tracks that have a group or a recording in the metadata.
    """

    folds: list[FoldAudit]
    conflicts: list[list[str]]
    known: Count


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


class RunRecord(Structure, kw_only=True):
    """The content of `run.json`.

    `params` has every parameter, defaults included; `frontend` name, version and fields of the
    front end; `versions` every package that may change the result; `error` the reason why the run
    failed, or why it has no artefact yet. `extraction` has ``tracks, decode_seconds,
    frontend_seconds``: the tracks whose arrays were computed for this run, and the time that it
    took, summed over all workers; it is empty for a table of features. `split` is the sha256 over
    the track ids of every training and test part, `predictions` that of `predictions.csv`.
    `frontend_plugin` describes the plugin of the front end, if it has one. `beta` is the power that
    calibrates the artefact, None in runs of earlier versions. `copies` is the version of the
    training copies, None without. `robustness` describes the changed
    tracks that the model was asked about, if any.
    `extensions` has JSON values that extensions keep of the run, by their names. `started` and
    `finished` are times in ISO 8601, UTC.
    """

    model: ModelInfo
    params: dict[str, ParamValue]
    frontend: dict[str, Any]
    dataset: DatasetInfo
    protocol: ProtocolInfo
    seed: Annotated[int, Meta(ge=0, lt=2**32)]
    versions: dict[str, str]
    status: Status = "running"
    error: str | None = None
    tuned: TuningInfo | None = None
    frontend_plugin: FrontEndInfo | None = None
    copies: int | None = None
    extraction: dict[str, Count | Number] = field(default_factory=dict)
    skipped: list[SkippedTrack] = field(default_factory=list)
    folds: list[FoldRecord] = field(default_factory=list)
    split: str | None = None
    audit: AuditInfo | None = None
    predictions: str | None = None
    beta: Number | None = None
    robustness: RobustnessInfo | None = None
    artefact: ArtefactInfo = field(default_factory=ArtefactInfo)
    machine: MachineInfo = field(default_factory=MachineInfo)
    extensions: dict[str, Any] = field(default_factory=dict)
    started: _Time | None = None
    finished: _Time | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        if not isinstance(self.frontend.get("name"), str):
            raise ValueError("'frontend.name' is missing or no text")
        # Former versions called a run complete whose artefact could not be made.
        if self.status == "complete" and self.artefact.is_due:
            self.status, self.error = "no artefact", self.artefact.error

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object, which is that of earlier versions if there is nothing new."""
        plain = super().to_dict()
        for name in ("robustness", "copies", "beta", "frontend_plugin"):
            if plain[name] is None:
                del plain[name]
        return plain

    @property
    def frontend_spec(self) -> str:
        """Name of the front end, with its fields if they are not the defaults."""
        name = str(self.frontend["name"])
        spec = (self.frontend_plugin and self.frontend_plugin.spec) or ""
        fields = spec.rpartition(":")[2]
        return f"{name}:{fields}" if "=" in fields else name

    @property
    def title(self) -> str:
        """Title of the model, with the front end if that is not its own."""
        given = self.frontend_plugin and self.frontend_plugin.spec
        return f"{self.model.title} on {self.frontend_spec}" if given else self.model.title

    @property
    def trained_on(self) -> list[str]:
        """What is known of recordings that the weights of the front end have seen, in sentences."""
        if not self.frontend_plugin:
            return []
        name, collection = self.frontend["name"], self.dataset.collection or ""
        return [
            f"{name} was trained on {corpus}, which {overlaps[collection]}."
            if collection in overlaps
            else f"{name} was trained on {corpus}; whether that has recordings of "
            f"{self.dataset.name} is not known."
            for corpus, overlaps in self.frontend_plugin.trained_on.items()
        ]

    @property
    def place(self) -> str:
        """The step of an unfinished training: "fold 2 of 5", or "fit on all tracks"."""
        done, total = len(self.folds), len(self.audit.folds) if self.audit else 0
        if not total:
            return "before its first fold"
        return f"fold {done + 1} of {total}" if done < total else "fit on all tracks"

    @property
    def command(self) -> str:
        """The command that trains this run, and repairs it."""
        words = ["zoo", "train", self.model.file or self.model.name, "--data", self.dataset.source]
        if self.frontend_plugin and self.frontend_plugin.spec:
            words += ["--front-end", self.frontend_plugin.spec]
        words += ["--protocol", self.protocol.spec, "--seed", str(self.seed)]
        words += [] if self.protocol.grouped else ["--ungrouped"]
        for name, value in self.params.items():
            words += ["--set", f"{name}={value}"]
        if self.tuned and self.tuned.nested:
            words += ["--nested", str(self.tuned.trials), "--tuner", self.tuned.tuner or "random"]
        elif self.tuned:
            words.append("--tuned")
        return shlex.join(words)

    @property
    def used(self) -> str:
        """Fingerprint of the tracks that were used; runs of different tracks are no match."""
        if self.skipped and self.dataset.whole is None:
            return digest([self.dataset.fingerprint, sorted(item.track for item in self.skipped)])
        return self.dataset.fingerprint

    @property
    def id(self) -> str:
        """Name and hash: ``svm-1f0c9a4e2b``; equal commands give equal ids."""
        identity = {
            "model": [self.model.name, self.model.distribution, self.model.version],
            "params": self.params,
            "frontend": self.frontend,
            "dataset": self.dataset.fingerprint,
            "protocol": self.protocol.to_dict(),
            "seed": self.seed,
            "versions": self.versions,
        }
        if self.tuned is not None:
            identity["tuned"] = {k: v for k, v in self.tuned.to_dict().items() if k != "seen"}
        if self.copies is not None:
            identity["copies"] = self.copies
        if self.frontend_plugin and self.frontend_plugin.spec:
            plugin = self.frontend_plugin
            identity["frontend_plugin"] = [plugin.distribution, plugin.version, plugin.package]
        return f"{self.model.name}-{digest(identity)[:10]}"
