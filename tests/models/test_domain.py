"""The words refuse what they cannot mean."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain import (
    Box,
    Candidate,
    Embedding,
    PersonId,
    ScoreKind,
    ScoreScale,
    SearchResult,
    Threshold,
)
from models.errors import EmbeddingError, ModelMismatchError, ScoreScaleError

ADA, BO = PersonId("a" * 32), PersonId("b" * 32)
NET_A = ScoreScale(ScoreKind.CENTRED, "net-a")


@pytest.mark.parametrize(
    "vector",
    [
        np.eye(4, dtype=np.float32),
        np.array([1.0, 0.0]),
        np.array([1, 0], dtype=np.int64),
    ],
    ids=["two-dimensional", "float64", "integers"],
)
def test_an_embedding_is_one_row_of_float32(vector: np.ndarray) -> None:
    with pytest.raises(EmbeddingError, match="float32"):
        Embedding(vector, "net-a")


@pytest.mark.parametrize("first", [0.0, 0.99, 1.01, math.nan, math.inf])
def test_an_embedding_has_length_1(first: float) -> None:
    with pytest.raises(EmbeddingError, match="length 1"):
        Embedding(np.array([first, 0.0], np.float32), "net-a")


def test_an_embedding_cannot_be_changed_afterwards() -> None:
    embedding = Embedding(np.array([0.6, 0.8], np.float32), "net-a")
    with pytest.raises(ValueError, match="read-only"):
        embedding.vector[0] = 1.0
    assert embedding.dimension == 2


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_threshold_is_finite(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Threshold(value, NET_A)


def test_a_threshold_judges_only_scores_of_its_own_scale() -> None:
    threshold = Threshold(0.5, NET_A)
    assert threshold.accepts(0.5, NET_A)
    assert not threshold.accepts(math.nextafter(0.5, 0), NET_A)
    assert not threshold.accepts(math.nan, NET_A)
    assert not threshold.accepts(math.inf, NET_A)
    with pytest.raises(ModelMismatchError):
        threshold.accepts(0.9, ScoreScale(ScoreKind.CENTRED, "net-b"))
    with pytest.raises(ScoreScaleError, match="cannot judge a cosine of net-a"):
        threshold.accepts(0.9, ScoreScale(ScoreKind.RAW, "net-a"))


def test_the_margin_is_to_the_next_person() -> None:
    best, next_one = Candidate(ADA, 0.75), Candidate(BO, 0.25)
    assert SearchResult(best, next_one, NET_A).margin == 0.5
    assert SearchResult(best, None, NET_A).margin == math.inf
    assert SearchResult(None, None, NET_A).margin == 0.0


whole = st.integers(0, 12)
boxes = st.builds(lambda l, t, w, h: Box(l, t, l + w, t + h), whole, whole, whole, whole)  # noqa: E741


@given(boxes, boxes)
def test_intersection_over_union_is_what_counting_pixels_says(one: Box, other: Box) -> None:
    def pixels(box: Box) -> set[tuple[int, int]]:
        across, down = range(int(box.left), int(box.right)), range(int(box.top), int(box.bottom))
        return {(x, y) for x in across for y in down}

    union = pixels(one) | pixels(other)
    expected = len(pixels(one) & pixels(other)) / len(union) if union else 0.0
    assert one.iou(other) == pytest.approx(expected)


def test_a_box_turned_inside_out_has_no_area() -> None:
    assert Box(10, 10, 0, 0).area == 0.0
