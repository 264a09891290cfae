"""The record of a run, `run.json`: everything needed to repeat the run, and how it went."""

import shlex
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from zoo_registry.parameters import ParamValue
from zoo_registry.record_audit import AuditInfo, FoldAudit
from zoo_registry.record_parts import (
    ArtefactInfo,
    DatasetInfo,
    FoldRecord,
    FrontEndInfo,
    ImportanceInfo,
    MachineInfo,
    MemberInfo,
    ModelDescription,
    ModelInfo,
    NotedTrack,
    ProtocolInfo,
    RobustnessInfo,
    SkippedChange,
    SkippedTrack,
    TuningInfo,
)
from zoo_registry.record_sizes import SizeInfo, SizesInfo
from zoo_registry.structures import Count, Number, Structure
from zoo_registry.text import digest, quoted

__all__ = [
    "FORMAT",
    "TABLE",
    "ArtefactInfo",
    "AuditInfo",
    "DatasetInfo",
    "FoldAudit",
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
    "RunRecord",
    "SizeInfo",
    "SizesInfo",
    "SkippedChange",
    "SkippedTrack",
    "Status",
    "TuningInfo",
]

FORMAT = 1
TABLE = "table"  # the front end of a table of features

_Time = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$")]
Status = Literal["running", "complete", "no artefact", "failed"]


