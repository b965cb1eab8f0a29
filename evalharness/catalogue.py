"""Classes by name, each imported when it is first asked for.

Most commands use few of the many scorers and metrics that there are, and making them all takes a
good part of the time until the first call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any

__all__ = ["Catalogue"]


class Catalogue(MutableMapping[str, type[Any]]):
    """Name -> class; the built-in ones in the order of their names.

    Args:
        package: what the modules lie in.
        modules: module -> name -> the class in it that has the name.
    """

    def __init__(self, package: str, modules: Mapping[str, Mapping[str, str]]) -> None:
        places = {
            name: (f"{package}.{module}", class_)
            for module, classes in modules.items()
            for name, class_ in classes.items()
        }
        self._found: dict[str, tuple[str, str] | type[Any]] = dict(sorted(places.items()))

    def __getitem__(self, name: str) -> type[Any]:
        found = self._found[name]
        if isinstance(found, tuple):
            module, class_ = found
            found = self._found[name] = getattr(import_module(module), class_)
        return found

    def get(self, name: str, default: Any = None) -> Any:
        """The class of a name, or ``default`` where there is none."""
        # the mapping's own would take a KeyError of an import for a name that is not there
        return self[name] if name in self._found else default

    def __setitem__(self, name: str, made: type[Any]) -> None:
        self._found[name] = made

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __contains__(self, name: object) -> bool:  # the mapping's own would import it
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)
