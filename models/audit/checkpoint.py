"""`SiteSigner`, `SiteVerifier`: signed notes of a site; `Checkpoint`: what one says of a chain.

The form is the signed note of the C2SP (c2sp.org/signed-note), with Ed25519 (RFC 8032): text, an empty line,
and a line with the signer's name, the first 4 bytes of the key's id and the signature. The text of a
checkpoint has seven lines:

    doorward/<site id>/<chain>
    <number of the chain's last event>
    <root of the tree over the events of the newest segment, base64>
    <day of that segment>
    <number of its first event>
    <hash of the last event, base64>
    <hash of the segment before, base64>
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from models.audit.chain import HASH_BYTES

ED25519 = b"\x01"
KEY_BYTES = 32
KEY_ID_BYTES = 4
PROGRAM = "doorward"
SIGNATURE_MARK = "\u2014 "


class NoteError(ValueError):
    """It is no note, or this site did not sign it."""


@dataclass(frozen=True, slots=True)
class SiteVerifier:
    """A site's public key.

    Attributes:
        site_id: a random name that the register was given when it was made.
        public: 32 bytes.
    """

    site_id: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> "SiteVerifier":
        """Read the form that `str` gives: `doorward/<site id>+<key id>+<base64>`. Raises NoteError."""
        name, _, rest = text.strip().partition("+")
        _, _, encoded = rest.partition("+")
        program, _, site_id = name.partition("/")
        found = cls(site_id, _decoded(encoded)[1:])
        if program != PROGRAM or not site_id or len(found.public) != KEY_BYTES or str(found) != text.strip():
            raise NoteError(f"this is no public key of a site: {text[:100]!r}")
        return found

    @property
    def name(self) -> str:
        """The name that stands in signatures."""
        return f"{PROGRAM}/{self.site_id}"

    def __str__(self) -> str:
        encoded = base64.b64encode(ED25519 + self.public).decode()
        return f"{self.name}+{key_id(self.name, self.public).hex()}+{encoded}"

    def open(self, note: str) -> str:
        """Return the text of a note that this site signed.

        Raises:
            NoteError: it is no note, or has no signature of this key that fits.
        """
        return open_note(note, self.name, self.public)


class SiteSigner:
    """A site's private key.

    Args:
        site_id: the site's random name.
        private: the key, 32 bytes.
    """

    def __init__(self, site_id: str, private: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.verifier = SiteVerifier(site_id, self._key.public_key().public_bytes_raw())

    @staticmethod
    def new_key() -> bytes:
        """Return a fresh private key, 32 bytes."""
        return Ed25519PrivateKey.generate().private_bytes_raw()

    def sign(self, text: str) -> str:
        """Return a note: the text, which ends with a line feed, and the signature."""
        if not text.endswith("\n"):
            raise ValueError("the text of a note ends with a line feed")
        name = self.verifier.name
        signature = key_id(name, self.verifier.public) + self._key.sign(text.encode())
        return f"{text}\n{SIGNATURE_MARK}{name} {base64.b64encode(signature).decode()}\n"


def key_id(name: str, public: bytes) -> bytes:
    """Return the 4 bytes by which a signature says which key made it."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:KEY_ID_BYTES]


def open_note(note: str, name: str, public: bytes) -> str:
    """Return the text of a signed note.

    Args:
        note: all of it.
        name: of the key.
        public: the key, 32 bytes.

    Raises:
        NoteError: it is no note, or has no signature of this key that fits.
    """
    text, blank, signatures = note.rpartition("\n\n")
    if not blank or not note.endswith("\n"):
        raise NoteError("this is no signed note")
    text += "\n"
    for line in signatures.splitlines():
        signer, _, encoded = line.removeprefix(SIGNATURE_MARK).partition(" ")
        if not line.startswith(SIGNATURE_MARK) or signer != name:
            continue
        signature = _decoded(encoded)
        if signature[:KEY_ID_BYTES] != key_id(name, public):
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature[KEY_ID_BYTES:], text.encode())
        except InvalidSignature as error:
            raise NoteError("the signature does not fit the text") from error
        return text
    raise NoteError(f"it has no signature of {name} by this key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far a chain was when it was signed.

    Attributes:
        site_id, chain: which chain.
        size: the number of its last event.
        root: of the Merkle tree over the hashes of the events `first_seq` to `size`.
        day: of these events.
        first_seq: the number of the first event of the newest segment.
        last_hash: the hash of the last event, which covers every event before it.
        previous: the hash of the segment before, which covers every segment before it.
    """

    site_id: str
    chain: str
    size: int
    root: bytes
    day: str
    first_seq: int
    last_hash: bytes
    previous: bytes

    def to_text(self) -> str:
        """Return the text to sign."""
        hashes = [base64.b64encode(each).decode() for each in (self.root, self.last_hash, self.previous)]
        lines = (
            f"{PROGRAM}/{self.site_id}/{self.chain}",
            str(self.size),
            hashes[0],
            self.day,
            str(self.first_seq),
            hashes[1],
            hashes[2],
        )
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def from_text(cls, text: str) -> "Checkpoint":
        """Read what `to_text` wrote. Raises NoteError."""
        try:
            origin, size, root, day, first_seq, last_hash, previous = text.removesuffix("\n").split("\n")
            _, site_id, chain = origin.split("/", 2)
            found = cls(
                site_id=site_id,
                chain=chain,
                size=int(size),
                root=_hash(root),
                day=day,
                first_seq=int(first_seq),
                last_hash=_hash(last_hash),
                previous=_hash(previous),
            )
        except ValueError as error:
            raise NoteError("this is no checkpoint of a chain") from error
        if found.to_text() != text:
            raise NoteError("this is no checkpoint of a chain")
        return found


def _hash(encoded: str) -> bytes:
    found = _decoded(encoded)
    if len(found) != HASH_BYTES:
        raise NoteError("a hash has another length")
    return found


def _decoded(encoded: str) -> bytes:
    """The bytes of base64, which has one form alone: bits that stand for nothing are zero."""
    try:
        found = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("this is no base64") from error
    if base64.b64encode(found).decode() != encoded:
        raise NoteError("this is no base64 in its one form")
    return found
