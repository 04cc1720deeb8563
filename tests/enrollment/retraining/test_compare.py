"""What the gate compares: embeddings as doors make them."""

from pathlib import Path

import numpy as np
import pytest

from enrollment.retraining.compare import embed_all, non_mated_of, search_strangers, strangers_among
from enrollment.retraining.gate import GateLimits
from models.domain import FaceCrop
from models.encoders.flipped import FlippedEncoder
from models.encoders.openvino import OpenVinoEncoder
from models.evaluation.identification import search_open_set
from models.evaluation.searches import search_cohort, search_gallery
from models.evaluation.tail import fit_searches
from models.gallery.fusion import fuse
from models.gallery.mean import GalleryMean
from models.release.store import PRETRAINED_ID
from tests.enrollment.retraining.small import dim, faces, photos, small_release, write_network


def with_second_looks(people):
    return {
        name: [FaceCrop(face.image, np.roll(face.image, 3, axis=1)) for face in own]
        for name, own in people.items()
    }


@pytest.fixture
def trial(tmp_path: Path):
    """Six people of the site and five in general, champion and pretrained network and challenger apart."""
    site, general = with_second_looks(faces(0, 6, each=2)), with_second_looks(faces(50, 5, each=2))
    champion = small_release(tmp_path, "20260101T000000Z-0123456789abcdef", seed=1)
    challenger = write_network(tmp_path / "challenger.onnx", seed=3)
    compared = embed_all(
        champion,
        small_release(tmp_path, seed=2),
        challenger,
        site,
        general,
        camera_view=dim,
        limits=GateLimits(),
        network="small",
    )
    return site, general, champion, challenger, compared


def test_faces_are_embedded_as_doors_do(trial) -> None:
    """Both crops, the second mirrored, and the mean of the gallery removed: here step by step."""
    site, _, champion, _, compared = trial
    encoder = FlippedEncoder(OpenVinoEncoder(champion.encoder_path, champion.model_id))
    raw = {name: np.stack([e.vector for e in encoder.embed(own)]) for name, own in site.items()}
    mean = GalleryMean.of(np.stack([fuse(vectors) for vectors in raw.values()]))
    expected = mean.remove(np.concatenate(list(raw.values())))
    np.testing.assert_allclose(compared.site.champion[:12], expected, atol=1e-5)
    (view,) = encoder.embed(
        [
            FaceCrop(
                *(dim(each[None], 0)[0] for each in (site["person 0"][0].image, site["person 0"][0].second))
            )
        ]
    )
    np.testing.assert_allclose(compared.site.champion[12], mean.remove(view.vector), atol=1e-5)
    alone = encoder.embed([FaceCrop(site["person 0"][0].image)])[0].vector
    assert np.abs(mean.remove(alone) - compared.site.champion[0]).max() > 1e-3, "the second crop counts"


def test_a_challenger_meets_champion_and_pretrained_network_under_the_same_margins(trial) -> None:
    *_, compared = trial
    named = {each.name: each for each in compared.sets}
    assert [(each.name, each.margin) for each in compared.sets] == [
        ("site", 0.0),
        ("site, against the pretrained network,", 0.0),
        ("general", 0.005),
        ("general, against the pretrained network,", 0.005),
    ]
    own, other = named["site"].faces, named["site, against the pretrained network,"].faces
    np.testing.assert_array_equal(own.challenger, other.challenger)
    assert np.abs(own.champion - other.champion).max() > 0.1


def test_where_the_pretrained_network_is_in_use_it_is_met_once(tmp_path: Path) -> None:
    champion = small_release(tmp_path, PRETRAINED_ID)
    challenger = write_network(tmp_path / "challenger.onnx", seed=3)
    compared = embed_all(
        champion,
        champion,
        challenger,
        faces(0, 6),
        None,
        camera_view=dim,
        limits=GateLimits(),
        network="small",
    )
    assert [each.name for each in compared.sets] == ["site"]
    assert compared.general is None


def test_comparisons_are_counted_before_anything_is_embedded(trial) -> None:
    site, general, *_, compared = trial
    assert non_mated_of(site, views=1) == int((~compared.site.pairs()[2]).sum())
    assert non_mated_of(general, views=0) == int((~compared.general.pairs()[2]).sum())


def test_strangers_are_searched_as_the_door_searches(trial) -> None:
    _, general, _, challenger, compared = trial
    encoder = FlippedEncoder(OpenVinoEncoder(challenger, "small"))
    first = [encoder.embed([own[0]])[0].vector for own in general.values()]
    gallery = {f"{place}": first[place][None] for place in (0, 3)}
    expected = search_open_set(gallery, {}, np.stack([first[place] for place in (1, 2, 4)])).strangers
    np.testing.assert_allclose(compared.strangers.best, expected, atol=1e-5)
    assert compared.strangers.searched == 2


@pytest.mark.parametrize("people", range(2, 60))
def test_the_number_of_strangers_is_known_before(people: int) -> None:
    vectors = np.eye(64, dtype=np.float32)[:people]
    assert len(search_strangers(vectors, np.arange(people)).best) == strangers_among(people)


def test_photos_without_a_second_crop_stay_without(tmp_path: Path) -> None:
    """Enrolled by an older version, they are embedded by their one crop, and so is their camera view."""
    people = {f"p{n}": [FaceCrop(image) for image in photos(n, 2)] for n in range(4)}
    release = small_release(tmp_path, PRETRAINED_ID)
    compared = embed_all(
        release,
        release,
        release.encoder_path,
        people,
        None,
        camera_view=dim,
        limits=GateLimits(),
        network="small",
    )
    np.testing.assert_allclose(compared.site.champion, compared.site.challenger, atol=1e-6)


def test_thresholds_hold_for_strangers_though_those_learnt_from_are_far_apart() -> None:
    """A network tells the people it learnt from apart better than others: they say little about strangers.

    Here they are as far apart as can be, and everybody else lies as chance has it.
    """
    rng = np.random.default_rng(0)

    def others(count: int) -> np.ndarray:
        vectors = rng.normal(size=(count, 128)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    learnt_from = np.eye(128, dtype=np.float32)[:80]
    found = search_strangers(others(300), np.arange(300))
    tail = fit_searches(found.best.astype(float), found.searched)
    mean = GalleryMean.of(learnt_from)
    gallery = mean.remove(learnt_from)
    best = search_cohort(mean.remove(others(5000)), gallery)
    for target in (0.05, 0.01):
        observed = float((best >= tail.threshold(target, len(learnt_from))).mean())
        assert target / 2.5 < observed < 2 * target
    own = search_gallery(list(gallery[:, None]), gallery)
    alone = fit_searches(own.best, len(learnt_from) - 1, own.unit)
    assert (best >= alone.threshold(0.05, len(learnt_from))).mean() > 0.5, "the gallery alone lets them in"
