"""What is said of the parameters of a network before it is trained."""

import pytest

from zoo.datasets import open_dataset
from zoo.evaluate.protocols import parse_protocol
from zoo.plugins.keras_model import KERAS_PARAMS
from zoo.plugins.registry import open_registry
from zoo.training.network_checks import check_network, validation_lack
from zoo_registry.errors import UsageError

COUNTS = [name for name, default in KERAS_PARAMS.items() if isinstance(default, int)]


@pytest.mark.parametrize("model", ["cnn2d", "vgg16"])
@pytest.mark.parametrize("name", COUNTS)
def test_a_number_of_things_is_at_least_one(model, name):
    network = open_registry().load(model)
    check_network(network, network.card.resolve({}))
    for value in (0, -1):
        with pytest.raises(
            UsageError, match=f"'{name}' of {model} cannot be {value}; give a whole"
        ):
            check_network(network, network.card.resolve({name: value}))


def test_a_share_that_holds_nothing_out_is_told_with_one_that_does(tone_folder):
    dataset = open_dataset(str(tone_folder(tracks=10)))
    folds = parse_protocol("kfold:5").folds(dataset, 0, grouped=True)
    network = open_registry().load("cnn2d")

    def lack(share: float, model=network) -> str | None:
        return validation_lack(model, {"validation": share}, dataset, folds, 0)

    assert lack(0.0) is lack(0.25) is None
    assert lack(0.05, open_registry().load("svm")) is None
    sentence = lack(0.05)
    assert "validation=0.05 of cnn2d holds no tracks out in 5 of 5 folds" in sentence
    share = float(sentence.split("; ")[1].split(" ")[0])
    assert 0.05 < share <= 0.25
    assert lack(share) is None
