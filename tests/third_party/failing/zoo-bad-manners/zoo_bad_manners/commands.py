"""Cannot add its command."""

from zoo import hookimpl


@hookimpl
def zoo_commands(app):
    app.no_such_thing("count")
