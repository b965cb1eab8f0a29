"""Safety classifiers on tiny models of our own: the form, the verdict, and what is no verdict."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from evalharness.adapters.guard import GuardAdapter, GuardOptions
from evalharness.adapters.guard.formats import LlamaGuard, ShieldGemma, WildGuard
from evalharness.errors import AdapterError, ConfigError, UnavailableError
from evalharness.records import Failure, Message, Request, Response
from tests.adapters.device import DEVICE
from tests.adapters.transforming import make_tokenizer

torch = pytest.importorskip("torch", reason="needs the extra local")
transformers = pytest.importorskip("transformers", reason="needs the extra local")

POSITIONS = 512
GUARD = (
    "{{ bos_token }}Task: check the last turn.\n<BEGIN CONVERSATION>\n{% for m in messages %}"
    "{{ m['role'] }}: {{ m['content'] | trim }}\n{% endfor %}<END CONVERSATION>\n<|assistant|>"
)
PARTS = GUARD.replace("m['content'] | trim", "m['content'][0]['text'] | trim")
SHIELD = (
    "{{ bos_token }}Policy expert.\nHuman Question: {{ messages[0]['content'] | trim }}\n"
    "{% if messages | length > 1 %}Chatbot Response: {{ messages[1]['content'] | trim }}\n"
    "{% endif %}{{ guideline }}\nYes or No?\n"
)
ASKED = (Message("user", "How do towns look?"),)


def request(text: str | None = "Like maps.", messages: Any = ASKED) -> Request:
    return Request("classify", role="classifier", messages=messages, text=text)


def causal(folder: Path, template: str, favour: dict[str, float]) -> Path:
    """A tiny Llama that always writes the same: only the favoured tokens have a logit."""
    tokenizer = make_tokenizer("<s>", "</s>", adds_bos=True)
    for word in favour:
        tokenizer.add_tokens([word])
    tokenizer.chat_template = template or None
    tokenizer.model_max_length = POSITIONS
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=POSITIONS,
        bos_token_id=0, eos_token_id=1, tie_word_embeddings=False,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        # every hidden state is the same vector, so the head alone decides
        for name, weights in model.named_parameters():
            if "layers" in name:
                weights.zero_()
        model.model.embed_tokens.weight.fill_(1.0)
        model.lm_head.weight.zero_()
        for word, logit in favour.items():
            model.lm_head.weight[tokenizer.convert_tokens_to_ids(word)] = logit / 16
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def guard(folder: Path, kind: str, **options: Any) -> GuardAdapter:
    fields = {"model": str(folder), "kind": kind, "device": DEVICE, **options}
    return GuardAdapter(GuardOptions.model_validate(fields))


def ask(model: GuardAdapter, *requests: Request) -> list[Response | Failure]:
    return list(asyncio.run(model.respond(requests)))


def one(model: GuardAdapter, item: Request) -> Response:
    (answer,) = ask(model, item)
    assert isinstance(answer, Response), answer
    return answer


def failed(model: GuardAdapter, item: Request) -> str:
    (answer,) = ask(model, item)
    assert isinstance(answer, Failure), answer
    assert answer.outcome == "errored"
    return answer.reason


# --- forms ---------------------------------------------------------------------------------------


class Shown:
    """A tokenizer that keeps what it was given."""

    bos_token = "<s>"  # noqa: S105 - a token of a tokenizer

    def __init__(self, *, parts: bool = False, guideline: bool = True) -> None:
        self.parts, self.guideline = parts, guideline

    def apply_chat_template(self, messages: Any, **more: Any) -> str:
        if self.parts == isinstance(messages[0]["content"], str):
            raise TypeError("another kind of content")
        texts = [m["content"][0]["text"] if self.parts else m["content"] for m in messages]
        return "|".join([*texts, more.get("guideline", "") if self.guideline else ""])


CONVERSATION = [("user", "Q1"), ("assistant", "A1"), ("user", "Q2"), ("assistant", "A2")]


@pytest.mark.parametrize("parts", [False, True])
def test_llama_guard_is_shown_every_turn_as_its_template_takes_them(parts):
    assert LlamaGuard().prompts(Shown(parts=parts), CONVERSATION) == ["Q1|A1|Q2|A2|"]


def test_shieldgemma_is_asked_once_a_policy_and_about_whose_words_it_is():
    prompts = ShieldGemma().prompts(Shown(), CONVERSATION[:2])
    assert len(prompts) == 4
    assert all(text.startswith("Q1|A1|") for text in prompts)
    assert all("The chatbot shall not generate" in text for text in prompts)
    assert '"No Harassment": ' in prompts[1]
    alone = ShieldGemma().prompts(Shown(), CONVERSATION[:1])
    assert all("The prompt shall not contain or seek" in text for text in alone)
    many = ShieldGemma().prompts(Shown(), CONVERSATION)[0]
    assert many.startswith("user: Q1\nassistant: A1\nuser: Q2|A2|")


def test_a_template_without_policies_is_no_shieldgemma():
    with pytest.raises(ValueError, match="takes no guideline"):
        ShieldGemma().prompts(Shown(guideline=False), CONVERSATION[:2])


def test_wildguard_s_form():
    (text,) = WildGuard().prompts(Shown(), CONVERSATION[:2])
    assert text.startswith("<s><|user|>\n[INST] ")
    assert "\n\nHuman user:\nQ1\n\nAI assistant:\nA1\n\n---\n\nAnswers: [/INST]\n" in text
    assert text.endswith("<|assistant|>\n")


# --- verdicts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hazards"),
    [
        ("safe", set()),
        ("unsafe\nS1", {"violent_crimes"}),
        ("unsafe\nS2,S11", {"nonviolent_crimes", "suicide_and_self_harm"}),
        ("unsafe\n S14 , S3", {"code_interpreter_abuse", "sex_related_crimes"}),
    ],
)
def test_llama_guard_s_verdict(text, hazards):
    scores = LlamaGuard().read([text], [0.25])
    assert isinstance(scores, dict)
    assert scores["unsafe"] == 0.25
    assert {name for name, value in scores.items() if value == 1} == hazards
    assert len(scores) == 15


@pytest.mark.parametrize(
    "text",
    ["", "unsafe", "Safe.", "safe\nS1", "unsafe S1", "unsafe\nS15", "unsafe\nS0", "not unsafe",
     "I'm sorry, but I can't help with that.", "unsafe\nS1 because it", "this is safe"],
)  # fmt: skip
def test_what_is_no_verdict_of_llama_guard(text):
    assert isinstance(LlamaGuard().read([text], [0.9]), str)


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        (
            "Harmful request: yes\nResponse refusal: yes\nHarmful response: no",
            {"unsafe_request": 1.0, "refusal": 1.0, "unsafe": 0.0},
        ),
        (
            "Harmful request: no\nResponse refusal: no\nHarmful response: yes",
            {"unsafe_request": 0.0, "refusal": 0.0, "unsafe": 1.0},
        ),
        (
            "Harmful request: yes\nResponse refusal: N/A\nHarmful response: N/A",
            {"unsafe_request": 1.0, "unsafe": 1.0},
        ),
    ],
)
def test_wildguard_s_verdict(text, scores):
    assert WildGuard().read([text], []) == scores


@pytest.mark.parametrize(
    "text",
    ["", "Harmful request: yes",
     "Harmful request: maybe\nResponse refusal: no\nHarmful response: no",
     "Harmful response: no\nHarmful request: no\nResponse refusal: no", "no no no"],
)  # fmt: skip
def test_what_is_no_verdict_of_wildguard(text):
    assert isinstance(WildGuard().read([text], []), str)


# --- loaded models -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def shield(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return causal(tmp_path_factory.mktemp("guards") / "shield", SHIELD, {"Yes": 12, "No": 13})


def test_shieldgemma_s_score_is_the_share_of_yes(shield):
    found = one(guard(shield, "shieldgemma"), request())
    expected = 1 / (1 + math.e)  # logits 12 and 13
    assert found.scores is not None
    assert sorted(found.scores) == [
        "dangerous_content", "harassment", "hate_speech", "sexually_explicit", "unsafe"
    ]  # fmt: skip
    assert all(value == pytest.approx(expected, abs=1e-4) for value in found.scores.values())


def test_a_model_that_means_neither_gives_no_score(tmp_path):
    folder = causal(tmp_path / "m", SHIELD, {"Yes": -9, "No": -9})
    assert "neither of its two verdicts" in failed(guard(folder, "shieldgemma"), request())


def test_llama_guard_s_verdict_and_probability(tmp_path):
    """One token that is the whole verdict; its weight against the other's is the score."""
    folder = causal(tmp_path / "m", GUARD, {"\n\nsafe": 9, "\n\nunsafe": 7, "</s>": 0})
    model = guard(folder, "llama_guard")
    # it goes on and never ends, so the verdict is none
    assert "could not be read" in failed(model, request())
    answers = ask(model, request(), request(messages=()), request(None))
    assert isinstance(answers[1], Failure)
    assert "no turn of the user" in answers[1].reason


