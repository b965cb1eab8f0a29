"""The command line: exit codes, sentences, nothing overwritten, no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evalharness import pipeline
from evalharness.cli.app import run_app
from evalharness.config import load_config
from evalharness.engine.keys import stamped
from evalharness.records import Message, Slot
from evalharness.tasks.attempts import attempt
from tests.support import item, write_suite

RANDOM = "target: {adapter: reference, model: random}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a small suite and a configuration for it."""
    write_suite(tmp_path, [item(n) for n in range(8)])
    (tmp_path / "run.yaml").write_text(f"name: small\n{RANDOM}\nsuites: [./suite_small]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments, capsys):
    code = run_app([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def finished(folder):
    (path,) = (folder / "results").glob("small-*")
    return path


def test_run_prints_the_headlines_and_where_the_report_is(folder, capsys):
    code, out, err = call("run", "run.yaml", capsys=capsys)
    assert code == 0
    assert "8 of 8 samples" in out
    assert f"Report: {Path('results') / finished(folder).name / 'report.html'}" in out
    assert "not tested" in out  # the four other dimensions
    assert "1 task, 8 samples" in err


def test_run_again_is_done_at_once(folder, capsys):
    call("run", "run.yaml", capsys=capsys)
    before = {p.name: p.stat().st_mtime_ns for p in finished(folder).iterdir()}
    assert call("run", "run.yaml", capsys=capsys)[0] == 0
    assert {p.name: p.stat().st_mtime_ns for p in finished(folder).iterdir()} == before


def test_run_json_is_the_scorecard(folder, capsys):
    _, out, err = call("run", "run.yaml", "--json", capsys=capsys)
    assert json.loads(out)["dimensions"]["factuality"]["headline"]["task"] == "small"
    assert err == ""


def test_quiet_is_quiet(folder, capsys):
    assert call("run", "run.yaml", "--quiet", capsys=capsys) == (0, "", "")


def test_options_change_the_measurement(folder, capsys):
    call("run", "run.yaml", "--limit", 4, "--seed", 3, "--set", "target.model=always_a",
         capsys=capsys)  # fmt: skip
    info = json.loads((finished(folder) / "run.json").read_text())
    assert info["tasks"]["small"]["n_planned"] == 4
    assert info["seed"] == 3
    assert info["models"]["target"]["model"] == "always_a"


def test_an_incomplete_run_leaves_with_3(folder, capsys):
    code, _, err = call("run", "run.yaml", "--set", "target.model=garbage", capsys=capsys)
    assert code == 3
    assert "incomplete: 8 unparsed" in err


def test_plan_asks_nothing_and_writes_nothing(folder, capsys):
    code, out, _ = call("plan", "run.yaml", capsys=capsys)
    assert code == 0
    assert "8 samples, 8 requests to the target, " in out
    assert not (folder / "results").exists()
    _, shown, _ = call("plan", "run.yaml", "--json", capsys=capsys)
    assert json.loads(shown)["tasks"][0]["half_width"] == pytest.approx(0.28, abs=0.01)


def recorded(folder, samples, *fields):
    """A configuration whose target is a recording of these samples."""
    lines = [{"sample": sample, "response": "A"} for sample in samples]
    (folder / "out.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    path = folder / "recorded.yaml"
    target = "target: {adapter: replay, path: ./out.jsonl}"
    path.write_text("\n".join([f"name: small\n{target}\nsuites: [./suite_small]", *fields]))
    return path


def test_plan_and_run_say_once_what_a_recording_lacks_and_what_else_it_holds(folder, capsys):
    config = recorded(folder, ["q006", "q007", "q900", "x"])
    extra = "target: 2 samples recorded, but not planned: q900, x"
    _, out, _ = call("plan", config, capsys=capsys)
    lacks = "no recorded output for 6 of 8 requests: q000, q001, q002 and 3 more\n"
    assert f"{lacks}{extra}\n" in out
    _, shown, _ = call("plan", config, "--json", capsys=capsys)
    found = json.loads(shown)["recorded"]
    assert found == {
        "requests": 8, "missing": 6, "samples": [f"small/q00{n}" for n in range(6)],
        "not_planned": ["q900", "x"],
    }  # fmt: skip
    code, out, err = call("run", config, capsys=capsys)
    assert code == 3
    assert out.count(extra) == 1
    assert err.count("6 not run: no recorded output (q000, q001, q002 and 3 more)\n") == 1
    assert "generation 0" not in err
    _, out, _ = call("run", config, "--quiet", capsys=capsys)
    assert out == ""


def test_plan_says_so_where_a_recording_holds_every_answer(folder, capsys):
    config = recorded(folder, [f"q00{n}" for n in range(8)])
    _, out, _ = call("plan", config, capsys=capsys)
    assert "all 8 requests have a recorded output" in out
    assert "not planned" not in out
    _, out, _ = call("plan", config, "--set", "epochs=2", capsys=capsys)
    assert "no recorded output for 8 of 16 requests: q000, q001, q002 and 5 more" in out
    _, shown, _ = call("plan", "run.yaml", "--json", capsys=capsys)
    assert json.loads(shown)["recorded"] is None


def test_plan_finds_a_record_by_the_content_that_would_be_sent(folder, capsys):
    """Wrapped in a system prompt, and sampled, so with a seed: as the run stamps it."""
    config = recorded(folder, ["q000"], "tasks: [{task: small, decoding: {temperature: 0.5}}]")
    prepared = pipeline.prepare(load_config(config, []))
    (sample, *_) = prepared.plan.samples["small"]
    (task,), seed = prepared.plan.tasks, prepared.loaded.config.seed
    asked = next(attempt(sample, task.method, task.decoding, 1))[0]
    sent = replace(asked, messages=(Message("system", "Be kind."), *asked.messages))
    request = stamped(sent, Slot("small", sample.id, 0, "target", 0), seed)
    line = {"digest": request.content_digest, "response": "A"}
    (folder / "out.jsonl").write_text(json.dumps(line) + "\n")
    settings = ["target.key=digest", "target.wrap=[{system: Be kind.}]"]
    options = [word for setting in settings for word in ("--set", setting)]
    _, out, err = call("plan", config, *options, capsys=capsys)
    assert not err
    assert "no recorded output for 7 of 8 requests: q001, q002, q003 and 4 more" in out
    _, _, err = call("run", config, *options, capsys=capsys)
    assert "7 not run: no recorded output for this generate request (q001, q002, q003 and 4" in err


def test_plan_says_what_sizes_a_margin_needs(folder, capsys):
    code, out, _ = call("plan", "run.yaml", "--margin", "0.03", "--power", "0.8", capsys=capsys)
    assert code == 0
    assert "paired 920 (too few), unpaired 1,570 (too few)" in out
    assert "too few to demonstrate 90\u00a0% or more" in out
    _, shown, _ = call("plan", "run.yaml", "--margin", "0.03", "--json", capsys=capsys)
    sizes = json.loads(shown)["tasks"][0]["sizes"]
    assert (sizes["paired"], sizes["paired_enough"], sizes["clusters"]) == (920, False, None)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--power", "0.9"], "--power goes with --margin"),
        (["--margin", "1.5"], "--margin 1.5: give a share between 0 and 1"),
        (["--margin", "0.2", "--discordant", "0.1"], "give a share from 0.2 to 1"),
        (["--margin", "0.1", "--icc", "2"], "--icc 2: give a correlation"),
    ],
)
def test_plan_refuses_a_question_that_has_no_answer(folder, arguments, says, capsys):
    code, _, err = call("plan", "run.yaml", *arguments, capsys=capsys)
    assert code == 2
    assert says in err


def test_plan_expects_less_of_a_fixed_set(folder, capsys):
    _, out, _ = call("plan", "run.yaml", "--set", "estimand=fixed_set", capsys=capsys)
    assert "no sampling error" in out


@pytest.mark.parametrize("what", ["suites", "tasks", "adapters", "scorers", "metrics"])
def test_list(what, capsys):
    code, out, _ = call("list", what, capsys=capsys)
    assert code == 0
    _, shown, _ = call("list", what, "--json", capsys=capsys)
    names = [row["name"] for row in json.loads(shown)]
    assert names
    assert all(name in out for name in names)


def test_report_verify_and_score(folder, capsys):
    call("run", "run.yaml", capsys=capsys)
    run = finished(folder)
    assert call("report", run, capsys=capsys)[0] == 0
    code, out, _ = call("verify", run, capsys=capsys)
    assert code == 0
    assert out.count("holds") == 9
    assert call("score", run, "--set", "level=0.8", capsys=capsys)[0] == 0
    (run / "report.html").write_text("polished")
    code, out, _ = call("verify", run, capsys=capsys)
    assert code == 1
    assert "report.html: SHA-256 differs" in out


def test_a_new_task_runs_at_once(folder, capsys):
    assert call("new", "task", "colours", "--suite", "mine", capsys=capsys)[0] == 0
    (folder / "mine.yaml").write_text(f"name: small\n{RANDOM}\nsuites: [./mine]\n")
    assert call("run", "mine.yaml", capsys=capsys)[0] == 0
    code, _, err = call("new", "task", "colours", "--suite", "mine", capsys=capsys)
    assert code == 2
    assert "is there already" in err


def test_selftest_of_one_task(capsys):
    code, out, _ = call("selftest", "quickstart_data_governance", "--limit", 30, capsys=capsys)
    assert code == 0
    assert "checks hold over 1 tasks" in out


BAD = {
    "unknown suite": ("suites: [factualty]", "did you mean 'factuality'"),
    "unknown task": ("tasks: [quickstart_fact]", "did you mean 'quickstart_factuality'"),
    "missing suite folder": ("suites: [./nowhere]", "there is no suite.yaml"),
    "wrong field": ("tasks: [quickstart_bias]\nlimitt: 3", ":3: limitt: there is no such field"),
    "wrong value": ("tasks: [quickstart_bias]\nfloor: 95", ":3: floor: input should be less"),
    "twice": ("tasks: [quickstart_bias]\ntasks: []", ":3: 'tasks' stands twice"),
    "no work": ("name: empty", "name what to run"),
    "no yaml": ("tasks: [a", "not valid YAML"),
    "no weights": (
        "tasks: [quickstart_bias]\ntarget: {adapter: transformers, model: ./nowhere}",
        "there is no such folder",
    ),
    "data twice": ("tasks: [quickstart_bias, quickstart_bias]", "stands twice"),
    "data that only the user has": ("tasks: [canary_extraction]", "Name it in the config"),
    "no mirror": ("tasks: [bbq]\ndata_root: ./nowhere", "the data root is no folder"),
    "mirror without the file": ("tasks: [bbq]\ndata_root: .", "the data file is missing"),
    "reference model that needs a table": (
        "tasks: [quickstart_bias]\ntarget: {adapter: reference, model: oracle}",
        "only 'evalharness selftest' makes",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_sentence_and_leaves_with_2(folder, capsys, name):
    text, message = BAD[name]
    target = "" if "target:" in text else RANDOM
    (folder / "bad.yaml").write_text(f"{target}\n{text}\n")
    code, out, err = call("run", "bad.yaml", capsys=capsys)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not (folder / "results").exists()


def test_a_missing_config_and_a_wrong_option(folder, capsys):
    code, _, err = call("run", "nowhere.yaml", capsys=capsys)
    assert (code, "there is no such file" in err) == (2, True)
    code, _, err = call("run", "run.yaml", "--limt", 3, capsys=capsys)
    assert code == 2
    assert "No such option" in err


def test_corrupt_data_is_refused_by_its_digest(folder, capsys):
    task = folder / "suite_small" / "small" / "task.yaml"
    text = task.read_text().replace(
        "{path: items.jsonl}", f"{{path: items.jsonl, sha256: {'0a' * 32}}}"
    )
    task.write_text(text)
    code, _, err = call("run", "run.yaml", capsys=capsys)
    assert code == 2
    assert "SHA-256 is" in err
    assert "the task was made for 0a0a" in err


def test_a_missing_extra_names_its_pip_line(folder, capsys, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "torch" else find(name, *a)
    )
    code, _, err = call("run", "run.yaml", "--set", "target=demo", capsys=capsys)
    assert code == 2
    assert "pip install 'evalharness[local]'" in err


def test_a_results_folder_of_another_config_is_left_alone(folder, capsys):
    call("run", "run.yaml", capsys=capsys)
    path = finished(folder) / "run.json"
    path.write_text(path.read_text().replace('"measurement": "', '"measurement": "f'))
    before = {p.name: p.read_bytes() for p in finished(folder).iterdir()}
    code, _, err = call("run", "run.yaml", capsys=capsys)
    assert code == 2
    assert "belongs to another configuration" in err
    assert {p.name: p.read_bytes() for p in finished(folder).iterdir()} == before


def test_a_classifier_without_weights_makes_its_task_not_run(folder, capsys):
    (folder / "toxic.yaml").write_text(
        f"name: small\n{RANDOM}\nclassifier: {{adapter: detoxify, checkpoint: unbiased}}\n"
        "tasks: [quickstart_toxicity, quickstart_factuality]\n"
    )
    code, out, err = call("run", "toxic.yaml", capsys=capsys)
    assert code == 3
    assert "not measured" in out
    assert "176 not run" in err
    scorecard = json.loads((finished(folder) / "scorecard.json").read_text())
    reason = scorecard["dimensions"]["toxicity"]["tasks"]["quickstart_toxicity"]["not_run"]
    assert "download: true" in reason


HEAVY = ("torch", "transformers", "datasets", "pandas", "statsmodels", "sklearn")
NOT_FOR_HELP = (*HEAVY, "scipy", "pyarrow", "numpy", "aiohttp", "jinja2", "rich")


def loaded_after(code, names=NOT_FOR_HELP):
    """Which of some libraries are loaded after running ``code`` in a fresh interpreter."""
    program = f"{code}\nimport sys\nprint([name for name in {names!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize(
    "code",
    [
        "import evalharness",
        "import evalharness; evalharness.Sample; evalharness.ConfigError",
        "from evalharness.cli.app import run_app; run_app(['--help'])",
        "from evalharness.cli.app import run_app; run_app(['list', 'tasks'])",
        "from evalharness.cli.app import run_app; run_app(['list', 'adapters'])",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code):
    assert loaded_after(code) == "[]"


def test_what_only_the_end_of_a_run_needs_is_not_loaded_before_a_model_is_asked():
    assert loaded_after("import evalharness.api", (*HEAVY, "scipy.special")) == "[]"


def test_a_run_on_local_files_loads_no_data_frames_and_no_hub(folder):
    (folder / "app.py").write_text("def answer(prompt):\n    return 'A'\n")
    (folder / "own.yaml").write_text(
        "name: small\ntarget: {adapter: function, path: './app.py:answer'}\n"
        "suites: [./suite_small]\n"
    )
    run = "from evalharness.cli.app import run_app; print(run_app(['run', 'own.yaml', '--quiet']))"
    assert loaded_after(run, HEAVY) == "[]"
    assert finished(folder)


def test_a_fault_of_our_own_is_a_sentence_and_not_a_failed_check(folder, capsys, monkeypatch):
    from evalharness import api

    def broken(*arguments, **options):
        raise KeyError("what nobody thought of")

    monkeypatch.setattr(api, "run", broken)
    monkeypatch.delenv("EVALHARNESS_DEBUG", raising=False)
    code, out, err = call("run", "run.yaml", capsys=capsys)
    assert (code, out) == (2, "")
    assert "this is a fault of evalharness: KeyError: 'what nobody thought of'" in err
    assert "EVALHARNESS_DEBUG=1" in err
    assert "Traceback" not in err
    monkeypatch.setenv("EVALHARNESS_DEBUG", "1")
    code, _, err = call("run", "run.yaml", capsys=capsys)
    assert code == 2
    assert "Traceback" in err
