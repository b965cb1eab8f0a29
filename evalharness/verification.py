"""Verifies a run from its records alone: digests, counts, and every figure derived again.

It reads with the run's own definitions (run.json, the journal's planned samples), asks no model
and changes nothing in the run's folder.
"""

from __future__ import annotations

import itertools
import tempfile
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from evalharness import pipeline, policies
from evalharness.checking import Check, checked, said_of
from evalharness.differing import row_faults, value_faults
from evalharness.engine.drive import drive
from evalharness.engine.loop import run_to_end
from evalharness.engine.plan import measurement_of
from evalharness.errors import EvalHarnessError, RunConflictError
from evalharness.labelling.draw import draw_keys
from evalharness.labelling.source import Source
from evalharness.labelling.stored import labels_of
from evalharness.records import ItemsDigest, Role
from evalharness.redrawing import page_checks
from evalharness.store.directory import RunDirectory
from evalharness.store.journal import Journal
from evalharness.store.samples import row_keys
from evalharness.tasks.planned import PlannedTask

if TYPE_CHECKING:
    from evalharness.evidence.keyless import Expected

__all__ = ["verify_run"]

#: Task, sample, epoch, generation: what a row is known by.
_Key: TypeAlias = tuple[str, str, int, int]

#: The digests of the run's files as they are: `RunDirectory.digests`.
_Digests: TypeAlias = Callable[[], dict[str, str]]

#: What the run's files give to be signed.
_Due: TypeAlias = Callable[[], list[dict[str, Any]]]


def verify_run(
    directory: RunDirectory,
    key: Path | None = None,
    superseded: Sequence[Path] = (),
    identity: Expected | None = None,
) -> list[Check]:
    """All checks; a check that could not be made has that as its fault.

    Args:
        key: file of the tester's public key; without it a signature is only looked at.
        superseded: folders of the reports that this run's report supersedes, in any order; without
            them those are only named.
        identity: who should have signed through sigstore; without it a bundle is only looked at.

    Raises:
        ConfigError: ``key`` is no public key; RunError: a superseded folder holds no run;
            MissingExtraError: sigstore's library is missing.
    """
    earlier = [RunDirectory.existing(folder) for folder in superseded]
    checks = _of_folder(directory, key, earlier, identity)
    return [*checks, *_scorings(directory, key)] if directory.is_finished else checks


def _of_folder(
    directory: RunDirectory,
    key: Path | None,
    superseded: Sequence[RunDirectory],
    identity: Expected | None,
) -> list[Check]:
    """The checks of one folder, without the later scorings in it."""
    digests = cache(directory.digests)  # once, for all that are about files
    due = cache(partial(_due, directory))  # and for all that signed
    checks = [
        *_signature(directory, key, digests, due),
        *_bundles(directory, identity, digests, due),
        *_records(directory, digests),
    ]
    if not directory.is_finished:
        return checks
    return [*checks, *_report(directory, superseded, digests), *page_checks(directory)]


def _signature(
    directory: RunDirectory, key: Path | None, digests: _Digests, due: _Due
) -> list[Check]:
    """What speaks for and against the signature; nothing where there is none and none is asked."""
    from evalharness.evidence import keys, sign

    public = None if key is None else keys.public_key(key)
    if not directory.attestation.is_file():
        fault = "it is not signed: 'evalharness sign RUN --key FILE'"
        return [] if key is None else [Check("the run is signed by the key", [fault])]
    given = None if public is None else keys.key_id(public)
    name = "the signature's file is whole" if given is None else f"signed by the key {given}"
    checks = [checked(name, lambda: sign.envelope_faults(directory, public))]
    try:
        signed = sign.statements_by_key(directory)
    except ValueError:
        return checks  # which says so
    for one, statements in signed.items():
        by = f" (key {one})" if len(signed) > 1 else ""
        about = partial(_about, directory, statements, digests, due)
        checks.append(checked(f"what was signed is what lies here{by}", about))
        if one != given:
            asked = f"whether the key {one} signed; give its file with --key"
            checks.append(Check.left(asked))
    return checks


