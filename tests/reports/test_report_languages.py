"""Reports in other languages: every message is translated, and no English is left but names."""

from __future__ import annotations

import ast
import builtins
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml
from babel.messages.pofile import read_po
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt

import evalharness
from evalharness.cli.app import run_app
from evalharness.errors import ConfigError, MissingExtraError
from evalharness.pipeline import load_scorecard
from evalharness.records import Failure
from evalharness.reports import language
from evalharness.reports.comparison import render_comparison
from evalharness.reports.html import render_html
from evalharness.reports.language import _, current, listed, plural, said, speaking
from evalharness.reports.numbers import Quantity, count, level
from evalharness.scorecard.model import DIMENSIONS
from evalharness.store.directory import RunDirectory
from evalharness.tasks.library import Library
from tests.reports.conftest import make_run, make_scorecard, people
from tests.reports.test_comparison_html import comparison
from tests.support import ENGAGEMENT, FakeModel

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "_messages.py"
FIELD = re.compile(r"\{(\w+)\}")
WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
#: Ids of tasks and metrics, digests, report ids, code points, items a to p and grades, options.
IDS = re.compile(
    r"\w+(?:/\w+)+|\w+_\w+|[0-9a-f]{12,}|EH-\w+|U\+\w+|\b[A-Ra-p]\b|--[a-z-]+"
    r"|\b[A-Z]{1,2}\d[\w-]*|\w+\.json",
    re.ASCII,
)
HAN = re.compile(r"[\u4e00-\u9fff]")

#: Names: of methods and their authors, of software, licences, standards, data sets, files, units.
NAMES = frozenset(
    """
    Wilson Clopper Pearson Korn Graubard Agresti Min Newcombe BCa Lang Reiczigel Rogan Gladen Holm
    Benjamini Hochberg McNemar MOVER Fisher t kappa n p k
    evalharness demo quickstart fake test torch DATASHEET md Apache run json Parrish et al
    Hate Check SGHate HateCheck SGHateCheck Röttger ttger Ng Singlish SHA ISO IEC UTC EH AUC a b
    high-risk HTTP docs statistics toxicity choice headline bbq lexicon evalharness-demo-toxicity
    """.split()  # noqa: SIM905 - a list of words reads better
)


MODEL_FRAMEWORK = "Model AI Governance Framework for Generative AI"
TASKS = frozenset(Library.load().tasks)


def entries(code: str = "zh"):
    with (language.FOLDER / f"{code}.po").open("rb") as file:
        return [entry for entry in read_po(file, locale=code) if entry.id]


