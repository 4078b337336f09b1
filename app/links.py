"""Addresses of the review app that show the same rows next month: absolute days, a named policy version."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from shadowroute.analysis.selection import ALL, PolicyRef, Segment, Window


def page_link(
    base: str,
    page: str = "",
    *,
    project: str,
    window: Window,
    policy: PolicyRef | None = None,
    segments: Sequence[Segment] = (),
    request: str = "",
) -> str:
    """The address of a page with every filter spelled out; nothing in it is relative to today.

    Args:
        base: of the review app, without a path.
        page: path of the page; empty is Overview.
        project: always named, because the default depends on what the store holds.
        window: UTC days.
        policy: name and version; None for all.
        segments: filters; all traffic is not written.
        request: id of one request, for the trace page.
    """
    parameters = [("project", project)]
    if policy is not None:
        parameters += [("policy", policy.name), ("version", policy.version)]
    parameters += [("from", window.first.isoformat()), ("to", window.last.isoformat())]
    parameters += [("segment", str(segment)) for segment in segments if segment != ALL]
    if request:
        parameters.append(("request", request))
    return f"{base.rstrip('/')}/{page}?{urlencode(parameters)}"
