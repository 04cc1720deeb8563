"""Merkle trees against a recursive oracle that follows RFC 9162 word by word, and published roots."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.audit.segments import inclusion_path, merkle_root, root_from_path

LEAVES = [bytes.fromhex(each) for each in ("", "00", "10", "2021", "3031", "40414243")]
LEAVES += [bytes.fromhex("5051525354555657"), bytes(range(0x60, 0x70))]
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Of the first 0 to 8 leaves, from the test data of the Certificate Transparency project."""

some_leaves = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


def root_by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    left, right = root_by_definition(leaves[:k]), root_by_definition(leaves[k:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def path_by_definition(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    if index < k:
        return [*path_by_definition(index, leaves[:k]), root_by_definition(leaves[k:])]
    return [*path_by_definition(index - k, leaves[k:]), root_by_definition(leaves[:k])]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_that_were_published(size: int) -> None:
    assert merkle_root(LEAVES[:size]).hex() == ROOTS[size]
    assert root_by_definition(LEAVES[:size]).hex() == ROOTS[size]


@settings(deadline=None)
@given(some_leaves)
def test_root_and_paths_are_those_of_the_definition(leaves: list[bytes]) -> None:
    root = merkle_root(leaves)
    assert root == root_by_definition(leaves)
    for index, leaf in enumerate(leaves):
        path = inclusion_path(leaves, index)
        assert path == path_by_definition(index, leaves)
        assert root_from_path(leaf, index, len(leaves), path) == root


@settings(deadline=None)
@given(some_leaves, st.data())
def test_a_path_proves_no_other_leaf_place_size_or_path(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, path = merkle_root(leaves), inclusion_path(leaves, index)
    size = len(leaves)
    assert root_from_path(leaves[index] + b"x", index, size, path) != root
    assert root_from_path(leaves[index], size, size, path) is None
    assert root_from_path(leaves[index], -1, size, path) is None
    assert root_from_path(leaves[index], index, size, [*path, bytes(32)]) is None
    if path:
        assert root_from_path(leaves[index], index, size, path[:-1]) is None
        at = data.draw(st.integers(0, len(path) - 1))
        altered = [bytes([each[0] ^ 1]) + each[1:] if i == at else each for i, each in enumerate(path)]
        assert root_from_path(leaves[index], index, size, altered) != root


@pytest.mark.parametrize("index", [-1, 3])
def test_a_leaf_that_is_not_there_has_no_path(index: int) -> None:
    with pytest.raises(IndexError, match="the tree has 3 leaves"):
        inclusion_path(LEAVES[:3], index)
