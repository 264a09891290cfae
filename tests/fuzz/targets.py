"""Every parser as a function of bytes: it returns what is sound, or raises a `ZooError`.

A target raises `Unsound` where the answer, or the sentence, is not what it has to be.
"""

import dataclasses
import io
import json
import os
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import numpy as np

from tests.zoo.inference.test_hostile import FORMATS
from zoo import Handcrafted
from zoo_registry.errors import RunError, ZooError
from zoo_registry.text import shown

__all__ = ["TARGETS", "Targets", "Unsound"]


class Unsound(AssertionError):
    """An answer that is none, or a sentence that is no sentence."""


def demand(held: object, what: str) -> None:
    if not held:
        raise Unsound(what)


class Targets:
    """The parsers, in a folder in which `tests.fuzz.corpus.build` has made a workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scratch = folder / f"scratch-{os.getpid()}"
        self.scratch.mkdir(exist_ok=True)
        for name in ("models", "cache", "config"):
            os.environ[f"ZOO_{name.upper()}"] = str(folder / name)

    def check(self, name: str, data: bytes) -> str | None:
        """Give bytes to a parser; return the sentence with which it refuses them, or None."""
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                TARGETS[name](self, data)
        except ZooError as error:
            sentence = str(error)
            demand(sentence.strip() and len(sentence) < 5_000, f"no sentence: {sentence[:200]!r}")
            demand(shown(sentence) == sentence, f"signs that steer: {sentence[:500]!r}")
            return sentence
        return None

    def put(self, name: str, data: bytes) -> Path:
        path = self.scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def audio(self, data: bytes) -> None:
        from zoo.audio.decode import decode, read

        suffix = list(FORMATS)[data[0] % len(FORMATS)] if data else ".wav"
        path = self.put(f"sound{suffix}", data[1:])
        try:
            wave = decode(path, 22_050)
            demand(wave.size and wave.ndim == 1 and np.isfinite(wave).all(), "no waveform")
        finally:
            recording = read(path)
            demand(np.isfinite(recording.samples).all(), "samples that are no numbers")
            demand(len(recording.samples), "no samples")

    def metadata(self, data: bytes) -> None:
        from zoo.datasets.folder import read_folder
        from zoo.datasets.layout.understand import METADATA
        from zoo.datasets.metadata import write_metadata

        tones = self.folder / "tones"
        place = self.scratch / "tones"
        if not place.is_dir():
            place.mkdir()
            for label in ("high", "low"):
                (place / label).symlink_to(tones / label)
        (place / METADATA).write_bytes(data)
        dataset = read_folder(place)
        demand(len(dataset.classes) > 1 and all(name.strip() for name in dataset.classes), "labels")
        root = tones.resolve()
        demand(all(root in t.location.resolve().parents for t in dataset.tracks), "left the folder")
        write_metadata(dataset, (), place, force=True)  # which keeps the columns there are
        demand(read_folder(place).classes == dataset.classes, "its own metadata differ")

    def table(self, data: bytes) -> None:
        from zoo.datasets import FeatureTable, open_dataset

        dataset = open_dataset(str(self.put("table.csv", data)))
        demand(
            isinstance(dataset, FeatureTable) and np.isfinite(dataset.features).all(), "features"
        )
        demand(len(dataset.classes) > 1 and dataset.fingerprint, "labels")

    def facts(self, data: bytes) -> None:
        from zoo.datasets.collections.gtzan import read_facts

        for name, fact in read_facts(self.put("facts.csv", data)).items():
            demand(name and len(fact.md5) == 32, "facts")

    def run_json(self, data: bytes) -> None:
        self._shown_by_commands("run.json", data)

    def predictions(self, data: bytes) -> None:
        from zoo_registry.runs import Run

        found = Run.read_predictions(self.put("p.csv", data))
        demand(found.votes.shape == found.probabilities.shape == (len(found), len(found.classes)),
               "shapes")  # fmt: skip
        self._shown_by_commands("predictions.csv", data)

    def _shown_by_commands(self, file: str, data: bytes) -> None:
        """Read a run with one file changed, by all commands that show runs."""
        from zoo_registry.runs import Run

        home = self.scratch / "models"
        for run in (self.folder / "models").glob("*/*/seconds-*"):
            place = home / "tones" / "kfold-2" / run.name
            place.mkdir(parents=True, exist_ok=True)
            for name in ("run.json", "predictions.csv", "model.onnx", "README.md"):
                (place / name).write_bytes((run / name).read_bytes())
        (place / file).write_bytes(data)
        os.environ["ZOO_MODELS"] = str(home)
        try:
            for command in (
                ["leaderboard"], ["leaderboard", "--format", "csv"],
                ["leaderboard", "--format", "markdown"], ["leaderboard", "--format", "json"],
                ["leaderboard", "--side-by-side"], ["runs", "list"],
                ["runs", "list", "--format", "json"],
            ):  # fmt: skip
                _command(command)
            run = Run.read(place)
            demand(run.record.id, "id")
            for command in (["runs", "show", str(place)],
                            ["runs", "show", str(place), "--format", "json"]):  # fmt: skip
                _command(command)
            if run.complete:
                from zoo.artefacts.model_card import model_card
                from zoo.inference.predictors import open_model

                demand(model_card(run, run.predictions()), "card")
                open_model(str(place), threads=1)
        finally:
            os.environ["ZOO_MODELS"] = str(self.folder / "models")

    def artefact(self, data: bytes) -> None:
        from zoo.artefacts.artefact import Artefact

        found = Artefact(self.put("model.onnx", data), threads=1)
        demand(all(isinstance(name, str) for name in found.classes), "classes")
        if found.takes_audio:
            noise = np.random.default_rng(0).uniform(-0.5, 0.5, 30_000).astype(np.float32)
            for part in found.stream(iter([noise])):
                count = len(part.times)
                demand(part.probabilities.shape == (count, len(found.classes)), "shapes")
                demand(np.isfinite(part.probabilities).all(), "probabilities")
                demand(part.novelty.shape == (count,), "novelty")

    def card(self, data: bytes) -> None:
        from zoo_registry.card import Card

        try:
            given = json.loads(data)
        except (ValueError, RecursionError):
            return
        fields = {field.name for field in dataclasses.fields(Card)}
        if not isinstance(given, dict) or not {"name", "title", "family"} <= given.keys() <= fields:
            return
        card = Card(**({"frontend": Handcrafted()} | given))
        demand(hash(card) is not None and card.resolve({}) == dict(card.params), "params")
        json.dumps([card.name, card.title, card.family, *card.references, *card.requires])

    def settings(self, data: bytes) -> None:
        from zoo.cli.train import setting
        from zoo_registry.plugins import Registry

        text = data.decode("utf-8", "surrogateescape")
        name, value = setting(text)
        registry, refused = Registry(), 0
        for model in ("svm", "random-forest", "elasticnet", "cnn2d"):
            card = registry.load(model).card
            try:
                json.dumps(card.resolve({name: value}), allow_nan=False)
            except ZooError as error:
                refused += 1
                demand(shown(str(error)) == str(error), f"signs that steer: {error}")
        demand(refused <= 4, "refused")

    def plugin(self, data: bytes) -> None:
        from zoo_registry.discovery import load_model_file

        model = load_model_file(self.put("plugin.py", data))
        demand(model.card.name and "train" in model.hooks, "hooks")

    def switches(self, data: bytes) -> None:
        from zoo_registry.enabled import read_switches

        os.environ["ZOO_CONFIG"] = str(self.put("config/plugins.json", data).parent)
        try:
            found = read_switches()
            demand(all(isinstance(name, str) for name in found.disabled | found.enabled), "names")
        finally:
            os.environ["ZOO_CONFIG"] = str(self.folder / "config")

    def slow(self, data: bytes) -> None:
        from zoo_registry.plugin_status import statuses

        demand(statuses([], 1.0, self.put("slow.json", data)) == [], "plugins")

    def digests(self, data: bytes) -> None:
        from zoo.datasets.hashing import file_digests

        tones = self.folder / "tones"
        for index in (self.folder / "cache" / "digests").glob("*.json"):
            index.write_bytes(data)
        files = sorted(tones.rglob("*.wav"))
        found = file_digests(tones, files)
        demand(all(isinstance(value, str) for value in found), "digests")

    def board_cache(self, data: bytes) -> None:
        import zoo

        for path in (self.folder / "cache").glob("boards*/*.json"):
            path.write_bytes(data)
        for board in zoo.leaderboard():
            for row in board.rows:
                demand(row.accuracy is None or 0 <= row.accuracy <= 1, "accuracy")
        _command(["leaderboard"])

    def tuning(self, data: bytes) -> None:
        from zoo.tuning.trials import RECORD, Tuning, importance

        folder = self.put(f"tuning/{RECORD}", data).parent
        try:
            found = Tuning.read(folder)
        except ValueError as error:  # by its contract: then the search begins again
            raise RunError("there is no search") from error
        demand(found.best is None or found.best.score is not None, "best")
        importance(found)
        found.write()
        demand(Tuning.read(folder).trials == found.trials, "what is written is not read again")

    def answers_jsonl(self, data: bytes) -> None:
        self._answers(data, as_csv=False, timeline=True)

    def answers_csv(self, data: bytes) -> None:
        self._answers(data, as_csv=True, timeline=False)

    def answers_timeline(self, data: bytes) -> None:
        self._answers(data, as_csv=True, timeline=True)

    def _answers(self, data: bytes, as_csv: bool, timeline: bool) -> None:
        from zoo.inference.output_file import OutputFile

        path = self.put("answers", data)
        first = OutputFile(path, as_csv, timeline, "run")
        demand(all(isinstance(name, str) for name in first.done), "names")
        again = OutputFile(path, as_csv, timeline, "run")
        demand((as_csv and timeline) or again.done == first.done, "what is kept is not read again")

    def cached(self, data: bytes) -> None:
        from zoo.features.cache import FeatureCache

        cache = FeatureCache(self.scratch / "features", {"name": "x"})
        path = cache.path("0")
        path.parent.mkdir(parents=True, exist_ok=True)
        for content in (data, _with_checksum(data)):
            path.write_bytes(content)
            found = cache.get("0")
            if found is not None:
                demand(found.dtype == np.float32 and found.ndim == 2, "array")
                found.sum()

    def names(self, data: bytes) -> None:
        from zoo.audio.files import audio_files
        from zoo.datasets import dataset_name, open_dataset
        from zoo.evaluate.protocols import parse_protocol
        from zoo.workspace import file_name, find_run
        from zoo_registry.plugins import Registry

        text = data.replace(b"\0", b"")[:2_000].decode("utf-8", "surrogateescape")
        demand(Path(file_name(text)).name == file_name(text) != "..", "a name that is a path")
        dataset_name(text)
        for parse in (
            parse_protocol, open_dataset, find_run, Registry().load,
            lambda name: audio_files([name]),
        ):  # fmt: skip
            if parse is open_dataset and text == "demo":
                continue
            try:
                parse(text)
            except ZooError as error:
                demand(shown(str(error)) == str(error), f"signs that steer: {error}")


def _command(arguments: list[str]) -> None:
    """Call a command as the command line does; what it prints must be fit for a terminal."""
    import typer

    from zoo.cli.app import app

    out = io.StringIO()
    with redirect_stdout(out), suppress(typer.Exit):
        app(arguments, standalone_mode=False)
    text = out.getvalue()
    if "json" in arguments:
        json.loads(text, parse_constant=lambda name: demand(False, f"{name} in JSON"))
    if "csv" not in arguments:
        demand(all(shown(line) == line for line in text.split("\n")), f"signs that steer: {text!r}")
    text.encode()


def _with_checksum(data: bytes) -> bytes:
    import zlib

    return data[:-4] + zlib.crc32(data[:-4]).to_bytes(4, "little")


TARGETS: dict[str, Callable[[Targets, bytes], None]] = {
    "audio": Targets.audio,
    "metadata.csv": Targets.metadata,
    "feature table": Targets.table,
    "facts table": Targets.facts,
    "run.json": Targets.run_json,
    "predictions.csv": Targets.predictions,
    "artefact": Targets.artefact,
    "card": Targets.card,
    "--set": Targets.settings,
    "plugin file": Targets.plugin,
    "plugins.json": Targets.switches,
    "slow-plugins.json": Targets.slow,
    "digests": Targets.digests,
    "board cache": Targets.board_cache,
    "tuning.json": Targets.tuning,
    "answers jsonl": Targets.answers_jsonl,
    "answers csv": Targets.answers_csv,
    "answers timeline": Targets.answers_timeline,
    "cached array": Targets.cached,
    "names": Targets.names,
}
