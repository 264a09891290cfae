"""Remote files, read through fsspec: ``s3://``, ``gs://`` and its other protocols.

Credentials come from the environment, as each protocol defines it, never from an address.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from zoo_registry.errors import DatasetError, ZooError
from zoo_registry.text import first_line, in_a_line, pip_install, quoted

__all__ = ["file_system", "is_url", "local_path", "opened", "reading"]

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}  # of genre-zoo, by protocol
_OWN = {"memory"}  # file systems of one process, which another one cannot read


def is_url(name: str | Path) -> bool:
    """Whether this is an address such as ``s3://bucket/folder``, and not a local file."""
    return isinstance(name, str) and _URL.match(name) is not None


def file_system(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and the path in it.

    Parameters
    ----------
    url : str
        Address without credentials.

    Raises
    ------
    DatasetError
        If there is no such protocol, a package for it is missing, or the address holds another
        one, a password or a signature.
    """
    parts = urlsplit(url)
    protocol = parts.scheme.lower()
    if parts.password is not None or (protocol.startswith("http") and parts.query):
        # It would become part of runs, messages and lists of processes.
        raise DatasetError(
            f"an address that begins with {protocol}:// holds a password or a signature; leave it "
            "out, and give credentials in the environment"
        )
    first, joint, _ = url.partition("::")
    if joint:  # the second one could hold a password
        raise DatasetError(
            f"the address that begins with {quoted(first)} is joined to another one by '::'; such "
            "addresses are not read, so unpack or copy what is there"
        )
    try:
        import fsspec

        system, path = fsspec.url_to_fs(url)
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        wanted = pip_install(extra) if extra else first_line(error)
        raise DatasetError(f"{quoted(url)} needs a package that is missing; {wanted}") from error
    except ValueError as error:
        raise DatasetError(f"{quoted(url)} cannot be used: {first_line(error)}") from error
    except Exception as error:
        raise DatasetError(_sentence(url, error)) from error
    if protocol in _OWN:
        raise DatasetError(
            f"what is at {quoted(url)} is only readable within one process; give a folder"
        )
    return system, path


def local_path(url: str) -> Path | None:
    """Return the path at a URL of this machine, ``file://``; None for others."""
    system, path = file_system(url)
    from fsspec.implementations.local import LocalFileSystem

    return Path(path) if isinstance(system, LocalFileSystem) else None


@contextmanager
def reading(url: str) -> Iterator[None]:
    """Turn every error of a file system into a `DatasetError` that names the URL."""
    try:
        yield
    except ZooError:
        raise
    except Exception as error:  # each protocol has a library with its own errors
        raise DatasetError(_sentence(url, error)) from error


@contextmanager
def opened(url: str) -> Iterator[BinaryIO]:
    """Open the file at a URL for reading once, or raise `DatasetError`."""
    with reading(url):
        system, path = file_system(url)
        # The cache of sequential reading: the file is only copied.
        with system.open(path, "rb", cache_type="readahead") as file:
            yield cast("BinaryIO", file)


def _sentence(url: str, error: Exception) -> str:
    name = quoted(url)
    if isinstance(error, FileNotFoundError):
        return f"there is nothing at {name}; check the name"
    if isinstance(error, PermissionError):
        return f"{name} cannot be read with the credentials of this environment"
    if "credential" in type(error).__name__.lower():
        return f"{name} needs credentials, and there are none in this environment"
    return f"{name} cannot be read: {in_a_line(error)}"
