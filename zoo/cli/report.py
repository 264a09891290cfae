"""``zoo report``: boards as pages for a browser."""

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.console import TerminalReporter
from zoo.cli.options import BoardDataOption, BoardProtocolOption, ForceOption, OpenOption
from zoo.cli.output import print_data, say_no_run

__all__ = ["command"]


def command(
    data: BoardDataOption = None,
    protocol: BoardProtocolOption = None,
    output: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("report"),
    force: ForceOption = False,
    open_page: OpenOption = False,
) -> None:
    """Write a page for every board: scores, figures, and the errors to listen to.

    A page is one file that needs no network and can be sent to others.

    Example: zoo report --data demo --open
    """
    reporter = TerminalReporter()
    with reporter.bar("loading libraries"):
        from zoo.report.page import write_report

    pages = write_report(output, data, protocol, reporter, force)
    if not pages:
        say_no_run(data)
        return
    for page in pages:
        print_data(f"{page}\n")
    if open_page:
        import webbrowser

        webbrowser.open(pages[0].absolute().as_uri())
    else:
        reporter.note(f"Next: open {pages[0]} in a browser, or run `zoo report --open`.")
