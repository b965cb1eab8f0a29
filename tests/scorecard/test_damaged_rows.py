"""A damaged table of samples is an error, never the end of the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from evalharness.scorecard.rows import task_parts
from evalharness.store.samples import SamplesWriter

READ_EACH = """\
import sys
from pathlib import Path
from evalharness.scorecard.rows import task_parts
data, damaged = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])
read = refused = 0
footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
for at in range(footer - 200, len(data)):
    changed = bytearray(data)
    changed[at] ^= 1
    damaged.write_bytes(bytes(changed))
    try:
        list(task_parts(damaged, "one", lambda name: True))
        read += 1
    except Exception:
        refused += 1
print(read, refused)
"""


def written(path):
    with SamplesWriter(path, ["correct"]) as table:
        for number in range(30):
            table.write(
                [{"task": "one" if number % 3 else "two", "sample_id": f"q{number}", "epoch": 0,
                  "generation": 0, "outcome": "answered", "score_correct": 1.0}]
            )  # fmt: skip
    return path


def test_the_rows_of_one_task_are_read_in_order(tmp_path):
    path = written(tmp_path / "samples.parquet")
    (part,) = task_parts(path, "one", lambda name: name == "sample_id")
    assert part["sample_id"].to_pylist() == [f"q{n}" for n in range(30) if n % 3]
    assert list(task_parts(path, "three", lambda _: True)) == []


@pytest.mark.full
def test_no_changed_byte_of_the_footer_ends_the_process(tmp_path):
    path = written(tmp_path / "samples.parquet")
    command = [sys.executable, "-c", READ_EACH, str(path), str(tmp_path / "damaged.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    read, refused = map(int, done.stdout.split())
    assert refused > 500
    assert read + refused > 2000
