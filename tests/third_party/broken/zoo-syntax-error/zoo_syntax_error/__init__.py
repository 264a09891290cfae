"""A model that was published half-written."""
