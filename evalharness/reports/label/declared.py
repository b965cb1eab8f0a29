"""The cells of what the provider states, and of what nobody does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalharness.reports.engagement import Area
from evalharness.reports.label.card import Claim
from evalharness.reports.label.given import LabelInput
from evalharness.reports.label.model import LabelCell
from evalharness.reports.language import _, current, listed

__all__ = ["declared", "silence"]


def declared(given: LabelInput) -> Iterator[LabelCell]:
    """What the provider states: in the engagement's file, then in the model card."""
    if given.engagement is not None:
        assignment, file = given.engagement
        for one in assignment.declared:
            yield LabelCell(
                area=one.area, state="declared", what=_("Statement of the provider"), says=one.says,
                source=_("{source} (in {file})", source=one.source, file=file.name),
                sha256=file.sha256,
            )  # fmt: skip
    if given.card is not None:
        for claim in given.card.claims:
            yield LabelCell(
                area=claim.area,
                state="declared",
                what=claim.heading or _field_titles()[claim.field or ""],
                says=_says(claim),
                source=_place(given.card.name, claim),
                sha256=given.card.sha256,
            )  # fmt: skip


def _says(claim: Claim) -> str:
    """What a claim of the card says, in the language that is spoken as far as it has words."""
    if claim.field == "model-index":
        return _("Number of results that the card states: {n}", n=claim.says)
    if claim.field == "language":
        return listed(map(current().tongue, claim.says.split(", ")))
    return claim.says


def _place(name: str, claim: Claim) -> str:
    if claim.field is not None:
        return _("{file}: field {field}", file=name, field=claim.field)
    return _("{file}: section {heading}", file=name, heading=claim.heading)


def _field_titles() -> dict[str, str]:
    return {
        "datasets": _("Data sets"),
        "base_model": _("Base model"),
        "co2_eq_emissions": _("Emissions, in grams of CO2 equivalent"),
        "model-index": _("Results of the provider"),
        "license": _("Licence"),
        "language": _("Languages"),
        "tags": _("Tags"),
    }


def silence(found: Sequence[LabelCell]) -> Iterator[LabelCell]:
    """What neither the run nor the provider says, so that no area is empty or looks complete."""
    texts: dict[Area, tuple[str, str]] = {
        "data": (_("Data used"), _("Not declared, and not to be measured from answers")),
        "training": (
            _("Infrastructure and environment"),
            _("Not declared, and not to be measured from answers"),
        ),
        "mitigations": (_("Mitigations"), _("None declared, and none switched off in a run")),
        "intended_use": (_("Intended use"), _("Not declared")),
        "user_data": (_("Protection of users’ data"), _("Not declared, and not tested here")),
    }
    for area, (what, says) in texts.items():
        # licence, languages and tags are no statement of what a model is for
        told = [c for c in found if c.area == area]
        if area == "intended_use":
            details = {_field_titles()[name] for name in ("license", "language", "tags")}
            told = [cell for cell in told if cell.what not in details]
        if not told:
            yield LabelCell(area=area, state="absent", what=what, says=says)
    if not any(cell.state == "declared" for cell in found if cell.area == "risks"):
        yield LabelCell(
            area="risks", state="absent", what=_("Limitations known to the provider"),
            says=_("Not declared"),
        )  # fmt: skip
