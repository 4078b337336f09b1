"""The canonical form of a document, of which hashes are taken.

A new option must not change the hash of a file without it: a recorded plan would be called changed, and a policy would
become two versions. So keys of the first release are always in the form, with their defaults, and a key that was added
later only where it differs from its default. Therefore the default of a later key must never change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from shadow.config.fields import Document

FirstKeys = Mapping[str, Collection[str]]
"""By the class of a document: its optional keys in the first release. Closed: nothing is ever added."""


def canonical_form(
    document: Document, first: FirstKeys, *, exclude: set[str] | None = None, exclude_none: bool = False
) -> dict[str, Any]:
    """JSON values of a document and those inside of it.

    Args:
        document: a checked one.
        first: keys that are always there.
        exclude: keys of the document itself that are no part of the hash.
        exclude_none: keys without a value are no part of it.
    """
    form: dict[str, Any] = document.model_dump(mode="json", by_alias=True, exclude=exclude, exclude_none=exclude_none)
    _leave_out(document, form, first)
    return form


def _leave_out(value: Any, form: Any, first: FirstKeys) -> None:
    """Remove later keys that have their default, here and further inside."""
    if isinstance(value, Document):
        always = first.get(type(value).__name__, ())
        for name, field in type(value).model_fields.items():
            key, given = field.alias or name, getattr(value, name)
            if key not in form:
                continue
            is_later = not field.is_required() and name not in always
            if is_later and given == field.get_default(call_default_factory=True, validated_data={}):
                del form[key]
            else:
                _leave_out(given, form[key], first)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            _leave_out(inner, form[key], first)
    elif isinstance(value, list):
        for inner, inner_form in zip(value, form, strict=True):
            _leave_out(inner, inner_form, first)