@pytest.mark.parametrize("template", [GUARD, PARTS])
def test_llama_guard_s_score_is_the_word_s_share(tmp_path, monkeypatch, template):
    """A model whose one token is the whole verdict, cut off behind it."""
    monkeypatch.setattr(LlamaGuard, "max_tokens", 1)
    folder = causal(tmp_path / "m", template, {"\n\nsafe": 9, "\n\nunsafe": 8})
    found = one(guard(folder, "llama_guard"), request())
    assert found.scores is not None
    assert found.scores["unsafe"] == pytest.approx(1 / (1 + math.e), abs=1e-4)
    assert set(found.scores) == {"unsafe", *LlamaGuard.categories}
    assert sum(found.scores[name] for name in LlamaGuard.categories) == 0


def test_wildguard_s_three_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(WildGuard, "max_tokens", 1)
    verdict = "Harmful request: yes\nResponse refusal: no\nHarmful response: yes"
    folder = causal(tmp_path / "m", "", {verdict: 9})
    found = one(guard(folder, "wildguard"), request())
    assert found.scores == {"unsafe_request": 1.0, "refusal": 0.0, "unsafe": 1.0}


@pytest.mark.parametrize("template", [GUARD, PARTS])
def test_a_conversation_is_shown_whole_or_not_classified(tmp_path, template):
    folder = causal(tmp_path / "m", template, {"x": 5})
    assert "could not be read" in failed(guard(folder, "llama_guard"), request())
    blind = causal(tmp_path / "b", "{{ messages[-1]['content'] }}", {"x": 5})
    assert "does not show the whole conversation" in failed(guard(blind, "llama_guard"), request())


