"""Lint of tasks that ask for the probability of a sentence: they have no prompt."""

from __future__ import annotations

from tests.lint.test_tasks import findings, rows, suite


def test_a_sentence_of_its_own_has_no_prompt(tmp_path):
    sentences = [{**row, "q": ""} for row in rows()]
    assert findings(suite(tmp_path, sentences, method="loglikelihood", cue={"en": ""})) == {}
    asked = {**sentences[0], "opts": ["a", "b"], "a": 0}
    assert ("mapping", "fault") in findings(suite(tmp_path / "asked", [asked], method="letter"))
