"""LFW's pairs: the format, and each fold judged under the threshold of the others."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import CalibrationError
from models.evaluation.pairs import Pair, Photo, accuracy_by_fold, best_threshold, read_pairs


def test_the_format_is_read_fold_by_fold(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("2\t1\nAnn\t1\t2\nAnn\t1\tBob\t3\nCid\t4\t5\nCid\t4\tDan\t1\n")
    assert read_pairs(path) == [
        Pair(Photo("Ann", 1), Photo("Ann", 2), True, 0),
        Pair(Photo("Ann", 1), Photo("Bob", 3), False, 0),
        Pair(Photo("Cid", 4), Photo("Cid", 5), True, 1),
        Pair(Photo("Cid", 4), Photo("Dan", 1), False, 1),
    ]
    path.write_text("1\nAnn\t1\t2\nAnn\t1\tBob\t3\n")
    assert [pair.fold for pair in read_pairs(path)] == [0, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "first line"),
        ("people\n", "first line"),
        ("1\t1\nAnn\t1\t2\n", "announces 2 pairs and holds 1"),
        ("1\t1\nAnn\t1\nAnn\t1\tBob\t3\n", "line 2"),
        ("1\t1\nAnn\t1\tx\nAnn\t1\tBob\t3\n", "line 2"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, text, words):
    path = tmp_path / "pairs.txt"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=words):
        read_pairs(path)
    with pytest.raises(CalibrationError):
        read_pairs(tmp_path / "absent.txt")


def test_a_photograph_is_found_by_name_and_number(tmp_path):
    (tmp_path / "Ann").mkdir()
    (tmp_path / "Ann" / "Ann_0002.png").touch()
    assert Photo("Ann", 2).path_in(tmp_path).name == "Ann_0002.png"
    assert Photo("Ann", 3).path_in(tmp_path).name == "Ann_0003.jpg"


cases = st.lists(st.tuples(st.integers(-8, 8).map(lambda n: n / 8), st.booleans()), min_size=1, max_size=30)


@given(cases)
def test_no_threshold_is_more_accurate(rows):
    scores, same = [row[0] for row in rows], [row[1] for row in rows]

    def right(threshold):
        return sum((score >= threshold) == mate for score, mate in rows)

    tried = [*scores, max(scores) + 1]
    assert right(best_threshold(scores, same)) == max(right(threshold) for threshold in tried)


def test_each_fold_is_judged_by_the_others():
    """The second fold's scores lie lower: under the first fold's threshold its mates are missed."""
    scores = [0.9, 0.8, 0.1, 0.15, 0.4, 0.3, 0.0, 0.1]
    same = [True, True, False, False] * 2
    folds = [0] * 4 + [1] * 4
    assert accuracy_by_fold(scores, same, folds).tolist() == [1.0, 0.5]
    with pytest.raises(CalibrationError, match="calibrate-on"):
        accuracy_by_fold(scores, same, [0] * 8)
    with pytest.raises(CalibrationError):
        best_threshold([math.nan], np.array([True]))
