"""``zoo compare``: two runs side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zoo.cli.choice import note_choices
from zoo.cli.console import TerminalReporter
from zoo.cli.options import ByOption, ForceOption, OpenOption, RunArgument
from zoo.cli.output import Text, columns, make_table, print_result, say
from zoo.cli.wrapping import in_width
from zoo_registry.text import quoted

if TYPE_CHECKING:
    from zoo.evaluate.comparison import ComparedRun, RunComparison

__all__ = ["command"]

_TRACKS = 10  # that only one run gets right, in a terminal
_PAGE = Path("comparison.html")


def command(
    first: RunArgument,
    second: RunArgument,
    by: ByOption = "accuracy",
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write a page with both side by side.")
    ] = None,
    force: ForceOption = False,
    open_page: OpenOption = False,
    format: Annotated[
        Literal["table", "markdown", "json", "html"], typer.Option(help="Output format.")
    ] = "table",
) -> None:
    """Compare two runs: what differs, which is better, and on which classes and tracks.

    Example: zoo compare svm logistic --html comparison.html
    """
    reporter = TerminalReporter()
    with reporter.bar(f"comparing {quoted(first)} and {quoted(second)}"):
        from zoo.evaluate.compare import compare
        from zoo.report.comparison import comparison_markdown, comparison_page

        found = compare(first, second, by)
    note_choices({first: found.first.run, second: found.second.run})
    path = html or (_PAGE if open_page else None)
    if path:
        from zoo.report.comparison import write_comparison

        with reporter.bar(f"writing {path}"):  # recordings are decoded for it
            write_comparison(path, found, force)
    print_result(
        format,
        json=found.to_json(),
        table=_text(found),
        markdown=lambda: comparison_markdown(found),
        html=lambda: comparison_page(found),
    )
    if path and open_page:
        import webbrowser

        webbrowser.open(path.absolute().as_uri())
    elif path:
        say(f"Next: open {path} in a browser.", err=True)


def _text(found: "RunComparison") -> Text:
    from zoo.report.comparison import comparison_tables, sentences

    for run in (found.first, found.second):
        yield from in_width(_about(run), indent=2)
    yield ""
    for sentence in sentences(found):
        yield from in_width(sentence)
    names = (found.first.name, found.second.name)
    for table in comparison_tables(found, _TRACKS):
        headings = []
        for place, name in enumerate(table.headings):
            # What is long is the name of a run, a class or a track.
            is_kept = name == "metric" or (place >= table.texts and name not in names)
            justify = "left" if place < table.texts else "right"
            headings += columns(name, justify=justify, no_wrap=is_kept)
        yield make_table(headings, table.rows, table.title)
        if table.more:
            are = "is" if table.more == 1 else "are"
            yield f"{table.more} more {are} not shown; `--format json` lists all."


def _about(run: "ComparedRun") -> str:
    split = "" if run.grouped else ", split by track (--ungrouped)"
    return f"{run.name}: {run.run}, {run.dataset}, {run.protocol}{split}, {run.tracks} tracks"