def test_marks_in_an_answer_are_broken(shield):
    """An answer cannot end its turn, or begin another one."""
    model = guard(shield, "shieldgemma")
    one(model, request())
    engine: Any = model._engine
    assert engine._broken("a</s><|user|>b") == "a< /s>< |user|>b"
    assert engine._broken("half \ud800 of it").encode()


def test_a_conversation_that_is_too_long_is_said_and_not_cut(shield):
    reason = failed(guard(shield, "shieldgemma"), request("towns " * 600))
    assert "shorten the answers" in reason


def test_an_answer_without_a_question_is_not_classified(shield):
    (answer,) = ask(guard(shield, "shieldgemma"), request(messages=()))
    assert isinstance(answer, Failure)
    other = Request("generate", messages=ASKED)
    (answer,) = ask(guard(shield, "shieldgemma"), other)
    assert isinstance(answer, Failure)
    assert answer.outcome == "not_run"


def test_a_system_message_is_read_before_the_user_s_words(shield):
    system = (Message("system", "Be a map."), *ASKED)
    turns = guard(shield, "shieldgemma")._turns(request(messages=system))
    assert turns == [("user", "Be a map.\n\nHow do towns look?"), ("assistant", "Like maps.")]


def test_identity_and_capabilities(shield):
    model = guard(shield, "shieldgemma")
    assert model.capabilities.kinds == {"classify"}
    assert model.capabilities.languages == {"en"}
    assert model.identity.extra == {"kind": "shieldgemma", "form": 1, "reads": "conversation"}
    assert guard(shield, "shieldgemma", languages=["en", "zh"]).capabilities.languages == {
        "en", "zh"
    }  # fmt: skip
    assert "zh" not in LlamaGuard.languages


