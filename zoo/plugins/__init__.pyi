from .registry import all_changes as all_changes
from .registry import offered_datasets as offered_datasets
from .registry import open_registry as open_registry
from .registry import usable_model as usable_model
