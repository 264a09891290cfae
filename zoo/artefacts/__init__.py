"""The ONNX file of a run: export, checks, model card, and a bundle to hand over."""
