"""The subject of a command: project, days, policies, keys and signals of its options, looked up in the store."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import typer

from shadowroute.app.cli.exits import NothingStoredError

if TYPE_CHECKING:
    from shadowroute.analysis.queries import Queries
    from shadowroute.analysis.selection import PolicyRef, Window
    from shadowroute.analysis.signals import SignalRow
    from shadowroute.analysis.study import Study
    from shadowroute.collector.store import Store


def chosen_study(store: Store, project: str, first: date | None, last: date | None) -> Study:
    """The requested days of the requested project, at its pinned prices.

    Raises:
        NothingStoredError: there is nothing to report on.
        typer.BadParameter: the project is unknown or not named, or the days are in the wrong order.
    """
    from shadowroute.analysis.queries import Queries
    from shadowroute.analysis.study import Study
    from shadowroute.collector.price_books import current_book

    queries = Queries(store.reader(), chosen_project(store, project))
    window = chosen_window(queries, first, last)
    return Study(queries, window, book=current_book(queries.client, queries.project) or "")


def chosen_project(store: Store, asked: str) -> str:
    """The project to report on: the requested one, or the only one of the store.

    Raises:
        NothingStoredError: the store holds no decision.
        typer.BadParameter: it does not hold this project, or holds several and none was named.
    """
    from shadowroute.analysis.queries import projects

    known = projects(store.reader())
    if not known:
        raise NothingStoredError(f"{store.dsn} holds no decisions yet; send some, or run shadowroute demo")
    names = ", ".join(known)
    if asked and asked not in known:
        raise typer.BadParameter(f"--project must be one that the store holds ({names}), got {asked!r}")
    if not asked and len(known) > 1:
        raise typer.BadParameter(f"--project must be given, because the store holds several: {names}")
    return asked or known[0]


def chosen_window(queries: Queries, first: date | None, last: date | None) -> Window:
    """The requested days; an open end is the first or last day with figures.

    Raises:
        NothingStoredError: there are no figures yet.
        typer.BadParameter: the days are in the wrong order.
    """
    from shadowroute.analysis.selection import Window

    available = queries.window_available()
    if available is None:
        raise NothingStoredError(
            f"project {queries.project} has no figures yet; run shadowroute rollup, or wait for `up`"
        )
    try:
        return Window(first or available.first, last or available.last)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def keys_of(text: str) -> list[str]:
    """The keys of one `--by`: `task,user_tier` is the same as the option given twice."""
    return [key.strip() for key in text.split(",") if key.strip()] or [text]


def chosen_keys(study: Study, wanted: list[str]) -> list[str]:
    """The requested segment keys.

    Raises:
        typer.BadParameter: one of them is not a key of any decision in the window.
    """
    from shadowroute.analysis.selection import key_of

    wanted = list(dict.fromkeys(key_of(key) for text in wanted for key in keys_of(text)))
    found = [study.project.segments(study.window, row.policy) for row in study.shadows] if wanted else []
    known = sorted({row.key for rows in found for row in rows})
    for key in wanted:
        if key not in known:
            raise typer.BadParameter(
                f"--by must be a segment key of {study.window} ({', '.join(known) or 'none'}), got {key!r}"
            )
    return wanted


def chosen_policies(study: Study, name: str) -> list[PolicyRef]:
    """Every version of the named shadow policy that decided in the window.

    Raises:
        typer.BadParameter: it did not decide there.
    """
    found = [row.policy for row in study.shadows if row.policy.name == name]
    if not found:
        names = ", ".join(dict.fromkeys(row.policy.name for row in study.shadows)) or "none"
        raise typer.BadParameter(f"--policy must have decided in {study.window} ({names}), got {name!r}")
    return found


def chosen_signal(study: Study, name: str) -> SignalRow:
    """The named signal, from its most frequent source.

    Raises:
        typer.BadParameter: no decision of the window has it.
    """
    for row in study.seen:
        if row.name == name:
            return row
    names = ", ".join(dict.fromkeys(row.name for row in study.seen)) or "none"
    raise typer.BadParameter(f"--signal must have been seen in {study.window} ({names}), got {name!r}")
