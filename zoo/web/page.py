"""The page of ``zoo serve``: a song is uploaded, and the predictions of the models appear."""

import json
import mimetypes
from collections.abc import AsyncIterator
from contextlib import closing
from importlib.resources import files
from typing import Any

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from zoo.audio.kinds import SUFFIXES
from zoo.web.api import refuse
from zoo.web.limits import Refused
from zoo.web.result_html import ModelResult, render_notice, render_result
from zoo.web.served_models import ServedModel
from zoo.web.service import Service

__all__ = ["add_page"]

_INTRO = """# What is this song?

Drop a song, choose a file or record one. The models say which genre they hear, and where in the
song they hear it. It is read by this server alone, and deleted as soon as it
has been answered.
"""
_REFRESH = 5.0  # seconds between two searches for newly trained models
_TEMPLATES = files("zoo.web") / "templates"


class _Page(gr.Blocks):  # type: ignore[misc]  # Gradio is not type-checked
    """Blocks whose functions take text only.

    Otherwise Gradio would fetch every input that claims to be a file, even from another machine,
    before a function receives it.
    """

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *more: Any) -> Any:
        """Refuse an input that is neither text nor a list of texts."""
        for value in inputs:
            for item in value if isinstance(value, list) else [value]:
                if not isinstance(item, str | None):
                    sentence = "This page takes text only; songs are uploaded before."
                    raise gr.Error(sentence, print_exception=False)
        return await super().preprocess_data(block_fn, inputs, *more)


def add_page(app: FastAPI, service: Service) -> None:
    """Add the page, its uploads and its icon."""
    _add_routes(app, service)
    suffixes = json.dumps(",".join(["audio/*", *sorted(SUFFIXES)]))
    script = (_TEMPLATES / "page.js").read_text(encoding="utf-8")
    gr.mount_gradio_app(
        app,
        _blocks(service),
        path="/",
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        show_error=True,
        max_file_size=service.limits.bytes,
        theme=gr.themes.Default(
            primary_hue="blue",
            neutral_hue="slate",
            font=["system-ui", "sans-serif"],
            font_mono=["ui-monospace", "monospace"],
        ),
        css=(_TEMPLATES / "page.css").read_text(encoding="utf-8"),
        head=f"<script>\nconst zooSuffixes = {suffixes};\n{script}</script>",
    )
    # Gradio gets what no other route answers to.
    for route in app.routes:
        if isinstance(route, Mount):
            route.app.add_exception_handler(HTTPException, refuse)  # type: ignore[attr-defined]


def _add_routes(app: FastAPI, service: Service) -> None:
    @app.post("/gradio_api/upload", include_in_schema=False)
    async def upload(request: Request) -> list[str]:
        return [service.uploads.wait(await service.uploads.receive(request))]

    @app.get("/gradio_api/upload_progress", include_in_schema=False)
    def progress() -> Response:
        return Response('data: {"msg": "done"}\n\n', media_type="text/event-stream")

    # Gradio's own would also fetch addresses, and read other files.
    @app.api_route(
        "/gradio_api/file={ticket:path}", methods=["GET", "HEAD"], include_in_schema=False
    )
    def file(ticket: str) -> Response:
        song = service.uploads.look(ticket)
        if song is None:
            raise Refused(404, "there is no such song")
        kind = mimetypes.guess_type(song.path)[0] or "application/octet-stream"
        return FileResponse(song.path, media_type=kind)

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> Response:
        return Response((_TEMPLATES / "icon.svg").read_bytes(), media_type="image/svg+xml")


def _blocks(service: Service) -> gr.Blocks:
    limits = service.limits
    with _Page(title="genre-zoo", analytics_enabled=False) as blocks:
        gr.Markdown(_INTRO, elem_id="intro")
        notice = gr.HTML(elem_id="notice")
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=300):
                song = gr.Audio(
                    label=f"Song, up to {limits.minutes:g} minutes and {limits.megabytes:g} MB",
                    type="filepath",
                    sources=["upload", "microphone"],
                    editable=False,
                    buttons=[],
                    elem_id="song",
                )
            with gr.Column(scale=2, min_width=260):
                models = gr.Dropdown(
                    label="Models",
                    info="The newest run of each, or one that comes with the zoo; others are in "
                    "the list.",
                    multiselect=True,
                    elem_id="models",
                )
                again = gr.Button("Ask them", variant="primary", elem_id="ask")
        ticket = gr.Textbox(visible=False)
        known = gr.State(())
        answer = gr.HTML(elem_id="answer")

        def look(chosen: list[str] | None, seen: tuple[str, ...]) -> tuple[Any, Any, Any]:
            """Show the served models; a new one that is proposed is chosen."""
            served = service.models.all()
            runs = tuple(model.run for model in served)
            if runs == seen and seen:
                return gr.skip(), gr.skip(), gr.skip()
            new = [run for run in service.models.proposed(served) if run not in seen]
            kept = [run for run in chosen or [] if run in runs]
            choices = [(_choice(model), model.run) for model in served]
            sentence = service.models.notice() if served else service.models.none_yet()
            text = render_notice(sentence) if sentence else ""
            return gr.Dropdown(choices=choices, value=kept + new), runs, text

        async def ask(_: None, given: str | None, chosen: list[str] | None) -> AsyncIterator[str]:
            async for html in _results(service, given, chosen or []):
                yield html

        state = ([models, known], [models, known, notice])
        blocks.load(look, *state, show_progress="hidden")
        gr.Timer(_REFRESH).tick(look, *state, show_progress="hidden")
        # The script sends a ticket instead of the song, which has been uploaded already.
        asked = {"inputs": [song, ticket, models], "outputs": answer, "show_progress": "hidden"}
        script = "(song, ticket, models) => zooSend(song, models)"
        for event in (song.change, again.click):
            event(ask, **asked, js=script, concurrency_limit=None, trigger_mode="always_last")
    blocks.queue(max_size=64, api_open=False)
    return blocks


def _choice(model: ServedModel) -> str:
    """Return the name of a model in the list; an older run is named with its hash."""
    parts = [model.title, model.dataset, "" if model.newest else model.run.rpartition("-")[2]]
    return " · ".join(filter(None, parts))


async def _results(service: Service, ticket: str | None, runs: list[str]) -> AsyncIterator[str]:
    """Yield the results as HTML, once more after each model."""
    if not ticket:
        yield ""
        return
    song = service.uploads.take(ticket)
    if song is None:
        yield render_notice("the song has not arrived; choose it again")
        return
    with closing(song):
        try:
            # In the order of the list, not in that of the clicks.
            results = [ModelResult(model) for model in service.models.all() if model.run in runs]
            if not results:
                service.models.find(None)
                raise Refused(400, "choose at least one model")
            loudness = await service.measure(song)
        except Refused as error:
            yield render_notice(str(error))
            return
        yield render_result(song.name, loudness, results)
        for result in results:
            try:
                answer = await service.predict(result.model, song, timeline=None)
                result.prediction, result.seconds = answer
            except Refused as error:
                result.error = str(error)
            yield render_result(song.name, loudness, results)
