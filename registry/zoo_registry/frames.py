"""Results as data frames of pandas, which is used if it is installed."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from zoo_registry.errors import ZooError

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["data_frame"]


def data_frame(
    rows: Iterable[Mapping[str, Any]] | Mapping[Any, Any], index: Any = None
) -> "DataFrame":
    """Return a data frame.

    Parameters
    ----------
    rows : iterable of mappings, or mapping
        Rows by column; or columns by name.
    index : sequence or str, optional
        Labels of the rows, or the name of the column that has them; numbers by default.

    Raises
    ------
    ZooError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        lack = "a data frame needs pandas, which is not installed; `pip install pandas`"
        raise ZooError(lack) from None
    data = dict(rows) if isinstance(rows, Mapping) else [dict(row) for row in rows]
    if isinstance(index, str):
        frame = pd.DataFrame(data)
        return frame.set_index(index) if index in frame else frame
    return pd.DataFrame(data, index=index)
