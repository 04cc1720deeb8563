"""`HttpBoard`: a Shelly relay, second generation or newer, by its RPC over HTTP.

Orders are GET requests with everything in the address, because that is what digest authentication signs.
"""

import http.client
import json
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from access.hardware.http_digest import Digest
from access.hardware.relay import ANSWER_S, door_inputs
from models.domain import DoorInputs
from models.errors import LockError
from models.ports import Clock
from models.settings.lock import HttpLockSettings

LOOK_S = 0.3
"""What the relay said is used for so long, so that it is not asked ten times a second."""

MAX_ANSWER = 65536


class HttpBoard:
    """One switch of the relay. It has a timer: it switches off by itself, even when the kiosk has died.

    Args:
        settings: address, user and password, and what is wired to the relay.
        clock: how old an answer is.
        answer_s: how long to wait for one, in seconds.
    """

    pause_s = 0.0

    def __init__(self, settings: HttpLockSettings, clock: Clock, *, answer_s: float = ANSWER_S) -> None:
        self._settings, self._clock = settings, clock
        parts = urlsplit(settings.address)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._host = parts.hostname or ""
        self._connection = http.client.HTTPConnection(self._host, parts.port or 80, timeout=answer_s)
        self._digest: Digest | None = None
        self._seen: dict[str, tuple[float, Any]] = {}

    def switch_on(self, seconds: float) -> None:
        """Switch on, and off again after `seconds` by the relay's own timer. Raises LockError."""
        self._seen.clear()
        self._call("Switch.Set", id=self._settings.switch, on="true", toggle_after=f"{seconds:.1f}")

    def switch_off(self) -> None:
        """Switch off. Raises LockError."""
        self._seen.clear()
        self._call("Switch.Set", id=self._settings.switch, on="false")

    def is_on(self) -> bool:
        """What the relay says of its switch. Raises LockError."""
        return self._flag("Switch.GetStatus", self._settings.switch, "output")

    def inputs(self) -> DoorInputs:
        """What the relay says of its inputs. Raises LockError."""
        return door_inputs(
            contact=self._input(self._settings.contact_input),
            exit_request=self._input(self._settings.exit_input),
            tamper=None,
            fire=None,
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _input(self, number: int | None) -> bool | None:
        return None if number is None else self._flag("Input.GetStatus", number, "state")

    def _flag(self, method: str, number: int, name: str) -> bool:
        now, key = self._clock.monotonic_s(), f"{method} {number}"
        at_s, value = self._seen.get(key, (-LOOK_S, None))
        if value is None or now - at_s >= LOOK_S:
            value = self._call(method, id=number).get(name)
            self._seen[key] = (now, value)
        if not isinstance(value, bool):
            raise LockError(f"the relay at {self._host} does not say how {method} {number} stands: check it")
        return value

    def _call(self, method: str, **arguments: object) -> dict[str, Any]:
        uri = f"/rpc/{method}?{urlencode(arguments)}"
        try:
            status, body = self._authorised(uri)
            answer = json.loads(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise LockError(
                f"the relay at {self._host} does not answer ({error}): check its power, the network and "
                "lock.address"
            ) from error
        if status != http.client.OK or not isinstance(answer, dict):
            raise LockError(
                f"the relay at {self._host} answers {method} with status {status}: check lock.switch and the "
                "inputs' numbers"
            )
        return answer

    def _authorised(self, uri: str) -> tuple[int, bytes]:
        """Send a request; if the relay asks for authentication, once more with a fresh answer to it."""
        status, challenge, body = self._request(uri)
        if status == http.client.UNAUTHORIZED:
            self._digest = Digest.from_header(challenge)
            if self._digest is None or not self._password:
                raise LockError(
                    f"the relay at {self._host} asks for a password: write it into lock.address; only digest "
                    "authentication with SHA-256 is answered"
                )
            status, _, body = self._request(uri)
            if status == http.client.UNAUTHORIZED:
                self._digest = None
                raise LockError(f"the relay at {self._host} refuses the password in lock.address")
        return status, body

    def _request(self, uri: str) -> tuple[int, str, bytes]:
        reused = self._connection.sock is not None
        try:
            return self._send(uri)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self._connection.close()
            if not reused:
                raise
        # The relay had closed the idle connection: nothing was carried out.
        return self._send(uri)

    def _send(self, uri: str) -> tuple[int, str, bytes]:
        headers = {}
        if self._digest is not None:
            headers["Authorization"] = self._digest.authorization(self._user, self._password, "GET", uri)
        self._connection.request("GET", uri, headers=headers)
        response = self._connection.getresponse()
        body = response.read(MAX_ANSWER)
        if not response.isclosed():
            self._connection.close()  # more than any answer of a relay: do not read on
        return response.status, response.getheader("WWW-Authenticate", ""), body
