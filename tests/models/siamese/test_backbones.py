"""The backbones: their shapes, where their weights come from, and what is fresh in them."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from models.errors import ModelError, WeightsUnavailableError
from models.siamese import torchvision_cpu
from models.siamese.backbones import BACKBONES, load_backbone
from models.siamese.siamese_network import Strategy, build_network, prepare

torchvision_cpu.import_torchvision()

from torchvision.models import resnet18  # noqa: E402

PIXELS = torch.randint(0, 256, (2, 3, 112, 112), generator=torch.Generator().manual_seed(0))
IMAGENET = [
    name for name in BACKBONES if name not in {"sface", "vgg16"}
]  # VGG's half a gigabyte is for slow tests


@pytest.mark.parametrize("name", IMAGENET)
def test_every_backbone_embeds_faces(name):
    network = build_network(name, pretrained=False)
    with torch.no_grad():
        embeddings = network.embed(PIXELS)
    assert embeddings.shape == (2, 128)
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(2), atol=1e-5)


@pytest.mark.slow
def test_vgg_embeds_faces():
    with torch.no_grad():
        assert build_network("vgg16", pretrained=False).embed(PIXELS).shape == (2, 128)


def test_same_seed_same_random_weights():
    one, other, third = (build_network("resnet18", pretrained=False, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.head.weight, other.head.weight)
    assert not torch.equal(one.head.weight, third.head.weight)


def test_classic_recipe_has_three_fresh_layers_and_frozen_convolutions():
    network = build_network("alexnet", pretrained=False)
    frozen = prepare(network, Strategy.FEATURE_EXTRACTOR, last_stages=1)
    assert frozen == len(network.backbone.stages) - 1
    fresh = [module for module in network.backbone.stages[-1] if isinstance(module, nn.Linear)]
    assert [layer.out_features for layer in fresh] == [512, 512, 512]
    assert all(parameter.requires_grad for layer in fresh for parameter in layer.parameters())
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 5
    assert not any(parameter.requires_grad for layer in convolutions for parameter in layer.parameters())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_come_from_a_local_file(tmp_path: Path, suffix):
    torch.manual_seed(3)
    source = resnet18(weights=None)
    path = tmp_path / f"resnet18{suffix}"
    if suffix == ".pth":
        torch.save(source.state_dict(), path)
    else:
        save_file(source.state_dict(), path)
    backbone = load_backbone("resnet18", path)
    source.eval().fc = nn.Identity()
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    with torch.no_grad():
        expected = source((PIXELS / 255 - mean) / std)
        assert torch.allclose(backbone(PIXELS.float()), expected, atol=1e-3)


def test_torchvisions_own_loader_reads_its_cache(tmp_path: Path, monkeypatch):
    """The hub keeps files by name; one that is there is used without asking the network."""
    from torchvision.models import ResNet18_Weights

    torch.manual_seed(4)
    state = resnet18(weights=None).state_dict()
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(state, folder / Path(ResNet18_Weights.DEFAULT.url).name)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    # The hub's name carries a hash of its own file; ours is a smaller, random one.
    monkeypatch.setattr("torchvision.models._api.WeightsEnum.get_state_dict", _without_hash)
    backbone = load_backbone("resnet18")
    assert torch.equal(backbone.stages[1][0].weight, state["conv1.weight"])


def _without_hash(self, *_, **options):
    options["check_hash"] = False
    return torch.hub.load_state_dict_from_url(self.url, **options)


def test_a_hub_that_cannot_be_reached_is_an_error(tmp_path: Path, monkeypatch):
    def unreachable(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", unreachable)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", unreachable)
    with pytest.raises(WeightsUnavailableError, match="name the file"):
        load_backbone("resnet18")


def test_a_damaged_copy_of_the_hub_is_an_error_and_nothing_is_printed(tmp_path: Path, monkeypatch, capsys):
    """The hub announces a download on the standard output, where a command's JSON lines belong."""

    def fetch(url, path, *_, **__):
        Path(path).write_bytes(b"half a file")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    with pytest.raises(ModelError, match="torch's copy in"):
        load_backbone("mobilenet_v3_small")
    assert capsys.readouterr().out == ""


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


@pytest.mark.parametrize(
    "content", [b"", b"not a network", pickle.dumps({"conv1.weight": Bomb()}, protocol=2)]
)
def test_a_file_that_is_no_weights_is_refused_and_runs_nothing(tmp_path: Path, content, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"weights\.pth is not a file of this network's tensors"):
        load_backbone("resnet18", path)
    assert not (tmp_path / "exploded").exists()


def test_weights_of_another_network_are_refused(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    save_file({"features.0.weight": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match="not a file of this network"):
        load_backbone("alexnet", path)


def test_missing_files_and_unknown_names_are_errors(tmp_path: Path):
    with pytest.raises(WeightsUnavailableError, match="no weights at"):
        load_backbone("resnet18", tmp_path / "absent.pth")
    with pytest.raises(WeightsUnavailableError, match="doorward weights"):
        load_backbone("sface")
    with pytest.raises(ModelError, match="choose one of"):
        load_backbone("resnet")
