"""The index of everybody: the scores of the door's gallery, and as many wrong refusals as were promised."""

import numpy as np
import pytest

from enrollment.duplicates import DuplicateIndex
from models.domain import Embedding, PersonId, ScoreKind, ScoreScale, Template
from models.errors import ModelMismatchError, UnknownPersonError
from models.evaluation.searches import search_gallery
from models.evaluation.tail import fit_searches
from models.evaluation.thresholds import ErrorRateTargets, StrangerSource, Thresholds
from models.gallery.gallery import Gallery
from models.gallery.mean import GalleryMean
from models.register.register import Register

MODEL = "net"
DIMENSION = 32


def people(count: int, seed: int) -> np.ndarray:
    """Unit vectors that lean to one side, as faces do."""
    drawn = np.random.default_rng(seed).normal(size=(count, DIMENSION))
    drawn[:, 0] += 1.5
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def filled(register: Register, vectors: np.ndarray, photos: int = 1) -> DuplicateIndex:
    index = DuplicateIndex(register, MODEL)
    for number in range(0, len(vectors), photos):
        embeddings = [Embedding(vector.copy(), MODEL) for vector in vectors[number : number + photos]]
        index.add(PersonId(f"{number // photos:05d}"), embeddings)
    return index


@pytest.mark.parametrize("photos", [1, 3])
def test_scores_are_those_of_a_gallery_built_of_the_same_people(register: Register, photos: int) -> None:
    vectors = people(150, seed=1)
    index = filled(register, vectors, photos)
    gallery = Gallery.build(
        [
            Template(f"{row:05d}", PersonId(f"{row // photos:05d}"), Embedding(vector.copy(), MODEL))
            for row, vector in enumerate(vectors)
        ],
        MODEL,
    )
    for vector in people(20, seed=2):
        probe = Embedding(vector, MODEL)
        result = gallery.search(probe)
        found = index.nearest(probe)
        assert result.best is not None and result.runner_up is not None
        assert [one.person_id for one in found] == [result.best.person_id, result.runner_up.person_id]
        assert [one.score for one in found] == pytest.approx(
            [result.best.score, result.runner_up.score], abs=1e-5
        )
        someone = PersonId("00007")
        assert index.score(someone, probe) == pytest.approx(gallery.scores_of(someone, probe), abs=1e-5)
    assert (index.people, index.photos_each) == (150 // photos, photos)
    assert index.scale == gallery.scale


def test_two_pictures_of_a_newcomer_are_compared_on_the_same_scale(register: Register) -> None:
    first, second = (Embedding(vector, MODEL) for vector in people(2, seed=3))
    empty = DuplicateIndex(register, MODEL)
    assert empty.nearest(first) == []
    assert empty.compare(first, second) == pytest.approx(float(first.vector @ second.vector), abs=1e-6)
    index = filled(register, people(200, seed=4))
    index.add(PersonId("newcomer"), [first])
    assert index.score(PersonId("newcomer"), second) == pytest.approx(index.compare(first, second), abs=1e-6)


def test_other_networks_and_unknown_people_are_refused(register: Register) -> None:
    index = filled(register, people(3, seed=5))
    probe = Embedding(people(1, seed=6)[0], "other")
    for ask in (index.nearest, lambda each: index.score(PersonId("00000"), each)):
        with pytest.raises(ModelMismatchError):
            ask(probe)
    with pytest.raises(UnknownPersonError):
        index.score(PersonId("nobody"), Embedding(people(1, seed=6)[0], MODEL))


@pytest.mark.slow
@pytest.mark.parametrize(("pictures", "count"), [(1, 20_000), (3, 4_000)])
def test_of_many_newcomers_no_more_are_refused_than_was_promised(
    register: Register, pictures: int, count: int
) -> None:
    """Nobody is enrolled twice here: whoever is refused is refused wrongly. The promise is 1 in 1,000."""
    known = people(4000, seed=7)
    centred = GalleryMean.of(known).remove(known)
    found = search_gallery([vector[np.newaxis] for vector in centred], centred)
    thresholds = Thresholds(
        ScoreScale(ScoreKind.CENTRED, MODEL),
        ErrorRateTargets(target_fpir_duplicates=0.001),
        [StrangerSource("reference", fit_searches(found.best, 3999, found.unit))],
    )
    newcomers = people(count * pictures, seed=8)
    index, refused = DuplicateIndex(register, MODEL), 0
    for number in range(count):
        shown = [Embedding(vector, MODEL) for vector in newcomers[number * pictures :][:pictures]]
        if number:
            threshold = thresholds.duplicate(index.people, 1.0, pictures).threshold
            best = max(index.nearest(probe, 1)[0].score for probe in shown)
            refused += threshold.accepts(best, index.scale)
        index.add(PersonId(f"{number:05d}"), shown[:1])
    promised = count / 1000
    assert refused <= promised + 3 * promised**0.5  # three standard deviations more
