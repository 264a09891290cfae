"""Model card of a run, written from its record and its predictions."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.front_matter import front_matter
from zoo.artefacts.limits import confusions, limits, taken_for
from zoo.audio.bandwidth import usual_bandwidth
from zoo.evaluate.audit import leaks, summary
from zoo.evaluate.board import failure_sentences
from zoo.evaluate.metrics import confusion, f1_scores, score
from zoo.evaluate.rejection import rejection
from zoo.evaluate.robustness import by_change, failed_changes
from zoo.evaluate.significance import interval
from zoo_registry.predictions import Predictions, real_columns
from zoo_registry.record import RunRecord
from zoo_registry.runs import Run
from zoo_registry.text import shown, table_cell

__all__ = ["EDITIONS", "intended_use", "model_card"]

EDITIONS = (4, 3, 2, 1)
"""Forms of the card, the newest first: runs of earlier versions have the others.

The first did not state what test tracks share with training, and the second neither the interval
of the accuracy, nor what the model confuses and must not be used for. The third had no front
matter.
"""

_MERGED = (
    ", the graphs of the members as one. The label of a recording is the class of the highest "
    "probability, which is the weighted mean over the members and the mean over the windows. "
)
_INTERFACE = {
    True: "It takes a mono waveform, `waveform` (1, samples), at the rate of the front end, and "
    "gives `probabilities` (windows, classes) and the windows' `times` in seconds.",
    False: "It takes rows of the feature table, `track` (rows, columns), and gives "
    "`probabilities`.",
}


def intended_use(record: RunRecord) -> str:
    """Return a sentence on the classes and the limits of a model."""
    classes = record.dataset.classes
    real = [classes[number] for number in real_columns(classes)]
    others = (
        "It was also trained against recordings of none of these classes, which it calls unknown"
        if len(real) < len(classes)
        else "It knows no other class"
    )
    return (
        f"Classifies audio into {len(real)} classes: {', '.join(real)}. "
        f"{others}, and has been tested on recordings like those of its dataset only."
    )


def model_card(run: Run, predictions: Predictions, *, edition: int = EDITIONS[0]) -> str:
    """Return the text of the run's README.md.

    Parameters
    ----------
    run, predictions : Run, Predictions
        The run, and its answers to all tested tracks.
    edition : int
        One of `EDITIONS`.
    """
    record = run.record
    scores, tested = score(predictions), len(predictions.scored)
    protocol = record.protocol
    grouping = (
        "tracks of one group are never on both sides of a split"
        if protocol.grouped
        else "split by track on purpose: tracks of one artist may be on both sides"
    )
    artefact, model = record.artefact, record.model
    if artefact.is_due:
        file = f"There is none yet: {shown(record.error or 'no reason is recorded')}. Run "
        file += f"`{shown(record.command)}` again."
    elif artefact.sha256 is None:
        file = f"None: {shown(artefact.error or 'none is recorded')}."
    else:
        made, compared = (
            (_MERGED, "weighted mean of its members on {} made sounds")
            if record.members
            else (
                f", fitted on all {record.dataset.tracks} tracks after the evaluation. ",
                "Python model on {} tracks",
            )
        )
        file = (
            f"`{artefact.file}` ({(artefact.bytes or 0) / 1e6:.2f} MB, sha256 "
            f"`{artefact.sha256[:16]}…`){made}"
            f"Compared with the {compared.format(artefact.parity_tracks)}, it names the "
            f"same winner on {artefact.same_winner} and differs by at most "
            f"{artefact.parity:.1e} in probability. "
            f"{_INTERFACE[run.takes_audio]}"
        )
    matrix = confusion(predictions)
    counts, values = matrix.sum(axis=1), f1_scores(matrix)
    is_new = edition > 2  # noqa: PLR2004
    taken = [
        f" {table_cell(taken_for(predictions, matrix, n))} |" * is_new for n in range(len(counts))
    ]
    per_class = "\n".join(
        f"| {table_cell(predictions.classes[n])} | {counts[n]} | {values[n]:.3f} |{taken[n]}"
        for n in predictions.real
    )
    rejected = rejection(predictions)
    others = f"\n{rejected.sentence}.\n" if rejected else ""
    params = ", ".join(f"{name}={value}" for name, value in record.params.items()) or "none"
    params += _tuned(run, predictions)
    plugin = " ".join(filter(None, (model.distribution or model.file, model.version))) or "unknown"
    licence = f"{model.licence or 'not declared'}; the recordings"
    licence += f": {record.dataset.licence}" if record.dataset.licence else " have their own"
    skipped = f", {len(record.skipped)} left out" if record.skipped else ""
    folds = ", ".join(f"{value:.3f}" for value in scores.fold_accuracy)
    folds = f"| accuracy by fold | {folds} |\n" if folds else ""
    matter = front_matter(record, predictions) if edition > 3 else ""  # noqa: PLR2004
    return f"""{matter}# {shown(record.title)} on {shown(record.dataset.title)}

