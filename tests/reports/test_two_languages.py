"""One report in two languages: side by side, under one id, each in its own words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalharness.cli.app import run_app
from evalharness.errors import ConfigError
from evalharness.reports.engagement import Engagement, load_engagement
from tests.support import ENGAGEMENT, finished_run, words

CHINESE: dict[str, Any] = {
    "item": {"description": "回答问题", "parts": [{"does": "拦截剂量建议"}]},
    "purpose": "能否发布。",
    "chain": [{"answers_for": "模型的训练"}],
    "independence": {"statement": "不持股", "paid_by": "客户"},
    "authorised_by": {"function": "评测负责人"},
}
TOLD = ("回答问题", "能否发布。", "模型的训练", "不持股", "评测负责人")
BOTH = {**ENGAGEMENT, "translations": {"zh": CHINESE}}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return finished_run(tmp_path_factory.mktemp("spoken"), 6)


@pytest.fixture
def run(original, tmp_path):
    return shutil.copytree(original, tmp_path / original.name)


def written(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "engagement.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


def drawn(run: Path, kind: str, *options: str) -> None:
    assert run_app(["report", str(run), "--kind", kind, *options]) == 0


def shown(page: Path) -> str:
    return words(page.read_text(encoding="utf-8"))


def test_both_stand_side_by_side_and_verify(run, tmp_path, capsys):
    path = str(written(tmp_path, BOTH))
    drawn(run, "assurance", "--engagement", path)
    drawn(run, "assurance", "--engagement", path, "--lang", "zh")
    drawn(run, "assurance", "--engagement", path)
    assert "removed" not in capsys.readouterr().err
    english, chinese = shown(run / "assurance.html"), shown(run / "assurance.zh.html")
    report = json.loads((run / "assurance.json").read_text())["report"]
    assert report in english
    assert report in chinese
    assert not any(text in english for text in TOLD)
    assert all(text in chinese for text in TOLD)
    assert not any(text in chinese for text in ("Whether it may", "no shares", "its training"))
    assert "Example Clinic" in chinese
    assert run_app(["verify", str(run)]) == 0


@pytest.mark.parametrize("assigned", [True, False])
def test_a_label_in_both_stands_side_by_side(run, tmp_path, assigned, capsys):
    options = ["--engagement", str(written(tmp_path, BOTH))] if assigned else []
    drawn(run, "label", *options)
    drawn(run, "label", *options, "--lang", "zh")
    assert "removed" not in capsys.readouterr().err
    assert ("拦截剂量建议" in shown(run / "label.zh.html")) is assigned
    assert "拦截剂量建议" not in shown(run / "label.html")
    assert ("stops doses" in shown(run / "label.html")) is assigned
    assert "拦截" not in (run / "label.json").read_text(encoding="utf-8")
    assert run_app(["verify", str(run)]) == 0


def test_words_that_begin_in_chinese_have_their_english(run, tmp_path):
    base = Engagement.model_validate(BOTH).spoken("zh").model_dump(mode="json", exclude_none=True)
    english = {"purpose": "Whether it may be released."}
    path = str(written(tmp_path, {**base, "translations": {"en": english}}))
    drawn(run, "assurance", "--engagement", path)
    drawn(run, "assurance", "--engagement", path, "--lang", "zh")
    assert "Whether it may be released." in shown(run / "assurance.html")
    assert "能否发布。" in shown(run / "assurance.zh.html")


def test_what_differed_is_said(run, tmp_path, capsys):
    path = str(written(tmp_path, BOTH))
    drawn(run, "assurance", "--engagement", path, "--sample", "q003")
    drawn(run, "label", "--engagement", path)
    capsys.readouterr()
    drawn(run, "assurance", "--engagement", path, "--lang", "zh")
    said = capsys.readouterr().err
    assert "assurance.html; draw them again (another now: the engagement (samples, " in said
    assert "or --sample))" in said
    drawn(run, "label", "--lang", "zh")
    assert "another now: the label now without engagement.yaml" in capsys.readouterr().err
    other = str(written(tmp_path, {**BOTH, "purpose": "Another."}))
    drawn(run, "assurance", "--engagement", other)
    assert "another now: the engagement (purpose)" in capsys.readouterr().err


def test_texts_that_are_not_translated_are_named(run, tmp_path, capsys):
    path = str(written(tmp_path, {**ENGAGEMENT, "translations": {"zh": {"purpose": "能否发布。"}}}))
    drawn(run, "assurance", "--engagement", path, "--lang", "zh")
    said = capsys.readouterr().err
    assert "not in zh, and shown as written: item.description, item.parts, chain, " in said
    assert "purpose" not in said
    drawn(run, "assurance", "--engagement", path)
    assert "not in" not in capsys.readouterr().err
    assert Engagement.model_validate(BOTH).untranslated("zh") == []


@pytest.mark.parametrize(
    ("translations", "said"),
    [
        ({"zh": {"scope": "范围"}}, "translations.zh.scope: translates what is not given"),
        ({"zh": {"chain": []}}, "translations.zh.chain: 0 translated, 1 given"),
        ({"zh": {"customer": "诊所"}}, "translations.zh.customer"),
        ({"zh-CN": {"purpose": "能否发布。"}}, "no report is drawn in 'zh-CN'; known: en, zh"),
    ],
)
def test_translations_that_do_not_fit_are_a_sentence(tmp_path, translations, said):
    path = written(tmp_path, {**ENGAGEMENT, "translations": translations})
    with pytest.raises(ConfigError) as caught:
        load_engagement(path)
    assert said in str(caught.value)


def test_an_engagement_without_translations_keeps_its_id():
    known = Engagement.model_validate(ENGAGEMENT)
    assert "translations" not in known.model_dump_json(exclude_defaults=True)