def _due(directory: RunDirectory) -> list[dict[str, Any]]:
    from evalharness.evidence import sign

    return sign.statements_due(directory)


def _about(
    directory: RunDirectory, statements: Sequence[dict[str, Any]], digests: _Digests, due: _Due
) -> list[str]:
    """Where what one signer signed is not what lies here."""
    from evalharness.evidence import sign

    return sign.statement_faults(directory, statements, digests(), due)


def _bundles(
    directory: RunDirectory, identity: Expected | None, digests: _Digests, due: _Due
) -> list[Check]:
    """What speaks for and against sigstore's bundles; nothing where none are, and none asked."""
    from evalharness.evidence import keyless

    if not directory.bundles.is_file():
        fault = "it has no bundle: 'evalharness sign RUN --sigstore'"
        return [] if identity is None else [Check("the run is signed through sigstore", [fault])]
    whose = []
    if identity is None:
        first = checked("the sigstore bundle is whole", lambda: keyless.form_faults(directory))
        asked = "who signed through sigstore; give --identity and --issuer"
        whose = [Check.left(asked)]
    else:
        trust = identity.service.trust()  # what is missing there says nothing of the run
        first = checked(
            f"signed by {identity.identity}, as {identity.issuer} vouches",
            lambda: keyless.bundle_faults(directory, identity, trust),
        )
    return [
        first,
        checked(
            "what the bundle is about is what lies here",
            lambda: _about(directory, keyless.statements_of(directory), digests, due),
        ),
        *whose,
    ]


def _records(directory: RunDirectory, digests: _Digests) -> list[Check]:
    if not directory.is_finished:
        reason = "it was not finished: there is no manifest.json; run its config again to resume"
        return [Check("the run is whole", [reason])]
    sealed = "every file is as the manifest recorded it"
    checks = [checked(sealed, lambda: directory.check_seal(digests()))]
    run: dict[str, Any] = {}
    journal: Journal | None = None
    try:
        run = directory.read_json(directory.run_json)
        tasks = pipeline.tasks_of(run)
        if "labels" in run["settings"] or directory.labels.is_file():
            checks.append(
                checked(
                    "people's labels are those of the measurement, and of the draw",
                    lambda: _labels(directory, run, tasks),
                )
            )
        journal = Journal(directory.journal, sealed=True)
        opened = journal
        checks += [
            checked("protocol ids follow from their parts", lambda: _protocols(run, tasks)),
            checked(
                "models and settings are those of the measurement", lambda: _measurement(run, tasks)
            ),
            checked("the planned items have the recorded digests", lambda: _items(opened, tasks)),
            checked("every answer belongs to a planned sample", lambda: _answers(opened)),
            checked(
                "each sample stands once for each epoch and generation",
                lambda: _counts(directory, opened, tasks),
            ),
            checked(
                "scoring the recorded answers again gives the same rows",
                lambda: _rows(directory, opened, run, tasks),
            ),
            checked(
                "aggregating the rows again gives the same scorecard",
                lambda: _scorecard(directory),
            ),
            *_superseded(directory, run),
        ]
    except (EvalHarnessError, KeyError, TypeError, ValueError) as fault:
        checks.append(Check("the records can be read", [said_of(fault)]))
    finally:
        if journal is not None:
            journal.close()
    return checks


def _superseded(directory: RunDirectory, run: dict[str, Any]) -> list[Check]:
    """Of a later scoring: that the run whose answers it took is there, and still has them.

    Its pages may be others now: `report` draws them whenever it is asked to.
    """
    source = run.get("rescored_from")
    if source is None:
        return []

    def faults() -> list[str]:
        above = RunDirectory(directory.path.parent.parent)
        if not above.manifest.is_file():
            return [f"{source['run_id']}, from which it was scored, does not lie around it"]
        sealed, taken = above.read_json(above.manifest)["files"], source["manifest"]
        name, of = above.journal.name, above.read_json(above.run_json)["measurement"]
        if (sealed[name], of) != (taken[name], source["measurement"]):
            return [f"{source['run_id']} was changed since it was scored again"]
        return above.check_seal()

    return [checked(f"it follows from the answers of {source['run_id']}", faults)]


