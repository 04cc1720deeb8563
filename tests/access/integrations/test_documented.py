"""The receiver's code in docs/how-to/send-events.md does what it says."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.access.integrations.peers import KEY, KEY_BYTES, OLD_KEY, signature_by_hand
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "how-to" / "send-events.md").read_text(encoding="utf-8")


@pytest.fixture
def is_from_doorward() -> Callable[..., bool]:
    code = PAGE.split("```python\n")[1].split("```")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    names: dict[str, Any] = {}
    exec(compile(code, "send-events.md", "exec"), names)
    names["time"].time  # noqa: B018 - the page imports what it uses
    found: Callable[..., bool] = names["is_from_doorward"]
    return found


@pytest.mark.parametrize(
    ("key", "age_s", "body", "expected"),
    [
        (KEY, 0, b"{}", True),
        (KEY, 200, b"{}", True),
        (KEY, 400, b"{}", False),
        (KEY, -400, b"{}", False),
        (OLD_KEY, 0, b"{}", False),
        (KEY, 0, b"{} ", False),
    ],
)
def test_the_documented_receiver_takes_what_is_signed_and_fresh(
    is_from_doorward: Callable[..., bool], key: str, age_s: int, body: bytes, expected: bool
) -> None:
    import time

    timestamp = str(int(time.time()) - age_s)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1,AAAA " + signature_by_hand(KEY_BYTES, "msg_1", timestamp, b"{}"),
    }
    assert is_from_doorward(headers, body, key) is expected


def test_every_line_of_the_log_that_the_page_explains_is_one_that_is_written() -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "access" / "integrations").glob("*.py")
    )
    for words in (
        "events wait",
        "does not answer",
        "does not let us in",
        "refuses",
        "answered",
        "events were deleted before they were sent",
        "there is nobody to send events to",
        "events are sent",
    ):
        assert words in PAGE
        assert words in code
