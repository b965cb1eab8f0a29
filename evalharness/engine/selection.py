"""Which of a task's samples a run asks: those that fit, whole groups, at most so many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from evalharness import yamlfile
from evalharness.errors import ConfigError, TaskError
from evalharness.records import ItemsDigest, Sample
from evalharness.scorecard.metrics.registry import metrics_of
from evalharness.store.packed import PackedSamples
from evalharness.tasks import transforms
from evalharness.tasks.data import Dataset
from evalharness.tasks.definition import TaskDefinition
from evalharness.tasks.render import Renderer
from evalharness.tasks.select import draw_order, select

__all__ = ["ChosenSamples", "MetricSlices"]


class ChosenSamples:
    """A task's samples after selection; rendered once, then kept packed."""

    def __init__(
        self,
        renderer: Renderer,
        limit: int | None,
        seed: int,
        definition: TaskDefinition,
        where: Mapping[str, str | list[str]] | None,
        slices: MetricSlices,
    ) -> None:
        self._renderer = renderer
        self._limit = limit
        self._seed = seed
        self._definition = definition
        self._where = {
            tag: {value} if isinstance(value, str) else set(value)
            for tag, value in (where or {}).items()
        }
        self._slices = slices
        #: Of groups with samples that do not fit ``where``: whether others of them do.
        self._cut: dict[str, bool] | None = None
        self.packed = PackedSamples()
        self.available = 0
        self.planned = 0
        #: The share of the available samples (or of the base's items) that is planned.
        self.drawn = 0.0
        #: Whether samples were made of drawn items only, so that others were never seen.
        self.in_part = False

    def digest(self) -> str:
        """Render and pack the samples, and count them; once.

        Returns:
            SHA-256 over the items, in order.

        Raises:
            TaskError: nothing is left to test.
        """
        items = ItemsDigest()
        for sample in self._selected():
            item = sample.protocol_bytes()
            items.add(item)
            self.packed.add(sample, item)
        self.packed.flush()
        self.planned = items.count
        self.available = self.available or self.planned
        self.drawn = self.drawn or self.planned / max(1, self.available)
        if not self.planned:
            self._check_tags()
            raise TaskError(
                f"task {self._definition.task}: no sample is left after 'where' and 'limit'; "
                f"widen them{self._cut_groups()}"
            )
        return items.hexdigest()

    def _selected(self) -> Iterable[Sample]:
        if self._limit is not None and self._renderer.by_item and not self._where:
            drawn = self._drawn(self._limit)
            if drawn is not None:
                return drawn
        wanted = self._wanted()
        if self._limit is None:
            return wanted
        everything = list(wanted)
        self.available = len(everything)
        return select(
            everything,
            limit=self._limit,
            seed=self._seed,
            task=self._definition.task,
            strata=self._definition.strata,
        )

    def _drawn(self, limit: int) -> list[Sample] | None:
        """The samples that `select` would draw, made of the items that they come from alone.

        A large base has many times its number of variants; a small limit needs a few of them.
        ``available`` counts the base's items. None where an id stands twice: making all finds it.
        """
        strata, count = self._definition.strata, 0
        stratum_of: dict[str, tuple[str, ...]] = {}
        for item in self._renderer.items():
            count += 1
            stratum_of[f"g:{item.id}"] = tuple(item.tags.get(tag, "") for tag in strata)
        if count > len(stratum_of):
            return None
        self.available, self.in_part = len(stratum_of), True
        order = draw_order(stratum_of, seed=self._seed, task=self._definition.task)
        # an item has one variant at least, so more items than the limit are never needed
        place = {key: number for number, key in enumerate(order[:limit])}
        drawn = [
            (place[key], index, item)
            for index, item in enumerate(self._renderer.items())
            if (key := f"g:{item.id}") in place
        ]
        chosen: list[tuple[int, list[Sample]]] = []
        count = 0
        for _, index, item in sorted(drawn, key=lambda entry: entry[:2]):
            members = list(self._renderer.variants([item]))
            if chosen and count + len(members) > limit:
                break
            chosen.append((index, members))
            count += len(members)
        self.drawn = len(chosen) / max(1, len(stratum_of))
        found = [sample for _, members in sorted(chosen, key=lambda c: c[0]) for sample in members]
        for sample in found:
            self._slices.see(sample)
        return found

    def _wanted(self) -> Iterator[Sample]:
        """The samples that fit ``where``, less those of groups that do not fit it whole."""
        if self._where and self._cut is None:
            self._cut = self._groups_that_do_not_fit()
        for sample in self._renderer.samples():
            self._slices.see(sample)
            if self._fits(sample) and not (self._cut and sample.group in self._cut):
                yield sample

    def _groups_that_do_not_fit(self) -> dict[str, bool]:
        fits: dict[str, set[bool]] = {}
        for sample in self._renderer.samples():
            if sample.group is not None:
                fits.setdefault(sample.group, set()).add(self._fits(sample))
        return {group: True in found for group, found in fits.items() if False in found}

    def _cut_groups(self) -> str:
        """What to add where groups fit in part."""
        names = [repr(group) for group, in_part in (self._cut or {}).items() if in_part]
        if not names:
            return ""
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return (
            f" ('where' fits a part only of groups that stay whole: {', '.join(names[:3])}{more})"
        )

    def _check_tags(self) -> None:
        """Name a tag of ``where`` that no sample has."""
        tags = sorted({tag for sample in self._renderer.samples() for tag in sample.tags})
        for tag in self._where:
            if tag not in tags:
                hint = yamlfile.did_you_mean(tag, tags)
                raise ConfigError(
                    f"task {self._definition.task}: where: no sample has a tag '{tag}'{hint}"
                )

    def _fits(self, sample: Sample) -> bool:
        return not self._where or all(
            sample.tags.get(tag) in values for tag, values in self._where.items()
        )


