"""Artefacts: the ONNX file of a run, its checks, its model card, and a bundle for other people."""
