"""A Merkle tree over the rows of samples.parquet: one digest for all, and a proof for one.

With the root signed, a single row can be shown, and proven to be one of those that the figures
were made from, while all others stay withheld.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalharness.store.samples import TIMING_COLUMNS

__all__ = ["ALGORITHM", "leaf_digest", "leaves_of", "proof", "proves", "root"]

#: What a statement says of how the root is made.
ALGORITHM = (
    "RFC 9162 section 2.1 with SHA-256; a leaf is a row of samples.parquet without "
    f"{' and '.join(TIMING_COLUMNS)}, as JSON in UTF-8 with sorted keys and no spaces"
)

#: Rows that are read at once.
_BATCH = 4_096


def leaf_digest(row: Mapping[str, Any]) -> bytes:
    """The digest of one row, 32 bytes; timing columns do not count."""
    kept = {name: value for name, value in row.items() if name not in TIMING_COLUMNS}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"\x00" + text.encode()).digest()


def leaves_of(samples: Path) -> Iterator[bytes]:
    """The digest of each row of a table of samples, in its order."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(samples) as file:
        for batch in file.iter_batches(_BATCH, use_threads=False):
            for row in batch.to_pylist():
                yield leaf_digest(row)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """The root of the tree, 32 bytes; of no leaves the digest of nothing.

    Source: RFC 9162, section 2.1.1, https://www.rfc-editor.org/rfc/rfc9162. Memory grows with the
    logarithm of the number of leaves.
    """
    stack: list[tuple[int, bytes]] = []  # (leaves below, digest), larger subtrees first
    for leaf in leaves:
        size, digest = 1, leaf
        while stack and stack[-1][0] == size:
            digest = _node(stack.pop()[1], digest)
            size *= 2
        stack.append((size, digest))
    if not stack:
        return hashlib.sha256(b"").digest()
    digest = stack.pop()[1]
    while stack:
        digest = _node(stack.pop()[1], digest)
    return digest


def proof(leaves: Sequence[bytes], place: int) -> list[bytes]:
    """The digests that lead from one leaf to the root, nearest first.

    Raises:
        IndexError: there is no such leaf.

    Source: RFC 9162, section 2.1.3.1.
    """
    if not 0 <= place < len(leaves):
        raise IndexError(f"leaf {place} of {len(leaves)}")
    if len(leaves) == 1:
        return []
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    if place < half:
        return [*proof(leaves[:half], place), root(leaves[half:])]
    return [*proof(leaves[half:], place - half), root(leaves[:half])]


def proves(leaf: bytes, place: int, count: int, path: Sequence[bytes], expected: bytes) -> bool:
    """Whether a proof leads from a leaf to the root that was signed.

    Args:
        place, count: which leaf of how many.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= place < count:
        return False
    node, last, digest = place, count - 1, leaf
    for step in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            digest = _node(step, digest)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            digest = _node(digest, step)
        node >>= 1
        last >>= 1
    return last == 0 and digest == expected
