"""Signed notes against a published one, and against an independent reading of the format."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from models.audit.checkpoint import Checkpoint, NoteError, SiteSigner, SiteVerifier, open_note

PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXg"
    "KvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
"""The example of golang.org/x/mod/sumdb/note, where the format comes from."""

SIGNER = SiteSigner("0123456789abcdef", bytes(range(32)))
hashes = st.binary(min_size=32, max_size=32)
checkpoints = st.builds(
    Checkpoint,
    site_id=st.just("0123456789abcdef"),
    chain=st.from_regex(r"[A-Za-z0-9_-]{1,20}(/silent)?", fullmatch=True),
    size=st.integers(1, 2**40),
    root=hashes,
    day=st.dates().map(str),
    first_seq=st.integers(1, 2**40),
    last_hash=hashes,
    previous=hashes,
)


def test_the_published_note_opens_and_an_altered_one_does_not() -> None:
    name, _, encoded = PUBLISHED_KEY.split("+", 2)
    public = base64.b64decode(encoded)[1:]
    assert open_note(PUBLISHED_NOTE, name, public) == PUBLISHED_NOTE.split("\n\n", maxsplit=1)[0] + "\n"
    with pytest.raises(NoteError, match="does not fit"):
        open_note(PUBLISHED_NOTE.replace("answer", "source"), name, public)
    with pytest.raises(NoteError, match="no signature of Somebody"):
        open_note(PUBLISHED_NOTE, "Somebody", public)


@settings(deadline=None)
@given(checkpoints)
def test_a_checkpoint_comes_back_and_its_signature_is_one_of_ed25519(checkpoint: Checkpoint) -> None:
    note = SIGNER.sign(checkpoint.to_text())
    assert Checkpoint.from_text(SIGNER.verifier.open(note)) == checkpoint
    text, line = note.split("\n\n")
    dash, name, encoded = line.rstrip("\n").split(" ")
    signature, public = base64.b64decode(encoded), SIGNER.verifier.public
    assert (dash, name) == ("—", "doorward/0123456789abcdef")
    assert signature[:4] == hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], f"{text}\n".encode())


@settings(deadline=None)
@given(checkpoints, st.data())
def test_no_byte_of_a_note_can_be_changed(checkpoint: Checkpoint, data: st.DataObject) -> None:
    note = SIGNER.sign(checkpoint.to_text())
    at = data.draw(st.integers(0, len(note) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda each: each != note[at]))
    with pytest.raises(NoteError):
        SIGNER.verifier.open(note[:at] + other + note[at + 1 :])


def test_another_site_s_key_opens_nothing() -> None:
    note = SIGNER.sign("words\n")
    with pytest.raises(NoteError):
        SiteSigner("0123456789abcdef", bytes(32)).verifier.open(note)
    with pytest.raises(NoteError):
        SiteSigner("another", bytes(range(32))).verifier.open(note)


def test_a_public_key_is_read_as_it_is_written() -> None:
    text = str(SIGNER.verifier)
    assert SiteVerifier.parse(f"{text}\n") == SIGNER.verifier
    for wrong in ("", "a+b", text[:-4], text.replace("doorward/", "other/"), text.replace("+", "+0", 1)):
        with pytest.raises(NoteError):
            SiteVerifier.parse(wrong)


@pytest.mark.parametrize("text", ["", "a\n", "doorward/s/front\n1\n", "no line feed"])
def test_another_text_is_no_checkpoint(text: str) -> None:
    with pytest.raises(NoteError):
        Checkpoint.from_text(text)
