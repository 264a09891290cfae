"""The contract of plugins, how plugins are found, and runs on disk.

The public names, listed in ``__init__.pyi``, are loaded when they are first used: a quick
command that only catches an error imports neither pluggy nor msgspec.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
