import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import ModelError
from models.release.weights import WeightFiles
from models.siamese.sface import SFace, fold_and_export, load_sface
from tests.models.release.test_dequantise import published_session, quiet_session, random_crops


@pytest.fixture(scope="module")
def network(weights: WeightFiles) -> SFace:
    torch.set_num_threads(1)
    return load_sface(weights.sface_original)


def test_the_module_is_the_published_network(network: SFace, weights: WeightFiles) -> None:
    """Measured over forty random crops: 3.4e-6 at most, on answers of up to 1.4."""
    crops = random_crops(6)
    published = published_session(weights.sface_original)
    expected = np.concatenate([published.run(None, {"data": crop[None]})[0] for crop in crops])
    with torch.inference_mode():
        answer = network(torch.from_numpy(crops)).numpy()
    assert answer.shape == (6, 128)
    assert np.abs(answer - expected).max() < 1e-5


def test_sface_has_14_blocks_and_7x7_features(network: SFace) -> None:
    assert len(network.blocks) == 14
    assert [name for name, _ in network.head.named_children()] == [
        "bn_in",
        "dropout",
        "flatten",
        "linear",
        "bn_out",
    ]
    features = network.blocks(torch.zeros(2, 3, 112, 112))
    assert features.shape == (2, 1024, 7, 7)
    assert not network.training


def test_export_after_training_agrees_with_the_module(tmp_path: Path) -> None:
    """Random batch-norm statistics and slopes, as training leaves them: nothing may be taken for granted."""
    torch.manual_seed(0)
    network = SFace()
    for name, value in network.state_dict().items():
        if "running_var" in name:
            value.uniform_(0.5, 2)
        elif value.is_floating_point() and value.ndim == 1:
            value.add_(0.1 * torch.randn_like(value))
    fold_and_export(network.eval(), tmp_path / "challenger.onnx")
    crops = random_crops(2)
    with torch.inference_mode():
        expected = network(torch.from_numpy(crops)).numpy()
    session = quiet_session((tmp_path / "challenger.onnx").read_bytes())
    answer = session.run(["embedding"], {"crop": crops})[0]
    np.testing.assert_allclose(answer, expected, atol=1e-4 * np.abs(expected).max())


def test_exporting_the_pretrained_gives_the_kiosks_file(
    network: SFace, weights: WeightFiles, tmp_path: Path
) -> None:
    fold_and_export(network, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == weights.sface.read_bytes()


def test_another_file_is_refused(weights: WeightFiles) -> None:
    with pytest.raises(ModelError, match="not the SFace network"):
        load_sface(weights.detector)


@pytest.mark.slow
def test_torchvision_can_be_imported_in_a_fresh_process() -> None:
    program = (
        "from models.siamese.torchvision_cpu import import_torchvision\n"
        "import_torchvision(); import_torchvision()\n"
        "import torch\n"
        "from torchvision.transforms import v2\n"
        "print(tuple(v2.GaussianBlur(3)(torch.rand(3, 8, 8)).shape))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.strip() == "(3, 8, 8)"
