"""Files that are found by what tables have in the place of their paths."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from zoo.audio.folders import PassedOver
from zoo.datasets.layout.file_index import FileIndex
from zoo.datasets.layout.listing import Listing

NAMES = st.sampled_from(["a", "b", "Ä", "é 1", "07", "7", "A", "b.x"])
PATHS = st.lists(
    st.builds(
        lambda folders, name, suffix: "/".join([*folders, name]) + suffix,
        st.lists(NAMES, max_size=3),
        NAMES,
        st.sampled_from([".wav", ".mp3", ".WAV"]),
    ),
    min_size=1,
    max_size=12,
    unique=True,
)
SPELLINGS = st.sampled_from(
    [
        str,
        str.upper,
        lambda path: f" ./{path} ",
        lambda path: "C:\\data\\" + path.replace("/", "\\"),
        lambda path: unicodedata.normalize("NFD", path),
        lambda path: path.rpartition("/")[2],
        lambda path: path.rpartition(".")[0],
        lambda path: f"above/{path}",
        lambda path: f"/mnt/{path.partition('/')[2]}",
    ]
)


def index(files: list[str]) -> FileIndex:
    return FileIndex(
        Listing(
            "data", sorted(files), (), (), PassedOver(), set(files).__contains__, lambda _: None
        )
    )


@given(PATHS, SPELLINGS, st.data())
def test_only_files_that_a_value_may_mean(files, spell, data):
    wanted = data.draw(st.sampled_from(sorted(files)))
    found = index(files).find(spell(wanted))
    assert set(found) <= set(files)
    assert len(set(found)) == len(found)

    def stem(path: str) -> str:
        name = path.rpartition("/")[2].casefold()
        return unicodedata.normalize("NFC", name).rpartition(".")[0].strip().lstrip("0")

    assert {stem(path) for path in found} <= {stem(wanted)}
    if spell is str:
        assert found == [wanted]


@given(PATHS, st.data())
def test_nothing_outside(files, data):
    path = data.draw(st.sampled_from(files))
    assert index(files).find(f"../{path}") == []
    assert index(files).find(f"x/../../{path}") == []
    assert index(files).find("") == []
