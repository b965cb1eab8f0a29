"""The training script, for a few steps."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra local")
pytest.importorskip("transformers", reason="needs the extra local")


def train(out: Path) -> dict[str, str]:
    """Train in a process of its own (it sets torch up for itself); file -> digest."""
    subprocess.run(
        [sys.executable, "-m", "evalharness.demo.train", "--steps", "20", "--out", str(out)],
        check=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
    )
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


@pytest.mark.full
def test_training_leaves_the_files_and_is_deterministic(tmp_path: Path) -> None:
    first = train(tmp_path / "first")
    assert {
        "model/config.json", "model/model.safetensors", "model/tokenizer.json",
        "toxicity/bert/config.json", "toxicity/bert/tokenizer.json", "toxicity/bert/vocab.txt",
        "toxicity/demo_toxicity.ckpt",
    } <= set(first)  # fmt: skip
    assert train(tmp_path / "second") == first
