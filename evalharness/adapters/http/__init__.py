"""Any application behind a URL: a request made of templates, an answer found by a JSON path."""

from evalharness.adapters.http.adapter import HttpAdapter
from evalharness.adapters.http.options import HttpOptions

__all__ = ["HttpAdapter", "HttpOptions"]
