"""Webhooks: what a receiver gets, that it can check who sent it, and what counts as confirmed."""

import base64
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.integrations.outbox import LONGEST_RETRY_S, Outbox
from access.integrations.source import MemorySource
from access.integrations.webhook import WebhookReceiver, signed_headers, verify_webhook, webhook_key
from models.clock import SimulatedClock
from models.domain import PersonId
from models.errors import ConfigError, DeliveryError, SignatureError
from models.events import DoorEvent
from models.settings.integrations import WebhookSettings
from tests.access.integrations.certificates import certificate
from tests.access.integrations.peers import KEY, KEY_BYTES, OLD_KEY, OLD_KEY_BYTES, HookServer
from tests.door_events import NOON, door_event

ADA = PersonId("a" * 32)


def receiver(url: str, **fields: Any) -> WebhookReceiver:
    if "key_file" not in fields:
        fields["key"] = KEY
    settings = WebhookSettings(name="peer", url=url, history=True, **fields)
    return WebhookReceiver(settings, "hq", {ADA: "Ada"}.get, SimulatedClock())


def numbered(seq: int = 1, **fields: Any) -> DoorEvent:
    return door_event(seq=seq, **fields)


def granted(seq: int = 1) -> DoorEvent:
    return numbered(seq, outcome="granted", reason="recognised", person_id=ADA, score=0.71, threshold=0.4)


def test_an_event_arrives_signed_with_what_the_reference_lists(hook: HookServer) -> None:
    receiver(hook.url).deliver("front", [granted(812)])
    (found,) = hook.hooks
    assert found.fits == [True]
    assert found.headers["content-type"] == "application/json"
    assert found.record == {
        "type": "door.granted",
        "timestamp": "2026-11-02T12:00:00.000000+00:00",
        "data": {
            "site": "hq",
            "chain": "front",
            "seq": 812,
            "door": "front",
            "at": "2026-11-02T12:00:00.000000+00:00",
            "kind": "decision",
            "outcome": "granted",
            "reason": "recognised",
            "event_id": None,
            "intent_id": None,
            "factors": [],
            "advice": [],
            "detail": "",
            "silent": False,
            "person_id": ADA,
        },
    }


def test_names_are_sent_only_where_they_are_wanted_and_never_of_a_denial(hook: HookServer) -> None:
    receiver(hook.url).deliver("front", [granted()])
    receiver(hook.url, publish_names=True).deliver("front", [granted(), numbered(2, person_id=ADA)])
    found = [each.record["data"] for each in hook.hooks]
    assert "person_name" not in found[0]
    assert (found[1]["person_id"], found[1]["person_name"]) == (ADA, "Ada")
    assert (found[2]["person_id"], found[2]["person_name"]) == (None, None)


def test_no_score_is_sent(hook: HookServer) -> None:
    receiver(hook.url, publish_names=True).deliver("front", [granted()])
    for word in (b"score", b"0.71", b"threshold", b"trace", b"box"):
        assert word not in hook.hooks[0].body


def test_while_keys_are_exchanged_both_sign(tmp_path: Path) -> None:
    with HookServer(keys=(KEY_BYTES, OLD_KEY_BYTES)) as hook:
        receiver(hook.url, previous_key=OLD_KEY).deliver("front", [granted()])
        (tmp_path / "keys").write_text(f"{KEY}\n{OLD_KEY}\n")
        (tmp_path / "keys").chmod(0o600)
        receiver(hook.url, key_file=tmp_path / "keys").deliver("front", [granted()])
        receiver(hook.url).deliver("front", [granted()])
    assert [each.fits for each in hook.hooks] == [[True, True], [True, True], [True, False]]


def test_the_id_is_the_same_when_an_event_is_sent_again_and_of_no_other(hook: HookServer) -> None:
    peer = receiver(hook.url)
    peer.deliver("front", [granted(1), granted(1), granted(2)])
    peer.deliver("back", [granted(1)])
    peer.deliver("front", [numbered(1, at=NOON + timedelta(microseconds=1))])
    ids = [each.headers["webhook-id"] for each in hook.hooks]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert all(len(each) <= 64 and "." not in each for each in ids)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410, 429, 500, 503, 0])
def test_only_an_answer_of_success_confirms(hook: HookServer, status: int) -> None:
    hook.answer = lambda _hook: status
    hook.location = hook.url
    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1"):
        receiver(hook.url).deliver("front", [granted()])
    assert hook.hooks == []


def test_a_failure_does_not_show_the_address_with_its_token(hook: HookServer) -> None:
    hook.answer = lambda _hook: 500
    with pytest.raises(DeliveryError) as failed:
        receiver(hook.url + "&token=hunter2").deliver("front", [granted()])
    assert "hunter2" not in str(failed.value)


@pytest.mark.parametrize("url", ["http://localhost:1/", "https://a..b/"])
def test_a_receiver_that_cannot_be_reached_has_not_confirmed(url: str) -> None:
    with pytest.raises(DeliveryError, match="did not answer"):
        receiver(url).deliver("front", [granted()])


def test_a_receiver_that_does_not_answer_in_time_has_not_confirmed(hook: HookServer) -> None:
    release = threading.Event()
    hook.answer = lambda _hook: 204 if release.wait(30) else 500
    try:
        with pytest.raises(DeliveryError, match="did not answer"):
            receiver(hook.url, timeout_s=0.2).deliver("front", [granted()])
    finally:
        release.set()