class RunRecord(Structure, kw_only=True):
    """The content of `run.json`.

    `params` has every parameter, defaults included, without a `CLASS_WEIGHT` that is "none"
    (`Card.recorded`); `frontend` name, version and fields of the front end; `versions` every
    package that may change the result; `error` the reason why the run failed, or why it has no
    artefact yet. `extraction` has ``tracks, decode_seconds,
    frontend_seconds``: the tracks whose arrays were computed for this run, and the time that it
    took, summed over all workers; and ``audio_seconds``, the length of all recordings. It is empty
    for a table of features. `split` is the sha256 over
    the track ids of every training and test part, `predictions` that of `predictions.csv`.
    `frontend_plugin` describes the plugin of the front end, if it has one. `beta` is the power that
    calibrates the artefact, None in runs of earlier versions. `copies` is the version of the
    training copies, None without. `components` is the number of principal components that the model
    makes of the columns of an encoder, None if it does not. `robustness` describes the changed
    tracks that the model was asked about, if any, and `sizes` its fits to fewer tracks; `members`
    has the runs that an ensemble combines;
    `embeddings` is the sha256 of `embeddings.npz` and `windows` that of `windows.npy`, if the run
    has them. `importance` describes the columns that were shuffled, if any.
    `extensions` has JSON values that extensions keep of the run, by their names. `started` and
    `finished` are times in ISO 8601, UTC. `notes` has sentences that whoever publishes the run adds
    to its card.
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
    components: Count | None = None
    extraction: dict[str, Count | Number] = field(default_factory=dict)
    skipped: list[SkippedTrack] = field(default_factory=list)
    folds: list[FoldRecord] = field(default_factory=list)
    split: str | None = None
    audit: AuditInfo | None = None
    predictions: str | None = None
    beta: Number | None = None
    robustness: RobustnessInfo | None = None
    embeddings: str | None = None
    windows: str | None = None
    importance: ImportanceInfo | None = None
    sizes: SizesInfo | None = None
    members: list[MemberInfo] = field(default_factory=list)
    artefact: ArtefactInfo = field(default_factory=ArtefactInfo)
    machine: MachineInfo = field(default_factory=MachineInfo)
    extensions: dict[str, Any] = field(default_factory=dict)
    started: _Time | None = None
    finished: _Time | None = None
    notes: list[str] = field(default_factory=list)
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
        optional = ("robustness", "sizes", "embeddings", "copies", "components", "beta")
        for name in (*optional, "frontend_plugin", "windows", "importance"):
            if plain[name] is None:
                del plain[name]
        absent = {name for name in ("notes", "members") if not plain[name]}
        return {name: value for name, value in plain.items() if name not in absent}

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
        if not (self.frontend_plugin and self.frontend_plugin.has_weights):
            return []
        if not self.frontend_plugin.trained_on:
            name = self.frontend["name"]
            return [f"What {name}'s weights were trained on is not stated in its card."]
        name, collection = self.frontend["name"], self.dataset.collection or ""
        return [
            f"{name} was trained on {corpus}, which {overlaps[collection]}."
            if collection in overlaps
            else f"{name} was trained on {corpus}; whether that has recordings of "
            f"{quoted(self.dataset.name)} is not known."
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
    def failures(self) -> dict[str, str]:
        """The folds that failed by the reason, such as "fold 1" or "folds 0 to 4"."""
        failed: dict[str, list[int]] = {}
        for entry in self.folds:
            if entry.error:
                failed.setdefault(entry.error, []).append(entry.fold)
        return {reason: _in_words(sorted(numbers)) for reason, numbers in failed.items()}

    @property
    def command(self) -> str:
        """The command that trains this run, and repairs it."""
        if self.members:
            runs = [member.run for member in self.members]
            return shlex.join(
                ["zoo", "ensemble", *runs, "--weights", str(self.params.get("weights"))]
            )
        words = ["zoo", "train", self.model.file or self.model.name, "--data", self.dataset.source]
        words += self.dataset.reading.options if self.dataset.reading else []
        if self.dataset.kept_from:
            words += ["--from", self.dataset.kept_from, "--keep-classes"]
        elif self.frontend_plugin and self.frontend_plugin.spec:
            words += ["--front-end", self.frontend_plugin.spec]
        words += ["--protocol", self.protocol.spec, "--seed", str(self.seed)]
        words += [] if self.protocol.grouped else ["--ungrouped"]
        for name, value in self.params.items():
            words += ["--set", f"{name}={value}"]
        # Before the first fold it is not known.
        if self.folds and self.robustness is None and self.frontend["name"] != TABLE:
            words.append("--no-robustness")
        if self.tuned and self.tuned.nested:
            words += ["--nested", str(self.tuned.trials), "--tuner", self.tuned.tuner or "random"]
        elif self.tuned:
            words.append("--tuned")
        if self.sizes and self.sizes.sizes:
            words += ["--sizes", ",".join([*(str(one.size) for one in self.sizes.sizes), "all"])]
        return shlex.join(words)

    @property
    def combines(self) -> str:
        """The members of an ensemble with their weights in the artefact; empty without any."""
        return ", ".join(f"{member.run} {member.weight:.3f}" for member in self.members)

    @property
    def used(self) -> str:
        """Fingerprint of the tracks that were used; runs of different tracks are no match."""
        if self.skipped and self.dataset.whole is None:
            return digest([self.dataset.fingerprint, sorted(item.track for item in self.skipped)])
        return self.dataset.fingerprint

    @property
    def identity(self) -> dict[str, Any]:
        """What a run is known by, as plain JSON values; runs with equal ones are the same."""
        identity: dict[str, Any] = {
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
        if self.components is not None:
            identity["components"] = self.components
        if self.members:
            identity["members"] = [member.predictions for member in self.members]
        if self.frontend_plugin and self.frontend_plugin.spec:
            plugin = self.frontend_plugin
            identity["frontend_plugin"] = [plugin.distribution, plugin.version, plugin.package]
        return identity

    @property
    def apart_from_seed(self) -> str:
        """Hash of all that identifies a run, apart from its seed and the search of that seed."""
        identity = {name: value for name, value in self.identity.items() if name != "seed"}
        if "tuned" in identity:
            identity["tuned"] = {k: v for k, v in identity["tuned"].items() if k != "tuning"}
        return digest(identity)

    @property
    def id(self) -> str:
        """Name and hash: ``svm-1f0c9a4e2b``; equal commands give equal ids."""
        return f"{self.model.name}-{digest(self.identity)[:10]}"


def _in_words(numbers: list[int]) -> str:
    """Return "fold 1", "folds 0 to 4" or "folds 0, 2", of ascending numbers."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) == 1:
        return f"fold {first}"
    if last - first == len(numbers) - 1 > 1:
        return f"folds {first} to {last}"
    return f"folds {', '.join(map(str, numbers))}"
