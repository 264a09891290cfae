"""A reporter whose notes a test reads."""

from zoo.execution.progress import Reporter


class Notes(Reporter):
    """Keeps every note in `texts`."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        """Keep a note."""
        self.texts.append(text)
