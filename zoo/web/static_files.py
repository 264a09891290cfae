"""Files of a page, from a fixed list: no path that a client sends reaches the disk."""

import mimetypes
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

__all__ = ["file_routes"]

_KINDS = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}
for _suffix, _kind in _KINDS.items():  # the system's own table may lack or distort them
    mimetypes.add_type(_kind, _suffix)


def file_routes(folder: Path, more: Mapping[str, Path] | None = None) -> list[Route]:
    """Return the routes of all files of a folder; ``index.html`` is the root.

    Parameters
    ----------
    folder : Path
        Folder, with the folders in it. Files of other kinds than those of a page are left out.
    more : mapping of str to Path, optional
        Further addresses and their files.
    """
    paths = {f"/{path.relative_to(folder).as_posix()}": path for path in sorted(folder.rglob("*"))}
    paths |= {"/": folder / "index.html", **(more or {})}
    return [
        Route(address, partial(_send, path))
        for address, path in paths.items()
        if path.is_file() and path.suffix in _KINDS and path.name[0] != "."
    ]


async def _send(path: Path, request: Request) -> Response:
    found = StaticFiles().file_response(path, path.stat(), request.scope)
    # A browser asks each time, and is told if its copy is still right.
    found.headers["Cache-Control"] = "no-cache"
    # Files are sent whole: Starlette would answer a wrong range in plain text.
    del found.headers["Accept-Ranges"]
    request.scope["headers"] = [each for each in request.scope["headers"] if each[0] != b"range"]
    return found
