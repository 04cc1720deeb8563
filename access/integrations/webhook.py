"""`WebhookReceiver` sends events by HTTP POST; `verify_webhook` is for whoever receives them.

Signed as the Standard Webhooks specification has it: HMAC-SHA-256 over `id.timestamp.body`, in base64 after
`v1,`; while a key is being exchanged there is a signature of each key, divided by a space.
"""

import base64
import binascii
import hashlib
import hmac
import http.client
import json
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from access.integrations.payload import NameOf, event_payload
from access.integrations.secrets import read_secret
from models.errors import ConfigError, DeliveryError, SignatureError
from models.events import DoorEvent
from models.ports import Clock
from models.settings.integrations import WebhookSettings

KEY_PREFIX = "whsec_"
KEY_BYTES = range(24, 65)
TOLERANCE = timedelta(minutes=5)
ANSWER_BYTES = 4096
"""Read of an answer, at most; what it says is not used."""


class WebhookReceiver:
    """Sends each event in a request of its own; an answer 2xx confirms it, any other and none does not.

    Redirects are not followed: they could lead the events elsewhere.

    Args:
        settings: of the webhook.
        site: its name in payloads.
        name_of: names of people; used only where the settings want names sent.
        clock: for the time in the signature.

    Raises:
        ConfigError: the key or the certificates cannot be used.
    """

    batch = 1

    def __init__(self, settings: WebhookSettings, site: str, name_of: NameOf, clock: Clock) -> None:
        self.name = f"webhook:{settings.name}"
        self.silent, self.history = settings.silent, settings.history
        self._settings, self._site, self._clock = settings, site, clock
        self._name_of = name_of if settings.publish_names else None
        self._keys = signing_keys(settings)
        self._url = urlsplit(settings.url)
        self._context = tls_context(settings) if self._url.scheme == "https" else None

    def refresh(self) -> None:
        """Do nothing: there is only what happened."""

    def deliver(self, chain: str, events: Sequence[DoorEvent]) -> None:
        """Send events in order. Raises DeliveryError at the first that is not confirmed."""
        for event in events:
            self._post(chain, event)

    def close(self) -> None:
        """Do nothing: each request has its own connection."""

    def _post(self, chain: str, event: DoorEvent) -> None:
        data = event_payload(event, chain, self._site, self._name_of)
        record = {"type": f"door.{event.outcome}", "timestamp": data["at"], "data": data}
        body = json.dumps(record, separators=(",", ":"), allow_nan=False).encode()
        headers = signed_headers(message_id(data), self._clock.now(), body, self._keys)
        try:
            connection = self._connection()
            try:
                path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
                connection.request("POST", path, body, headers | {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read(ANSWER_BYTES)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, UnicodeError) as error:  # the last: no name of a host
            # The address may hold a token: only its host is named.
            raise DeliveryError(
                f"{self._url.hostname} did not answer ({type(error).__name__}: {error}): see whether it runs"
            ) from error
        if not 200 <= answer.status < 300:
            raise DeliveryError(f"{self._url.hostname} answered {answer.status} {answer.reason}: see its log")

    def _connection(self) -> http.client.HTTPConnection:
        host, port, timeout_s = self._url.hostname or "", self._url.port, self._settings.timeout_s
        if self._context is None:
            return http.client.HTTPConnection(host, port, timeout=timeout_s)
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=self._context)


def message_id(data: Mapping[str, object]) -> str:
    """The `webhook-id` of an event: the same whenever it is sent, and of no other event.

    The time is part of it: after an older copy of the register was restored, numbers come again.
    """
    name = f"{data['site']}|{data['chain']}|{data['seq']}|{data['at']}"
    return "msg_" + hashlib.sha256(name.encode()).hexdigest()[:32]


def signed_headers(message: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The three headers of a request.

    Args:
        message: its id.
        at: when it is sent, with its zone.
        body: of the request, as it is sent.
        keys: the key, and during an exchange the previous one.
    """
    timestamp = str(int(at.timestamp()))
    signatures = " ".join(f"v1,{_signature(message, timestamp, body, key)}" for key in keys)
    return {"webhook-id": message, "webhook-timestamp": timestamp, "webhook-signature": signatures}


def verify_webhook(headers: Mapping[str, str], body: bytes, keys: Sequence[str], now: datetime) -> None:
    """Check that a request was signed with one of the keys, within the last five minutes.

    Args:
        headers: of the request, in any case.
        body: of the request, as it came: not parsed and written anew.
        keys: `whsec_...`, as the sender has them.
        now: with its zone.

    Raises:
        SignatureError: a header is missing, no signature fits, or the request is too old or from the future.
        ConfigError: a key is none.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message, timestamp, signatures = (
            given[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
        )
        sent_s = int(timestamp)
    except (KeyError, ValueError) as error:
        raise SignatureError(f"the request is no signed webhook: {error} is missing or malformed") from error
    expected = [f"v1,{_signature(message, timestamp, body, webhook_key(key))}".encode() for key in keys]
    offered = [each.encode() for each in signatures.split(" ")]
    if not any(hmac.compare_digest(a, b) for a in expected for b in offered):
        raise SignatureError("no signature fits: check that both sides have the same key")
    if abs(now.timestamp() - sent_s) > TOLERANCE.total_seconds():
        raise SignatureError("the request is older than five minutes: check the clocks of both machines")


def webhook_key(text: str) -> bytes:
    """The bytes of a key that is written `whsec_BASE64`. Raises ConfigError."""
    try:
        key = base64.b64decode(text.removeprefix(KEY_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(KEY_PREFIX) or len(key) not in KEY_BYTES:
        raise ConfigError(
            f"a webhook's key is {KEY_PREFIX} and {KEY_BYTES[0]} to {KEY_BYTES[-1]} random bytes in base64: "
            "make one as docs/how-to/send-events.md says"
        )
    return key


def signing_keys(settings: WebhookSettings) -> list[bytes]:
    """The key and, during an exchange, the previous one. Raises ConfigError."""
    if settings.key_file is not None:
        lines = read_secret(settings.key_file).split()
    else:
        given = (settings.key, settings.previous_key)
        lines = [each.get_secret_value() for each in given if each is not None]
    if len(lines) not in (1, 2):
        raise ConfigError(f"{settings.key_file} holds {len(lines)} keys: one, or two during an exchange")
    return [webhook_key(line) for line in lines]


def tls_context(settings: WebhookSettings) -> ssl.SSLContext:
    """Checks the receiver's certificate and name. Raises ConfigError."""
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise ConfigError(f"the certificates {settings.ca_file} cannot be read: {error}") from error


def _signature(message: str, timestamp: str, body: bytes, key: bytes) -> str:
    content = f"{message}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key, content, "sha256")).decode()
