"""Adapters by name: lazily, with plugins, and with errors that say what to write."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, field_validator

from evalharness.adapters import registry
from evalharness.adapters.base import Adapter, Capabilities, ModelIdentity, Options
from evalharness.errors import AdapterError, ConfigError, UnavailableError
from evalharness.records import Failure, Message, Request, Response


class ParrotOptions(Options):
    voice: str = "loud"
    words: int = Field(default=3, ge=1)
    base_dir: Path | None = None

    @field_validator("voice")
    @classmethod
    def _not_silent(cls, value: str) -> str:
        if value == "silent":
            raise ValueError("a parrot is never silent")
        return value


class Parrot:
    """A third-party adapter."""

    Options = ParrotOptions
    identity = ModelIdentity("parrot", "polly")
    capabilities = Capabilities(frozenset({"generate"}))

    def __init__(self, options: ParrotOptions) -> None:
        self.options = options
        if options.voice == "gone":
            raise UnavailableError("polly has left")
        if options.voice == "broken":
            raise KeyError("wing")

    async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        return [Response("polly") for _ in requests]


class NoOptions:
    """Lacks what the contract asks for."""


class Package:
    """Stands in for an installed distribution."""

    def __init__(self, name: str) -> None:
        self.name, self.version = name, "1.2"


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretends that packages offer adapters: (name, value, distribution)."""

    def pretend(*offers: tuple[str, str, str]) -> None:
        points = []
        for name, value, package in offers:
            point = metadata.EntryPoint(name, value, registry.GROUP)
            vars(point)["dist"] = Package(package)
            points.append(point)
        monkeypatch.setattr(registry, "_entry_points", lambda: points)

    pretend()
    return pretend


def create(spec: Any, where: str = "target") -> Any:
    return registry.create(spec, base_dir=Path("/somewhere"), where=where)


PARROT = f"{__name__}:Parrot"
KNOWN = f"known: {', '.join(sorted(registry.BUILT_IN))}"


@pytest.mark.usefixtures("install")
def test_the_built_in_names_come_from_evalharness() -> None:
    assert registry.names() == dict.fromkeys(sorted(registry.BUILT_IN), "evalharness")


def test_a_plugin_is_listed_with_its_distribution(install: Any) -> None:
    install(("parrot", PARROT, "parrots"))
    assert registry.names()["parrot"] == "parrots 1.2"


