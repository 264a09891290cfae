"""Meaning of the names and tables in a folder: classes, groups, folds and parts."""
