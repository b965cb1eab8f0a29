"""Any callable as a model: found by path or at hand, sync or async, and never raising."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalharness.adapters.base import Adapter
from evalharness.adapters.function import FunctionAdapter, FunctionOptions
from evalharness.errors import AdapterError, ConfigError
from evalharness.records import Failure, Message, Request, Response

TURNS = (Message("system", "Be brief."), Message("user", "Why?"))
ASK = Request("generate", messages=TURNS)


def ask(adapter: FunctionAdapter, *requests: Request) -> list[Response | Failure]:
    return list(asyncio.run(_respond(adapter, requests or (ASK,))))


async def _respond(
    adapter: FunctionAdapter, requests: Sequence[Request]
) -> Sequence[Response | Failure]:
    return await adapter.respond(requests)


def call(fn: Callable[..., Any], **options: Any) -> Response | Failure:
    return ask(FunctionAdapter.from_callable(fn, **options))[0]


def load(path: str, base_dir: Path | None = None, **options: Any) -> FunctionAdapter:
    return FunctionAdapter(FunctionOptions(path=path, base_dir=base_dir, **options))


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Shop:\n    greeting: str\n"
        "    def answer(self, text: str) -> str:\n        return self.greeting + text\n"
        "shop = Shop('hello ')\n"
        "def answer(text):\n    return text.upper()\n"
        "number = 3\n"
    )
    return tmp_path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that can be imported; the import does not outlive the test."""
    name = f"shop_{tmp_path.name.replace('-', '_')}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / name / "chat.py").write_text("def answer(text):\n    return 'hi ' + text\n")
    (tmp_path / name / "broken.py").write_text("raise RuntimeError('no database')\n")
    (tmp_path / name / "needy.py").write_text("import a_module_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for module in [m for m in sys.modules if m.split(".")[0] == name]:
        del sys.modules[module]


# -- calling -------------------------------------------------------------------------------------


def test_it_is_an_adapter() -> None:
    adapter = FunctionAdapter.from_callable(str.upper)
    assert isinstance(adapter, Adapter)
    assert adapter.capabilities.kinds == {"generate"}
    assert (adapter.capabilities.batch_size, adapter.capabilities.concurrency) == (1, 8)


def test_a_text_function_gets_the_contents_parted_by_blank_lines() -> None:
    assert call(lambda text: text) == Response("Be brief.\n\nWhy?")


def test_a_function_of_messages_gets_dicts() -> None:
    def answer(messages: Any) -> str:
        assert all(type(message) is dict for message in messages)
        return "|".join(f"{m['role']}: {m['content']}" for m in messages)

    assert call(answer) == Response("system: Be brief.|user: Why?")


def _plain(conversation: list[dict[str, str]]) -> str:
    return type(conversation).__name__


def _abstract(conversation: Sequence[dict[str, str]]) -> str:
    return type(conversation).__name__


def _typed_text(text: str) -> str:
    return type(text).__name__


def _untyped(text):  # type: ignore[no-untyped-def]  # a user's, without types
    return type(text).__name__


def _unresolved(conversation: list[NoSuchType]) -> str:  # type: ignore[name-defined]  # noqa: F821
    return type(conversation).__name__


def _either(text: str | list[str]) -> str:
    return type(text).__name__


class Method:
    def answer(self, messages: Any) -> str:
        return type(messages).__name__

    def __call__(self, turns: list[Any]) -> str:
        return type(turns).__name__


@pytest.mark.parametrize(
    ("fn", "kind"),
    [
        (_plain, "list"),
        (_abstract, "list"),
        (_unresolved, "list"),
        (Method().answer, "list"),
        (Method(), "list"),
        (functools.partial(lambda _prefix, messages: type(messages).__name__, "x"), "list"),
        (_typed_text, "str"),
        (_untyped, "str"),
        (_either, "str"),
    ],
)
def test_auto_reads_the_first_parameter(fn: Callable[..., Any], kind: str) -> None:
    assert call(fn) == Response(kind)


def test_the_option_beats_the_parameter() -> None:
    assert call(_plain, input="text") == Response("str")
    assert call(_typed_text, input="messages") == Response("list")


def test_an_async_function_is_awaited() -> None:
    async def answer(text: str) -> str:
        await asyncio.sleep(0)
        return text[:2]

    class Service:
        async def __call__(self, text: str) -> str:
            return text[:3]

    assert call(answer) == Response("Be")
    assert call(Service()) == Response("Be ")
    assert call(lambda text: answer(text)) == Response("Be")  # noqa: PLW0108 - a sync front


def test_a_sync_front_of_an_async_function_is_not_awaited() -> None:
    async def inner(text: str) -> str:
        return text

    @functools.wraps(inner)
    def front(text: str) -> str:
        return asyncio.run(inner(text))

    assert call(front) == Response("Be brief.\n\nWhy?")


def test_sync_functions_run_side_by_side_in_threads() -> None:
    together = threading.Barrier(12, timeout=10)

    def answer(_text: str) -> str:
        together.wait()  # passes only once twelve calls are in flight
        return threading.current_thread().name.split("_")[0]

    adapter = FunctionAdapter.from_callable(answer, concurrency=12)
    assert ask(adapter, *[ASK] * 12) == [Response("function")] * 12


def test_answers_keep_their_places() -> None:
    def answer(text: str) -> str:
        time.sleep(0.02 if text == "0" else 0)
        return text

    requests = [Request("generate", messages=(Message("user", str(i)),)) for i in range(20)]
    found = ask(FunctionAdapter.from_callable(answer), *requests)
    assert found == [Response(str(i)) for i in range(20)]


def test_no_requests_no_answers() -> None:
    assert asyncio.run(_respond(FunctionAdapter.from_callable(str.upper), [])) == []


# -- what goes wrong -----------------------------------------------------------------------------


def test_none_is_an_empty_answer() -> None:
    assert call(lambda _text: None) == Response("")
    assert call(lambda _text: "") == Response("")


@pytest.mark.parametrize("value", [3, b"yes", ["yes"], {"text": "yes"}, float("nan")])
def test_what_is_no_text_is_a_failure(value: Any) -> None:
    found = call(lambda _text: value)
    assert found == Failure(f"the function returned {type(value).__name__}, not text (str)")


def _raise(fault: BaseException) -> Callable[[str], str]:
    def answer(text: str) -> str:
        secret = "sk-local"  # noqa: F841, S105 - must not show up
        raise fault

    return answer


def _raise_async(fault: BaseException) -> Callable[[str], Any]:
    async def answer(text: str) -> str:
        raise fault

    return answer


class _Mute(Exception):  # noqa: N818 - a user's name
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("make", [_raise, _raise_async])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (ValueError("bad input"), "ValueError: bad input"),
        (KeyError("k"), "KeyError: 'k'"),
        (TimeoutError(), "TimeoutError"),
        (SystemExit(2), "SystemExit: 2"),
        (asyncio.CancelledError("mine"), "CancelledError: mine"),
        (_Mute(), "_Mute: (its message cannot be read)"),
    ],
)
def test_an_exception_is_a_failure_of_that_item(
    make: Callable[[BaseException], Callable[[str], Any]], fault: BaseException, reason: str
) -> None:
    assert call(make(fault)) == Failure(reason)


def test_a_stop_iteration_does_not_hang() -> None:
    found = call(_raise(StopIteration("done")))
    assert found == Failure("StopIteration: done")


def test_a_long_message_is_cut() -> None:
    found = call(_raise(ValueError("x" * 10_000)))
    assert isinstance(found, Failure)
    assert len(found.reason) == 500


def test_one_failure_leaves_the_others_alone() -> None:
    def answer(text: str) -> str:
        if text == "1":
            raise ValueError(text)
        return text

    requests = [Request("generate", messages=(Message("user", str(i)),)) for i in range(3)]
    found = ask(FunctionAdapter.from_callable(answer), *requests)
    assert found == [Response("0"), Failure("ValueError: 1"), Response("2")]


def test_a_cancelled_run_is_cancelled() -> None:
    async def answer(text: str) -> str:
        await asyncio.sleep(60)
        return text

    async def main() -> None:
        adapter = FunctionAdapter.from_callable(answer)
        asking = asyncio.create_task(_respond(adapter, [ASK]))
        await asyncio.sleep(0.01)
        asking.cancel()
        await asking

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_other_kinds_are_not_run() -> None:
    found = ask(FunctionAdapter.from_callable(str.upper), Request("classify", text="x"))
    assert found == [Failure("a function answers no classify requests", outcome="not_run")]


# -- finding the callable ------------------------------------------------------------------------


def test_a_file_beside_the_configuration(app: Path) -> None:
    adapter = load("./app.py:answer", app)
    assert ask(adapter) == [Response("BE BRIEF.\n\nWHY?")]
    assert adapter.identity.model == "app.py:answer"
    assert adapter.identity.digest == hashlib.sha256((app / "app.py").read_bytes()).hexdigest()
    assert str(app) not in str(adapter.identity.to_json())
    assert "app" not in sys.modules


def test_a_method_of_an_object_in_a_file(app: Path) -> None:
    assert ask(load("./app.py:shop.answer", app)) == [Response("hello Be brief.\n\nWhy?")]


def test_a_changed_file_is_another_model(app: Path) -> None:
    before = load("./app.py:answer", app)
    assert load("./app.py:answer", app).identity == before.identity
    (app / "app.py").write_text("def answer(text):\n    return 'changed'\n")
    after = load("./app.py:answer", app)
    assert after.identity.digest != before.identity.digest
    assert (ask(after), ask(before)) == ([Response("changed")], [Response("BE BRIEF.\n\nWHY?")])


def test_a_module_by_name(package: str) -> None:
    adapter = load(f"{package}.chat:answer", name=None, version="2.1")
    assert ask(adapter) == [Response("hi Be brief.\n\nWhy?")]
    assert (adapter.identity.model, adapter.identity.revision) == (f"{package}.chat:answer", "2.1")
    assert adapter.identity.digest is not None


def test_a_name_for_the_application(package: str) -> None:
    assert load(f"{package}.chat:answer", name="Shop assistant").identity.model == "Shop assistant"


def test_identity_of_a_callable_at_hand() -> None:
    identity = FunctionAdapter.from_callable(_typed_text).identity
    assert identity.model == f"{__name__}:_typed_text"
    assert identity.digest == hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    assert FunctionAdapter.from_callable(Method()).identity.digest == identity.digest
    assert FunctionAdapter.from_callable(functools.partial(_plain)).identity.model.endswith(
        ":_plain"
    )
    assert FunctionAdapter.from_callable(len).identity.digest is None
    assert FunctionAdapter.from_callable(_plain, name="app", version="3").identity.revision == "3"


@pytest.mark.parametrize("path", ["app", "./app.py", ":answer", "app:", "app:an swer", "a:b c.d"])
def test_a_path_names_module_and_callable(path: str) -> None:
    with pytest.raises(ValueError, match=r"names no callable; write 'package.module:name'"):
        load(path)


def test_what_is_missing_is_named(app: Path, package: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no module 'no_such_package'"):
        load("no_such_package.chat:answer")
    with pytest.raises(ConfigError, match=r"there is no module '\w+.nope'"):
        load(f"{package}.nope:answer")
    with pytest.raises(ConfigError, match=r"gone.py cannot be read \(No such file"):
        load("./gone.py:answer", app)
    with pytest.raises(ConfigError, match=r"there is no 'reply'; functions there: answer$"):
        load("./app.py:reply", app)
    (app / "notes.txt").write_text("")
    with pytest.raises(ConfigError, match=r"notes.txt is no Python file"):
        load("./notes.txt:answer", app)


def test_a_module_that_fails_to_import_says_why(app: Path, package: str) -> None:
    with pytest.raises(AdapterError, match=r"broken cannot be imported: RuntimeError: no database"):
        load(f"{package}.broken:answer")
    with pytest.raises(AdapterError, match=r"needy cannot be imported: ModuleNotFoundError"):
        load(f"{package}.needy:answer")
    (app / "bad.py").write_text("def answer(:\n")
    with pytest.raises(AdapterError, match=r"bad.py cannot be imported: SyntaxError"):
        load("./bad.py:answer", app)
    assert not [name for name in sys.modules if "bad" in name and name.startswith("_evalharness")]


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("number", "is of type int, and no function"),
        ("Shop", "is a class, and no function"),
        ("Shop.answer", "cannot be called with one argument"),
    ],
)
def test_what_cannot_be_called_is_refused(app: Path, attribute: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(f"./app.py:{attribute}", app)


def test_a_function_with_further_arguments_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be called with one argument"):
        FunctionAdapter.from_callable(lambda a, _b: a)
    with pytest.raises(ConfigError, match="cannot be called with one argument"):
        FunctionAdapter.from_callable(lambda: "x")
    assert call(lambda text, *, _temperature=0: text[:2]) == Response("Be")


def test_the_function_in_the_documentation_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "adapters" / "function.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "app.py").write_text(code)
    adapter = load("./app.py:answer", tmp_path, name="Travel assistant", version="2.1")
    request = Request("generate", messages=(Message("user", "The capital of Australia?"),))
    assert ask(adapter, request) == [Response("Canberra")]


# -- which callable is which -----------------------------------------------------------------------


class Bot:
    """An application with a state that its source does not show."""

    def __init__(self, word: str) -> None:
        self.word = word

    def __call__(self, text: str) -> str:
        return self.word


def module_function(text: str) -> str:
    return "known by its source"


@pytest.mark.parametrize("make", [lambda word: lambda text: word, Bot], ids=["closure", "instance"])
def test_what_a_source_does_not_show_is_another_model_each_time(
    make: Callable[[str], Callable[[str], str]],
) -> None:
    one, other = (FunctionAdapter.from_callable(make(word)).identity for word in "AB")
    assert one != other
    again = make("A")
    assert (
        FunctionAdapter.from_callable(again).identity
        != FunctionAdapter.from_callable(again).identity
    )


def test_a_version_vouches_for_a_callable() -> None:
    one, other = (
        FunctionAdapter.from_callable(Bot("A"), name="bot", version="1").identity for _ in range(2)
    )
    assert one == other
    assert one.revision == "1"


def test_a_plain_function_of_a_module_is_known_by_its_source() -> None:
    one, other = (FunctionAdapter.from_callable(module_function).identity for _ in range(2))
    assert one == other
    assert one.digest


def test_a_second_lambda_gets_none_of_the_firsts_answers(tmp_path: Path) -> None:
    """Two lambdas of one file had one run id, and the second showed the first one's figures."""
    import evalharness

    answers = []
    for word in ("A", "B"):
        run = evalharness.run(
            {"target": lambda text, word=word: word, "tasks": ["quickstart_factuality"],
             "limit": 5},
            out=tmp_path,
        )  # fmt: skip
        answers.append(set(run.samples["response"]))
    assert answers == [{"A"}, {"B"}]
