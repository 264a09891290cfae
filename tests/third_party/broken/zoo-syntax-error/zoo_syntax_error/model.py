"""The half that was written."""

from zoo import Card, Handcrafted, hookimpl

card = Card(name="syntax-error", title="Syntax error", family="classical", frontend=Handcrafted()


@hookimpl
def train(tracks, labels:
