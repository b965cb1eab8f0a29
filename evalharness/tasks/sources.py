"""Where a task's rows come from, and how each becomes a sample: the ``data`` of a ``task.yaml``."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["Definition", "FileRef", "HubRef", "Join", "Shape", "Source", "WebRef"]

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


class Definition(BaseModel):
    """A part of a definition: its fields are known, and it does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shape(Definition):
    """How rows stand in a file that is no plain list of them."""

    at: str | None = Field(
        default=None, description="where the rows stand in a JSON file: 'qa.items'"
    )
    keys: list[Name] | None = Field(
        default=None,
        description="of nested JSON: the field that the key of each level becomes; a leaf that is "
        "no object becomes the field 'value'",
    )


class FileRef(Shape):
    """A local file: beside the task (``data``), below the data root (``mirror``), or of a hub."""

    path: str
    sha256: Sha256 | None = None

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        if value.startswith(("/", "~")) or ".." in value.split("/") or "\\" in value:
            raise ValueError("must be a relative path with '/' that stays in its folder")
        return value


class WebRef(Shape):
    """A file of the web that stays what it is: its digest is a part of its name."""

    url: str = Field(pattern=r"^https://[^\s]+$")
    sha256: Sha256


class HubRef(Definition):
    """A Hugging Face data set, at a pinned revision where one is known."""

    path: str
    revision: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{40}$",
        description="commit of the data set; without one a run lists it among its deviations",
    )
    split: str = "train"
    name: str | None = Field(default=None, description="the data set's configuration")
    data_files: list[str] | None = None
    files: list[FileRef] | None = Field(
        default=None, description="files of it that are read as they are, not as a data set"
    )


class Join(Definition):
    """Another file, of which each row gets the one that belongs to it."""

    file: FileRef | None = None
    web: WebRef | None = None
    by: str = Field(description="expression over the row")
    to: str = Field(description="field of the other file that equals it, compared as text")
    as_: Name = Field(alias="as", description="the field under which the other row stands")

    @model_validator(mode="after")
    def _one_file(self) -> Join:
        if (self.file is None) == (self.web is None):
            raise ValueError("name one of file, web")
        return self

    @property
    def ref(self) -> FileRef | WebRef:
        """The other file."""
        return self.file or cast("WebRef", self.web)


class Source(Definition):
    """Where rows come from, and how each becomes a sample."""

    hub: HubRef | None = None
    file: FileRef | None = None
    files: list[FileRef] | None = None
    web: list[WebRef] | None = None
    supplied: str | None = Field(
        default=None, description="rows come from the run's config; says what they must hold"
    )
    join: Join | None = None
    let: dict[Name, str] = Field(
        default_factory=dict,
        description="name -> expression over the row, in this order; all that follows sees it",
    )
    where: str | None = Field(default=None, description="expression; rows that give false are left")
    sample: dict[str, str | dict[str, str]] = Field(description="field -> Jinja expression")

    @model_validator(mode="after")
    def _one_origin(self) -> Source:
        origins = [self.hub, self.file, self.files, self.web, self.supplied]
        if sum(origin is not None for origin in origins) != 1:
            raise ValueError("name exactly one of hub, file, files, web, supplied")
        if self.join is not None:
            beside = self.file_refs if self.join.file is not None else self.web
            if not beside:
                raise ValueError(
                    "'join': its 'file' goes with 'file' or 'files', its 'web' with 'web'"
                )
        return self

    @field_validator("sample")
    @classmethod
    def _known_fields(cls, value: dict[str, Any]) -> dict[str, Any]:
        nested = {"tags", "target"}
        known = {
            "id", "prompt", "system", "choices", "choice_ids", "answer", "good", "bad", "group",
            "cluster", "language", *nested,
        }  # fmt: skip
        for name, mapped in value.items():
            if name not in known:
                raise ValueError(f"no such field of a sample: {name}; known: {sorted(known)}")
            if isinstance(mapped, dict) != (name in nested):
                wanted = "fields, each with an expression" if name in nested else "one expression"
                raise ValueError(f"{name}: {wanted} wanted")
        return value

    @property
    def tags(self) -> list[str]:
        """The tags that it gives its samples."""
        return list(self.sample.get("tags", {}))

    @property
    def file_refs(self) -> list[FileRef]:
        """The local files, if any."""
        return [self.file] if self.file else list(self.files or ())
