"""The runs that the user's words mean."""

import re
import shlex
from collections.abc import Callable, Hashable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from zoo.workspace.preferred import preferred
from zoo.workspace.stored import recency_of, runs
from zoo_registry.about import plain_name
from zoo_registry.errors import RunError, UsageError
from zoo_registry.files import is_file
from zoo_registry.places import models_folder
from zoo_registry.published import NAMES, best_published, find_published, is_published
from zoo_registry.runs import RECORD, Run
from zoo_registry.text import few, quoted

__all__ = [
    "asked_by_default", "chosen", "find_alike", "find_run", "meant", "run_of_id", "runs_of_file",
    "runs_of_name",
]  # fmt: skip

_SHOWN = 5  # names of datasets in a sentence


def find_run(wanted: str, fits: Callable[[Run], bool] = lambda run: True) -> Run:
    """Return the run with a folder, id or name, or the preferred or newest run of a model.

    Parameters
    ----------
    wanted : str
        As for `meant`.
    fits : callable, optional
        Condition for a run of a model, if any run of it fulfils that.

    Raises
    ------
    UsageError
        If there is no such run, or more than one.
    RunError
        If its record is damaged.
    """
    return chosen(meant(wanted), fits)


def meant(wanted: str) -> list[Run]:
    """Return the runs that a word means; several are of one model.

    Parameters
    ----------
    wanted : str
        Name of a published run, which nothing else is taken for; folder of a run; its id, or the
        beginning of that, which is longer than the model's name; the name that the user gave it;
        the name of a model; or the file of a model, as it was when it was trained. ``@`` and the
        name or title of a dataset behind it mean those on that dataset.

    Raises
    ------
    UsageError
        If there is no such run, or an id means several.
    RunError
        If its record is damaged.
    """
    if run := find_published(wanted):
        return [run]
    if wanted and is_file(Path(wanted, RECORD)):
        run = Run.read(Path(wanted))
        return [(is_published(run) and find_published(run.id)) or run]
    found = list(runs())
    known = [run for run in found if isinstance(run, Run)]
    if wanted.endswith(".py"):
        return runs_of_file(wanted, known)
    of_model = [run for run in known if run.record.model.name == wanted]
    if found_by_name := of_model or runs_of_name(wanted, known):
        return found_by_name
    if "@" in wanted[1:]:
        return _on_dataset(wanted)
    if wanted and not any(run.id.startswith(wanted) for run in known):
        for item in found:
            if isinstance(item, RunError) and item.folder and item.folder.name.startswith(wanted):
                raise item
    return [run_of_id(wanted, known)]


def chosen(found: Sequence[Run], fits: Callable[[Run], bool] = lambda run: True) -> Run:
    """Return the one of some runs that is preferred, or else the newest.

    Of runs that differ from the newest in nothing but the seed, it is the one with the smallest
    seed, which stands for them on a board.

    Parameters
    ----------
    found : sequence of Run
        At least one run.
    fits : callable, optional
        Complete runs that fulfil it come before other complete ones, and these before others.
    """
    complete = [run for run in found if run.complete]
    pool = [run for run in complete if fits(run)] or complete or found
    ordered = sorted(pool, key=recency_of, reverse=True)
    kind = ordered[0].record.apart_from_seed
    same = (run for run in ordered if run.record.apart_from_seed == kind)
    return preferred(pool) or min(same, key=lambda run: run.record.seed)


def find_alike(wanted: Iterable[str | Run], kind: Callable[[Run], Hashable]) -> list[Run]:
    """Return a run for each word, all of one kind, as few of them unusual as possible.

    Preferred runs come first; of several choices with as many usual runs the newest is taken.

    Parameters
    ----------
    wanted : iterable of str or Run
        Words as for `meant`, or runs.
    kind : callable
        Returns what the runs should have in common.

    Returns
    -------
    list of Run
        In the order of the words. They are of several kinds if the words do not allow one.

    Raises
    ------
    UsageError
        If a word means no run, or an id several.
    RunError
        If a record is damaged.
    """
    found = [meant(each) if isinstance(each, str) else [each] for each in wanted]
    named = {run.id for own in found if len(own) == 1 for run in own}
    pools = []
    for own in found:
        complete = [run for run in own if run.complete]
        # A run that is named by its id is not what another word means.
        pools.append([run for run in complete if run.id not in named] or complete or own)
    usual = [*map(chosen, pools)]
    common = set.intersection(*({*map(kind, pool)} for pool in pools)) if pools else set()
    if not common or len({*map(kind, usual)}) == 1:
        return usual
    wished, first = ({r.folder for r in own if r} for own in (map(preferred, pools), usual))
    alike = [[chosen([r for r in pool if kind(r) == each]) for pool in pools] for each in common]

    def _order(own: Sequence[Run]) -> tuple[int, int, tuple[bool, float, float]]:
        folders = {run.folder for run in own}
        return len(wished & folders), len(first & folders), min(map(recency_of, own))

    return max(alike, key=_order)


