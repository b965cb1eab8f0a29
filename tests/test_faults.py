"""Every fault of an endpoint becomes the right outcome, and none becomes a score.

Against a server that nobody here wrote for this purpose alone: it answers as a function of the
prompt, so the accuracy without faults is known.
"""

from __future__ import annotations

import http.client
import json
import random
import zlib
from contextlib import closing
from urllib.parse import urlsplit

import pytest

import evalharness

TASK = """\
task: sums
version: 1
construct: sums that a fake server answers
source: tests
licence: Apache-2.0
languages: [en]
data:
  file: {path: items.jsonl}
  sample: {id: id, prompt: prompt, choices: choices, answer: answer}
method: letter
order: 'fixed: the prompt shows the options'
scorer: choice
metrics: [accuracy]
"""

SUITE = """\
suite: sums
version: 1
dimension: factuality
title: Sums
construct: sums that a fake server answers
headline: [sums/accuracy]
"""


def write(folder, count):
    task = folder / "suite" / "sums"
    task.mkdir(parents=True)
    (folder / "suite" / "suite.yaml").write_text(SUITE)
    (task / "task.yaml").write_text(TASK)
    draw = random.Random(count)
    rows = []
    for number in range(count):
        left, right = draw.randrange(10, 500), draw.randrange(10, 500)
        values = [left + right, left + right + 2, left + right - 3, left + right + 11]
        draw.shuffle(values)
        shown = "\n".join(f"{a}) {v}" for a, v in zip("ABCD", values, strict=True))
        name = f"s{number:06d}"
        rows.append({"id": name, "prompt": f"[{name}] What is {left} + {right}?\n{shown}",
                     "choices": [str(v) for v in values],
                     "answer": values.index(left + right)})  # fmt: skip
    (task / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def right(count):
    """How many of the samples the server answers right."""
    return sum(zlib.crc32(f"s{number:06d}".encode()) % 10 < 7 for number in range(count))


def tell(url, path, **settings):
    body = json.dumps(settings).encode() if path == "__config" else None
    if path == "__reset":
        body = b"{}"
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request("GET" if body is None else "POST", f"/{path}", body)
    with closing(connection):
        return json.load(connection.getresponse())


def run(folder, url, out="results", **config):
    target = {"adapter": "openai", "base_url": f"{url}/v1", "model": "fake-model",
              "api_key_env": None, "concurrency": 64, "timeout_first_byte": 0.5}  # fmt: skip
    suites = [str(folder / "suite")]
    return evalharness.run({"target": target, "suites": suites, **config}, out=folder / out)


def accuracy(found):
    return found.scorecard.dimensions["factuality"].tasks["sums"].metrics["accuracy"]


def faulty(count, percent):
    """The samples that a sticky fault meets: as the server draws them."""
    limit = percent / 100
    names = [f"s{number:06d}" for number in range(count)]
    return {name for name in names if zlib.crc32(f"1:{name}".encode()) / 2**32 < limit}


KINDS = {
    "429": ("errored", "HTTP 429: injected fault"),
    "500": ("errored", "HTTP 500: injected fault"),
    "503": ("errored", "HTTP 503: injected fault"),
    "reset": ("errored", "the connection to the server was lost"),
    "hang": ("errored", "the server was silent for 0.5 s"),
    "malformed": ("errored", "not JSON, or was cut off"),
    "empty": ("errored", "holds no answer"),
    "null": ("empty", "the answer was empty"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_that_never_heals_is_an_outcome_of_exactly_its_samples(kind, tmp_path, fake_openai):
    write(tmp_path, 80)
    tell(fake_openai, "__config", faults=f"{kind}=10", sticky=True, retry_after=0.1)
    found = run(tmp_path, fake_openai, retries=1)
    outcome, reason = KINDS[kind]
    rows = found.samples.set_index("sample_id")
    wanted = faulty(80, 10)
    assert 3 < len(wanted) < 20
    assert set(rows.index[rows["outcome"] == outcome]) == wanted
    assert set(rows.index[rows["outcome"] == "answered"]) == set(rows.index) - wanted
    assert all(reason in text for text in rows.loc[sorted(wanted), "reason"])
    assert set(rows.loc[sorted(wanted), "attempts"]) == ({1} if kind == "null" else {2})
    cell = accuracy(found)
    kept = [n for n in range(80) if f"s{n:06d}" not in wanted]
    correct = sum(zlib.crc32(f"s{n:06d}".encode()) % 10 < 7 for n in kept)
    assert cell.value == pytest.approx(correct / len(kept))
    assert (cell.n_planned, cell.n_measured) == (80, len(kept))
    assert cell.bounds == (
        pytest.approx(correct / 80),
        pytest.approx((correct + len(wanted)) / 80),
    )
    assert found.exit_code == 3


def test_retry_errored_asks_for_exactly_those_again(tmp_path, fake_openai):
    write(tmp_path, 80)
    tell(fake_openai, "__config", faults="500=10", sticky=True)
    run(tmp_path, fake_openai, retries=0)
    tell(fake_openai, "__config", faults="")
    tell(fake_openai, "__reset")
    again = run(tmp_path, fake_openai, retries=0)
    assert tell(fake_openai, "__stats")["requests"] == 0, "a finished run asks nothing by itself"
    assert again.exit_code == 3
    config = json.loads((again.path / "run.json").read_text())["config"]
    healed = evalharness.run(config, out=tmp_path / "results", retry_errored=True)
    assert tell(fake_openai, "__stats")["requests"] == len(faulty(80, 10))
    assert healed.exit_code == 0
    assert accuracy(healed).value == pytest.approx(right(80) / 80)


def test_retries_while_the_fault_is_still_there_cost_nothing(
    tmp_path, fake_openai, monkeypatch, capsys
):
    """Once they took the reasons away and called a healthy endpoint down."""
    from evalharness.cli.app import run_app

    monkeypatch.setattr("evalharness.engine.circuit._NEVER_ANSWERED", 0.5)
    monkeypatch.setattr("evalharness.engine.circuit._FIRST_PAUSE", 0.1)
    write(tmp_path, 80)
    whole = run(tmp_path, fake_openai, "whole", retries=1)
    tell(fake_openai, "__config", faults="500=20", sticky=True)
    count = len(faulty(80, 20))
    assert count > 10
    found = run(tmp_path, fake_openai, retries=1)
    assert found.exit_code == 3
    config = tmp_path / "again.yaml"
    config.write_text(json.dumps(json.loads((found.path / "run.json").read_text())["config"]))
    command = ["run", str(config), "--out", str(tmp_path / "results"), "--retry-errored"]
    assert run_app(command) == 3
    told = capsys.readouterr()
    assert f"resumes with {80 - count} responses, tries {count} that failed again" in told.err
    assert f"Tried {count} failed requests again: 0 answered, {count} failed again\n" in told.out
    assert f"incomplete: {count} errored" in told.err
    assert "stopped" not in told.err
    again = evalharness.load_run(found.path)
    rows = again.samples.set_index("sample_id")
    assert set(rows.index[rows["outcome"] == "errored"]) == faulty(80, 20)
    assert all("HTTP 500" in text for text in rows["reason"].dropna())
    tell(fake_openai, "__config", faults="")
    assert run_app(command) == 0
    told = capsys.readouterr()
    assert f"Tried {count} failed requests again: {count} answered, 0 failed again" in told.out
    cards = [(one.path / "scorecard.json").read_bytes() for one in (whole, again)]
    assert cards[0] == cards[1]


MIXED = "429=5,500=2,malformed=1,reset=1,hang=1"


def survives(folder, url, count):
    """Run without faults and with them; the figures must be the same bytes."""
    write(folder, count)
    whole = run(folder, url, "whole")
    assert accuracy(whole).value == pytest.approx(right(count) / count)
    tell(url, "__config", faults=MIXED, retry_after=0.2)
    tell(url, "__reset")
    found = run(folder, url, "faults")
    stats = tell(url, "__stats")
    assert set(stats["outcomes"]) > {"429", "500", "malformed", "reset", "hang"}
    assert stats["served_more_than_once"] == 0
    assert accuracy(found).n_measured == count
    assert found.exit_code == 0
    cards = [(one.path / "scorecard.json").read_bytes() for one in (whole, found)]
    assert cards[0] == cards[1]
    answers = [one.samples.set_index("sample_id")["answer"] for one in (whole, found)]
    assert answers[0].equals(answers[1])
    return found, stats


def test_mixed_faults_cost_nothing(tmp_path, fake_openai):
    found, stats = survives(tmp_path, fake_openai, 800)
    assert found.samples["attempts"].sum() == stats["requests"]


@pytest.mark.full
def test_mixed_faults_cost_nothing_in_ten_thousand(tmp_path, fake_openai):
    survives(tmp_path, fake_openai, 10_000)


def test_an_endpoint_that_goes_away_ends_the_run_cleanly_and_the_rest_is_asked_later(
    tmp_path, fake_openai
):
    write(tmp_path, 300)
    tell(fake_openai, "__config", faults="503=100")
    found = run(tmp_path, fake_openai, max_outage=0.4)
    counts = found.samples["outcome"].value_counts().to_dict()
    assert counts == {"not_run": 300}, "an outage is nobody's error"
    assert found.exit_code == 3
    assert "no answer for" in found.stopped
    assert "HTTP 503" in found.stopped
    assert tell(fake_openai, "__stats")["requests"] < 100, "it does not burn through the samples"
    tell(fake_openai, "__config", faults="")
    healed = run(tmp_path, fake_openai)
    assert healed.path == found.path
    assert healed.exit_code == 0
    assert healed.stopped is None
    assert accuracy(healed).value == pytest.approx(right(300) / 300)


def test_nobody_there_ends_the_run_as_well(tmp_path):
    write(tmp_path, 20)
    found = run(tmp_path, "http://127.0.0.1:9", max_outage=0.3)
    assert set(found.samples["outcome"]) == {"not_run"}
    assert "no connection to the server" in found.stopped


def test_a_short_outage_costs_no_sample(tmp_path, fake_openai):
    """All calls fail for a second; nobody's tries are worn out."""
    import threading

    write(tmp_path, 200)
    tell(fake_openai, "__config", faults="500=100")
    heal = threading.Timer(0.7, lambda: tell(fake_openai, "__config", faults=""))
    heal.start()
    found = run(tmp_path, fake_openai, retries=3)
    heal.join()
    assert found.exit_code == 0
    assert found.samples["attempts"].max() <= 3
