from pathlib import Path

import numpy as np
import pytest

from enrollment.retraining.gate import FaceSet, GateLimits, JudgedSet, judge
from enrollment.retraining.report import (
    MATED,
    NON_MATED,
    ReportedSet,
    hardest_pairs,
    split_scores,
    write_report,
)
from tests.enrollment.retraining.test_gate import face_set, faces


def test_scores_are_split_as_by_a_double_loop() -> None:
    vectors, people = faces(1.0, 0, people=5, photos=3)
    mated, non_mated = split_scores(FaceSet(vectors, vectors, people), vectors)
    naive: dict[bool, list[float]] = {True: [], False: []}
    for i in range(15):
        for j in range(i):
            naive[bool(people[i] == people[j])].append(float(vectors[i] @ vectors[j]))
    np.testing.assert_allclose(np.sort(mated), np.sort(naive[True]), atol=1e-6)
    np.testing.assert_allclose(np.sort(non_mated), np.sort(naive[False]), atol=1e-6)


def test_the_hardest_pairs_are_the_worst_of_each_kind() -> None:
    vectors = np.array([[1, 0], [0.6, 0.8], [0.8, 0.6], [1, 0]], np.float32)
    found = hardest_pairs(FaceSet(vectors, vectors, np.array([0, 0, 1, 1])), 1)
    assert found[MATED][0][:2] == (0, 1)
    assert found[NON_MATED][0][:2] == (0, 3)


@pytest.mark.slow
def test_the_report_is_self_contained_and_escapes_its_texts(tmp_path: Path) -> None:
    both = face_set(1.0, 1.1)
    verdict = judge(
        [JudgedSet("site", both, 0.0), JudgedSet("general", both, 0.005)], GateLimits(draws_beyond=1)
    )
    crops = np.zeros((len(both.people), 112, 112, 3), np.uint8)
    path = tmp_path / "reports" / "report.html"
    write_report(
        path,
        "Night <shift> & more",
        facts={"strategy": "<b>bold</b>"},
        verdict=verdict,
        curves={},
        sets=[ReportedSet("site", both, crops), ReportedSet("general", both)],
    )
    page = path.read_text()
    assert "Night &lt;shift&gt; &amp; more" in page
    assert "<b>bold</b>" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert all(comparison.explain() in page for comparison in verdict.comparisons)
    assert path.stat().st_mode & 0o077 == 0


def test_a_network_that_says_the_same_of_everybody_can_still_be_drawn(tmp_path: Path) -> None:
    good, people = faces(0.8, 0)
    both = FaceSet(good, np.tile(good[:1], (len(people), 1)), people)
    verdict = judge(
        [JudgedSet("site", both, 0.0), JudgedSet("general", both, 0.005)], GateLimits(draws_beyond=1)
    )
    write_report(
        tmp_path / "report.html", "t", facts={}, verdict=verdict, curves={}, sets=[ReportedSet("site", both)]
    )
    assert "The gate was failed" in (tmp_path / "report.html").read_text()
