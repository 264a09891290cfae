"""``zoo runs edit`` and ``zoo runs prefer``: what the user chooses of runs."""

import shlex
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli.choice import note_choices
from zoo.cli.completion import complete_run
from zoo.cli.options import NameOption, NoteOption
from zoo.cli.output import say
from zoo_registry.errors import UsageError
from zoo_registry.text import quoted

if TYPE_CHECKING:
    from zoo_registry.runs import Run

__all__ = ["about_run", "edit", "prefer"]

_Run = Annotated[
    str,
    typer.Argument(
        help="A run's id, name or folder, or a model's name.", autocompletion=complete_run
    ),
]


def edit(run: _Run, name: NameOption = None, note: NoteOption = None) -> None:
    """Give a run a name that commands accept, and a note; an empty text removes them.

    Example: zoo runs edit svm-1f0c9a4e2b --name "with vibrato"
    """
    from zoo.workspace import check_own, find_run, set_about
    from zoo_registry.published import is_published

    if name is None and note is None:
        raise UsageError("neither a name nor a note is given; give --name or --note")
    found = find_run(run)
    note_choices({run: found.id})
    if is_published(found):
        raise UsageError(f"{found.id} comes with the zoo, and is not a run of this workspace")
    check_own(found.folder, "only these can be edited")
    about = set_about(found, name, note).about
    name = f"the name {quoted(about.name)}" if about.name else "no name"
    note = f"the note {quoted(about.note)}" if about.note else "no note"
    say(f"{found.id} has {name} and {note}", err=True)


def prefer(
    run: _Run,
    clear: Annotated[
        bool, typer.Option("--clear", help="Forget the preference for this run, or for this model.")
    ] = False,
) -> None:
    """Let the name of a model mean this run, and not its newest one.

    `svm@my-music` means it, too, and a preferred run on another dataset is kept.

    Example: zoo runs prefer svm-1f0c9a4e2b
    """
    from zoo.workspace import find_run
    from zoo.workspace import prefer as store
    from zoo_registry.published import is_published

    if clear:
        _clear(run)
        return
    found = find_run(run)
    if is_published(found):
        raise UsageError(f"{found.id} comes with the zoo, and its name means it already")
    store(found)
    model = found.record.model.name
    asked = ", and so does `zoo predict` without one" if found.takes_audio else ""
    say(
        f"{model} means {found.id} from now on{asked}; "
        f"`zoo runs prefer {shlex.quote(found.id)} --clear` undoes it",
        err=True,
    )


def _clear(word: str) -> None:
    """Remove the preferences that a word means, also those of runs that are gone."""
    from zoo.workspace import find_run, forget, place_of_folder, preferences

    known = preferences()
    those = [
        one for one in known if word in (one.id, one.run, one.model, f"{one.model}@{one.dataset}")
    ]
    if not those:
        place = place_of_folder(find_run(word).folder)
        those = [one for one in known if one.run == place]
    if not those:
        raise UsageError(f"{word} is not preferred; `zoo runs list` shows which runs are")
    forget(those)
    for one in those:
        say(f"{one.id} is no longer preferred", err=True)


def about_run(run: "Run", wished: Collection[str] | None = None) -> dict[str, Any]:
    """Return what the user chose of a run, as JSON: its name, its note, whether it is preferred.

    Parameters
    ----------
    run : Run
        A run.
    wished : collection of str, optional
        Places of the preferred runs, which are read otherwise.
    """
    from zoo.workspace import place_of_folder, preferences

    if wished is None:
        wished = {one.run for one in preferences()}
    return {
        "name": run.about.name or None,
        "note": run.about.note or None,
        "preferred": place_of_folder(run.folder) in wished,
    }
