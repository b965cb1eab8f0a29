"""Intervals that are right at 0 and at 1, over clusters, and that say why when there is none.

Arrays in, frozen records out; no NaN leaves. ``docs/statistics.md`` says what is used when and why.
The modules write ``scipy.special.ndtri`` and import ``scipy`` alone: scipy loads its parts at their
first use, and they would be a third of what a command imports before it asks anything.
"""

from __future__ import annotations

from evalharness.stats.bootstrap import cluster_bootstrap, cluster_units, ratio_bootstrap
from evalharness.stats.bounds import missing_bounds
from evalharness.stats.classes import mean_of_proportions
from evalharness.stats.clustered import EffectiveSize, clustered_proportion, effective_size
from evalharness.stats.components import VarianceComponents, variance_components
from evalharness.stats.correlation import pearson, spearman
from evalharness.stats.means import mean
from evalharness.stats.misclassification import Calibration, corrected_rate, sensitivity_range
from evalharness.stats.paired import agresti_min, paired_means, paired_proportions
from evalharness.stats.paired_bootstrap import (
    MOST_CLUSTERS,
    PairedBootstrap,
    Weighted,
    paired_bootstrap,
)
from evalharness.stats.power import (
    at_most,
    demonstrates,
    design_effect,
    detectable,
    mcnemar_power,
    paired_size,
    passing_chance,
    passing_rate,
    unpaired_size,
)
from evalharness.stats.prediction_powered import Labelled, prediction_powered_mean
from evalharness.stats.proportions import clopper_pearson, proportion, wilson
from evalharness.stats.records import (
    FEW_CLUSTERS,
    SHOWN_CLUSTERS,
    SHOWN_EVENTS,
    Estimate,
    Interval,
    Side,
    is_mark,
)
from evalharness.stats.significance import adjusted, mcnemar, sign_flip
from evalharness.stats.unpaired import hybrid_difference, hybrid_p_value, hybrid_ratio

__all__ = [
    "FEW_CLUSTERS",
    "MOST_CLUSTERS",
    "SHOWN_CLUSTERS",
    "SHOWN_EVENTS",
    "Calibration",
    "EffectiveSize",
    "Estimate",
    "Interval",
    "Labelled",
    "PairedBootstrap",
    "Side",
    "VarianceComponents",
    "Weighted",
    "adjusted",
    "agresti_min",
    "at_most",
    "clopper_pearson",
    "cluster_bootstrap",
    "cluster_units",
    "clustered_proportion",
    "corrected_rate",
    "demonstrates",
    "design_effect",
    "detectable",
    "effective_size",
    "hybrid_difference",
    "hybrid_p_value",
    "hybrid_ratio",
    "is_mark",
    "mcnemar",
    "mcnemar_power",
    "mean",
    "mean_of_proportions",
    "missing_bounds",
    "paired_bootstrap",
    "paired_means",
    "paired_proportions",
    "paired_size",
    "passing_chance",
    "passing_rate",
    "pearson",
    "prediction_powered_mean",
    "proportion",
    "ratio_bootstrap",
    "sensitivity_range",
    "sign_flip",
    "spearman",
    "unpaired_size",
    "variance_components",
    "wilson",
]
