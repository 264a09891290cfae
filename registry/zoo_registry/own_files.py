"""Files that the zoo wrote on this machine, known by their hash in the cache folder."""

from contextlib import suppress
from pathlib import Path

from zoo_registry.files import is_file, write_text
from zoo_registry.places import cache_folder

__all__ = ["is_own", "remember_own"]


def is_own(sha256: str) -> bool:
    """Whether the zoo wrote the file of this hash on this machine."""
    return is_file(_own(sha256))


def remember_own(sha256: str) -> None:
    """Store that the zoo wrote the file of this hash."""
    with suppress(OSError):  # it then counts as one from elsewhere
        write_text(_own(sha256), "")


def _own(sha256: str) -> Path:
    return cache_folder() / "own-artefacts" / sha256