def runs_of_name(name: str, known: Iterable[Run]) -> list[Run]:
    """Return the run to which the user gave a name, in a list that is empty without one.

    Parameters
    ----------
    name : str
        Any text.
    known : iterable of Run
        All runs that can be read.

    Raises
    ------
    UsageError
        If several have it, such as copies.
    """
    wanted = plain_name(name)
    found = [run for run in known if wanted and run.about.name == wanted]
    if len(found) > 1:
        places = ", ".join(sorted(str(run.folder) for run in found))
        raise UsageError(f"{name!r} is the name of several runs: {places}; give the folder of one")
    return found


def asked_by_default(fits: Callable[[Run], bool] = lambda run: True) -> Run:
    """Return the run that is asked if none is named.

    It is the complete run of the workspace that takes audio and was preferred last, or is the
    newest, or else the best published one.

    Parameters
    ----------
    fits : callable, optional
        Further condition for a run of the workspace.

    Raises
    ------
    UsageError
        If there is none.
    RunError
        If it is a published one that is damaged.
    """
    own = [run for run in runs() if isinstance(run, Run) and run.complete and run.takes_audio]
    if fitting := [run for run in own if fits(run)]:
        return chosen(fitting)
    if run := best_published():
        return run
    raise UsageError(
        f"there is no run in {models_folder().absolute()} that can predict, and no published one; "
        "`zoo train svm --data FOLDER` makes one"
    )


def _on_dataset(wanted: str) -> list[Run]:
    """Return the runs that the word before an @ means, on the dataset that is named behind it."""
    words = [(wanted[: at.start()], wanted[at.end() :]) for at in re.finditer("(?<!^)@", wanted)]
    # Folders may have the sign in their names, too.
    on_disk = (pair for pair in words if is_file(Path(pair[0])) or is_file(Path(pair[0], RECORD)))
    word, name = next(on_disk, words[0])
    found = meant(word)
    for fold in (str, str.casefold):
        for called in (_title, _name):
            if on_it := [run for run in found if fold(called(run)) == fold(name)]:
                return on_it
    titles = sorted(set(map(_title, found)))
    raise UsageError(
        f"{word} has no run on a dataset {quoted(name)}; it has runs on "
        f"{few([shlex.quote(title) for title in titles], _SHOWN)}"
    )


def _title(run: Run) -> str:
    return run.record.dataset.title


def _name(run: Run) -> str:
    return run.record.dataset.name


def runs_of_file(file: str, known: Iterable[Run]) -> list[Run]:
    """Return the runs of a model's file as it is now.

    Parameters
    ----------
    file : str
        Path that the user named.
    known : iterable of Run
        All runs that can be read.

    Raises
    ------
    UsageError
        If there is none.
    """
    from zoo_registry.discovery import file_version

    version, path = file_version(Path(file)), str(Path(file).resolve())
    loose = [run for run in known if run.record.model.is_file]
    if found := [run for run in loose if run.record.model.version == version]:
        return found
    former = [run.id for run in loose if run.record.model.file == path]
    reason = (
        f"{file} was changed since {former[-1]} was trained"
        if former
        else (f"no run under {models_folder()} was trained with {file}")
    )
    raise UsageError(f"{reason}; `zoo train {shlex.quote(file)}` trains it as it is now")


def run_of_id(wanted: str, known: Iterable[Run], shortest: int = 0) -> Run:
    """Return the run of an id, or of its beginning.

    Parameters
    ----------
    wanted : str
        The id, or its beginning, which is longer than the model's name.
    known : iterable of Run
        All runs that can be read.
    shortest : int
        Least number of characters of a beginning.

    Raises
    ------
    UsageError
        If there is none, or more than one.
    """

    def _least(run: Run) -> int:
        return max(shortest, len(run.record.model.name) + 2)

    # Ids are compared with their folders, since a workspace may hold a copy of a run.
    known = list(known)
    matching = [run for run in known if run.id.startswith(wanted)]
    exact = [run for run in matching if run.id == wanted]
    exact = exact or [run for run in matching if len(wanted) >= _least(run)]
    if len(exact) == 1:
        return exact[0]
    if exact:
        places = ", ".join(sorted(str(run.folder) for run in exact))
        raise UsageError(f"{wanted!r} could mean several runs: {places}; give the folder of one")
    if matching:
        raise UsageError(
            f"{wanted!r} is too short for the id of a run; give the whole id, or at least "
            f"{min(map(_least, matching))} characters of it; `zoo runs list` shows the runs"
        )
    own = (run.about.name for run in known if run.about.name)
    names = {*NAMES, *own, *(run.record.model.name for run in known)}
    near = get_close_matches(wanted.casefold(), names, n=1)
    raise UsageError(
        f"there is no run or trained model {wanted!r} in {models_folder().absolute()}"
        f"{f' (the closest name is {near[0]!r})' if near else ''}; "
        "`zoo runs list` shows the runs, `zoo models` also those that come with the zoo, "
        "`zoo train` makes one"
    )
