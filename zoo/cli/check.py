"""``zoo plugins check``: checks of a plugin against its contract."""

import contextlib
import sys
import warnings
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from zoo.cli.console import TerminalReporter
from zoo.cli.options import FrontEndOption, ListFormat
from zoo.cli.output import print_result
from zoo_registry.errors import PluginError, UsageError
from zoo_registry.text import shown

if TYPE_CHECKING:
    from zoo.testing import Outcome

__all__ = ["command"]

_COLOURS = {
    "passed": None,
    "failed": "red",
    "expected to fail": "yellow",
    "skipped": "bright_black",
}


def command(
    model: Annotated[
        str,
        typer.Argument(
            help="A model or front end: a name from `zoo models`, or a file such as ./my_model.py."
        ),
    ],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter, such as epochs=3; repeatable.")
    ] = None,
    frontend: FrontEndOption = None,
    only: Annotated[
        list[str] | None, typer.Option(help="A check, such as same-seed; repeatable.")
    ] = None,
    format: Annotated[ListFormat, typer.Option(help="Output format.")] = "table",
) -> None:
    """Check a plugin against its contract, one line per check.

    Failures that the plugin declares in `expected_failures` are shown, but do not count.

    Example: zoo plugins check ./my_model.py
    """
    from zoo.cli.train import setting
    from zoo.plugins.registry import open_registry, usable_model
    from zoo.testing import (
        CHECKS,
        FRONT_END_CHECKS,
        FrontEndSubject,
        Status,
        Subject,
        check_id,
        chosen_checks,
        examine,
    )

    params = dict(map(setting, settings or ()))
    subject: FrontEndSubject | Subject
    if is_frontend := open_registry().is_frontend(model):
        if params or frontend:
            raise UsageError(
                f"{model} is a front end, which takes no --set and no --front-end; its fields are "
                f"given as in {model}:window=10"
            )
        known, subject = FRONT_END_CHECKS, FrontEndSubject(model)
    else:
        known, subject = CHECKS, Subject(model, params, frontend)
    checks, reporter = chosen_checks(only or known, known), TerminalReporter()
    outcomes, out = [], sys.stdout
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        for category in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("always", category)
        # Errors of the command are raised at once; errors of the plugin are found by the checks.
        with contextlib.suppress(PluginError):
            if not is_frontend:
                usable_model(open_registry(), model, frontend)
            _ = subject.loaded
        for check in checks:
            with reporter.bar(f"{model}, check {check_id(check)}"):
                outcome = examine(check, subject, {})
            outcomes.append(outcome)
            if format == "table":
                _print(outcome, max(map(len, known)), out)
    rows = [vars(outcome) | {"seconds": round(outcome.seconds, 3)} for outcome in outcomes]
    for row in rows:
        del row["error"]
    own = [_warning(item) for item in caught if item.filename == subject.file]
    deprecated = list({tuple(item.values()): item for item in own}.values())
    print_result(
        format,
        json={"model": model, "checks": rows, "warnings": deprecated},
        table=map("{category}: {message} ({file}, line {line})".format_map, deprecated),
    )
    subject.close()
    failed = [outcome.check for outcome in outcomes if outcome.status is Status.failed]
    if failed:
        raise PluginError(
            f"{model} fails {len(failed)} of {len(outcomes)} checks: {', '.join(failed)}"
        )


def _print(outcome: "Outcome", width: int, out: TextIO) -> None:
    line = f"{outcome.check:{width}}  {outcome.status:16}  {outcome.seconds:5.1f} s"
    reason = f"  {outcome.reason}" if outcome.reason else ""
    # sys.stdout is redirected to stderr here, for the output of the plugin.
    typer.secho(shown(line + reason), file=out, fg=_COLOURS[outcome.status])


def _warning(item: warnings.WarningMessage) -> dict[str, Any]:
    return {
        "category": item.category.__name__,
        "message": str(item.message),
        "file": item.filename,
        "line": item.lineno,
    }