def chinese_engagement(path: Path) -> Path:
    content = {
        **ENGAGEMENT,
        "laboratory": {"name": "示例评测实验室", "address": "新加坡示例路一号"},
        "customer": "示例诊所",
        "item": {
            "name": "导诊助手", "version": "1.0", "kind": "application",
            "description": "回答患者的问题", "received": "2026-11-20",
            "parts": [{"name": "过滤器", "does": "拦截剂量建议"}],
        },
        "purpose": "判断能否发布",
        "chain": [{"role": "model developer", "name": "模型公司", "answers_for": "模型的训练"}],
        "independence": {
            "relationship": "third party", "statement": "不持股", "paid_by": "客户",
        },
        "authorised_by": {"name": "陈美玲", "function": "评测主管"},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


def visible(page: str) -> str:
    """The page's text, but for code, and for what models and data sets wrote."""
    soup = BeautifulSoup(page, "html.parser")
    for gone in soup.select("style, code, pre, bdi, ul.options, head, dl.identity"):
        gone.decompose()
    for gone in soup.select("dl.inline dt, dl.inline dd, .files"):
        gone.decompose()
    titles = [str(e["title"]) for e in soup.select("[title]")]
    labels = [str(e[a]) for a in ("aria-label", "data-label") for e in soup.select(f"[{a}]")]
    return " ".join([soup.get_text(" "), *titles, *labels])


def latin(page: str) -> set[str]:
    """Latin words of the page's text that are no names; the frameworks' codes are names."""
    soup = BeautifulSoup(page, "html.parser")
    for term in soup.select("dl.terms > div"):
        if term.dt is not None and term.dt.get_text() == "框架":
            term.decompose()
    text = re.sub(r"\s+", " ", visible(str(soup))).replace(MODEL_FRAMEWORK, " ")
    return {
        word
        for word in WORD.findall(IDS.sub(" ", text))
        if word not in NAMES and word not in TASKS and set(re.split(r"['’-]", word)) - {""} - NAMES
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """Refused, failed and empty answers, cells below the floor, a policy that was named before."""

    def answer(request):
        number = sum(map(ord, str(request)))
        if number % 7 == 0:
            return Failure("the server answered HTTP 503")
        return {0: "", 1: "I'm sorry, but I can't help with that."}.get(number % 5, "A")

    return measured(tmp_path_factory.mktemp("zh"), answer)


def measured(folder: Path, answer) -> Path:
    config = {
        "name": "quickstart",
        "target": FakeModel(answer),
        "classifier": {"adapter": "reference", "model": "lexicon"},
        "tasks": [f"quickstart_{d}" for d in ("robustness", "factuality", "bias", "toxicity")],
        "limit": 20,
        "policy": "high-risk",
    }
    return evalharness.run(config, out=folder).path


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    """A run of the same tests by a model that always says the same."""
    return measured(tmp_path_factory.mktemp("other"), lambda _: "B")


KINDS = (
    "report", "assurance", "label", "compared", "placed", "coverage", "audit", "gate", "table",
)  # fmt: skip


@pytest.fixture(scope="module")
def pages(run, other, tmp_path_factory) -> dict[str, str]:
    """Every page in Chinese, and what is Markdown alone (a gate, a coverage's table) as HTML."""
    folder = tmp_path_factory.mktemp("pages")
    engagement = chinese_engagement(folder / "e.yaml")
    corpus = folder / "corpus.txt"
    corpus.write_text(
        "".join(f"text {n}\n" for n in range(40)) + "a b@c.sg\n" * 2, encoding="utf-8"
    )
    words = folder / "words.txt"
    words.write_text("text\n", encoding="utf-8")
    compared = ["--rank", "headlines", "--reference", "random", "--reference", "oracle"]
    framed = ["--framework", "gbt-45654"]
    chosen = ["--kind", "assurance", "--engagement", str(engagement)]
    calls = {
        "report": (["report", run], None),
        "assurance": (["report", run, *chosen], None),
        "label": (["report", run, "--kind", "label", "--engagement", engagement], None),
        "compared": (["compare", run, other, *compared], "--html"),
        "placed": (["compare", run, *compared[2:]], "--html"),
        "coverage": (["coverage", run, *framed], "--html"),
        "audit": (["corpus", "audit", corpus, "--keywords", words, "--sample", 9], "--html"),
        "gate": (["gate", run], "--summary"),
        "table": (["coverage", run, *framed], "--markdown"),
    }
    found = {}
    for name, (call, option) in calls.items():
        path = folder / f"{name}.html" if option else run / f"{name}.zh.html"
        more = [option, path] if option else []
        assert run_app([*map(str, [*call, *more]), "--lang", "zh", "-q"]) in {0, 1, 3}, name
        found[name] = path.read_text(encoding="utf-8")
        if option in {"--summary", "--markdown"}:
            found[name] = MarkdownIt("commonmark").enable("table").render(found[name])
    return found


def test_every_message_of_code_templates_and_library_is_translated():
    checked = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("code", language.known()[1:])
def test_a_translation_has_the_fields_of_its_message(code):
    for entry in entries(code):
        wanted, found = (set(FIELD.findall(text)) for text in (entry.id, entry.string))
        assert found == wanted, entry.id


def test_chinese_has_full_width_punctuation_and_one_word_for_one_thing():
    for entry in entries():
        text = FIELD.sub("", entry.string)
        assert not re.search(r"[\u4e00-\u9fff] ?[,;:?!](?!\d)", text), entry.string
        assert not re.search(r"\([^()]*[\u4e00-\u9fff][^()]*\)", text), entry.string
        for other in ("健壮性", "置信度区间", "拒绝回答", "有毒性", "偏差分"):
            assert other not in text, entry.string


@pytest.mark.parametrize("kind", KINDS)
def test_a_chinese_report_has_no_english_but_names(pages, kind):
    assert kind in {"gate", "table"} or '<html lang="zh">' in pages[kind]
    assert latin(pages[kind]) == set(), sorted(latin(pages[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_no_message_hides_among_the_names_of_a_chinese_report(pages, kind):
    """Names stand apart from the text; what the catalogue has in Chinese is none."""
    soup = BeautifulSoup(pages[kind], "html.parser")
    names = {found.get_text() for found in soup.select("bdi, code")}
    words = {entry.id for entry in entries() if " " in entry.id}
    words |= set(DIMENSIONS) - {"toxicity"}  # a scorer's name, too
    left = names & words
    assert left == set(), left


def test_labels_and_figures_of_people_are_chinese_too(run):
    directory = RunDirectory.existing(run)
    card = load_scorecard(directory)
    content = card.model_dump(mode="json", by_alias=True)
    cell = content["dimensions"]["toxicity"]["tasks"]["quickstart_toxicity"]["metrics"]
    cell["toxic_fraction"]["corrected"] = people().model_dump(mode="json")
    labelled = type(card).model_validate(content)
    with speaking("zh"):
        page = render_html(labelled, run=directory.read_json(directory.run_json), samples=[])
    assert "依据人工标注校正（Rogan-Gladen 法）" in page
    assert "已标注 196 条回答" in page
    assert "本次运行自身的回答，简单随机抽取 200 条（随机种子 1）；2 名标注员" in page
    assert latin(page) == {"ann", "ben"}


def test_the_terms_are_those_of_a_laboratory(pages):
    for term in ("鲁棒性", "事实性", "偏见", "毒性", "数据治理", "置信区间", "拒答", "评测"):
        assert term in pages["report"], term
    for term in (
        "符合性声明",
        "判定规则",
        "测量不确定度",
        "抽样",
        "偏离",
        "授权签字人",
        "2026年11月27日",
    ):
        assert term in pages["assurance"], term
    assert "不符合" in pages["assurance"] or "无法判定" in pages["assurance"]


def test_a_comparison_in_chinese(pages, run, capsys):
    with speaking("zh"):
        page = render_comparison(comparison())
    assert "差值，后一次减前一次" in page
    assert "Holm 法" in page
    assert "对照指标 <bdi>answered</bdi> 为 0.75" in page
    assert "在参照结果中的位置" in pages["compared"]
    assert run_app(["compare", str(run), str(run), "--lang", "zh"]) == 2
    assert "name its file with --html" in capsys.readouterr().err


def test_figures_and_dates_are_written_as_the_language_does():
    share = Quantity("proportion", (0.0, 1.0), 500)
    points = Quantity("percentage points", (-1.0, 1.0), 500)
    assert (share.value(0.5), share.span(0.25, 0.75)) == ("50.0\u00a0%", "25.0–75.0\u00a0%")
    with speaking("zh") as chinese:
        assert share.value(0.5) == "50.0%"
        assert share.span(0.25, 0.75) == "25.0%～75.0%"
        assert points.span(-0.1, 0.2) == "−10.0 至 +20.0\u00a0个百分点"
        assert (level(0.95), count(12345)) == ("95%", "12,345")
        assert chinese.day(date(2026, 11, 27)) == "2026年11月27日"
        assert (chinese.tongue("en"), chinese.tongue("x-none-such")) == ("英语", "x-none-such")
        assert listed(["甲", "乙"]) == "甲、乙"
        assert plural(1, "{n} item", "{n} items") == "1 条"
    assert listed(["a", "b"]) == "a, b"
    assert plural(1, "{n} item", "{n} items") == "1 item"
    assert plural(2000, "{n} item", "{n} items") == "2,000 items"
    assert current().code == "en"


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("nothing was measured", "没有测得任何数据"),
        ("few clusters (7)", "簇数偏少（7）"),
        ("cluster bootstrap, BCa", "整群自助法，BCa 法"),
        ("Accuracy (clean)", "准确率（未受扰动）"),
        ("AUC beyond the blind baseline (loss)", "超出盲基线的 AUC（损失）"),
        ("Members told from others (AUC) (blind baseline)", "区分成员与非成员（AUC）（盲基线）"),
        ("Uneven mention of groups (gender, by chance)", "各组提及不均衡（性别，偶然水平）"),
        ("at least 0.9 where language is zh", "不低于 0.9，限于 语言 为 zh 的切片"),
        ("written for evalharness; see DATASHEET.md", "为 evalharness 编写；见 DATASHEET.md"),
        ("the answer is a refusal; ours", "回答为拒答；ours"),
        # what others wrote stays whole
        ("He said, refused, that it was so", "He said, refused, that it was so"),
        ("{0.__class__} of {n}", "{0.__class__} of {n}"),
        ("", ""),
    ],
)
def test_what_earlier_stages_composed_is_found_whole_by_pattern_or_by_parts(english, chinese):
    with speaking("zh"):
        assert said(english) == chinese
    assert said(english) == english


def test_a_text_of_any_size_is_answered_at_once():
    long = "at least " * 50_000
    with speaking("zh"):
        assert said(long) == long


def test_a_value_is_never_read_as_a_message():
    with speaking("zh"):
        assert _("Reason: {reason}", reason="{n} of {m}") == "原因：{n} of {m}"


def test_english_pages_do_not_change_with_the_language_drawn_before():
    scorecard = make_scorecard()
    run = make_run(scorecard)
    before = render_html(scorecard, run=run, samples=[])
    with speaking("zh"):
        render_html(scorecard, run=run, samples=[])
    assert render_html(scorecard, run=run, samples=[]) == before
    assert not HAN.search(re.sub(r"常识问答|回答常识问题", "", before))


def test_an_unknown_language_is_a_sentence_with_a_hint():
    with (
        pytest.raises(ConfigError, match="language 'zn' is not there; known: en, zh"),
        speaking("zn"),
    ):
        pass


def test_without_babel_the_extra_is_named(monkeypatch):
    kept = builtins.__import__

    def without(name, *arguments, **more):
        if name.split(".")[0] == "babel":
            raise ImportError(name)
        return kept(name, *arguments, **more)

    language._load.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match="report"), speaking("zh"):
        pass


def test_no_text_of_the_templates_stands_outside_of_the_catalogue():
    """Words between tags that no call looks up."""
    allowed = {"evalharness", "evalharness verify", "evalharness verify results/", "SHA-256"}
    folder = ROOT / "evalharness" / "reports" / "templates"
    for path in sorted(set(folder.glob("*.j2")) - {folder / "_style.html.j2"}):  # CSS
        text = re.sub(
            r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", path.read_text("utf-8"), flags=re.DOTALL
        )
        for words in re.split(r"<[^>]*>", text):
            bare = words.strip(" \n.,:;()")
            assert not re.search("[A-Za-z]{2}", bare) or bare in allowed, (path.name, bare)


def test_the_public_functions_of_the_script_read_every_module_that_they_name():
    words = ast.parse((ROOT / "docs" / "_message_words.py").read_text(encoding="utf-8"))
    lists = {
        node.targets[0].id: node.value
        for node in words.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for name in ("COMPOSING", "SILENT"):
        for path in ast.literal_eval(lists[name]):
            assert (ROOT / "evalharness" / path).exists(), path
