"""`MqttSettings`, `WebhookSettings`: the tables `[mqtt]` and `[[webhook]]`, where `doorward sync` sends."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from models.settings.base import Section

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class MqttSettings(Section):
    """The MQTT broker that hears of events, and Home Assistant through it."""

    host: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._:-]{1,253}$")
    """The broker's name or address; without it nothing is sent by MQTT."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """The broker's port; default: 8883 with TLS, 1883 without."""
    tls: bool = False
    """Encrypt the connection and check the broker's certificate."""
    ca_file: Path | None = None
    """The certificates to check the broker's with; default: the machine's."""
    user: str | None = Field(default=None, min_length=1)
    """The user name, if the broker asks for one."""
    password: SecretStr | None = None
    """The password. It is never shown."""
    password_file: Path | None = None
    """A file that holds the password, instead of `password`."""
    site: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """The site's name in topics; default: made of `site.name`."""
    discovery: bool = True
    """Announce the doors to Home Assistant."""
    publish_names: bool = False
    """Send names of people, to whoever may read the broker's topics."""
    silent: bool = False
    """Send silent alarms, such as duress, too: only where nobody at the door sees them."""
    history: bool = False
    """At the very first start send the events that are held already; otherwise what happens from then on."""

    @model_validator(mode="after")
    def _one_password(self) -> "MqttSettings":
        if self.password is not None and self.password_file is not None:
            raise ValueError("give mqtt.password or mqtt.password_file, not both")
        if self.user is None and (self.password is not None or self.password_file is not None):
            raise ValueError("a password for the broker needs mqtt.user as well")
        if self.ca_file is not None and not self.tls:
            raise ValueError("mqtt.ca_file is of use only with mqtt.tls = true")
        return self


def _check_url(url: str) -> str:
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("write other characters than ASCII as %XX, and a name with them as xn--...")
    parts = urlsplit(url)
    if parts.username or parts.password or "@" in parts.netloc:
        raise ValueError("the address holds a password: the signature is what tells the receiver who sends")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
        raise ValueError("write an address such as https://receiver.example/doorward")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("http:// sends events unencrypted: only to this machine, use https:// for others")
    try:
        parts.port  # noqa: B018 - raises when it is no number of a port
    except ValueError as error:
        raise ValueError("the port of the address is no number from 0 to 65535") from error
    return url


class WebhookSettings(Section):
    """A program that receives events by HTTP."""

    name: str = Field(pattern=r"^[a-z0-9_-]{1,40}$")
    """What the receiver is called in logs; under this name it is kept which events it has."""
    url: Annotated[str, Field(max_length=2000), AfterValidator(_check_url)]
    """Where events are sent: `https://`, or `http://` on this machine."""
    key: SecretStr | None = None
    """The signing key: `whsec_` and 24 to 64 bytes in base64. It is never shown."""
    previous_key: SecretStr | None = None
    """While the key is being exchanged: the one before, which signs as well."""
    key_file: Path | None = None
    """A file with the key, and in a second line the previous one, instead of `key` and `previous_key`."""
    ca_file: Path | None = None
    """The certificates to check the receiver's with; default: the machine's."""
    timeout_s: float = Field(default=10.0, gt=0, le=120)
    """An answer that takes longer, in seconds, counts as none."""
    publish_names: bool = False
    """Send names of people."""
    silent: bool = False
    """The receiver of alarms: it hears of silent ones, such as duress, too."""
    history: bool = False
    """At the very first start send the events that are held already; otherwise what happens from then on."""

    @model_validator(mode="after")
    def _one_key(self) -> "WebhookSettings":
        if (self.key is None) == (self.key_file is None):
            raise ValueError("a webhook needs key or key_file, one of them")
        if self.previous_key is not None and self.key is None:
            raise ValueError("previous_key goes with key; key_file holds it in its second line")
        return self


def _check_names(webhooks: tuple[WebhookSettings, ...]) -> tuple[WebhookSettings, ...]:
    names = [each.name for each in webhooks]
    if len(set(names)) < len(names):
        raise ValueError("two webhooks have the same name: each needs its own")
    return webhooks


Webhooks = Annotated[tuple[WebhookSettings, ...], AfterValidator(_check_names)]
"""All tables `[[webhook]]`, each with a name of its own."""
