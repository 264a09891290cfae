"""Published runs as ``zoo models`` lists them, and the short card of one."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from zoo.artefacts.stated import stated_accuracy
from zoo.cli.output import AlertNote, Text, columns, make_table, percent
from zoo.cli.wrapping import in_width
from zoo_registry.discovery import BUILT_IN
from zoo_registry.published import broken

if TYPE_CHECKING:
    from zoo_registry.runs import Run

__all__ = ["ListedRun", "published_table"]


class ListedRun:
    """A published run in a list, and its short card.

    Its files are compared with the record once, however often it is shown.

    Parameters
    ----------
    run : Run
        The published run.
    """

    def __init__(self, run: "Run") -> None:
        self.run = run

    @cached_property
    def damage(self) -> str | None:
        """What is damaged, and how it is repaired; None if nothing is."""
        lost = self.run.damaged()
        return self.run.damage(lost) if lost else None

    @cached_property
    def scores(self) -> dict[str, float]:
        """The accuracy and its interval as the card states them; empty if anything is damaged."""
        found = None if self.damage else stated_accuracy(self.run)
        return dict(zip(("accuracy", "ci_low", "ci_high"), found[:3], strict=True)) if found else {}

    @property
    def entry(self) -> dict[str, Any]:
        """The keys of a model in the list that a published run has, too."""
        record = self.run.record
        return {
            "name": self.run.id,
            "title": record.title,
            "family": "published run",
            "status": "broken" if self.damage else "published",
            "reason": self.damage,
            "distribution": BUILT_IN,
            "version": record.versions.get(BUILT_IN),
            "licence": record.frontend_plugin and record.frontend_plugin.licence,
            "trained_on": [record.dataset.name],
            "weights": record.frontend_plugin and record.frontend_plugin.package,
        }

    @property
    def cells(self) -> tuple[object, ...]:
        """The row of the table of published runs."""
        dataset = self.run.record.dataset
        return self.run.id, len(dataset.classes), self._tracks, self._right, self._size

    @property
    def card(self) -> dict[str, Any]:
        """The short card as JSON values."""
        record, dataset = self.run.record, self.run.record.dataset
        return self.entry | {
            "classes": dataset.classes,
            "dataset": dataset.name,
            "tracks": dataset.tracks,
            "protocol": record.protocol.spec,
            **self.scores,
            "model": record.model.name,
            "params": record.params,
            "frontend": record.frontend_spec,
            "seen": record.trained_on,
            "recordings_licence": dataset.licence,
            "bytes": record.artefact.bytes,
            "card": str(self.run.card_path),
            "notes": record.notes,
        }

    def text(self) -> Text:
        """Yield the short card for people, and how the run is used."""
        from zoo.artefacts.limits import limits
        from zoo.datasets.collections.known import COLLECTIONS

        run, record = self.run, self.run.record
        facts = {
            "run": f"{run.id}, comes with the zoo: {record.title}",
            "answers": ", ".join(record.dataset.classes),
            "trained on": self._tracks,
            "right": self._right and f"{self._right} of the tracks, {record.protocol.spec}",
            "size": self._size,
            "model": self._model,
            "front end": record.frontend_spec,
            "weights": record.frontend_plugin and record.frontend_plugin.described_weights,
            "seen": " ".join(record.trained_on),
            "recordings": f"licence: {record.dataset.licence or 'not known'}",
            "card": run.card_path,
        }
        for name, value in facts.items():
            if value:
                yield from in_width(f"{name:<12}{value}", indent=12)
        if self.damage:
            yield AlertNote(self.damage)
            return
        yield ""
        yield "It must not be used for:"
        for sentence in limits(record, run.predictions()):
            yield from in_width(f"- {sentence}", indent=2)
        yield ""
        yield "Notes:"
        for sentence in record.notes:
            yield from in_width(f"- {sentence}", indent=2)
        yield ""
        known = COLLECTIONS.get(record.dataset.collection or "")
        file = known.example if known else "recording.wav"
        uses = {
            f"zoo predict {run.id} {file}": "the class of a recording",
            f"zoo predict {run.id} {file} --timeline": "the same over time",
            f"zoo runs show {run.id}": "scores, confusion, robustness",
            f"zoo runs export {run.id} FOLDER": "a folder to hand over",
            f"zoo train svm --from {run.id} --data FOLDER": "your classes on its front end",
        }
        longest = max(map(len, uses))
        for use, gives in uses.items():
            yield f"{use:<{longest}}   {gives}"

    @property
    def _right(self) -> str:
        if not self.scores:
            return ""
        accuracy, low, high = map(percent, self.scores.values())
        return f"{accuracy} ({low}-{high})"

    @property
    def _model(self) -> str:
        record = self.run.record
        params = ", ".join(f"{name}={value}" for name, value in record.params.items())
        return f"{record.model.name}{f', {params}' * bool(params)}"

    @property
    def _size(self) -> str:
        return f"{(self.run.record.artefact.bytes or 0) / 1e6:.1f} MB"

    @property
    def _tracks(self) -> str:
        return f"{self.run.record.dataset.name}, {self.run.record.dataset.tracks} tracks"


def published_table(listed: Sequence[ListedRun]) -> Text:
    """Yield the table of the published runs, and how to use one; nothing without any."""
    for damage in filter(None, (*broken().values(), *(each.damage for each in listed))):
        yield AlertNote(damage)
    whole = [each for each in listed if not each.damage]
    if not whole:
        return
    yield make_table(
        columns("ready to use", "classes", "trained on", "right (95 %)", "size", no_wrap=True),
        (each.cells for each in whole),
        leave=("size", "classes", "trained on"),
    )
    answers: dict[str, list[str]] = {}
    for each in whole:
        answers.setdefault(", ".join(each.run.record.dataset.classes), []).append(each.run.id)
    for classes, names in answers.items():
        yield from in_width(f"{', '.join(names)}: {classes}", indent=2)
    best = whole[0].run.id
    yield f"`zoo predict {best} song.mp3` asks one; `zoo models {best}` is its card."
    yield ""
