"""From a row to a sample: the words of each method, the order of choices, and what is refused."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import MappingError, TaskError
from evalharness.records import Decoding, Message, Sample
from evalharness.tasks.attempts import attempt
from tests.tasks.making import rendered, row

FIXED = {"order": "fixed: the options are a scale"}
ONLY = "Answer with the letter of the right option only."
ZH = {"q": "天空是什么颜色？", "opts": ["红", "蓝"], "a": 1}
IN_ZH = {"sample": {"language": "'zh'"}}


def prompt_of(sample) -> str:
    assert [message.role for message in sample.messages] == ["user"]
    return sample.messages[0].content


@pytest.mark.parametrize(
    ("method", "prompt", "continuations", "order"),
    [
        ("generate", "Question 0?", (), ()),
        ("text", "Question 0?", (), ()),
        ("loglikelihood", "Question 0?\nAnswer:", (" red", " green", " blue"), ()),
        (
            "letter",
            "Question 0?\n\nA. red\nB. green\nC. blue\n\n" + ONLY,
            (),
            (0, 1, 2),
        ),
    ],
)
def test_each_method_asks_in_its_own_words(method, prompt, continuations, order):
    (sample,) = rendered([row()], method, **FIXED)
    assert prompt_of(sample) == prompt
    assert sample.continuations == continuations
    assert sample.order == order
    assert (sample.choices, sample.answer) == (("red", "green", "blue"), 1)


@pytest.mark.parametrize(
    ("method", "prompt", "continuations"),
    [
        ("generate", "天空是什么颜色？", ()),
        ("loglikelihood", "天空是什么颜色？\n答案：", ("红", "蓝")),
        ("letter", "天空是什么颜色？\n\nA. 红\nB. 蓝\n\n只回答正确选项的字母。", ()),
    ],
)
def test_each_method_asks_in_chinese(method, prompt, continuations):
    (sample,) = rendered([ZH], method, **IN_ZH, **FIXED)
    assert (prompt_of(sample), sample.continuations) == (prompt, continuations)
    assert sample.language == "zh"


def test_the_prompt_template_the_cue_and_the_system_prompt():
    (sample,) = rendered(
        [row(kind="k")],
        "loglikelihood",
        sample={"system": "'Be brief.'", "tags": {"kind": "kind"}},
        prompt="[{{ tags.kind }}] {{ prompt }}",
        cue={"en": " ->", "zh": "。"},
    )
    assert sample.messages == (
        Message("system", "Be brief."),
        Message("user", "[k] Question 0? ->"),
    )


@pytest.mark.parametrize(("system", "count"), [("''", 1), ("none", 1), ("'x'", 2)])
def test_an_empty_system_prompt_is_none(system, count):
    (sample,) = rendered([row()], sample={"system": system})
    assert len(sample.messages) == count


def test_every_field_of_a_sample_is_mapped_with_its_type():
    (sample,) = rendered(
        [row(name=7, who="a", kind=3, labels=[1, 0])],
        sample={
            "id": "name", "group": "who", "cluster": "'c' ~ kind", "good": "2", "bad": "'a text'",
            "tags": {"kind": "kind", "yes": "kind == 3"}, "target": {"labels": "labels"},
        },
    )  # fmt: skip
    assert (sample.id, sample.group, sample.cluster) == ("7", "a", "c3")
    assert (sample.good, sample.bad) == (2, "a text")
    assert sample.tags == {"kind": "3", "yes": "True"}
    assert sample.target == {"labels": [1, 0]}


def test_good_and_bad_default_to_the_answer_and_another_option():
    ends = [(s.answer, s.good, s.bad) for s in rendered([row(a=0), row(a=2)])]
    assert ends == [(0, 0, 1), (2, 2, 0)]
    free = {"data": {"supplied": "x", "sample": {"prompt": "q"}}}
    (sample,) = rendered([row()], "generate", **free)
    assert (sample.answer, sample.good, sample.bad, sample.choices) == (None, None, None, ())


# --- order ---------------------------------------------------------------------------------------


def shown(sample) -> list[str]:
    return re.findall(r"^[A-Z]\. (.*)$", prompt_of(sample), flags=re.MULTILINE)


def test_indices_stay_in_the_data_s_order_whatever_is_shown():
    for sample in rendered([row(i) for i in range(30)]):
        assert sample.choices == ("red", "green", "blue")
        assert sample.choices[sample.answer] == "green"
        assert shown(sample) == [sample.choices[index] for index in sample.order]


def test_the_order_is_drawn_by_item_with_the_seed():
    rows = [row(i) for i in range(60)]
    orders = [sample.order for sample in rendered(rows, seed=1)]
    assert orders == [sample.order for sample in rendered(rows, seed=1)]
    assert orders != [sample.order for sample in rendered(rows, seed=2)]
    assert len(set(orders)) == 6
    # the right answer, always second in the data, is shown about equally often at each place
    places = Counter(order.index(1) for order in orders)
    assert all(10 <= places[place] <= 30 for place in range(3))


def test_the_order_does_not_depend_on_the_other_items():
    sample = {"id": "q"}
    together = rendered([row(1), row(2), row(3)], sample=sample)
    assert rendered([row(3)], sample=sample)[0].order == together[2].order


def test_both_halves_of_a_pair_meet_the_same_order():
    rows = [row(i, pair=i // 2, n=i) for i in range(40)]
    samples = rendered(rows, sample={"group": "pair", "id": "n"})
    pairs = [(samples[i].order, samples[i + 1].order) for i in range(0, 40, 2)]
    assert all(clean == attacked for clean, attacked in pairs)
    assert len({clean for clean, _ in pairs}) > 3


def test_a_fixed_order_needs_its_reason():
    assert {s.order for s in rendered([row(i) for i in range(9)], **FIXED)} == {(0, 1, 2)}
    for order in ("fixed", "fixed: no", "random", ""):
        with pytest.raises(ValueError, match="write 'fixed: <the reason>'"):
            rendered([row()], order=order)


@given(st.integers(2, 26), st.integers(0, 2**32))
def test_an_order_is_a_permutation(count, seed):
    (sample,) = rendered([row(opts=[f"o{i}" for i in range(count)])], seed=seed)
    assert sorted(sample.order) == list(range(count))
    assert shown(sample) == [sample.choices[index] for index in sample.order]


# --- what does not fit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "method", "changes", "expected"),
    [
        ([row(), {"q": "x"}], "letter", {}, "task small: row 2: choices: 'opts' finds nothing"),
        ([row(a=3)], "letter", {}, "row 1: answer: expected an index below 3, found 3"),
        ([row(a=-1)], "letter", {}, "expected an index below 3, found -1"),
        ([row(a=True)], "letter", {}, "expected an index below 3, found True"),
        ([row(a="1")], "letter", {}, "an index below 3, a number, not a text; found '1'"),
        ([row(a=1.0)], "letter", {}, "expected an index below 3, found 1.0"),
        ([row(opts="red")], "letter", {}, "choices: expected a list of texts, found 'red'"),
        ([row(opts=["a", 1])], "letter", {}, "choices: expected a list of texts"),
        ([row(opts=["a", None])], "generate", {}, "choices: expected a list of texts"),
        ([row(opts=["a"], a=0)], "letter", {}, "choices: method letter needs two or more"),
        ([row(opts=[], a=None)], "text", {}, "choices: method text needs two or more"),
        ([row(opts=["a", "a"])], "loglikelihood", {}, "choices: two are the same: ['a', 'a']"),
        (
            [row(opts=[str(i) for i in range(27)])],
            "letter",
            {},
            "choices: 27 are more than there are letters",
        ),
        ([row(q=None)], "letter", {}, "prompt: expected a text, found None"),
        ([row(q=" \n")], "letter", {}, "prompt: expected a text, found ' \\n'"),
        ([row(q=["a"])], "letter", {}, "prompt: expected a text, found ['a']"),
        (
            [row(), row()],
            "letter",
            {"sample": {"id": "a"}},
            "task small: row 2: id '1' stands twice; map an 'id' that is unique",
        ),
        (
            [row()],
            "letter",
            {"sample": {"language": "'ms'"}},
            "row 1: language 'ms' is not among the task's ['en', 'zh']",
        ),
        ([row()], "letter", {"sample": {"good": "7"}}, "good: expected an index below 3, found 7"),
        ([row()], "letter", {"sample": {"tags": {"t": "zz"}}}, "tags.t: 'zz' finds nothing"),
        ([row()], "letter", {"sample": {"target": {"t": "row.zz"}}}, "target.t: 'row.zz'"),
        ([row()], "letter", {"prompt": "{{ zz }}"}, "task small: row 1: prompt: 'zz' is undefined"),
        (
            [row()],
            "letter",
            {"sample": {"id": r"'a\ud800'"}},
            r"task small: row 1: id: 'a\ud800' holds half of a character",
        ),
        ([row()], "letter", {"sample": {"group": r"'\udfff'"}}, "row 1: group: "),
        ([row()], "letter", {"sample": {"cluster": r"'\udfff'"}}, "row 1: cluster: "),
        ([row()], "letter", {"sample": {"tags": {"t": r"'\udfff'"}}}, "row 1: tags.t: "),
        ([row()], "loglikelihood", {"cue": {"zh": "x"}}, "cue: there is none for language 'en'"),
    ],
)
def test_a_row_that_does_not_fit_is_named(rows, method, changes, expected):
    with pytest.raises(MappingError, match=re.escape(expected)):
        rendered(rows, method, **changes)


def test_an_answer_may_be_none_where_there_is_no_single_one():
    assert [sample.answer for sample in rendered([row(a=None), row(a=0)])] == [None, 0]


def test_twenty_seven_choices_are_fine_where_no_letter_is_needed():
    (sample,) = rendered([row(opts=[str(i) for i in range(27)])], "loglikelihood")
    assert len(sample.continuations) == 27


def test_free_answers_need_no_choices_and_may_repeat_them():
    (sample,) = rendered([row(opts=["a", "a"])], "generate")
    assert sample.choices == ("a", "a")


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ({"prompt": "q +"}, "task small: prompt: not a Jinja expression"),
        ({"tags": {"kind": "("}}, "task small: tags.kind: not a Jinja expression"),
    ],
)
def test_a_broken_expression_is_found_before_any_row(sample, expected):
    with pytest.raises(TaskError, match=re.escape(expected)):
        rendered([], sample=sample)


def test_a_mapping_without_a_prompt_is_an_error():
    with pytest.raises(TaskError, match="task small: the mapping gives no 'prompt'"):
        rendered([], data={"supplied": "x", "sample": {"answer": "a"}})


def test_where_leaves_rows_out_and_ids_keep_the_rows_numbers():
    data = {
        "supplied": "x", "where": "a != 0",
        "sample": {"prompt": "q", "choices": "opts", "answer": "a"},
    }  # fmt: skip
    samples = rendered([row(0, a=0), row(1, a=1), row(2, a=0), row(3, a=2)], data=data)
    assert [(sample.id, sample.answer) for sample in samples] == [("000001", 1), ("000003", 2)]


def test_hostile_data_is_text_and_nothing_else():
    evil = "{{ ''.__class__ }}{% for x in y %}<script>"
    (sample,) = rendered([row(q=evil, opts=[evil, "b"])], **FIXED)
    assert prompt_of(sample).startswith(f"{evil}\n\nA. {evil}\n")


def test_the_likelihood_of_one_text_has_no_prompt_and_no_space():
    """With a right answer one option is a fault: it would always be chosen."""
    alone = {"prompt": "''", "choices": "[q]", "answer": "none"}
    rows = [{"q": "A text."}]
    (sample,) = rendered(rows, "loglikelihood", sample=alone, cue={"en": "", "zh": ""})
    assert sample.continuations == ("A text.",)
    assert sample.messages == (Message("user", ""),)
    (sample,) = rendered(rows, "loglikelihood", sample=alone)
    assert sample.continuations == (" A text.",)  # behind the cue
    with pytest.raises(MappingError, match="needs two or more"):
        rendered(rows, "loglikelihood", sample={**alone, "answer": "0"})


# -- sentences of their own ------------------------------------------------------------------------


def test_a_sentence_of_its_own_has_nothing_before_it():
    (sample,) = rendered([row(q="")], "loglikelihood", cue={"en": ""})
    assert [message.content for message in sample.messages] == [""]
    assert sample.continuations == ("red", "green", "blue")
    (after,) = rendered([row(q="The sky is")], "loglikelihood", cue={"en": ""})
    assert after.continuations == (" red", " green", " blue")


@pytest.mark.parametrize("method", ["letter", "text", "generate"])
def test_no_other_method_has_an_empty_prompt(method):
    with pytest.raises(MappingError, match="prompt: expected a text, found ''"):
        rendered([row(q="")], method)


def test_choices_may_have_ids_which_a_request_names_and_no_protocol_holds():
    named = row(ids=["x", "y", 3])
    (sample,) = rendered([named], "loglikelihood", sample={"choice_ids": "ids"})
    assert sample.choice_ids == ("x", "y", "3")
    requests = next(attempt(sample, "loglikelihood", Decoding(), 1))
    assert [request.choice for request in requests] == ["x", "y", "3"]
    (without,) = rendered([named], "loglikelihood")
    assert without.choice_ids == ()
    assert [r.choice for r in next(attempt(without, "loglikelihood", Decoding(), 1))] == [None] * 3
    assert sample.protocol_bytes() == without.protocol_bytes()
    assert Sample.from_json(sample.to_json()) == sample
    assert "x" not in requests[0].content_digest


def test_there_is_an_id_for_each_choice():
    with pytest.raises(MappingError, match="choice_ids: expected one for each of 3, found"):
        rendered([row(ids=["x"])], "loglikelihood", sample={"choice_ids": "ids"})
