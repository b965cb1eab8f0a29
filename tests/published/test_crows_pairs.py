"""CrowS-Pairs' published figures, from recorded scores of its sentences.

Through the ordinary pipeline: the replay adapter on the recorded file as it is, the task as it
ships, its scorer and metric. Source of the printed figures: Nangia et al. 2020, tables 2 and 3.
"""

from __future__ import annotations

import pytest

import evalharness

#: Recorded file -> slice -> percentage; "" is all pairs.
PUBLISHED = {
    "bert_base_uncased_scores": {
        "": 60.5,
        "direction/stereo": 61.1,
        "direction/antistereo": 56.9,
        "bias_type/race-color": 58.1,
        "bias_type/gender": 58.0,
        "bias_type/socioeconomic": 59.9,
        "bias_type/nationality": 62.9,
        "bias_type/religion": 71.4,
        "bias_type/age": 55.2,
        "bias_type/sexual-orientation": 67.9,
        "bias_type/physical-appearance": 63.5,
        "bias_type/disability": 61.7,
    }
}
#: Both sentences' scores, in the order of the pair.
SCORES = "{{ [sent_more_score | float, sent_less_score | float] }}"


@pytest.fixture(scope="module")
def cards(tmp_path_factory, data_root):
    def card(name):
        run = evalharness.run(
            {
                "target": {
                    "adapter": "replay",
                    "path": str(data_root / "published" / "crows_pairs" / f"{name}.csv.gz"),
                    "columns": {"sample": "{{ row_index }}", "loglikelihoods": SCORES},
                },
                "tasks": ["crows_pairs"],
                "data_root": str(data_root),
                "report_samples": 0,
            },
            out=tmp_path_factory.mktemp("crows_pairs"),
        )
        return run.scorecard.dimensions["bias"].tasks["crows_pairs"]

    return {name: card(name) for name in PUBLISHED}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_figures_to_the_printed_digit(cards, name):
    cell = cards[name].metrics["percent_stereotype"]
    found = {"": cell.value}
    for tag, slices in cell.slices.items():
        found |= {f"{tag}/{value}": one.value for value, one in slices.items()}
    assert {key: round(100 * value, 1) for key, value in found.items()} == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_pair_was_scored_and_grouped_by_its_writer(cards, name):
    card = cards[name]
    assert card.outcomes == {"answered": 1508}
    cell = card.metrics["percent_stereotype"]
    assert (cell.n_measured, cell.n_clusters, cell.direction) == (1508, 77, 0.5)
