"""A network on the way from the pretrained weights to the trained ones."""

import torch

from models.siamese import interpolate
from models.siamese.augmentation import door_camera
from models.siamese.interpolate import SHARES, best_share, part_of_the_way
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


def test_of_equally_good_networks_the_one_that_moved_least_is_taken() -> None:
    start = make_tiny(1)
    network, share = best_share(start, start, PEOPLE, door_camera())
    assert share == min(SHARES)
    torch.testing.assert_close(network.state_dict(), start.state_dict())
