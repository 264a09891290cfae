"""``zoo serve``: trained models as a web page, and as JSON for programs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.colour import WARNING
from zoo.cli.completion import complete_trained
from zoo.cli.console import TerminalReporter
from zoo.cli.options import MinConfidenceOption, OpenOption, PrecisionOption
from zoo.cli.output import say

if TYPE_CHECKING:
    from zoo.web.served_models import ServedModel

__all__ = ["command"]


def command(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="Runs, models or ONNX files; by default all yours, and the published runs.",
            autocompletion=complete_trained,
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = (
        "127.0.0.1"
    ),
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A further accepted host name, such as that of a reverse proxy; repeatable."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 for any free port.")] = 7860,
    max_megabytes: Annotated[
        float, typer.Option(min=0.001, help="Largest accepted upload, in megabytes.")
    ] = 200.0,
    max_minutes: Annotated[
        float, typer.Option(min=0.01, help="Longest accepted recording, in minutes.")
    ] = 30.0,
    token: Annotated[
        str | None,
        typer.Option(
            help="Token that clients must send; better in ZOO_TOKEN or a file.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="A file that holds the token.", dir_okay=False)
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Write no files but uploads, which are deleted.")
    ] = False,
    no_log_requests: Annotated[
        bool,
        typer.Option("--no-log-requests", help="Do not write a line for each request."),
    ] = False,
    min_confidence: MinConfidenceOption = "0",
    precision: PrecisionOption = None,
    open: OpenOption = False,
) -> None:
    """Serve trained models: a page that takes recordings, and JSON for programs.

    Example: zoo serve --open
    """
    with TerminalReporter().bar("starting the server"):
        from zoo.web.app import serve
        from zoo.web.host_names import is_loopback
        from zoo.web.settings import Settings
        from zoo.web.token import Token

    settings = Settings(
        host,
        port,
        allow_host or [],
        max_megabytes,
        max_minutes,
        Token.chosen(token, token_file),
        read_only,
        not no_log_requests,
        min_confidence,
        precision,
    )

    def ready(address: str, served: "list[ServedModel]") -> None:
        """Print the address and what the named models mean; open the page if requested."""
        for model in served:
            say(f"Serving {model.run}, {model.title}, trained on {model.dataset}.", err=True)
        reached = [*([] if is_loopback(host) else [host]), *settings.allowed]
        if reached and not settings.token:
            say(
                f"zoo: no token: whoever reaches {' or '.join(reached)} can use the models and "
                "read their names; `--token-file FILE` asks for a token",
                err=True,
                style=WARNING,
            )
        say("The page is served at this address; Ctrl-C ends it.", err=True)
        say(address)  # last: programs that read it may send requests
        sys.stdout.flush()
        if open:
            import webbrowser

            webbrowser.open(address)

    serve(models or [], settings, ready)
