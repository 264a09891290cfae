"""Note on the run that the name of a model was taken for, where others could have been meant."""

from collections.abc import Mapping

from zoo.cli.output import say
from zoo_registry.runs import Run

__all__ = ["note_choices"]


def note_choices(taken: Mapping[str, str]) -> None:
    """Print which run was taken, if those of a model have several datasets or front ends.

    Parameters
    ----------
    taken : mapping
        The id of a run by the user's word for it: the name of a model, or its file; anything else
        means one run.
    """
    for wanted, run in taken.items():
        _note(wanted, run)


def _note(wanted: str, taken: str) -> None:
    from zoo.workspace import runs

    is_file = wanted.endswith(".py")
    name = taken.rpartition("-")[0] if is_file else wanted
    if not name or not taken.startswith(f"{name}-"):
        return
    known = {run.id: run.record for run in runs(f"{name}-") if isinstance(run, Run)}
    own = known.get(taken)
    if own is None or own.model.name != name:
        return
    alike = [record for record in known.values() if record.model.name == name]
    if is_file:
        alike = [record for record in alike if record.model.version == own.model.version]
    if len({(record.dataset.name, record.frontend_spec) for record in alike}) > 1:
        say(
            f"{wanted} is the run {taken} (dataset {own.dataset.name}, front end "
            f"{own.frontend_spec}); it has runs on other datasets or front ends, too: the id of "
            "one, from `zoo runs list`, takes that one",
            err=True,
        )
