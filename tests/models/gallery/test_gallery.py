"""The gallery against brute force, and the guard around the FAISS index."""

import math
import subprocess
import sys
import time

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain import Embedding, PersonId, Template
from models.errors import (
    EmbeddingError,
    EmptyGalleryError,
    GalleryError,
    ModelMismatchError,
    UnknownPersonError,
)
from models.gallery.gallery import Gallery
from models.gallery.index import GuardedIndex
from models.gallery.mean import GalleryMean

MODEL = "net-a"


def unit(values, model_id=MODEL):
    vector = np.asarray(values, dtype=np.float64)
    return Embedding((vector / np.linalg.norm(vector)).astype(np.float32), model_id)


def people(seed, templates_each, dimension=8):
    rng = np.random.default_rng(seed)
    return [
        Template(f"t{person}-{number}", PersonId(f"{person:032x}"), unit(rng.normal(size=dimension)))
        for person, count in enumerate(templates_each)
        for number in range(count)
    ]


def brute_force(templates, probe):
    """By the definitions: fuse per person, take the shrunk mean out of both sides, put its part back."""
    fused = {}
    for person_id in {template.person_id for template in templates}:
        total = sum(t.embedding.vector.astype(np.float64) for t in templates if t.person_id == person_id)
        fused[person_id] = total / math.sqrt(sum(x * x for x in total))
    mean = sum(fused.values()) / (len(fused) + 20)
    length = math.sqrt(sum(x * x for x in mean))
    mean = mean * min(1.0, 0.5 / length)
    shared = sum(x * x for x in mean)
    query = probe.vector - mean
    scores = {}
    for person_id, vector in fused.items():
        rest = vector - mean
        cosine = np.dot(rest, query) / math.sqrt(np.dot(rest, rest) * np.dot(query, query))
        scores[person_id] = (1 - shared) * float(cosine) + shared
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:2]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    templates_each=st.lists(st.integers(1, 6), min_size=1, max_size=12),
    shuffle=st.randoms(use_true_random=False),
)
def test_search_is_brute_force_and_order_does_not_matter(seed, templates_each, shuffle):
    templates = people(seed, templates_each, dimension=32)
    probe = unit(np.random.default_rng(seed + 1).normal(size=32))
    shuffled = list(templates)
    shuffle.shuffle(shuffled)
    result = Gallery.build(templates, MODEL).search(probe)
    assert result == Gallery.build(shuffled, MODEL).search(probe)
    expected = brute_force(templates, probe)
    assert result.best.person_id == expected[0][0]
    assert result.best.score == pytest.approx(expected[0][1], abs=1e-5)
    if len(expected) > 1:
        assert result.runner_up.person_id == expected[1][0]
        assert result.runner_up.score == pytest.approx(expected[1][1], abs=1e-5)
    else:
        assert result.runner_up is None


def test_the_runner_up_is_another_person_however_many_templates_the_best_has():
    near = [unit([1, 0.01 * n, 0]) for n in range(1, 21)]
    templates = [Template(f"a{n}", PersonId("a"), e) for n, e in enumerate(near)]
    templates.append(Template("b0", PersonId("b"), unit([0, 1, 1])))
    result = Gallery.build(templates, MODEL).search(unit([1, 0, 0]))
    assert (result.best.person_id, result.runner_up.person_id) == ("a", "b")
    assert result.margin == pytest.approx(result.best.score - result.runner_up.score)


def test_equal_scores_go_to_the_lower_id():
    same = unit([1, 2, 3])
    templates = [Template(f"t-{name}", PersonId(name), same) for name in "cab"]
    result = Gallery.build(templates, MODEL).search(same)
    assert (result.best.person_id, result.runner_up.person_id) == ("a", "b")


def test_an_empty_gallery_finds_nobody():
    gallery = Gallery.build([], MODEL)
    result = gallery.search(unit([1, 0]))
    assert (result.best, result.runner_up, result.margin, len(gallery)) == (None, None, 0.0, 0)
    assert gallery.people == frozenset()


def test_one_to_one_gives_the_score_a_search_would():
    templates = people(3, [4, 4], dimension=32)
    probe = unit(np.random.default_rng(9).normal(size=32))
    gallery = Gallery.build(templates, MODEL)
    for person_id, expected in brute_force(templates, probe):
        assert gallery.scores_of(person_id, probe) == pytest.approx(expected, abs=1e-6)
    with pytest.raises(UnknownPersonError):
        gallery.scores_of(PersonId("nobody"), probe)
    with pytest.raises(UnknownPersonError):
        Gallery.build([], MODEL).scores_of(PersonId("nobody"), probe)


def test_one_person_alone_scores_almost_as_the_cosine():
    template = Template("a", PersonId("p"), unit([1, 0, 0]))
    score = Gallery.build([template], MODEL).search(unit([3, 4, 0])).best.score
    assert score == pytest.approx(0.6, abs=0.05)
    assert Gallery.build([template], MODEL).search(template.embedding).best.score == pytest.approx(
        1, abs=1e-6
    )


