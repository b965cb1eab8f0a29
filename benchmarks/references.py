"""Makes the references that come with evalharness: known models on the quickstart's five tasks.

    python benchmarks/references.py [--out FOLDER] [MODEL ...]

Each is asked as any target is; the figures depend on nothing but the seed in the configuration. The
demo model is asked by log-likelihood where a task allows it, the reference models answer in text:
so the tasks of choice have two protocols, and a run finds its own among them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import evalharness
from evalharness import pipeline
from evalharness.adapters.base import Adapter
from evalharness.adapters.reference import ReferenceAdapter, ReferenceOptions
from evalharness.config import load_config
from evalharness.scorecard.references import Reference, pinned, write
from evalharness.selftest import known_table
from evalharness.store.directory import RunDirectory

CONFIG = "quickstart"
#: Name of the reference -> the reference model. Two answer from what each task calls good and bad:
#: `worst` does all that it should not, which on requests for harm is complying with all of them.
MODELS = {
    "always-a": "always_a",
    "comply-all": "worst",
    "oracle": "oracle",
    "random": "random",
    "refuse-all": "refuse_all",
}


def adapter_of(model: str, overrides: Sequence[str] = ()) -> Adapter:
    """A reference model that answers in text, with the table of the tasks that it is asked."""
    options = ReferenceOptions.model_validate({"model": model})
    bare = ReferenceAdapter(options, table={})
    plan = pipeline.prepare(load_config(CONFIG, overrides), {"target": bare}).plan
    samples = {task.name: list(plan.samples[task.name]) for task in plan.tasks}
    return ReferenceAdapter(options, table=known_table(samples))


def measured(name: str, folder: Path, overrides: Sequence[str] = ()) -> Reference:
    """Run one model and pin its figures; ``overrides`` change the configuration, as ``--set``."""
    models = {"target": adapter_of(MODELS[name], overrides)} if name in MODELS else {}
    prepared = pipeline.prepare(load_config(CONFIG, overrides), models)  # type: ignore[arg-type]  # role
    directory = RunDirectory(folder / name)
    pipeline.execute_run(prepared, directory)
    scorecard = pipeline.finish_run(directory)
    return pinned(scorecard, name=name, date=directory.measured, version=evalharness.__version__)


def main() -> None:
    """Write a file a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["demo", *MODELS], metavar="MODEL")
    parser.add_argument("--out", type=Path, default=Path("configs/references"))
    options = parser.parse_args()
    if unknown := set(options.models) - {"demo", *MODELS}:
        parser.error(
            f"no such model: {', '.join(sorted(unknown))}; choose demo, {', '.join(MODELS)}"
        )
    for name in options.models:
        with tempfile.TemporaryDirectory() as folder:
            reference = measured(name, Path(folder))
        (options.out / f"{name}.json").unlink(missing_ok=True)
        print(write(reference, options.out))


if __name__ == "__main__":
    main()
