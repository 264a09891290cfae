"""The registry as the application uses it, hooks for common kinds of model, and the scaffold.

Names are loaded when they are first used, so that a plugin that imports `classical` does not wait
for data sets.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
