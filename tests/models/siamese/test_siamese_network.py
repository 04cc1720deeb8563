"""The Siamese network: embeddings, distances, the merged head, and the faster form it trains in."""

import copy

import numpy as np
import pytest
import torch
from torch.nn import functional

from models.errors import ModelError
from models.release.weights import WeightFiles
from models.siamese.batches import embed_all
from models.siamese.sface import load_sface
from models.siamese.siamese_network import SiameseNetwork, build_network, fix_norms, merge_head, slope
from tests.models.siamese.conftest import make_people

CROPS = np.concatenate(list(make_people(3, 2).values()))
PIXELS = torch.from_numpy(CROPS.transpose(0, 3, 1, 2).copy())


def test_embeddings_have_length_one_and_batches_do_not_matter(untrained: SiameseNetwork):
    together = embed_all(untrained, CROPS)
    assert torch.allclose(together.norm(dim=1), torch.ones(6), atol=1e-5)
    recalibrate_each_time = torch.cat([embed_all(untrained, CROPS[i : i + 1]) for i in range(6)])
    assert torch.allclose(together, recalibrate_each_time, atol=1e-5)


def test_distance_is_that_of_the_embeddings(untrained: SiameseNetwork):
    with torch.no_grad():
        distances = untrained.distance(PIXELS[:3], PIXELS[3:])
    rows = embed_all(untrained, CROPS).numpy()
    assert np.allclose(
        distances.numpy(), [np.linalg.norm(rows[i] - rows[i + 3]) for i in range(3)], atol=1e-5
    )


def test_untrained_head_leaves_sface_as_it_is(untrained: SiameseNetwork):
    sface = merge_head(untrained)
    with torch.no_grad():
        expected = functional.normalize(sface(PIXELS.float()))
    assert torch.allclose(embed_all(untrained, CROPS), expected, atol=1e-5)


def test_merged_head_gives_the_same_scores(untrained: SiameseNetwork):
    trained = copy.deepcopy(untrained)
    with torch.no_grad():
        trained.head.weight.add_(0.3 * torch.randn(128, 128, generator=torch.Generator().manual_seed(0)))
        trained.head.bias.add_(0.1)
        merged = functional.normalize(merge_head(trained)(PIXELS.float()))
    assert torch.allclose(embed_all(trained, CROPS), merged, atol=1e-5)
    assert not torch.allclose(embed_all(trained, CROPS), embed_all(untrained, CROPS), atol=1e-2)


def test_merging_needs_sface():
    network = build_network("resnet18", pretrained=False)
    with pytest.raises(ModelError, match="only an SFace backbone"):
        merge_head(network)


def test_embedding_from_any_stage_equals_embedding_from_pixels(untrained: SiameseNetwork):
    whole = embed_all(untrained, CROPS)
    with torch.no_grad():
        for stop in (1, 8, 16):
            assert torch.allclose(untrained(untrained.features(PIXELS.float(), stop), stop), whole, atol=1e-5)


@pytest.mark.slow
def test_fixed_norms_compute_the_same_gradients_with_the_same_names(untrained: SiameseNetwork):
    plain, fast = copy.deepcopy(untrained), copy.deepcopy(untrained)
    fix_norms(fast.backbone.stages)
    assert list(plain.state_dict()) == list(fast.state_dict())
    target = functional.normalize(torch.randn(6, 128, generator=torch.Generator().manual_seed(2)))
    for network in (plain, fast):
        network.embed(PIXELS).sub(target).square().sum().backward()
    assert torch.allclose(plain.embed(PIXELS), fast.embed(PIXELS), atol=1e-5)
    for (name, one), (_, other) in zip(plain.named_parameters(), fast.named_parameters(), strict=True):
        # PReLU has a kink: where rounding moves a value across it, the gradient jumps.
        assert float((one.grad - other.grad).norm()) < 0.03 * float(one.grad.norm()), name


@pytest.mark.parametrize("channels_last", [False, True])
def test_slope_has_the_gradient_of_prelu(channels_last: bool):
    x = torch.randn(2, 3, 4, 5, dtype=torch.double)
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    weight = torch.tensor([0.25, -0.5, 1.5], dtype=torch.double, requires_grad=True)
    assert torch.equal(slope(x, weight), functional.prelu(x, weight))
    assert torch.autograd.gradcheck(slope, (x.requires_grad_(), weight))


def test_pretrained_siamese_network_embeds_as_the_published_network(weights: WeightFiles):
    network = build_network("sface", weights.sface_original)
    sface = load_sface(weights.sface_original)
    with torch.no_grad():
        expected = functional.normalize(sface(PIXELS.float()))
    assert torch.allclose(embed_all(network, CROPS), expected, atol=1e-6)
