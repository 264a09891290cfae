"""Names and notes of runs, which the user gives."""

import json
from collections.abc import Callable

from zoo.workspace.stored import choosing, runs
from zoo_registry.about import LONGEST_NOTE, About, name_fault, plain_name
from zoo_registry.errors import UsageError, ZooError
from zoo_registry.files import unwritable, write_text
from zoo_registry.published import NAMES
from zoo_registry.runs import ABOUT, Run
from zoo_registry.text import quoted

__all__ = ["check_free", "checked_name", "checked_note", "set_about"]


def checked_name(text: str) -> str:
    """Return the name of a run as it is stored; raises `UsageError` if no run can have it."""
    name = plain_name(text)
    if fault := name_fault(name):
        raise UsageError(f"a run cannot be named {quoted(text)}: {fault}; give another name")
    wanted = name.casefold()
    if wanted in NAMES:
        raise UsageError(f"{quoted(name)} is a run that comes with the zoo; give another name")
    from zoo_registry.plugins import Registry  # pluggy, which others can do without

    try:
        models = {entry.name for entry in Registry().entries if entry.kind == "model"}
    except ZooError:  # a plugin that cannot be listed
        models = set()
    if wanted in map(str.casefold, models):
        raise UsageError(f"{quoted(name)} is the name of a model; give another name")
    return name


def checked_note(text: str) -> str:
    """Return the note of a run as it is stored; raises `UsageError` if it is too long."""
    if len(note := text.strip()) > LONGEST_NOTE:
        raise UsageError(
            f"a note has at most {LONGEST_NOTE} characters, and this one has {len(note)}"
        )
    return note


def check_free(name: str, is_own: Callable[[Run], bool]) -> None:
    """Refuse a name that means another run of the workspace, or its model.

    Parameters
    ----------
    name : str
        The name; an empty one is refused for no run.
    is_own : callable
        Whether a run that has the name may be the one that shall have it.

    Raises
    ------
    UsageError
        If it does.
    """
    wanted = plain_name(name).casefold()
    for run in runs() if wanted else ():
        if not isinstance(run, Run):
            continue
        if run.record.model.name.casefold() == wanted:
            raise UsageError(f"{quoted(name)} is the name of a model; give another name")
        if run.id.casefold().startswith(wanted):
            raise UsageError(f"{quoted(name)} means the run {run.id} already; give another name")
        if run.about.name.casefold() == wanted and not is_own(run):
            raise UsageError(
                f"{run.id} has the name {quoted(run.about.name)} already; give another name, or "
                f"`zoo runs edit {run.id} --name ''` takes it away"
            )


def set_about(run: Run, name: str | None = None, note: str | None = None) -> Run:
    """Store the name and the note of a run, and return the run with them.

    Parameters
    ----------
    run : Run
        The run.
    name, note : str, optional
        By default they stay as they are; an empty text takes them away.

    Returns
    -------
    Run
        The same run, read again if anything was stored.

    Raises
    ------
    UsageError
        If the run cannot have this name or note, or its folder cannot be written.
    """
    if name is None and note is None:
        return run
    name = checked_name(name) if name else name
    note = note if note is None else checked_note(note)
    with choosing():
        run = Run(run.folder, run.record)  # another process may have written meanwhile
        place = run.folder.resolve()
        check_free(name or "", lambda other: other.folder.resolve() == place)
        former = run.about
        about = About(
            name=former.name if name is None else name,
            note=former.note if note is None else note,
        )
        if about == former and not run.about_fault:
            return run
        path = run.folder / ABOUT
        try:
            if about == About():
                path.unlink(missing_ok=True)
            else:
                write_text(path, json.dumps(about.to_dict(), indent=2, ensure_ascii=False) + "\n")
        except OSError as error:
            raise UsageError(unwritable(path, error)) from error
    return Run(run.folder, run.record)
