"""Frozen values as bytes for another process of the same program."""

from __future__ import annotations

import copyreg
import io
import pickle
from types import MappingProxyType
from typing import Any


def read_only(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """A read-only mapping. Pickles need this function, because the type has no importable name."""
    return MappingProxyType(values)


class _Pickler(pickle.Pickler):
    """Pickles read-only mappings by their content."""

    dispatch_table = copyreg.dispatch_table.copy()
    dispatch_table[MappingProxyType] = lambda mapping: (read_only, (dict(mapping),))


def pickled(value: Any) -> bytes:
    """A value as bytes for the other process."""
    body = io.BytesIO()
    _Pickler(body, pickle.HIGHEST_PROTOCOL).dump(value)
    return body.getvalue()
