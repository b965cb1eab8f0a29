"""What makes other items of those of a task: the ``transform`` of a derived task.

A transform maps the stream of a task's items to another: several variants an item, attacks, other
formats. Its name, version and options are a part of the derived task's protocol through the items
that it makes.
"""

from evalharness.tasks.transforms.registry import Transform, create, names, tags_of

__all__ = ["Transform", "create", "names", "tags_of"]
