"""`merkle_root`, `inclusion_path`, `root_from_path`: Merkle trees (RFC 9162, 2.1); `Segment`: one day.

A segment is a run of events of one UTC day of a chain. It is closed with the root of the tree over the hashes
of its events and a signature, and contains the hash of the segment before. So its events can be deleted, and
one event can be proven without the others.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from models.audit.chain import length_prefixed

SEGMENT_TAG = b"doorward/segment/1\x00"
NO_SEGMENT = bytes(32)
"""What stands for the segment before the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A closed segment.

    Attributes:
        chain: whose.
        day: of its events, in UTC: 2026-11-02.
        first_seq, last_seq: the numbers of its first and last event.
        root: of the Merkle tree over the hashes of its events.
        last_hash: the hash of the last event.
        previous: the hash of the segment before; `NO_SEGMENT` for the first one.
        checkpoint: the signed note that closed it (`models.audit.checkpoint`).
        pruned: True once its events are being deleted, or were.
    """

    chain: str
    day: str
    first_seq: int
    last_seq: int
    root: bytes
    last_hash: bytes
    previous: bytes
    checkpoint: str
    pruned: bool


def segment_hash(segment: Segment) -> bytes:
    """Return the hash of a segment (32 bytes): not of its signature, nor of whether its events are held."""
    numbers = segment.first_seq.to_bytes(8, "big") + segment.last_seq.to_bytes(8, "big")
    place = length_prefixed(segment.chain.encode()) + length_prefixed(segment.day.encode()) + numbers
    return hashlib.sha256(SEGMENT_TAG + place + segment.root + segment.last_hash + segment.previous).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over the leaves (RFC 9162, 2.1.1); of none it is the hash of nothing."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = [leaf_hash(leaf) for leaf in leaves]
    # Nodes are joined in pairs from the left and an odd one is taken up as it is: for every number of leaves
    # this is the tree whose left subtree has the largest power of two of leaves below that number.
    while len(level) > 1:
        pairs = [node_hash(*level[at : at + 2]) for at in range(0, len(level) - 1, 2)]
        level = pairs + level[len(level) - len(level) % 2 :]
    return level[0]


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the hashes that lead from a leaf to the root, the lowest first (RFC 9162, 2.1.3.1).

    Raises:
        IndexError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"the tree has {len(leaves)} leaves, and none of number {index}")
    level, path = [leaf_hash(leaf) for leaf in leaves], []
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            path.append(level[beside])
        pairs = [node_hash(*level[at : at + 2]) for at in range(0, len(level) - 1, 2)]
        level = pairs + level[len(level) - len(level) % 2 :]
        index //= 2
    return path


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a path leads to (RFC 9162, 2.1.3.2); None when it fits no tree of this size."""
    if not 0 <= index < size:
        return None
    node, place, last = leaf_hash(leaf), index, size - 1
    for beside in path:
        if last == 0:
            return None
        if place % 2 or place == last:
            node = node_hash(beside, node)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, beside)
        place, last = place >> 1, last >> 1
    return node if last == 0 else None


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()
