"""No line of a log has a picture, a vector or a template of a face: neither by design nor by accident."""

import json
import re
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import structlog
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from access.logs import configure_logging
from models.domain import Box, Embedding, Face, FaceCrop, Frame, PersonId, Template
from models.release.networks import SFACE_MODEL_ID
from models.settings.log import LogSettings
from models.settings.settings import Settings
from models.site import open_site
from models.synthetic.people import SyntheticPerson
from tests.access.conftest import Enrol
from tests.access.door import vector_of
from tests.access.test_kiosk import KIOSK, kiosk_process

VECTOR = np.random.default_rng(7).normal(size=128).astype(np.float32)
VECTOR /= np.linalg.norm(VECTOR)
EMBEDDING = Embedding(VECTOR, "net-1")
SECRETS = [
    VECTOR,
    EMBEDDING,
    Template("t1", PersonId("a" * 32), EMBEDDING),
    FaceCrop(np.full((112, 112, 3), 173, np.uint8)),
    Frame(np.full((4, 4, 3), 173, np.uint8), 1.0),
    Face(Box(0, 0, 9, 9), np.full((5, 2), 0.173, np.float32), 0.9),
    VECTOR.tobytes(),
    [float(each) for each in VECTOR],
    tuple(VECTOR),
]

wrapped = st.recursive(
    st.sampled_from(SECRETS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.dictionaries(st.sampled_from(["face", "seen"]), inner, min_size=1),
        st.tuples(inner, st.just("words")),
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("form", ["json", "console"])
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=wrapped)
def test_whatever_a_message_is_given_no_face_is_written(
    form: Any, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(LogSettings(format=form))
    structlog.get_logger().warning("something is odd", door="front", seen=value)
    line = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "", capsys.readouterr().err)
    assert "something is odd" in line and "front" in line
    digits = [f"{abs(each):.4f}"[1:] for each in VECTOR if abs(each) > 0.01]
    assert not [each for each in digits if each in line]
    assert not re.search(r"0?\.173|\b173\b|\\x", line)


def test_what_is_no_face_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"))
    values = {"box": [1.5, 2.5, 3.5, 4.5], "checks": {"lock": [True, None]}, "path": "home", "number": 7}
    structlog.get_logger().info("as it is", **values)
    line = json.loads(capsys.readouterr().err)
    assert {name: line[name] for name in values} == values


def numbers(value: object) -> Iterator[float]:
    """Every number in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from numbers(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


@pytest.mark.slow
def test_a_kiosk_that_lets_somebody_in_logs_nothing_of_the_template(
    settings: Settings, enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORWARD_LOG__LEVEL", "debug")
    with open_site(settings, create=True) as site:
        enrol(site, "Ada", [SyntheticPerson(0).portrait(seed=1)])
        (template,) = site.register.templates(SFACE_MODEL_ID)
    process = kiosk_process(settings, "synthetic:0", KIOSK)
    assert process.stderr is not None
    lines = []
    for text in process.stderr:
        lines.append(text)
        if json.loads(text).get("outcome") == "unlocked":
            process.send_signal(signal.SIGTERM)
            break
    lines += process.communicate(timeout=60)[1].splitlines()
    vector = template.embedding.vector
    for line in lines:
        found = list(numbers(json.loads(line)))
        assert sum(np.float32(each) in vector for each in found) < 3, "at most by chance"
        assert len(found) < vector.size
        assert not re.search(r"[0-9A-Za-z+/]{200}", line), "nothing that may be bytes as text"
    assert "granted" in "".join(lines)


def test_an_embedding_of_a_test_door_is_hidden_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"))
    structlog.get_logger().info("seen", face=vector_of(1))
    assert json.loads(capsys.readouterr().err)["face"] == "<Embedding>"
