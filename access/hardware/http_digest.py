"""`Digest`: HTTP digest authentication with SHA-256 (RFC 7616), as Shelly relays ask for it."""

import hashlib
import re
import secrets
from dataclasses import dataclass, field

PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(slots=True)
class Digest:
    """A server's challenge, and how often it was answered.

    Attributes:
        realm, nonce, opaque: of the server.
        count: answers so far; the server refuses one that it has seen before.
    """

    realm: str
    nonce: str
    opaque: str | None = None
    count: int = field(default=0)

    @classmethod
    def from_header(cls, header: str) -> "Digest | None":
        """Read a `WWW-Authenticate` header; None when it asks for anything but SHA-256 with `qop="auth"`."""
        scheme, _, rest = header.strip().partition(" ")
        given = {name.lower(): quoted or plain for name, quoted, plain in PARAMETER.findall(rest)}
        methods = {each.strip() for each in given.get("qop", "").split(",")}
        known = scheme.lower() == "digest" and given.get("algorithm", "").upper() == "SHA-256"
        if not known or "auth" not in methods or "realm" not in given or "nonce" not in given:
            return None
        return cls(given["realm"], given["nonce"], given.get("opaque"))

    def authorization(
        self, user: str, password: str, method: str, uri: str, cnonce: str | None = None
    ) -> str:
        """The `Authorization` header of the next request (RFC 7616, 3.4).

        Args:
            user, password: whose.
            method: of the request, such as GET.
            uri: path and query; the answer is good for this request alone.
            cnonce: the client's random text; None for a new one.
        """
        self.count += 1
        count, cnonce = f"{self.count:08x}", cnonce or secrets.token_urlsafe(24)
        secret = _sha256(f"{user}:{self.realm}:{password}")
        request = _sha256(f"{method}:{uri}")
        response = _sha256(f"{secret}:{self.nonce}:{count}:{cnonce}:auth:{request}")
        opaque = "" if self.opaque is None else f', opaque="{self.opaque}"'
        return (
            f'Digest username="{user}", realm="{self.realm}", nonce="{self.nonce}", uri="{uri}", '
            f'algorithm=SHA-256, qop=auth, nc={count}, cnonce="{cnonce}", response="{response}"{opaque}'
        )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
