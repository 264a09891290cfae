"""Notes on the run that a word was taken for, where others could have been meant."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.output import say
from zoo.cli.wrapping import in_width
from zoo_registry.errors import ZooError
from zoo_registry.files import is_file
from zoo_registry.text import few

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo.workspace import Preference
    from zoo_registry.runs import Run

__all__ = ["note_choices", "note_default"]

_SHOWN = 5  # alternatives
_CLASSES = 3  # of a run that is asked


def note_default(run: "Run") -> None:
    """Print which run is asked if none was named, and how another one is."""
    from zoo.workspace import meant, place_of_folder, preferences
    from zoo_registry.published import is_published, published

    if lost := _lost(run, preferences(_say)):
        _say(lost)
    dataset, classes = run.record.dataset, _classes(run)
    if is_published(run):
        about = (
            f"which comes with the zoo: {classes}, trained on {dataset.tracks} tracks of "
            f"{dataset.name}; `zoo models` lists others"
        )
    else:
        first = next(iter(preferences()), None)
        kind = "preferred" if first and first.run == place_of_folder(run.folder) else "newest"
        seeds = f" ({seed})" if (seed := _seed(run, meant(run.record.model.name))) else ""
        about = f"your {kind} run{seeds}: {classes}, trained on {dataset.title}"
        if best := next(published(), None):
            about += f"; `zoo predict {best.id} PATH` asks the zoo's"
    _say(f"asking {run.id}, {about}")


def _say(sentence: str) -> None:
    for line in in_width(sentence, indent=2, err=True):
        say(line, err=True)


def _lost(run: "Run", preferences: "Sequence[Preference]") -> str:
    """Return a sentence if a run is used because one that was preferred later cannot be."""
    from zoo.workspace import place_of_folder, why_not

    first = next(iter(preferences), None)
    if first is None or first.run == place_of_folder(run.folder):
        return ""
    return (
        f"{first.id}, which is preferred, {why_not(first)}; "
        f"`zoo runs prefer {shlex.quote(first.id)} --clear` forgets it"
    )


def _classes(run: "Run") -> str:
    """Return what a run answers, in a person's words: "10 music genres", or the first classes."""
    from zoo.datasets.collections.known import COLLECTIONS
    from zoo_registry.predictions import OTHER

    dataset = run.record.dataset
    names = [name for name in dataset.classes if name != OTHER]
    if known := COLLECTIONS.get(dataset.collection or ""):
        return f"{len(names)} {known.kind}"
    return f"{len(names)} classes ({few(names, _CLASSES)})"


def note_choices(taken: Mapping[str, str]) -> None:
    """Print which run was taken, if those of a model differ in more than their versions.

    That is in the dataset, the front end, the parameters or the seed. Also if one is preferred.

    Parameters
    ----------
    taken : mapping
        The id of a run by the user's word for it: the name of a model, or its file; anything else
        means one run.
    """
    for wanted, run in taken.items():
        with suppress(ZooError):  # it is the file of an artefact
            _note(wanted, run)


def _note(wanted: str, taken: str) -> None:
    from zoo.evaluate.row_names import told_apart
    from zoo.workspace import meant, place_of_folder, preferences

    if is_file(Path(wanted)) and not wanted.endswith(".py"):
        return
    known = meant(wanted)
    run = next((run for run in known if run.id == taken), None)
    if run is None:
        return
    own = run.record
    of_file, of_dataset = wanted.rpartition(".py")[:2], wanted.partition("@")
    is_model = of_dataset[0] == own.model.name
    wishes = [
        one
        for one in (preferences(_say) if is_model else ())
        if one.model == own.model.name and (not of_dataset[2] or one.dataset == own.dataset.title)
    ]
    is_preferred = any(one.run == place_of_folder(run.folder) for one in wishes[:1])
    if lost := _lost(run, wishes):
        _say(lost)
    others = [
        run
        for run in known
        if run.complete
        and (run.record.dataset.title, run.record.frontend_spec)
        != (own.dataset.title, own.frontend_spec)
    ]
    same = [run for run in known if run.complete and run not in others]
    params = told_apart([{"": _params(each)} for each in (run, *same)])[0]
    special = [text for text in (params, _seed(run, same)) if text]
    if not (others or special):
        if lost or (is_preferred and known[1:]):
            _say(f"{wanted} is the run {taken}" + ", which is preferred" * is_preferred)
        return
    sentence = f"{wanted} is the run {taken}{', which is preferred' * is_preferred}"
    if others:
        special = [f"dataset {own.dataset.title}", f"front end {own.frontend_spec}", *special]
    sentence += f" ({', '.join(special)})"
    if others:
        kinds = [
            kind
            for kind, differs in (
                ("datasets", any(r.record.dataset.title != own.dataset.title for r in others)),
                ("front ends", any(r.record.frontend_spec != own.frontend_spec for r in others)),
            )
            if differs
        ]
        model = "".join(of_file) if own.model.is_file and of_file[1] else of_dataset[0]
        words = [f"`{shlex.quote(word)}`" for word in _words(model, own.dataset.title, others)]
        sentence += f"; it has runs on other {' or '.join(kinds)}, too: {few(words, _SHOWN)}"
    if params:
        listed = f"zoo runs list --model {shlex.quote(own.model.name)}"
        sentence += f"; runs with other parameters: `{listed}`"
    _say(sentence)


def _params(run: "Run") -> dict[str, object]:
    return {f"{name}=": value for name, value in run.record.params.items()}


def _seed(run: "Run", among: "Sequence[Run]") -> str:
    """Return the seed of a run if others differ from it in nothing else, or else nothing."""
    kind = run.record.apart_from_seed
    seeds = {
        one.record.seed for one in among if one.complete and one.record.apart_from_seed == kind
    }
    return f"seed {run.record.seed}, one of {len(seeds)} seeds" if len(seeds) > 1 else ""


def _words(model: str, taken: str, others: "Sequence[Run]") -> Iterator[str]:
    """Yield a word for each other dataset and front end, preferred ones and the newest first.

    The name of a dataset behind an @ means its preferred or newest run; further front ends have the
    id of one.
    """
    from zoo.workspace import place_of_folder, preferences, recency_of

    wished = {one.run for one in preferences()}
    titles, kinds = {taken}, set()
    ordered = sorted(
        others,
        key=lambda run: (place_of_folder(run.folder) in wished, recency_of(run)),
        reverse=True,
    )
    for run in ordered:
        title, kind = run.record.dataset.title, (run.record.dataset.title, run.record.frontend_spec)
        if kind in kinds:
            continue
        kinds.add(kind)
        yield run.id if title in titles else f"{model}@{title}"
        titles.add(title)
