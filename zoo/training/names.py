"""Names of runs that are being trained."""

from collections.abc import Mapping

from zoo.execution.progress import Reporter
from zoo.workspace import check_free, checked_name, set_about
from zoo_registry.card import ParamValue
from zoo_registry.model import Model
from zoo_registry.runs import Run
from zoo_registry.text import quoted

__all__ = ["check_name", "named"]


def check_name(
    name: str | None, model: Model, params: Mapping[str, str | ParamValue], seed: int, tuned: bool
) -> dict[str, ParamValue]:
    """Return all parameters of a run; refuse a name that another run has, before slow work.

    Parameters
    ----------
    name : str, optional
        The name.
    model : Model
        The model that shall be trained.
    params, seed, tuned : mapping, int, bool
        As for `train`.

    Raises
    ------
    UsageError
        If a parameter or the name is wrong, or another run has the name.
    """
    resolved = model.card.resolve(params)
    if name is not None:
        checked_name(name)

    def may_be(run: Run) -> bool:
        """Whether a run may be the one that is trained."""
        record = run.record
        is_same = record.model.name == model.card.name and record.seed == seed
        return is_same and (tuned or record.params == resolved)

    check_free(name or "", may_be)
    return resolved


def named(run: Run, name: str | None, note: str | None, reporter: Reporter) -> Run:
    """Return a run with its name and note; a name that it had before is reported.

    Parameters
    ----------
    run : Run
        The run.
    name, note : str, optional
        By default they stay as they are.
    reporter : Reporter
        Receiver of the note.
    """
    # Another process may have written it meanwhile.
    former, named = Run(run.folder, run.record).about.name, set_about(run, name, note)
    if former and named.about.name != former:
        now = f"the name {quoted(named.about.name)}" if named.about.name else "no name"
        reporter.note(f"{run.id} has {now} now; its name was {quoted(former)}")
    return named