def _report(
    directory: RunDirectory, superseded: Sequence[RunDirectory], digests: _Digests
) -> list[Check]:
    """Of an assurance report: its id, and the earlier reports that it supersedes."""
    from evalharness import superseding
    from evalharness.reports.issued import issued_of

    try:
        issued = issued_of(directory)
    except EvalHarnessError as fault:
        return [Check("the assurance report's record can be read", [str(fault)])]
    checks = []
    if issued is not None:
        name = f"report {issued.report} is about these records"
        checks.append(
            checked(name, lambda: superseding.issued_faults(directory, issued, digests()))
        )
    earlier = None if issued is None else issued.supersedes
    if superseded:
        named = "superseded reports are what they were, and in no circle"
        checks.append(checked(named, lambda: superseding.chain_faults(directory, superseded)))
    elif earlier is not None:
        how = "" if earlier.files else ", known by its id alone"
        named = f"that it supersedes {earlier.report}{how}; give --supersedes FOLDER"
        checks.append(Check.left(named))
    return checks


def _scorings(directory: RunDirectory, key: Path | None) -> list[Check]:
    """Of the later scorings in the run's folder, which its own manifest does not name."""
    folder = directory.path / "scores"
    checks = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = f"{folder.name}/{path.name}"
        scored = RunDirectory(path)
        if path.is_file() and path.name.endswith(".lock"):  # whoever is at work there
            continue
        # a link may lead back here; a name that `score` never gives is what a kill left, or a hide
        odd = path.is_symlink() or path.name.startswith(".") or path.name.endswith(".tmp")
        if odd or not scored.is_finished:
            checks.append(Check.left(f"{name} (no finished scoring)"))
            continue
        checks += [
            replace(check, name=f"{name}: {check.name}")
            for check in (
                *_of_folder(scored, _own_key(scored, key), (), None),
                *_scorings(scored, key),
            )
        ]
        if key is not None and not scored.attestation.is_file():
            checks.append(Check.left(f"{name}: who made it; nobody signed it"))
    return checks


def _own_key(scored: RunDirectory, key: Path | None) -> Path | None:
    """The key, if it signed a scoring too: whoever scored later may be somebody else."""
    from evalharness.evidence import keys, sign

    if key is None or not scored.attestation.is_file():
        return None
    try:
        signed = sign.statements_by_key(scored)
    except ValueError:  # which is said of the file itself
        return None
    return key if keys.key_id(keys.public_key(key)) in signed else None


def _protocols(run: dict[str, Any], tasks: list[PlannedTask]) -> list[str]:
    return [
        f"{task.name}: the parts give {task.protocol_id[:12]}, run.json says otherwise"
        for task in tasks
        if not (
            task.protocol_id
            == run["protocols"][task.name]
            == run["tasks"][task.name]["protocol_id"]
        )
    ]


def _measurement(run: dict[str, Any], tasks: list[PlannedTask]) -> list[str]:
    found = measurement_of(tasks, run["models"], sorted(run["unavailable"]), run["settings"])
    faults = []
    if found != run["measurement"]:
        faults.append(
            f"protocols, models and settings give {found[:12]}, run.json says "
            f"{str(run['measurement'])[:12]}"
        )
    policy = policies.recorded(run)
    named = None if policy is None else policy.sha256
    if not named == run["settings"].get("policy") == (run.get("policy") or {}).get("sha256"):
        faults.append("the policy is not the one whose digest is part of the measurement")
    if run["seed"] != run["settings"]["seed"]:
        faults.append(f"seed: {run['seed']}, but {run['settings']['seed']} in the settings")
    return faults


