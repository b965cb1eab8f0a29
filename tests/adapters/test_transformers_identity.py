"""What a model on this machine is known by: all that changes an answer, never where it lies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evalharness.adapters.base import Adapter
from evalharness.adapters.transformers import TransformersOptions
from tests.adapters.transforming import CHAT, adapter


def test_identity_says_what_the_model_is_and_never_where(llama: Path) -> None:
    model = adapter(llama, system="small towns")
    found = model.identity
    assert isinstance(model, Adapter)
    assert (found.provider, found.model, found.backend) == ("transformers", "tiny-llama", "torch")
    assert (found.dtype, found.revision, len(found.digest or "")) == ("float32", None, 64)
    assert len(found.chat_template or "") == 16
    assert len(found.system_prompt or "") == 64
    assert str(llama.parent) not in json.dumps(found.to_json())
    assert found == adapter(llama, system="small towns", batch_size=3, token_budget=9).identity


def test_identity_is_the_same_for_a_copy_and_by_a_relative_path(
    llama: Path, copy_of: Callable[[Path], Path]
) -> None:
    folder = copy_of(llama)
    (folder / "README.md").write_text("not part of the model")
    base = adapter("./tiny-llama", base_dir=folder.parent)
    assert base.identity == adapter(llama).identity == adapter(folder).identity
    assert "base_dir" not in base.options.model_dump()


def test_identity_changes_with_whatever_changes_answers(
    llama: Path, copy_of: Callable[[Path], Path]
) -> None:
    found = [adapter(llama).identity, adapter(llama, system="x").identity]
    found.append(adapter(llama, chat_template="off").identity)
    found.append(adapter(llama, dtype="bfloat16").identity)
    folder = copy_of(llama)
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-3] ^= 1
    weights.chmod(0o600)
    weights.write_bytes(data)
    found.append(adapter(folder).identity)
    (folder / "chat_template.jinja").write_text(CHAT + " ")
    found.append(adapter(folder).identity)
    assert len({json.dumps(identity.to_json()) for identity in found}) == len(found)
    assert found[2].chat_template == "none"


def test_capabilities_and_options(gpt2: Path) -> None:
    model = adapter(gpt2, batch_size=7)
    assert model.capabilities.kinds == {"generate", "loglikelihood"}
    assert model.capabilities.batch_size == 7
    assert all(f.description for f in TransformersOptions.model_fields.values())
    with pytest.raises(ValueError, match="extra"):
        TransformersOptions.model_validate({"model": "x", "trust_remote_code": True})
