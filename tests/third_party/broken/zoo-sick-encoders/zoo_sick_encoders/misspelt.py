"""Has another name in its card than in its entry point."""

from zoo import FrontEndCard, LogMel

card = FrontEndCard(frontend=LogMel(), title="Misspelt")