class MetricSlices:
    """The metrics of a task whose ``where`` fits no sample of its data."""

    def __init__(self, definition: TaskDefinition, dataset: Dataset) -> None:
        self._task = definition.task
        made = transforms.tags_of(definition.transform.name) if definition.transform else ()
        self._tags = [*dataset.tags, *made]
        # rows of the config's own need not hold every slice
        own = not dataset.origin.startswith("supplied")
        self._open = [use for use in metrics_of(definition) if use.needs] if own else []
        self._values: dict[str, set[str]] = {tag: set() for use in self._open for tag in use.needs}
        self._grouping = [(use.key, tag) for use in metrics_of(definition) for tag in use.tags]

    def see(self, sample: Sample) -> None:
        """One sample more.

        Raises:
            TaskError: it lacks a tag that a metric groups samples by.
        """
        for key, tag in self._grouping:
            if tag not in sample.tags:
                hint = yamlfile.did_you_mean(tag, self._tags)
                raise TaskError(
                    f"task {self._task}: metric '{key}': {sample.id} has no tag '{tag}'{hint}"
                )
        if not self._open:
            return
        for tag, values in self._values.items():
            if tag in sample.tags:
                values.add(sample.tags[tag])
        self._open = [
            use
            for use in self._open
            if any(sample.tags.get(tag) != value for tag, value in use.needs.items())
        ]

    def check(self) -> None:
        """Once all samples were seen.

        Raises:
            TaskError: a metric would have nothing to measure.
        """
        for use in self._open:
            where = f"task {self._task}: metric '{use.key}'"
            for tag, value in use.needs.items():
                known = sorted(self._values[tag])
                if not known:
                    hint = yamlfile.did_you_mean(tag, self._tags)
                    raise TaskError(f"{where}: no sample has a tag '{tag}'{hint}")
                if value not in known:
                    shown = ", ".join(known[:10]) + (", …" if len(known) > 10 else "")
                    raise TaskError(f"{where}: no sample has {tag} '{value}'; there is: {shown}")
            wanted = " and ".join(f"{tag} '{value}'" for tag, value in use.needs.items())
            raise TaskError(f"{where}: no sample has {wanted} at once")
