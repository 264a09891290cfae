"""``zoo plugins check``: whether a plugin keeps what its contract promises."""

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from zoo.cli.console import ListFormat, print_json, say
from zoo_registry.errors import PluginError
from zoo_registry.text import shown

if TYPE_CHECKING:
    from zoo.testing import Outcome

__all__ = ["command"]

_MARKS = {"passed": None, "failed": "red", "expected to fail": "yellow", "skipped": "bright_black"}


def command(
    model: Annotated[
        str, typer.Argument(help="A name from `zoo models`, or a file such as ./my_model.py.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter, such as epochs=3; repeatable."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="A check, such as same-seed; repeatable.")
    ] = None,
    format: Annotated[
        ListFormat, typer.Option(help="How to print the outcome.")
    ] = ListFormat.table,
) -> None:
    """Check a plugin against its contract, one line a check.

    Failures that the plugin's `expected_failures` declares are shown, and are none.

    Example: zoo plugins check ./my_model.py
    """
    from zoo.cli.train import setting
    from zoo.plugins.registry import open_registry, usable_model
    from zoo.testing import CHECKS, Status, Subject, chosen_checks, examine

    checks = chosen_checks(only or CHECKS)
    params = dict(map(setting, settings or ()))
    subject = Subject(model, params)
    outcomes, out = [], sys.stdout
    with _warned() as caught, contextlib.redirect_stdout(sys.stderr):
        # What is wrong with the command is said at once; a broken plugin is for the checks to say.
        with contextlib.suppress(PluginError):
            usable_model(open_registry(), model).card.resolve(params)
        for check in checks:
            outcome = examine(check, subject, {})
            outcomes.append(outcome)
            if format is ListFormat.table:
                _print(outcome, max(map(len, CHECKS)), out)
    file = subject.file
    deprecated = [_described(item) for item in caught if item.filename == file]
    deprecated = list({tuple(item.values()): item for item in deprecated}.values())
    if format is ListFormat.json:
        print_json({
            "model": model,
            "checks": [_row(outcome) for outcome in outcomes],
            "warnings": deprecated,
        })  # fmt: skip
    else:
        for item in deprecated:
            say("{category}: {message} ({file}, line {line})".format_map(item))
    subject.close()
    failed = [outcome.check for outcome in outcomes if outcome.status is Status.failed]
    if failed:
        raise PluginError(
            f"{model} fails {len(failed)} of {len(outcomes)} checks: {', '.join(failed)}"
        )


@contextlib.contextmanager
def _warned() -> Iterator[list[warnings.WarningMessage]]:
    """Keep every deprecation; what other warnings say is for those who train, not for the check."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        for category in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("always", category)
        yield caught


def _print(outcome: "Outcome", width: int, out: TextIO) -> None:
    line = f"{outcome.check:{width}}  {outcome.status:16}  {outcome.seconds:5.1f} s"
    said = f"  {outcome.reason}" if outcome.reason else ""
    # The plugin's own prints go to stderr meanwhile.
    typer.secho(shown(line + said), file=out, fg=_MARKS[outcome.status])


def _row(outcome: "Outcome") -> dict[str, Any]:
    return {
        "check": outcome.check,
        "promise": outcome.promise,
        "status": str(outcome.status),
        "reason": outcome.reason,
        "seconds": round(outcome.seconds, 3),
    }


def _described(item: warnings.WarningMessage) -> dict[str, Any]:
    return {
        "category": item.category.__name__,
        "message": str(item.message),
        "file": item.filename,
        "line": item.lineno,
    }
