"""Two documents of JSON values, compared: counts and texts exactly, numbers with a tolerance, by path."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

RTOL = 1e-9
ATOL = 1e-12
"""For what should be nothing and is a sum of floats that cancel."""


def differences(left: Any, right: Any, *, but: Collection[str] = (), path: str = "") -> Iterator[str]:
    """Where two documents differ, as `path: left, not right`.

    Args:
        left: one document.
        right: the other.
        but: keys whose values are not compared.
        path: of these documents in a larger one.
    """
    if isinstance(left, dict) and isinstance(right, dict):
        if left.keys() != right.keys():
            yield f"{path}: keys {sorted(left.keys() ^ right.keys())} are in one alone"
        for key in left:
            if key in right and key not in but:
                yield from differences(left[key], right[key], but=but, path=f"{path}.{key}")
    elif isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            yield f"{path}: {len(left)} items, not {len(right)}"
        for place, (ours, theirs) in enumerate(zip(left, right, strict=False)):
            yield from differences(ours, theirs, but=but, path=f"{path}[{place}]")
    elif not _same(left, right):
        yield f"{path}: {left!r}, not {right!r}"


def assert_same(left: Any, right: Any, *, but: Collection[str] = ()) -> None:
    """Fails with the first ten differences, by path."""
    found = list(differences(left, right, but=but))
    assert not found, "\n".join([f"{len(found)} differences", *found[:10]])


def changed(document: Any, change: Callable[[Any], Any]) -> Any:
    """The document with a function applied to every value that is no container, and to every key."""
    if isinstance(document, dict):
        return {change(key): changed(value, change) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return type(document)(changed(item, change) for item in document)
    return change(document)


def with_words(document: Any, words: dict[str, str]) -> Any:
    """The document with whole words replaced in every text."""
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, words))})\b")
    return changed(
        document, lambda value: pattern.sub(lambda m: words[m[0]], value) if isinstance(value, str) else value
    )


def unordered(document: Any) -> Any:
    """The document with its lists sorted by the names in them, and so with lists inside of texts."""
    if isinstance(document, dict):
        return {key: unordered(value) for key, value in document.items()}
    if isinstance(document, list):
        return sorted((unordered(item) for item in document), key=_names)
    if isinstance(document, str):
        return ", ".join(sorted(re.split("[,;:] ", document)))
    return document


def _names(item: Any) -> str:
    if isinstance(item, dict):
        return json.dumps({key: _names(value) for key, value in item.items()}, sort_keys=True)
    if isinstance(item, list):
        return json.dumps([_names(each) for each in item])
    return item if isinstance(item, str) else ""


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=RTOL, abs_tol=ATOL)
    return type(left) is type(right) and left == right
