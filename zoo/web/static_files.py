"""Files of a page, from a fixed list: no path that a client sends reaches the disk."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

__all__ = ["file_routes"]

# The system's own table may lack or distort them.
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}


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
        Route(address, _sender(path))
        for address, path in paths.items()
        if path.is_file()
        and path.suffix in {*_TYPES, ".md", ".txt", ".png"}
        and path.name[0] != "."
    ]


def _sender(path: Path) -> Callable[[Request], Awaitable[Response]]:

    async def send(request: Request) -> Response:
        # A browser asks each time, and is told if its copy is still right.
        headers = {"Cache-Control": "no-cache"}
        found = FileResponse(
            path, headers=headers, media_type=_TYPES[path.suffix], stat_result=path.stat()
        )
        tag = found.headers["etag"]
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={**headers, "ETag": tag})
        return found

    return send
