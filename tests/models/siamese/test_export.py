"""Every backbone as the ONNX file that doors run: the same embeddings from torch and from OpenVINO."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.domain import FaceCrop
from models.encoders.openvino import OpenVinoEncoder
from models.siamese.backbones import BACKBONES
from models.siamese.export import export_network
from models.siamese.siamese_network import SiameseNetwork, build_network
from tests.models.release.test_dequantise import quiet_session
from tests.models.siamese.conftest import make_people

CROPS = np.concatenate(list(make_people(4, 2).values()))
PIXELS = torch.from_numpy(CROPS.transpose(0, 3, 1, 2).copy())


def random_network(name: str) -> SiameseNetwork:
    """Random weights, and batch norms that fit these pictures: embeddings that differ from face to face."""
    network = build_network(name, pretrained=False)
    norms = [each for each in network.modules() if isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0  # one pass settles the statistics
    network.train()
    with torch.no_grad():
        network.embed(PIXELS)
    return network.eval()


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_openvino_gives_the_embeddings_of_torch(name: str, tmp_path: Path) -> None:
    network = random_network(name)
    with torch.no_grad():
        expected = network.embed(PIXELS).double().numpy()
    export_network(network, tmp_path / "encoder.onnx")
    encoder = OpenVinoEncoder(tmp_path / "encoder.onnx", name)
    found = np.stack([each.vector for each in encoder.embed([FaceCrop(crop) for crop in CROPS])])
    assert encoder.dimension == 128
    assert np.abs(found.astype(np.float64) @ found.T - expected @ expected.T).max() < 1e-4
    # Random networks see all faces alike; what tells them apart must agree as well.
    one, other = found - found.mean(axis=0), expected - expected.mean(axis=0)
    cosines = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    assert cosines.min() > 1 - 1e-4


def test_a_batch_of_any_size_is_embedded_and_the_network_stays_as_it_was(tmp_path: Path) -> None:
    network = build_network("mobilenet_v3_small", pretrained=False).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    export_network(network, tmp_path / "encoder.onnx")
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    session = quiet_session((tmp_path / "encoder.onnx").read_bytes())
    crops = PIXELS.float().numpy()
    together = session.run(["embedding"], {"crop": crops[:3]})[0]
    assert together.shape == (3, 128)
    alone = [session.run(["embedding"], {"crop": crops[i : i + 1]})[0][0] for i in range(3)]
    np.testing.assert_allclose(together, np.stack(alone), rtol=1e-4, atol=1e-5)
