"""Perturbations: what each does, and what none may do, whatever the text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evalharness.tasks.transforms.perturbations.base import Kind, perturb, table
from evalharness.tasks.transforms.perturbations.homoglyphs import LOOKALIKES
from evalharness.tasks.transforms.perturbations.kinds import KINDS
from evalharness.tasks.transforms.perturbations.typos import NEIGHBOURS
from evalharness.tasks.transforms.perturbations.words import is_common, like, protected_spans

LETTERS = "abcdefghijklmnopqrstuvwxyz"
every_kind = pytest.mark.parametrize("name", KINDS)


def done(name, text, share=1.0, protect=(), seed=1, item="a"):
    """The text after as many edits as the kind can make; None where there is none."""
    found = perturb(KINDS[name], text, seed=seed, item=item, protect=protect, share=share)
    return found.text if found else None


def all_of(name, text, count=60, **options):
    """What many items make of one text."""
    return {done(name, text, item=str(n), **options) for n in range(count)}


# --- what each does -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("lower_case", "What is The Capital of US?", "what is the capital of US?"),
        ("upper_case", "What is the capital?", "WHAT IS THE CAPITAL?"),
        ("contract", "It is not here. What is the reason?", "It isn't here. What's the reason?"),
        ("contract", "I know what it is. I cannot go.", "I know what it is. I can't go."),
        ("expand", "It's late. They don't know.", "It is late. They do not know."),
        ("expand", "It’s been here. I can’t stay.", "It has been here. I cannot stay."),
        ("spelling_variety", "Her favorite colour", "Her favourite color"),
        ("spelling_variety", "Neighbors organize", "Neighbours organise"),
        (
            "african_american_english",
            "She is running home and they're going to stay.",
            "She runnin' home and they gonna stay.",
        ),
        ("african_american_english", "He is not here.", "He ain't here."),
        ("synonyms", "The physician wrote.", "The doctor wrote."),
    ],
)
def test_what_a_kind_does(name, text, expected):
    assert done(name, text) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("swaps", "a stone", {"a sotne", "a stnoe"}),
        ("drops", "a river", {"a rver", "a rier", "a rivr"}),
        ("misspellings", "I believe", {"I beleive", "I belive"}),
        ("singlish", "Where does he live?", {"Where does he live ah?", "Where does he live huh?"}),
        ("punctuation", "Go there.", {"Go there", "Go there..", "Go there..."}),
        ("spacing", "big house", {"bighouse", "big  house", "big   house"}),
        ("homoglyphs", "bib", {"bіb"}),
        ("fillers_zh", "你好", {"嗯，你好", "呃，你好", "那个，你好", "哎，你好"}),
        ("homophones_zh", "现在", {"线再"}),
        ("traditional_zh", "学习", {"學习"}),
        ("punctuation_zh", "好吗？", {"好吗?", "好吗？？"}),
        ("spacing_zh", "你好", {"你 好", "你\u3000好"}),
        ("lookalikes_zh", "未来已来", {"未来己来"}),
    ],
)
def test_all_that_a_kind_may_write(name, text, expected):
    assert all_of(name, text) == expected


def test_a_typo_hits_a_neighbour_of_the_key():
    assert set(NEIGHBOURS["s"]) == set("adwezx")
    assert set(NEIGHBOURS["p"]) == {"o", "l"}
    assert "i" not in NEIGHBOURS["o"], "short, shirt"
    for made in all_of("typos", "a stone"):
        (at,) = [n for n, (x, y) in enumerate(zip("a stone", made, strict=True)) if x != y]
        assert 2 < at < 6
        assert made[at] in NEIGHBOURS["a stone"[at]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("typos", "Is it so?"),
        ("swaps", "to be or"),
        ("drops", "a cat or dog"),
        ("contract", "I know what it is."),
        ("expand", "Don't you know?"),
        ("expand", "Peter's dog"),
        ("synonyms", "nothing to see"),
        ("african_american_english", "It is in the morning."),
        ("singlish", "Wait"),
        ("spacing", "a b c"),
        ("homophones_zh", "在"),
        ("fillers", "and so on"),
        ("typos", ""),
        ("traditional_zh", "你好"),
    ],
)
def test_where_there_is_nothing_to_change_there_is_no_variant(name, text):
    assert all_of(name, text) == {None}


@pytest.mark.parametrize(
    ("name", "text", "never"),
    [
        ("swaps", "causal trial", {"casual", "trail"}),
        ("drops", "friend coast", {"fiend", "cost", "cast"}),
        ("typos", "short store", {"shirt", "stire"}),
    ],
)
def test_no_error_makes_another_common_word(name, text, never):
    for made in all_of(name, text, count=300) - {None}:
        assert not never & set(made.split())


def test_what_is_about_a_place_is_no_future():
    assert done("african_american_english", "He is going to school.") == "He going to school."
    assert done("african_american_english", "It is raining.") == "It is rainin'."


def test_an_article_still_fits_its_noun():
    assert done("synonyms", "an automobile") is None
    assert done("synonyms", "the automobile") == "the car"
    assert all_of("synonyms", "a huge dog") == {"a gigantic dog"}


def test_a_word_keeps_its_case():
    assert like("Word", "other") == "Other"
    assert like("WORD", "other") == "OTHER"
    assert like("word", "TV") == "TV"
    assert done("misspellings", "Because") in {"Becuase", "Becasue"}


# --- what must stay -------------------------------------------------------------------------------

KEPT = [
    ("in 1984 and 3.5 km at 10:30, $20", ["1984", "3.5", "10:30,", "$20"]),
    ("twelve apples and a third", ["twelve", "third"]),
    ('say "leave me alone" twice', ['"leave me alone"', "twice"]),
    ("a “quoted phrase” and 'another quoted'", ["“quoted phrase”", "'another quoted'"]),
    ("the WHO and the U.S. of A", ["WHO", "U.S."]),
    (
        "at https://example.org/path or me@example.org",
        ["https://example.org/path", "me@example.org"],
    ),
    ("fill {name} in [MASK] and ____ please", ["{name}", "[MASK]", "____"]),
    ("A. first thing\nB. other thing", ["A. ", "B. "]),
    ("Pick one.\nOptions: yes, maybe, never", ["Options: yes, maybe, never"]),
    ("二十三个“苹果”《红楼梦》和GDP", ["二十三", "“苹果”", "《红楼梦》", "GDP"]),
]


@every_kind
@pytest.mark.parametrize(("text", "kept"), KEPT)
def test_numbers_quotations_names_and_labels_stay(name, text, kept):
    for made in all_of(name, text, count=8):
        for part in kept:
            assert part in (made or text)


def test_an_option_that_the_prompt_names_stays():
    text = "Is the person the grandfather, somebody's grandson or nobody knowable?"
    options = ["The grandfather", "The grandson", "Cannot be determined"]
    for name, kind in KINDS.items():
        if kind.reads("en"):
            for made in all_of(name, text, protect=options, count=10):
                assert "grandfather" in (made or text)
                assert "grandson" in (made or text)
    assert "grandfather" not in done("upper_case", text)


def test_negations_stay_where_letters_are_drawn_at_random():
    text = "She never said nothing without asking whether neither could"
    for name in ("typos", "swaps", "drops", "misspellings", "spacing"):
        for made in all_of(name, text):
            assert {"never", "nothing", "without", "neither"} <= set((made or text).split())


def test_words_of_a_long_option_may_change():
    spans = protected_spans("the river", ["the river is longer than any other"], negations=False)
    assert spans == []


def test_spans_are_joined_and_in_order():
    text = 'the "5 km" run'
    assert protected_spans(text, ["km"], negations=False) == [(4, 10)]


# --- what holds whatever the text -----------------------------------------------------------------

VOCABULARY = (
    "The Because believe neighbor colour isn't don't cannot it is she is running what is going to "
    'wait 42 three not “x” "a b" US yes, maybe. Why? automobile an huge cellphone about '
    "government Hello, there 新加坡的学校在哪里？ 时间， 未来已来。 人们 不 三"
)
WORDS = st.sampled_from(VOCABULARY.split())
TEXTS = st.one_of(
    st.lists(WORDS, max_size=25).map(" ".join),
    st.text(max_size=80),
    st.text("ab cdefgh.,?'\n的在学", max_size=60),
)
PROTECT = st.lists(st.sampled_from(["yes", "maybe", "Hello, there", "的学校", "about"]), max_size=3)

#: Characters that a kind may write and that were not in the text.
ALPHABET = {
    "typos": set(LETTERS + LETTERS.upper()),
    "misspellings": set(LETTERS + LETTERS.upper()),
    "swaps": set(),
    "drops": set(),
    "lower_case": set(LETTERS),
    "upper_case": set(LETTERS.upper()),
    "mixed_case": set(LETTERS + LETTERS.upper()),
    "spacing": set(),
    "punctuation": set(" "),
    "homoglyphs": {made for others in LOOKALIKES.values() for made in others},
    "contract": set("'" + LETTERS + LETTERS.upper()),
    "expand": set(" I" + LETTERS),
    "fillers": set(" ," + LETTERS + LETTERS.upper()),
    "synonyms": set(" -" + LETTERS + LETTERS.upper()),
    "spelling_variety": set(LETTERS + LETTERS.upper()),
    "singlish": set(" " + LETTERS + LETTERS.upper()),
    "african_american_english": set("'" + LETTERS + LETTERS.upper()),
    "homophones_zh": {x for group in table("homophones_zh") for x in group},
    "lookalikes_zh": {x for group in table("lookalikes_zh") for x in group},
    "traditional_zh": {x for group in table("traditional_zh") for x in group},
    "spacing_zh": set(" \u3000"),
    "punctuation_zh": set("，。？！：；（）,.?!:;()"),
    "fillers_zh": set("嗯呃那个哎，"),
}
#: By how many characters one edit may lengthen and shorten the text.
LENGTHS = {
    "typos": (0, 0), "misspellings": (2, 2), "swaps": (0, 0), "drops": (0, 1),
    "lower_case": (0, 0), "upper_case": (0, 0), "mixed_case": (0, 0), "spacing": (2, 1),
    "punctuation": (2, 1), "homoglyphs": (0, 0), "contract": (0, 3), "expand": (3, 0),
    "fillers": (10, 0), "synonyms": (8, 8), "spelling_variety": (3, 3), "singlish": (4, 7),
    "african_american_english": (1, 4), "homophones_zh": (0, 0), "lookalikes_zh": (0, 0),
    "traditional_zh": (0, 0), "spacing_zh": (1, 0), "punctuation_zh": (1, 0), "fillers_zh": (3, 0),
}  # fmt: skip


def test_every_kind_has_its_alphabet_and_its_bounds():
    assert set(ALPHABET) == set(LENGTHS) == set(KINDS)


@every_kind
@given(text=TEXTS, protect=PROTECT, seed=st.integers(0, 2**64), share=st.floats(0.01, 1))
@settings(max_examples=40, deadline=None)
@example(text="It is not  what’s it? ﬁne İstanbul", protect=[], seed=0, share=1.0)
def test_what_holds_for_every_text(name, text, protect, seed, share):
    kind = KINDS[name]
    ask = {"seed": seed, "item": "x", "protect": protect}
    found = perturb(kind, text, share=share, **ask)
    assert found == perturb(kind, text, share=share, **ask), "the seed settles all"
    if found is None:
        return
    assert found.text != text
    assert set(found.text) - set(text) <= ALPHABET[name]
    longer, shorter = LENGTHS[name]
    assert -shorter * len(found.edits) <= len(found.text) - len(text) <= longer * len(found.edits)
    # the edits are disjoint, and between them the text is as it was
    rest, at = "", 0
    for edit in found.edits:
        assert at <= edit.start <= edit.end
        rest += text[at : edit.start] + edit.text
        at = edit.end
    assert rest + text[at:] == found.text
    for start, end in protected_spans(text, protect, negations=kind.keeps_negations):
        for edit in found.edits:
            assert edit.end <= start or edit.start >= end, (text[start:end], edit)
        assert text[start:end] in found.text
    more = perturb(kind, text, share=1.0, **ask)
    assert more is None or set(found.edits) <= set(more.edits), "a larger share only adds"


@every_kind
def test_the_seed_the_item_and_the_kind_each_change_the_draw(name):
    kind = KINDS[name]
    english = "Because people believe that their government is not going to build another school, "
    english += "the neighbor said, she is running to the automobile. What is the colour? Don't ask."
    chinese = "新加坡的学校在哪里？时间在什么时候？已经到现在了，国家的经济发展得怎么样？" * 2
    text = english if kind.reads("en") else chinese
    whole = {"lower_case", "upper_case", "spelling_variety", "synonyms", "expand", "contract"}
    whole |= {"african_american_english"}
    seeds = {perturb(kind, text, seed=n, item="a", share=0.5) for n in range(20)}
    items = {perturb(kind, text, seed=1, item=str(n), share=0.5) for n in range(20)}
    assert min(len(seeds), len(items)) > 1 or name in whole
    assert kind.version >= 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("typos", "Because people believe that another government shouod foloow."),
        ("swaps", "Because poeple beileve that another government should follow."),
        ("mixed_case", "Because PEoPlE believe that ANoTHeR government should follow."),
    ],
)
def test_draws_are_the_same_in_every_version_of_python(name, expected):
    """Written down once; only Random.random(), whose sequence Python promises, is drawn from."""
    text = "Because people believe that another government should follow."
    assert done(name, text, share=0.3, seed=7, item="q1") == expected


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan")])
def test_a_share_is_above_0_and_at_most_1(share):
    with pytest.raises(ValueError, match=r"not in \(0, 1\]"):
        perturb(KINDS["typos"], "a stone", seed=1, item="a", share=share)


def test_one_place_at_least_is_changed_and_the_share_counts_places():
    text = " ".join(["stone"] * 20)
    for share, changed in [(0.01, 1), (0.25, 5), (1.0, 20)]:
        found = perturb(KINDS["typos"], text, seed=1, item="a", share=share)
        assert len(found.edits) == changed


@every_kind
def test_a_kind_reads_its_languages(name):
    kind = KINDS[name]
    assert isinstance(kind, Kind)
    assert kind.name == name
    assert kind.reads("zh-Hans") == name.endswith("_zh")
    assert kind.reads("en-SG") != name.endswith("_zh")
    assert not kind.reads("eng")


@every_kind
@pytest.mark.parametrize("text", ["a" * 20_000, "的" * 5_000, "\"'“" * 3_000, "is not " * 3_000])
def test_a_hostile_text_takes_no_time(name, text):
    perturb(KINDS[name], text, seed=1, item="a")


# --- the tables -----------------------------------------------------------------------------------


def test_misspellings_are_no_words():
    known = table("misspellings")
    for word, wrong in known.items():
        for made in wrong.split():
            assert made != word
            assert made not in known
            assert not is_common(made)
            assert abs(len(made) - len(word)) <= 2
            assert made.isalpha()


def test_synonyms_are_no_negations_and_name_other_words():
    for word, others in table("synonyms").items():
        for other in others.split("/"):
            assert other != word
            assert not set(other.split()) & {"not", "no", "never", "less", "least"}


def test_spelling_varieties_are_one_to_one():
    american = table("spelling_variety")
    assert len(set(american.values())) == len(american)
    assert not set(american) & set(american.values())


@pytest.mark.parametrize("name", ["homophones_zh", "lookalikes_zh", "traditional_zh"])
def test_characters_stand_in_groups_of_different_ones(name):
    groups = table(name)
    assert len(set(groups)) == len(groups) > 80
    for group in groups:
        assert len(set(group)) == len(group) >= 2
        assert all("\u4e00" <= x <= "\u9fff" for x in group)
        assert not set(group) & set("一二三四五六七八九十百千万亿两半不没非无未勿莫否别她")


def test_simplified_and_traditional_are_one_to_one():
    groups = table("traditional_zh")
    assert all(len(group) == 2 for group in groups)
    characters = [x for group in groups for x in group]
    assert len(set(characters)) == len(characters)


def test_lookalikes_are_of_other_scripts():
    for letter, others in LOOKALIKES.items():
        assert unicodedata.name(letter).startswith("LATIN")
        for other in others:
            assert unicodedata.name(other).split()[0] in {"CYRILLIC", "GREEK"}
            assert letter.isupper() == other.isupper()