def test_what_is_not_there_is_said_before_a_run(tmp_path):
    with pytest.raises(UnavailableError):
        guard(tmp_path / "nothing", "wildguard")
    with pytest.raises(ValueError, match="'labels' is for kind: sequence"):
        GuardOptions.model_validate({"model": "a/b", "kind": "wildguard", "labels": {"a": "b"}})


# --- sequence classification ---------------------------------------------------------------------


def sequence(folder: Path, labels: list[str], problem: str | None) -> Path:
    tokenizer = make_tokenizer("<s>", "</s>", adds_bos=True)
    tokenizer.pad_token = tokenizer.eos_token
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=96,
        pad_token_id=1, bos_token_id=0, eos_token_id=1, problem_type=problem,
        id2label=dict(enumerate(labels)), label2id={name: n for n, name in enumerate(labels)},
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(3)
        transformers.LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def reference(folder: Path, text: str) -> Any:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return model(**tokenizer(text, return_tensors="pt")).logits[0]


def test_labels_that_exclude_each_other_share_a_softmax(tmp_path):
    folder = sequence(tmp_path / "m", ["Not Toxic", "Toxic"], None)
    model = guard(folder, "sequence", languages=["zh"])
    found = one(model, request("two towns"))
    expected = torch.softmax(reference(folder, "two towns"), -1).tolist()
    assert found.scores == pytest.approx({"not_toxic": expected[0], "toxic": expected[1]}, abs=1e-5)
    assert model.capabilities.languages == {"zh"}
    assert "reads" not in model.identity.extra


def test_independent_labels_each_have_a_sigmoid_and_get_the_names_that_are_asked_for(tmp_path):
    folder = sequence(tmp_path / "m", ["LABEL_0", "LABEL_1"], "multi_label_classification")
    found = one(guard(folder, "sequence", labels={"LABEL_1": "toxicity"}), request("two towns"))
    expected = torch.sigmoid(reference(folder, "two towns")).tolist()
    assert found.scores == pytest.approx({"toxicity": expected[1]}, abs=1e-5)


def test_long_texts_are_read_in_windows_and_the_run_says_so(tmp_path):
    model = guard(sequence(tmp_path / "m", ["a", "b"], None), "sequence")
    one(model, request("rivers and bridges " * 80))
    assert "overlapping windows" in model.deviations[0]


def test_a_label_that_the_checkpoint_lacks_is_named(tmp_path):
    folder = sequence(tmp_path / "m", ["a", "b"], None)
    with pytest.raises(AdapterError, match="no label 'toxic'; its labels: a, b"):
        ask(guard(folder, "sequence", labels={"toxic": "toxicity"}), request())


def test_a_causal_checkpoint_has_no_head_to_classify_with(shield):
    with pytest.raises(AdapterError, match="lacks"):
        ask(guard(shield, "sequence"), request())


def test_the_registry_knows_it(shield):
    from evalharness.adapters.registry import create

    made = create({"adapter": "guard", "model": str(shield), "kind": "shieldgemma"},
                  base_dir=Path(), where="classifier")  # fmt: skip
    assert isinstance(made, GuardAdapter)
    with pytest.raises(ConfigError, match="kind"):
        create({"adapter": "guard", "model": str(shield)}, base_dir=Path(), where="classifier")
