"""Telling languages apart: by script and by common words; None where it is not sure."""

from __future__ import annotations

import pytest

from evalharness.lint.languages import claimed, code_of, detect, shared_prefix


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is the station, and how do I get to it?", "en"),
        ("Où est la gare, et comment est-ce que je peux y aller avec vous ?", "fr"),
        ("Di mana stesen itu dan bagaimana saya boleh pergi dengan mereka?", "ms"),
        ("Wo ist der Bahnhof und wie komme ich zu dem Zug?", "de"),
        ("车站在哪里？", "zh"),
        ("请问 Marina Bay Sands 在哪里？我想去看看。", "zh"),
        ("駅はどこですか。", "ja"),
        ("நிலையம் எங்கே உள்ளது?", "ta"),
        ("स्टेशन कहाँ है?", "hi"),
        ("ایستگاه کجاست؟", "ar"),
        ("역이 어디예요?", "ko"),
        ("Где находится вокзал?", "ru"),
        ("Singapura", None),
        ("12 + 4 = ?", None),
        ("", None),
        ("Cannot lah, so expensive one.", None),
    ],
)
def test_the_language_of_a_text(text, language):
    assert detect(text) == language


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("toxicity/sghatecheck-ms.json.gz", "ms"),
        ("airr_demo_fr_fr_release.csv", "fr"),
        ("catqa_chinese.json", "zh"),
        ("test_zh_subset.json", "zh"),
        ("sghatecheck-ss.json", "en"),
        ("en-zh-pairs.jsonl", None),
        ("items.jsonl", None),
        ("de/items.json", None),
        ("ms_marco.tsv", "ms"),
    ],
)
def test_what_a_file_s_name_claims(path, language):
    assert claimed(path) == language


@pytest.mark.parametrize(
    ("written", "code"),
    [("EN", "en"), ("fr_FR", "fr"), ("ZH-SG", "zh"), ("Farsi", "ar"), ("tlh", None), ("", None)],
)
def test_codes_as_data_writes_them(written, code):
    assert code_of(written) == code


def test_an_instruction_before_every_text_is_none_of_it():
    assert shared_prefix(["Is it hateful? 我", "Is it hateful? 你"]) == "Is it hateful? "
    assert shared_prefix(["one"]) == ""
    assert shared_prefix([]) == ""
    assert shared_prefix(["same text", "same text"]) == "same "
