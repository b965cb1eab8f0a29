"""Planned samples in compressed blocks: as they are made, and as they lie in the journal.

One by one they would be the largest part of a run's folder, and a million of them would fill the
memory; rendering them again at each use would be the largest part of a plan's time.
"""

from __future__ import annotations

import json
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from typing import Any, cast

from evalharness import jsontext
from evalharness.errors import RunCorruptError, TaskError
from evalharness.records import BESIDE_PROTOCOL, Sample

__all__ = ["BLOCK", "PackedSamples", "unpacked"]

#: Samples of a block.
BLOCK = 256
_LARGEST_BLOCK = 1 << 30
#: Bytes kept in memory; what is more lies in a temporary file.
_IN_MEMORY = 1 << 26


class PackedSamples:
    """A task's planned samples, in order, at some forty bytes each.

    What a plan says of them all is counted as they come, so that nobody unpacks them for it:
    ``characters`` of their messages, ``continuations``, and ``weighed``, the characters that are
    sent where a sample's messages go with each of its continuations.
    """

    def __init__(self) -> None:
        file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed with its owner
        weakref.finalize(self, file.close)
        self._file = file
        self._sizes: list[int] = []
        self._lines: list[bytes] = []
        self.count = self.characters = self.continuations = self.weighed = 0

    def add(self, sample: Sample, item: bytes) -> None:
        """Append one.

        Args:
            item: its `Sample.protocol_bytes`, which most of it is; the rest is `BESIDE_PROTOCOL`.
        """
        characters = sum([len(message.content) for message in sample.messages])
        asked = len(sample.continuations)
        self.count += 1
        self.characters += characters
        self.continuations += asked
        self.weighed += asked * characters
        ends = {
            name: value
            for name in BESIDE_PROTOCOL
            if (value := getattr(sample, name)) not in {None, ()}
        }
        # a tab never stands in JSON, nor does a line break
        self._lines.append(item + b"\t" + json.dumps(ends).encode("ascii") if ends else item)
        if len(self._lines) == BLOCK:
            self.flush()

    def flush(self) -> None:
        """End the block that was begun.

        Raises:
            TaskError: its samples are larger than any reader takes.
        """
        if not self._lines:
            return
        text = b"\n".join(self._lines)
        if len(text) > _LARGEST_BLOCK:
            raise TaskError(f"{BLOCK} samples take more than 1 GiB together; shorten them")
        self._lines = []
        block = zlib.compress(text)
        self._file.write(block)
        self._sizes.append(len(block))

    def blocks(self) -> Iterator[bytes]:
        """The blocks, each of at most `BLOCK` samples; the last may have fewer."""
        start = 0
        for size in self._sizes:
            self._file.seek(start)
            yield self._file.read(size)
            start += size

    def __iter__(self) -> Iterator[Sample]:
        for block in self.blocks():
            yield from unpacked(block)


def unpacked(block: bytes) -> Iterator[Sample]:
    """A block's samples, each made when it is its turn: all at once would hold up who else waits.

    Raises:
        RunCorruptError: it is no block, or one that nobody wrote.
    """
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(block, _LARGEST_BLOCK)
        if unpacker.unconsumed_tail:
            raise RunCorruptError("the plan holds a block larger than any that is written")
        for line in text.split(b"\n"):
            yield _sample(line)
    except (zlib.error, ValueError, TypeError, KeyError) as fault:
        raise RunCorruptError(
            f"the plan cannot be read ({type(fault).__name__}: {fault})"
        ) from None


def _sample(line: bytes) -> Sample:
    item, _, ends = line.partition(b"\t")
    data = jsontext.read(item)
    return Sample.from_json({**data, **json.loads(ends)} if ends else cast("dict[str, Any]", data))
