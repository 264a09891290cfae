"""Calls a model a front end."""

from zoo import Card, LogMel

card = Card(name="model-encoder", title="Model", family="classical", frontend=LogMel())
