"""Training a model into a run, its record, and its verification."""
