"""The browser page as a part of the site, from the folder that `zoo serve` serves it from."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PAGE = Path(__file__).parents[1] / "zoo" / "web" / "browser"


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the page's files under browser/."""
    for path in sorted(PAGE.rglob("*")):
        if path.is_file():
            address = f"browser/{path.relative_to(PAGE).as_posix()}"
            files.append(File.generated(config, address, abs_src_path=str(path)))
    return files
