"""Loading a model from a folder: what is refused, and what to do about it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalharness.adapters.transformers import TransformersAdapter, TransformersOptions
from evalharness.errors import AdapterError, MissingExtraError, UnavailableError
from tests.adapters.transforming import adapter, ask, generate, one, passes, save, score

torch = pytest.importorskip("torch", reason="needs the extra local")
transformers = pytest.importorskip("transformers", reason="needs the extra local")


def test_construction_imports_no_torch(gpt2: Path) -> None:
    code = textwrap.dedent(f"""
        import sys
        from evalharness.adapters.transformers import TransformersAdapter, TransformersOptions
        TransformersAdapter(TransformersOptions(model={str(gpt2)!r})).capabilities
        print(sorted({{"torch", "transformers", "huggingface_hub"}} & set(sys.modules)))
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_library_names_the_pip_line(gpt2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"evalharness\[local\]"):
        adapter(gpt2)


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def only_bin(folder: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def missing_shard(folder: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (without("config.json"), "no config.json"),
        (without("model.safetensors"), "no weights"),
        (shutil.rmtree, "no such folder"),
        (only_bin, "allow_pickle: true"),
        (missing_shard, "1 of 2 weight files are missing"),
        (lambda folder: (folder / "adapter_config.json").write_text("{}"), "merge it"),
    ],
)
def test_an_unusable_folder_says_what_to_do(
    gpt2: Path, copy_of: Callable[[Path], Path], damage: Callable[[Path], Any], says: str
) -> None:
    folder = copy_of(gpt2)
    damage(folder)
    with pytest.raises(UnavailableError, match=says) as caught:
        adapter(folder)
    assert str(folder) in str(caught.value)


def test_pickled_weights_load_when_insisted_on(gpt2: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(gpt2)
    only_bin(folder)
    model = adapter(folder, allow_pickle=True)
    assert one(model, generate("maps")) == one(adapter(gpt2), generate("maps"))
    assert model.identity.digest != adapter(gpt2).identity.digest


def edit_config(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_model_with_code_of_its_own_is_refused(
    gpt2: Path, copy_of: Callable[[Path], Path]
) -> None:
    folder = copy_of(gpt2)
    code = {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"}
    edit_config(folder, auto_map=code)
    (folder / "code.py").write_text("raise SystemExit('this must never run')")
    assert one(adapter(folder), generate("maps")) == one(adapter(gpt2), generate("maps"))
    edit_config(folder, model_type="home-made", architectures=["M"])
    with pytest.raises(AdapterError, match=r"own code .*'home-made'"):
        ask(adapter(folder, chat_template="off"), generate("maps"))


def test_a_checkpoint_with_missing_weights_is_refused(
    gpt2: Path, copy_of: Callable[[Path], Path]
) -> None:
    from safetensors.torch import load_file, save_file

    folder = copy_of(gpt2)
    weights = load_file(folder / "model.safetensors")
    weights.pop("transformer.h.1.mlp.c_fc.weight")
    (folder / "model.safetensors").unlink()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(AdapterError, match=r"lacks 1 weights .*h\.1\.mlp\.c_fc"):
        ask(adapter(folder), generate("maps"))


def test_a_broken_file_is_one_sentence(gpt2: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(gpt2)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(b"nonsense" * 9)
    with pytest.raises(AdapterError, match="cannot load it: SafetensorError"):
        ask(adapter(folder), generate("maps"))
    (folder / "config.json").write_text("{")
    with pytest.raises(UnavailableError, match="JSON"):
        _ = adapter(folder).identity


@pytest.mark.filterwarnings("default")
def test_a_model_that_looks_ahead_is_refused(gpt2: Path, tmp_path: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(gpt2)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, initializer_range=0.3, is_decoder=False,
    )  # fmt: skip
    save(transformers.BertLMHeadModel, config, tokenizer, tmp_path / "bert")
    with pytest.raises(AdapterError, match="not causal"):
        ask(adapter(tmp_path / "bert"), generate("maps"))


def test_a_device_that_is_not_there(gpt2: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("it is there")
    model = TransformersAdapter(TransformersOptions(model=str(gpt2), device="cuda"))
    with pytest.raises(UnavailableError, match="device: cuda"):
        _ = model.identity


def test_half_precision_on_request(llama: Path) -> None:
    model = adapter(llama, dtype="bfloat16")
    exact = one(adapter(llama), score("what two", "yes no"))
    rough = one(model, score("what two", "yes no"))
    assert rough.loglikelihood == pytest.approx(exact.loglikelihood, rel=0.05)
    assert rough != exact
    runner = passes(model)
    assert runner.model.dtype == torch.bfloat16
