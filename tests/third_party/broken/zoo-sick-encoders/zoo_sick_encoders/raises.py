"""Wants weights when it is imported."""

from pathlib import Path

WEIGHTS = Path(__file__).with_name("no-such-file.onnx").read_bytes()