Run `{record.id}`, {record.finished or "of an unknown time"}.

## What it does

{shown(intended_use(record))}

## How well

{tested} tracks tested out of fold, `{protocol.spec}`, seed {record.seed}; {grouping}.
{_leakage(record) if edition > 1 else ""}
| | |
| --- | --- |
| accuracy, majority vote | {scores.accuracy:.3f}{_interval(record, predictions) * is_new} |
| accuracy, mean probability | {scores.accuracy_mean:.3f} |
| macro F1 | {scores.macro_f1:.3f} |
{folds}
| class | tracks | F1 |{" most often taken for |" * is_new}
| --- | --- | --- |{" --- |" * is_new}
{per_class}
{others}{_robustness(run, predictions)}{_limits(run, predictions, matrix) if is_new else ""}
## What it was made from

| | |
| --- | --- |
| dataset | {table_cell(record.dataset.title)}, {record.dataset.tracks} tracks{skipped} |
| fingerprint | `{record.dataset.fingerprint}` |
{_kept(record)}{_members(record)}{_bandwidth(record)}\
| front end | {table_cell(_frontend(record))} |
{_weights(record)}{_copies(record)}| parameters | {table_cell(params)} |
| versions | {table_cell(_fields(record.versions))} |
| plugin | {table_cell(plugin)} |
| licence | {table_cell(licence)} |

## Artefact

{file}
{_notice(record)}{_citation(record)}"""


def _interval(record: RunRecord, predictions: Predictions) -> str:
    """Return the interval of the accuracy of the vote, as a leaderboard computes it."""
    low, high = interval(record, predictions)
    return f", 95 % interval {low:.3f} to {high:.3f}"


def _limits(run: Run, predictions: Predictions, matrix: NDArray[np.int64]) -> str:
    """Return the sections on what confuses the model, on its limits, and the publisher's notes."""
    record = run.record
    text = f"\n## What confuses it\n\n{_listed(confusions(run, predictions, matrix))}\n"
    text += f"\n## What it must not be used for\n\n{_listed(limits(record, predictions))}\n"
    return text + (f"\n## Notes\n\n{_listed(record.notes)}\n" if record.notes else "")


def _listed(sentences: Iterable[str]) -> str:
    return "\n".join(f"* {shown(sentence)}" for sentence in sentences)


def _kept(record: RunRecord) -> str:
    """Return a row on the run whose tracks were added."""
    run = record.dataset.kept_from
    return f"| classes kept from | {table_cell(run)}, whose tracks were added |\n" if run else ""


def _members(record: RunRecord) -> str:
    """Return a row on the runs that an ensemble combines, with their weights."""
    if not record.members:
        return ""
    return f"| members and weights | {table_cell(record.combines)} |\n"


def _leakage(record: RunRecord) -> str:
    """Return a paragraph on what test tracks share with training tracks, if they do."""
    if record.audit is None or not leaks(record.audit):
        return ""
    found = summary(record.audit)
    return (
        f"\n{found['any']} of {found['tested']} tested tracks ({found['share']:.0%}) share an "
        "artist or another group, a recording, or all their bytes with a training track, so these "
        "scores are too high.\n"
    )