def test_a_receiver_that_fails_now_and_then_gets_everything_in_order(hook: HookServer) -> None:
    source, clock = MemorySource(), SimulatedClock()
    for _ in range(10):
        source.append(door_event())
    answers = iter([204, 500, 204, 0, 204, 429, 503, 204])
    hook.answer = lambda _hook: next(answers, 204)
    outbox = Outbox(source, receiver(hook.url), clock, threading.Event())
    for _ in range(6):
        outbox.turn()
        clock.sleep(LONGEST_RETRY_S)
    assert hook.sequence() == list(range(1, 11))


def tls(folder: Path, name: str, address: str = "127.0.0.1") -> tuple[ssl.SSLContext, Path]:
    certificate_path, key_path = certificate(folder, name, address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_path, key_path)
    return context, certificate_path


def test_the_receivers_certificate_and_name_are_checked(tmp_path: Path) -> None:
    context, trusted = tls(tmp_path, "trusted")
    with HookServer(context) as hook:
        url = hook.url.replace("http:", "https:")
        receiver(url, ca_file=trusted).deliver("front", [granted()])
        with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
            receiver(url).deliver("front", [granted()])
    other, of_another = tls(tmp_path, "another", "127.0.0.2")
    with HookServer(other) as hook, pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
        receiver(hook.url.replace("http:", "https:"), ca_file=of_another).deliver("front", [granted()])
    assert hook.hooks == []


def test_a_key_or_certificates_that_cannot_be_used_are_refused_at_the_start(tmp_path: Path) -> None:
    url, path = "https://127.0.0.1/", tmp_path / "key"
    with pytest.raises(ConfigError, match="cannot be read"):
        receiver(url, key_file=path)
    path.write_text(KEY)
    path.chmod(0o604)
    with pytest.raises(ConfigError, match="chmod"):
        receiver(url, key_file=path)
    path.chmod(0o600)
    receiver(url, key_file=path)
    for text, reason in (("", "empty"), (f"{KEY} {KEY} {KEY}", "3 keys"), ("whsec_c2hvcnQ=", "24 to 64")):
        path.write_text(text)
        with pytest.raises(ConfigError, match=reason):
            receiver(url, key_file=path)
    with pytest.raises(ConfigError, match="certificates"):
        receiver(url, ca_file=tmp_path / "absent.pem")


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_!", KEY.removeprefix("whsec_"), KEY + "!", "whsec_é"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="whsec_"):
        webhook_key(text)


# The example of the specification of Standard Webhooks, signed here with the program openssl:
# printf 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -mac HMAC \
#   -macopt hexkey:$(printf MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | base64 -d | xxd -p -c 99) -binary | base64
EXAMPLE = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
EXAMPLE_BODY = b'{"test": 2432232314}'
EXAMPLE_KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EXAMPLE_AT = datetime.fromtimestamp(1614265330, UTC)


def test_the_published_example_is_signed_and_verified() -> None:
    verify_webhook(EXAMPLE, EXAMPLE_BODY, [EXAMPLE_KEY], EXAMPLE_AT)
    made = signed_headers(EXAMPLE["webhook-id"], EXAMPLE_AT, EXAMPLE_BODY, [webhook_key(EXAMPLE_KEY)])
    assert made == EXAMPLE


def test_a_receiver_verifies_either_key_in_any_case_of_the_headers() -> None:
    headers = {name.title(): value for name, value in EXAMPLE.items()}
    verify_webhook(headers, EXAMPLE_BODY, [KEY, EXAMPLE_KEY], EXAMPLE_AT)
    headers["Webhook-Signature"] = "v2,AAAA v1,é " + headers["Webhook-Signature"]
    verify_webhook(headers, EXAMPLE_BODY, [EXAMPLE_KEY], EXAMPLE_AT)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_request_that_is_too_old_or_from_the_future_is_refused(minutes: int) -> None:
    verify_webhook(EXAMPLE, EXAMPLE_BODY, [EXAMPLE_KEY], EXAMPLE_AT + timedelta(minutes=minutes * 0.8))
    with pytest.raises(SignatureError, match="clocks"):
        verify_webhook(EXAMPLE, EXAMPLE_BODY, [EXAMPLE_KEY], EXAMPLE_AT + timedelta(minutes=minutes))


@pytest.mark.parametrize("name", EXAMPLE)
def test_a_request_without_a_header_or_with_another_is_refused(name: str) -> None:
    for headers in (
        {key: value for key, value in EXAMPLE.items() if key != name},
        EXAMPLE | {name: ""},
        EXAMPLE | {name: EXAMPLE[name][:-3] + "314"},
    ):
        with pytest.raises(SignatureError):
            verify_webhook(headers, EXAMPLE_BODY, [EXAMPLE_KEY], EXAMPLE_AT)


@given(place=st.integers(0, len(EXAMPLE_BODY) - 1), change=st.integers(1, 255))
def test_a_changed_body_is_refused(place: int, change: int) -> None:
    changed = bytearray(EXAMPLE_BODY)
    changed[place] ^= change
    with pytest.raises(SignatureError, match="no signature fits"):
        verify_webhook(EXAMPLE, bytes(changed), [EXAMPLE_KEY], EXAMPLE_AT)


def test_no_key_verifies_nothing() -> None:
    for keys in ([], [KEY]):
        with pytest.raises(SignatureError, match="no signature fits"):
            verify_webhook(EXAMPLE, EXAMPLE_BODY, keys, EXAMPLE_AT)


def test_sent_and_verified_fit_together(hook: HookServer) -> None:
    receiver(hook.url).deliver("front", [granted()])
    (found,) = hook.hooks
    verify_webhook(found.headers, found.body, [KEY], SimulatedClock().now())
    assert base64.b64decode(found.headers["webhook-signature"].removeprefix("v1,"), validate=True)
