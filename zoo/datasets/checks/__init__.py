"""Checks of a dataset before training, for everything that would distort a score."""
