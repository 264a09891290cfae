"""Folders that are links, and links that run in circles."""

from zoo.datasets import open_dataset


def test_linked_class_folders_are_entered(tone_folder, tmp_path):
    real = tone_folder()
    linked = tmp_path / "linked"
    linked.mkdir()
    for label in ("high", "low"):
        (linked / label).symlink_to(real / label)
    assert len(open_dataset(str(linked))) == len(open_dataset(str(real)))


def test_circles_are_left(tone_folder):
    folder = tone_folder()
    count = len(open_dataset(str(folder)))
    (folder / "low" / "again").symlink_to(folder)
    (folder / "low" / "self").symlink_to(folder / "low")
    assert len(open_dataset(str(folder))) == count
