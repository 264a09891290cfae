"""The browser page as a part of the site, and marks for cells of tables that hold sentences."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PAGE = Path(__file__).parents[1] / "zoo" / "web" / "browser"

LONG = 35  # characters of a cell from which it must not become a column of single words


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the page's files, which `zoo serve` serves as well, under browser/."""
    for path in sorted(PAGE.rglob("*")):
        if path.is_file():
            address = f"browser/{path.relative_to(PAGE).as_posix()}"
            files.append(File.generated(config, address, abs_src_path=str(path)))
    return files


def on_page_content(html: str, **_: object) -> str:
    """Give long cells of tables the class of `site.css`, and let paths and choices break."""
    return re.sub(r"<td>(.*?)</td>", _marked, html, flags=re.DOTALL)


def _marked(cell: re.Match[str]) -> str:
    is_long = len(re.sub("<[^>]+>", "", cell[1])) > LONG and " " in cell[1]
    content = re.sub(r"<code>([^<]*)</code>", _breakable, cell[1])
    return f'<td class="long">{content}</td>' if is_long else f"<td>{content}</td>"


def _breakable(code: re.Match[str]) -> str:
    return f"<code>{re.sub(r'(?<=[,/])(?=[a-z])', '<wbr>', code[1])}</code>"
