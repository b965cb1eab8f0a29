"""What may stand beside ``adapter: command``, and what of it is there on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from evalharness.adapters._local import file_digests
from evalharness.adapters._secrets import check_variable, holds_key
from evalharness.adapters.base import Options
from evalharness.errors import ConfigError, UnavailableError

__all__ = ["PLACEHOLDER", "CommandOptions", "environment_of", "files_digest", "program_of"]

#: What the prompt takes the place of.
PLACEHOLDER = "{prompt}"
#: A larger file (a model's weights) is not hashed at every start.
_LARGEST_HASHED = 256 * 1024 * 1024
_ALWAYS_PASSED = ("PATH", "HOME", "LANG")
#: A variable of this name holds a model's name, which a model may say.
_NAMES_MODEL = re.compile(r"(?:\w+_)?MODEL(?:_?(?:ID|NAME))?", re.IGNORECASE)


class CommandOptions(Options):
    """What may stand beside ``adapter: command``."""

    command: tuple[str, ...] = Field(
        min_length=1,
        description="the program and its arguments, as a list of words; one text is split as a "
        "shell would, and no shell is run",
    )
    input: Literal["stdin", "argument", "json"] = Field(
        default="stdin",
        description="how it gets the prompt: on its input, in the place of {prompt} among the "
        "arguments, or as a JSON object on its input",
    )
    output: Literal["text", "json"] = Field(
        default="text", description="what it writes: the answer, or a JSON object that holds it"
    )
    lines: bool = Field(
        default=False,
        description="true: it goes on running, and answers each line (a JSON object) with a line",
    )
    env: tuple[str, ...] = Field(
        default=(), description="names of environment variables that it gets; the values are secret"
    )
    cwd: str | None = Field(
        default=None, min_length=1, description="folder that it runs in; the configuration's"
    )
    timeout: float = Field(default=300, gt=0, description="seconds for an answer")
    concurrency: int = Field(default=4, ge=1, le=1024, description="programs at once")
    name: str | None = Field(default=None, min_length=1, description="the model's name")
    version: str | None = Field(default=None, min_length=1, description="the model's version")
    base_dir: Path | None = Field(
        default=None, exclude=True, description="what paths are relative to"
    )

    @field_validator("command", mode="before")
    @classmethod
    def _as_words(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return tuple(shlex.split(value))
        except ValueError as fault:
            raise ValueError(f"this cannot be split into words ({fault}); write a list") from None

    @field_validator("command")
    @classmethod
    def _can_be_run(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value[0] or PLACEHOLDER in value[0]:
            raise ValueError("the first word is the program; name it")
        if any("\0" in word for word in value):
            raise ValueError("a word may not hold a NUL character")
        if any(map(holds_key, value)):
            raise ValueError(
                "a word holds what looks like a key, which may not stand in a configuration; put "
                "it into an environment variable, name that in `env`, and read it in the program"
            )
        return value

    @field_validator("env")
    @classmethod
    def _are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for number, name in enumerate(value, 1):
            check_variable(name, f"item {number}")
        return value

    @model_validator(mode="after")
    def _fits(self) -> CommandOptions:
        has_place = any(PLACEHOLDER in word for word in self.command)
        if self.lines:
            for name, fitting in (("input", self.input), ("output", self.output)):
                if name in self.model_fields_set and fitting != "json":
                    raise ValueError(f"with `lines: true` both ways are JSON; leave `{name}` out")
        if self.input == "argument" and not has_place:
            raise ValueError("input: argument needs a word with {prompt} in `command`")
        if has_place and self.input != "argument":
            raise ValueError("{prompt} in `command` needs `input: argument`")
        return self

    @property
    def folder(self) -> Path:
        """Where the program runs."""
        return ((self.base_dir or Path.cwd()) / Path(self.cwd or ".").expanduser()).resolve()


def program_of(options: CommandOptions) -> str:
    """The program's absolute path.

    Raises:
        UnavailableError: it is not there.
        ConfigError: the folder that it shall run in is none.
    """
    if not hasattr(os, "killpg"):
        raise UnavailableError("command: this system has no process groups; use Linux or macOS")
    if not options.folder.is_dir():
        raise ConfigError(
            f"command: {options.folder} is no folder; `cwd` is relative to the configuration's"
        )
    word = options.command[0]
    if "/" in word:
        file = options.folder / Path(word).expanduser()
        found = str(file) if file.is_file() and os.access(file, os.X_OK) else None
        hint = "a path is relative to `cwd`, and the file must be executable (chmod +x)"
    else:
        found = shutil.which(word)
        hint = "install it, or write its path (./program)"
    if found is None:
        raise UnavailableError(f"command: there is no program '{word}'; {hint}")
    return found


def environment_of(options: CommandOptions) -> tuple[dict[str, str], list[str], list[str]]:
    """The program's whole environment, which of its values are secret, which of those name models.

    Raises:
        UnavailableError: a variable that it is to get is not set.
    """
    env = {name: os.environ[name] for name in _ALWAYS_PASSED if name in os.environ}
    secrets, models = [], []
    for name in options.env:
        if name not in os.environ:
            raise UnavailableError(
                f"command: the environment variable {name} is not set, and `env` names it; set it, "
                "or take the name out"
            )
        env[name] = os.environ[name]
        if name not in _ALWAYS_PASSED:
            secrets.append(env[name])
            if _NAMES_MODEL.fullmatch(name):
                models.append(env[name])
    return env, secrets, models


def files_digest(program: str, options: CommandOptions) -> str | None:
    """SHA-256 over the program and the files among its arguments, by name and content."""
    named = [Path(program), *(options.folder / word for word in options.command[1:] if word)]
    found = []
    for path in dict.fromkeys(named):
        try:
            if path.is_file() and path.stat().st_size <= _LARGEST_HASHED:
                found += file_digests([path])
        except OSError:  # not to be read, or no name of a file at all
            continue
    return hashlib.sha256(json.dumps(found).encode()).hexdigest() if found else None