def _weights(record: RunRecord) -> str:
    """Return rows on the weights of the front end, if it has any."""
    weights = record.frontend_plugin and record.frontend_plugin.described_weights
    if not weights:
        return ""
    return (
        f"| weights | {table_cell(weights)} |\n"
        f"| seen by the weights | {table_cell(' '.join(record.trained_on))} |\n"
    )


def _notice(record: RunRecord) -> str:
    """Return the section that the licence of the weights demands, if it demands one."""
    notice = record.frontend_plugin and record.frontend_plugin.notice
    if not notice:
        return ""
    text = "\n\n".join(map(shown, notice.split("\n\n")))
    return f"\n## Licence of the weights\n\n{text}\n"


def _citation(record: RunRecord) -> str:
    """Return the section on how to cite the recordings, if they are a published collection."""
    if not record.dataset.citation:
        return ""
    lines = "\n".join(f"    {shown(line)}" for line in record.dataset.citation.splitlines())
    return f"\n## To cite the recordings\n\n{lines}\n"


def _is_encoder(record: RunRecord) -> bool:
    plugin = record.frontend_plugin
    return bool(plugin and (plugin.network or plugin.package))


def _frontend(record: RunRecord) -> str:
    """Return the front end with its fields; those of every encoder have known units."""
    fields = dict(record.frontend)
    if _is_encoder(record):
        units = {"sample_rate": "Hz", "window": "s", "step": "s"}
        fields |= {name: f"{fields[name]} {unit}" for name, unit in units.items() if name in fields}
    return _fields(fields)


def _copies(record: RunRecord) -> str:
    """Return a row on the training copies, if there were any."""
    version = record.copies
    if not version:
        return ""
    kinds = "excerpts under noise, half of narrow band"
    if version > 1:
        kinds = "of narrow band under noise" + ", and excerpts" * (not _is_encoder(record))
    return f"| training copies | {kinds}, version {version} |\n"


def _bandwidth(record: RunRecord) -> str:
    """Return a row on the bandwidth of the training recordings, if it was measured."""
    usual = usual_bandwidth(record.dataset.bandwidth)
    if not usual:
        return ""
    reached = f"{usual / 1000:.1f} kHz or more"
    return f"| bandwidth | 95 % of the recordings have sound up to {reached} |\n"


def _robustness(run: Run, predictions: Predictions) -> str:
    """Return a section on changed tracks, if the model was asked about any."""
    changed = run.robustness()
    failed = failure_sentences(failed_changes(run.record.robustness, changed))
    failures = "".join(f"\n{sentence}.\n" for sentence in failed)
    if changed is None:
        return f"\n## How well after everyday handling\n{failures}" if failed else ""
    scores = by_change(changed, predictions)
    mean = sum(score.accuracy for score in scores) / len(scores)
    info = run.record.robustness
    sentences = info.sentences if info else {}
    rows = "\n".join(
        f"| {_explained(each.change, sentences)} | {each.accuracy:.3f} | {each.clean:.3f} | "
        f"{each.accuracy - each.clean:+.3f} |"
        for each in scores
    )
    return f"""
## How well after everyday handling

Mean over the changes: {mean:.3f}, on {changed.tracks} of the test tracks.

| change | right | unchanged | difference |
| --- | --- | --- | --- |
{rows}
{failures}"""


def _explained(change: str, sentences: Mapping[str, str]) -> str:
    """Return a change with its sentence, which earlier versions did not record."""
    return table_cell(f"{change}: {sentences[change]}" if change in sentences else change)


def _tuned(run: Run, predictions: Predictions) -> str:
    """Return a clause on the search for the parameters, if there was one."""
    tuned = run.record.tuned
    if tuned is None:
        return ""
    if tuned.nested:
        return f"; others in every fold, found by {tuned.trials} trials on its training part"
    seen = len(set(tuned.seen) & set(predictions.digests))
    return (
        f"; found by {tuned.trials} trials ({tuned.tuning}) that had seen {seen} of the "
        "tested tracks"
    )


def _fields(values: Mapping[str, object]) -> str:
    listed = {
        name: f"{len(value)} columns" if isinstance(value, list) else value
        for name, value in values.items()
    }
    return ", ".join(f"{name} {value}" for name, value in listed.items())
