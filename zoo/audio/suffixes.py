"""Suffixes of audio files."""

from pathlib import Path

__all__ = ["SUFFIXES", "is_audio"]

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("aac", "aif", "aifc", "aiff", "au", "caf", "flac", "m4a", "mka", "mp2", "mp3", "mp4"),
        *("oga", "ogg", "opus", "snd", "w64", "wav", "webm", "wma"),
    )
)


def is_audio(path: Path) -> bool:
    """Whether the file has a suffix of audio files."""
    return path.suffix.lower() in SUFFIXES