def test_listing_imports_no_adapter() -> None:
    code = (
        "import sys; from evalharness.adapters import registry; registry.names(); "
        "print(sorted(m for m in sys.modules if m.split('.')[0] in "
        "('torch', 'transformers', 'pandas', 'detoxify', 'pyarrow') "
        "or m.startswith('evalharness.adapters.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['evalharness.adapters.base', 'evalharness.adapters.registry']"


def test_a_plugin_gets_its_options_and_the_folder(install: Any) -> None:
    install(("parrot", PARROT, "parrots"))
    adapter = create({"adapter": "parrot", "voice": "soft"})
    assert (adapter.options.voice, adapter.options.words) == ("soft", 3)
    assert adapter.options.base_dir == Path("/somewhere")


def test_a_text_is_the_name_alone(install: Any) -> None:
    install(("parrot", PARROT, "parrots"))
    assert create("parrot").options == create({"adapter": "parrot"}).options


def test_a_built_in_adapter_is_made(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def answer(text: str) -> str:\n    return text\n")
    adapter = registry.create(
        {"adapter": "function", "path": "./app.py:answer"}, base_dir=tmp_path, where="target"
    )
    assert adapter.identity.provider == "function"


@pytest.mark.usefixtures("install")
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("functoin", "target.adapter: there is no adapter 'functoin'; did you mean 'function'?"),
        ("functoin", f"({KNOWN})"),
        ("zzz", f"target.adapter: there is no adapter 'zzz'; {KNOWN}"),
        ("gpt/2", "write `adapter: transformers` and `model: gpt/2`"),
        ({"model": "x"}, f"target.adapter: name the adapter; {KNOWN}"),
        ({"adapter": 3}, "target.adapter: expected a name, found 3"),
        ({"adapter": ""}, "target.adapter: expected a name, found ''"),
    ],
)
def test_an_unknown_name_is_a_sentence(spec: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        create(spec)
    assert message in str(caught.value)


@pytest.mark.usefixtures("install")
def test_every_wrong_field_has_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        create(
            {"adapter": "transformers", "modle": "x", "dtype": "int4", "batch_size": "many"},
            where="judge",
        )
    lines = str(caught.value).splitlines()
    assert "judge.modle: there is no such field; did you mean 'model'?" in lines
    assert "judge.model: this field is required; add it" in lines
    assert any(
        line.startswith("judge.dtype: 'int4' is not known; allowed: 'auto', 'float32'")
        for line in lines
    )
    assert any(line.startswith("judge.batch_size: ") and "found 'many'" in line for line in lines)
    assert len(lines) == 4


def test_a_value_of_an_unknown_field_is_not_shown(install: Any) -> None:
    install(("parrot", PARROT, "parrots"))
    with pytest.raises(ConfigError) as caught:
        create({"adapter": "parrot", "api_key": "sk-secret"})
    assert "sk-secret" not in str(caught.value)


def test_the_loader_alone_sets_the_folder(install: Any) -> None:
    install(("parrot", PARROT, "parrots"))
    with pytest.raises(ConfigError, match=r"target.base_dir: there is no such field"):
        create({"adapter": "parrot", "base_dir": "/etc"})


def test_a_validators_own_words_are_kept(install: Any) -> None:
    install(("parrot", PARROT, "parrots"))
    with pytest.raises(ConfigError, match=r"^target.voice: a parrot is never silent$"):
        create({"adapter": "parrot", "voice": "silent"})


def test_a_long_value_is_cut(install: Any) -> None:
    install(("parrot", PARROT, "parrots"))
    with pytest.raises(ConfigError) as caught:
        create({"adapter": "parrot", "words": "x" * 10_000})
    assert len(str(caught.value)) < 250


def test_a_plugin_may_not_take_a_built_in_name(install: Any) -> None:
    install(("replay", PARROT, "parrots"))
    for act in (registry.names, lambda: create("function")):
        with pytest.raises(AdapterError, match=r"parrots 1.2 offers an adapter 'replay'"):
            act()


def test_two_plugins_may_not_share_a_name(install: Any) -> None:
    install(("parrot", PARROT, "parrots"), ("parrot", PARROT, "cages"))
    with pytest.raises(AdapterError, match=r"cages 1.2 .*parrots 1.2 has taken"):
        registry.names()


def test_a_plugin_that_fails_to_import_names_its_distribution(install: Any) -> None:
    install(("parrot", "no_such_module_anywhere:Parrot", "parrots"))
    assert registry.names()["parrot"] == "parrots 1.2"
    with pytest.raises(AdapterError, match=r"of parrots 1.2 .*cannot be imported: ModuleNotFound"):
        create("parrot")


def test_a_plugin_without_options_is_refused(install: Any) -> None:
    install(("parrot", f"{__name__}:NoOptions", "parrots"))
    with pytest.raises(AdapterError, match=r"parrots 1.2 has no class attribute 'Options'"):
        create("parrot")


def test_a_plugins_own_errors_pass_and_others_are_named(install: Any) -> None:
    install(("parrot", PARROT, "parrots"))
    with pytest.raises(UnavailableError, match=r"^polly has left$"):
        create({"adapter": "parrot", "voice": "gone"})
    with pytest.raises(AdapterError, match=r"parrots 1.2 cannot be set up: KeyError: 'wing'"):
        create({"adapter": "parrot", "voice": "broken"})


def test_the_adapter_in_the_documentation_works(
    install: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "adapters" / "index.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    name = f"shout_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    install(("shout", f"{name}:ShoutAdapter", "shouting"))
    adapter = create({"adapter": "shout", "mark": "?"})
    assert isinstance(adapter, Adapter)
    found = asyncio.run(adapter.respond([Request("generate", messages=(Message("user", "so"),))]))
    assert found == [Response("SO?")]


# -- limits that any model may have ----------------------------------------------------------------


def test_rates_stand_beside_any_model_and_reach_the_engine(tmp_path):
    spec = {"adapter": "reference", "model": "random", "requests_per_minute": 60,
            "tokens_per_minute": 5000, "wrap": [{"prefix": "Please. "}]}  # fmt: skip
    limited = registry.create(spec, base_dir=tmp_path, where="target")
    free = {"adapter": "reference", "model": "random", "wrap": [{"prefix": "Please. "}]}
    other = registry.create(free, base_dir=tmp_path, where="target")
    assert limited.capabilities.requests_per_minute == 60
    assert limited.capabilities.tokens_per_minute == 5000
    assert other.capabilities.requests_per_minute is None
    assert limited.identity == other.identity, "how fast a model is asked changes no answer"


@pytest.mark.parametrize("value", [0, -1, 1.5, "many", True])
def test_a_rate_is_a_whole_number(tmp_path, value):
    spec = {"adapter": "reference", "model": "random", "requests_per_minute": value}
    with pytest.raises(ConfigError, match=r"target\.requests_per_minute: expected a whole number"):
        registry.create(spec, base_dir=tmp_path, where="target")


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
@pytest.mark.parametrize(
    ("option", "spec"),
    [
        ("timeout_total", {"adapter": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m"}),
        ("timeout_connect", {"adapter": "http", "url": "http://127.0.0.1:9", "body": {}}),
        ("timeout", {"adapter": "command", "command": "cat"}),
        ("rate", {"adapter": "reference", "model": "planted"}),
    ],
)
def test_an_endless_number_is_refused_before_the_first_call(tmp_path, option, spec, value):
    """With `timeout_total: .inf` every sample was errored."""
    with pytest.raises(ConfigError, match=rf"target\.{option}: input should be a finite number"):
        registry.create({**spec, option: value}, base_dir=tmp_path, where="target")


def test_a_rate_of_null_is_none(tmp_path):
    spec = {"adapter": "reference", "model": "random", "requests_per_minute": None}
    made = registry.create(spec, base_dir=tmp_path, where="target")
    assert made.capabilities.requests_per_minute is None