def _labels(directory: RunDirectory, run: dict[str, Any], tasks: list[PlannedTask]) -> list[str]:
    """The draws are made again: from the answers, which no scoring changes."""
    labels = labels_of(directory, run)
    if labels is None:
        there = directory.labels.is_file()
        return [f"{directory.labels.name}: is no part of the measurement"] if there else []
    known = {task.name: task for task in tasks}
    source = Source(directory, run)
    faults = []
    for found in labels.sets:
        draw = found.draw
        if found.of != "this_run" or draw is None:
            continue
        if draw.of != source.first:
            faults.append(f"{found.task}: labels drawn from another run ({draw.of[:12]})")
        keys = draw_keys(
            directory.samples, known[found.task], found.score, seed=draw.seed, count=draw.count
        )
        if len(keys) != found.n_drawn:
            faults.append(f"{found.task}: {found.n_drawn} drawn, the draw gives {len(keys)}")
        strange = found.agreed.keys() - set(keys)
        faults += [f"{found.task}/{key[0]}: labelled, but not drawn" for key in sorted(strange)]
    return faults


def _items(journal: Journal, tasks: list[PlannedTask]) -> list[str]:
    faults = []
    for task in tasks:
        items = ItemsDigest()
        for sample in journal.samples(task.name):
            items.add(sample.protocol_bytes())
        if items.hexdigest() != task.protocol["items"]:
            faults.append(f"{task.name}: the journal's items are not those of the protocol")
        if items.count != task.n_planned:
            faults.append(
                f"{task.name}: {items.count} items planned, run.json says {task.n_planned}"
            )
    return faults


def _answers(journal: Journal) -> list[str]:
    planned = journal.planned()
    return sorted(
        {
            f"{task}/{sample}: answered, but never planned"
            for task, sample, *_ in journal.slots()
            if (task, sample) not in planned
        }
    )


def _counts(directory: RunDirectory, journal: Journal, tasks: list[PlannedTask]) -> list[str]:
    hashes = array("q")
    in_order = True
    pairs = itertools.zip_longest(_recorded(directory), _expected(journal, tasks))
    for one, other in pairs:
        in_order = in_order and one == other
        hashes.append(hash(one))
    ordered = np.sort(np.frombuffer(hashes, dtype=np.int64))
    if in_order and not (ordered[1:] == ordered[:-1]).any():
        return []  # nearly always; what is wrong takes all keys in memory to say
    found, expected = list(_recorded(directory)), set(_expected(journal, tasks))
    twice = [key for key, count in Counter(found).items() if count > 1]
    faults = [f"{'/'.join(map(str, key))}: stands twice" for key in sorted(twice)]
    faults += [f"{'/'.join(map(str, key))}: missing" for key in sorted(expected - set(found))]
    return faults + [
        f"{'/'.join(map(str, key))}: not planned" for key in sorted(set(found) - expected)
    ]


def _recorded(directory: RunDirectory) -> Iterator[_Key]:
    """The rows that are there, in order."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(directory.samples) as file:
        yield from row_keys(file)


def _expected(journal: Journal, tasks: list[PlannedTask]) -> Iterator[_Key]:
    """The rows that must be there, in the plan's order."""
    for task in tasks:
        generations = 1 if task.method == "loglikelihood" else task.generations
        for epoch in range(task.epochs):
            for sample in journal.samples(task.name):
                for generation in range(generations):
                    yield task.name, sample.id, epoch, generation


def _rows(
    directory: RunDirectory, journal: Journal, run: dict[str, Any], tasks: list[PlannedTask]
) -> list[str]:
    identities: dict[Role, Any] = run["models"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.parquet"
        try:
            run_to_end(
                drive(
                    journal,
                    [(task, pipeline.scorer_of(task)) for task in tasks],
                    path,
                    seed=run["seed"],
                    identities=identities,
                )
            )
        except RunConflictError:
            return [f"{directory.journal.name}: an answer belongs to another request or model"]
        return row_faults(directory.samples, path)


def _scorecard(directory: RunDirectory) -> list[str]:
    again = pipeline.scorecard_of(directory).model_dump(mode="json", by_alias=True)
    return value_faults(directory.read_json(directory.scorecard), again, "scorecard")
