"""Tagging of music files: the genre in their tags, safe replacement of files, and undo."""
