"""A program as a model: it reads a prompt and writes an answer."""

from evalharness.adapters.command.adapter import CommandAdapter
from evalharness.adapters.command.options import CommandOptions

__all__ = ["CommandAdapter", "CommandOptions"]