def test_a_probe_that_is_the_average_of_all_is_refused_or_judged_never_nan():
    same = unit([1, 1, 0])
    gallery = Gallery.build([Template(f"t{n}", PersonId(f"p{n}"), same) for n in range(500)], MODEL)
    assert gallery.search(same).best.score == pytest.approx(1, abs=1e-5)
    mean = GalleryMean(same.vector)
    with pytest.raises(EmbeddingError):
        mean.remove(same.vector)
    with pytest.raises(EmbeddingError):
        mean.remove(np.array([math.nan, 0, 0], np.float32))


def test_removing_the_mean_keeps_unit_vectors_of_one_more_number():
    rng = np.random.default_rng(4)
    rows = np.stack([unit(rng.normal(size=16) + 0.4).vector for _ in range(50)])
    mean = GalleryMean.of(rows)
    projected = mean.remove(rows)
    assert projected.shape == (50, 17)
    assert np.linalg.norm(projected, axis=1) == pytest.approx(1, abs=1e-6)
    assert 0 < np.linalg.norm(mean.vector) <= 0.5


def test_templates_that_contradict_each_other_are_refused():
    vector = [1, 2, 3]
    templates = [
        Template("a", PersonId("p"), unit(vector)),
        Template("b", PersonId("p"), unit([-x for x in vector])),
    ]
    with pytest.raises(EmbeddingError):
        Gallery.build(templates, MODEL)


def test_another_network_is_refused_everywhere():
    templates = people(1, [1, 1])
    gallery = Gallery.build(templates, MODEL)
    other = unit(np.ones(8), "net-b")
    with pytest.raises(ModelMismatchError):
        gallery.search(other)
    with pytest.raises(ModelMismatchError):
        Gallery.build([], MODEL).search(other)
    with pytest.raises(ModelMismatchError):
        gallery.scores_of(templates[0].person_id, other)
    with pytest.raises(ModelMismatchError):
        Gallery.build([*templates, Template("x", PersonId("x"), other)], MODEL)


def test_a_wrong_dimension_is_refused():
    gallery = Gallery.build(people(1, [1]), MODEL)
    with pytest.raises(EmbeddingError):
        gallery.search(unit([1, 2, 3]))
    with pytest.raises(EmbeddingError):
        Gallery.build([*people(1, [1]), Template("x", PersonId("x"), unit([1, 2, 3]))], MODEL)


def test_a_template_id_seen_twice_is_refused():
    template = people(1, [1])[0]
    with pytest.raises(GalleryError):
        Gallery.build([template, template], MODEL)


def test_the_guard_raises_where_faiss_answers_silently():
    bare = faiss.IndexFlatIP(4)
    scores, rows = bare.search(np.ones((1, 4), np.float32), 1)
    assert rows[0, 0] == -1 and scores[0, 0] < -1e38
    with pytest.raises(EmptyGalleryError):
        GuardedIndex(np.zeros((0, 4), np.float32)).nearest(np.ones(4, np.float32), 1)
    guarded = GuardedIndex(np.eye(4, dtype=np.float32))
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(EmbeddingError):
            guarded.nearest(np.array([bad, 0, 0, 0], np.float32), 1)
        with pytest.raises(EmbeddingError):
            GuardedIndex(np.array([[bad, 0]], np.float32))


@pytest.mark.parametrize(
    ("scores", "rows"), [([[0.9]], [[-1]]), ([[math.nan]], [[0]]), ([[-3.4e38]], [[0]]), ([[7.0]], [[0]])]
)
def test_an_impossible_answer_of_the_index_is_an_error(scores, rows, monkeypatch):
    guarded = GuardedIndex(np.eye(4, dtype=np.float32))

    class Broken:
        d, ntotal = 4, 4

        def search(self, query, count):
            return np.array(scores, np.float32), np.array(rows, np.int64)

    monkeypatch.setattr(guarded, "_index", Broken())
    with pytest.raises(GalleryError):
        guarded.nearest(np.array([1, 0, 0, 0], np.float32), 1)


def test_ten_thousand_people_are_searched_in_milliseconds():
    gallery = Gallery.build(people(0, [2] * 10_000, dimension=128), MODEL)
    probe = unit(np.random.default_rng(5).normal(size=128))
    gallery.search(probe)
    start = time.perf_counter()
    for _ in range(20):
        gallery.search(probe)
    assert (time.perf_counter() - start) / 20 < 0.05
    assert (len(gallery), len(gallery.people)) == (20_000, 10_000)


@pytest.mark.slow
def test_search_works_in_a_process_that_imported_the_training_library() -> None:
    """pytorch-metric-learning patches FAISS to answer with torch tensors; re-training searches galleries."""
    program = (
        "import faiss.contrib.torch_utils, numpy as np, warnings; warnings.simplefilter('error');"
        "from models.gallery.index import GuardedIndex;"
        "index = GuardedIndex(np.eye(4, dtype=np.float32));"
        "query = np.eye(4, dtype=np.float32)[2];"
        "print(index.score(query, 2), index.score(query, 1), *index.nearest(query, 1))"
    )
    shown = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert shown.split() == ["1.0", "0.0", "[1.]", "[2]"]
