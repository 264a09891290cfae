"""Front-end arrays of a dataset, and their cache."""
