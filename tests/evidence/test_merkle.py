"""The Merkle tree of RFC 9162: published vectors, and proofs for every leaf of every small tree."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.evidence.merkle import leaf_digest, proof, proves, root


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


#: The leaves and roots that Certificate Transparency's implementations test with.
DATA = [bytes.fromhex(text) for text in
        ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
         "606162636465666768696a6b6c6d6e6f")]  # fmt: skip
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize("count", ROOTS)
def test_the_published_roots(count):
    assert root(map(leaf, DATA[:count])).hex() == ROOTS[count]


@given(st.integers(1, 70), st.data())
def test_every_leaf_is_proven_and_no_other(count, data):
    leaves = [leaf(bytes([n])) for n in range(count)]
    place = data.draw(st.integers(0, count - 1))
    path, top = proof(leaves, place), root(leaves)
    assert proves(leaves[place], place, count, path, top)
    assert not proves(leaf(b"another"), place, count, path, top)
    assert not proves(leaves[place], place, count, [*path, top], top)
    if count > 1:
        assert not proves(leaves[place], (place + 1) % count, count, path, top)
        assert not proves(leaves[place], place, count, path[:-1], top)


def test_a_place_outside_the_tree_is_no_proof():
    leaves = [leaf(data) for data in DATA]
    assert not proves(leaves[0], 8, 8, proof(leaves, 0), root(leaves))
    with pytest.raises(IndexError):
        proof(leaves, 8)


def test_timing_does_not_count_and_everything_else_does():
    row = {"task": "t", "response": "天", "latency_s": 0.5, "attempts": 2, "score_x": None}
    assert leaf_digest(row) == leaf_digest({**row, "latency_s": 9.0, "attempts": 1})
    assert leaf_digest(row) != leaf_digest({**row, "response": "地"})
    # None and no column at all are two different rows
    assert leaf_digest(row) != leaf_digest({k: v for k, v in row.items() if k != "score_x"})
