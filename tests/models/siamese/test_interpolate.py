"""A network on the way from the pretrained weights to the trained ones."""

import copy

import torch

from models.siamese import interpolate
from models.siamese.augmentation import door_camera
from models.siamese.backbones import Backbone
from models.siamese.interpolate import SHARES, best_share, part_of_the_way
from models.siamese.siamese_network import SiameseNetwork
from tests.models.siamese.conftest import make_people, make_tiny

PEOPLE = make_people(6, 2)


def test_every_weight_goes_the_same_share() -> None:
    start, end = make_tiny(1), make_tiny(2)
    mixed = part_of_the_way(start, end, 0.25).state_dict()
    for name, value in start.state_dict().items():
        if value.is_floating_point():
            expected = 0.75 * value + 0.25 * end.state_dict()[name]
            torch.testing.assert_close(mixed[name], expected)
    assert not torch.equal(start.head.weight, end.head.weight) or len(mixed) > 2


def test_the_share_with_the_least_error_on_the_people_held_out_is_taken(monkeypatch) -> None:
    """Errors by hand: the share is read off one weight, and 0.8 is the best."""
    start, end = make_tiny(1), make_tiny(1)
    with torch.no_grad():
        start.head.bias.zero_()
        end.head.bias.fill_(1.0)

    class Check:
        def __init__(self, crops, labels) -> None:
            assert len(labels) == 24  # photos and camera views of six people

        def error(self, network, _autocast) -> float:
            return abs(float(network.head.bias.detach()[0]) - 0.8)

    monkeypatch.setattr(interpolate, "HeldOutCheck", Check)
    network, share = best_share(start, end, PEOPLE, door_camera())
    assert share == 0.8
    assert float(network.head.bias.detach()[0]) == torch.tensor(0.8)


def test_of_equally_good_networks_the_one_that_moved_least_is_taken(monkeypatch) -> None:
    class Check:
        def __init__(self, crops, labels) -> None: ...

        def error(self, network, _autocast) -> float:
            return 0.25

    monkeypatch.setattr(interpolate, "HeldOutCheck", Check)
    start, end = make_tiny(1), make_tiny(2)
    network, share = best_share(start, end, PEOPLE, door_camera())
    assert share == min(SHARES)
    torch.testing.assert_close(network.state_dict(), part_of_the_way(start, end, share).state_dict())


def with_fresh_layers(seed: int) -> SiameseNetwork:
    """Its last stage and its head have no pretrained weights."""
    backbone = make_tiny(seed).backbone
    torch.manual_seed(seed)
    return SiameseNetwork(Backbone("tiny", list(backbone.stages), backbone.features, fresh=1), 24).eval()


def test_fresh_layers_are_taken_as_trained() -> None:
    start, end = with_fresh_layers(1), with_fresh_layers(2)
    mixed, last = part_of_the_way(start, end, 0.25).state_dict(), end.state_dict()
    moved = {name for name, value in mixed.items() if not torch.equal(value, last[name])}
    assert not any(name.startswith(("head.", "backbone.stages.3.")) for name in moved)
    assert "backbone.stages.1.conv.weight" in moved


def test_where_only_fresh_layers_learnt_the_trained_network_is_kept() -> None:
    start = with_fresh_layers(1)
    end = copy.deepcopy(start)
    with torch.no_grad():
        end.head.weight.add_(1.0)
    network, share = best_share(start, end, PEOPLE, door_camera())
    assert share == 1.0
    torch.testing.assert_close(network.state_dict(), end.state_dict(), rtol=0, atol=0)
