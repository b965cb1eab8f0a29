"""Each trap that peers fell into is one test by its number, or is named here with its tests."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
TESTS = FOLDER.parent

#: Traps of security, packaging and data: whole files of tests are about each of them, so the first
#: of those tests are named, not written a second time.
ELSEWHERE = {
    60: (
        "code is run because it lies in a data folder; keys in clear text",
        "tasks/test_library.py::test_no_python_of_a_suite_s_folder_is_run",
        "adapters/test_registry.py::test_a_plugin_may_not_take_a_built_in_name",
        "adapters/test_secrets.py::test_what_is_no_reference_is_refused",
    ),
    61: (
        "classes named in YAML are made, pickles are loaded, remote code is on",
        "test_yamlfile.py::test_tags_that_would_run_or_make_something_are_refused",
        "adapters/test_detoxify_faults.py::test_a_malicious_checkpoint_is_refused_and_not_run",
        "adapters/test_transformers_loading.py::test_a_model_with_code_of_its_own_is_refused",
    ),
    62: (
        "local variables, parts of keys and the tester's machine stand in the records",
        "test_secrets.py::test_neither_the_run_nor_the_cache_nor_the_screen_holds_a_key",
        "adapters/test_secrets.py::test_secrets_are_redacted_in_every_form",
        "pipeline/test_measurement.py::test_the_scorecard_has_no_time_host_run_id_or_path",
    ),
    63: (
        "telemetry by default, an import that loads files, build tools at run time",
        "test_public_api.py::test_the_core_resolves_to_at_most_sixty_packages",
        "test_cli.py::test_nothing_heavy_is_imported_before_it_is_needed",
    ),
    64: (
        "one configuration for the whole process, and no resuming",
        "test_config.py::test_a_configuration_cannot_be_changed_after_loading",
        "pipeline/test_resume.py::test_an_interrupted_run_resumes_and_ends_in_the_same_bytes",
    ),
    65: (
        "identical files, a file of another language, rows twice, fields lost",
        "lint/test_files.py::test_the_public_files_known_faults_are_found",
        "lint/test_files.py::test_a_farsi_label_on_french",
        "tasks/test_stereotype_tasks.py::test_cbbq_s_two_conditions_are_not_the_same_file",
    ),
    66: (
        "restricted and personal data mixed with free ones",
        "test_conditions.py::test_a_suite_leaves_out_what_was_not_accepted_and_says_so",
        "tasks/test_people.py::test_every_identifier_is_set_aside_or_cannot_be_issued",
    ),
}


def docstrings_of(path: Path) -> dict[str, str]:
    """Test -> its docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name: ast.get_docstring(node) or ""
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }


def traps() -> dict[str, int]:
    """Test -> the number that its docstring begins with; tests that add to a trap have none."""
    found = {}
    for path in sorted(FOLDER.glob("test_*.py")):
        for name, docstring in docstrings_of(path).items():
            if match := re.match(r"Trap (\d+): \S", docstring):
                found[f"{path.name}::{name}"] = int(match[1])
    return found


def test_each_trap_is_one_test_or_is_named_with_its_tests():
    numbers = Counter([*traps().values(), *ELSEWHERE])
    assert {number: n for number, n in numbers.items() if n != 1} == {}
    assert sorted(numbers) == list(range(1, 67))


def test_a_test_of_a_trap_says_in_one_sentence_what_went_wrong():
    for path in sorted(FOLDER.glob("test_*.py")):
        if path == Path(__file__):
            continue
        for name, docstring in docstrings_of(path).items():
            assert re.match(r"(Trap \d+: |Of trap \d+ also: )\S.{20,}[.]$", docstring), name


@pytest.mark.parametrize("number", ELSEWHERE)
def test_the_tests_of_the_other_traps_are_there(number):
    said, *tests = ELSEWHERE[number]
    assert said
    assert tests
    for test in tests:
        file, name = test.split("::")
        assert name in docstrings_of(TESTS / file), test
