"""The artefacts of a workspace on a page and as JSON: what ``zoo serve`` starts."""
