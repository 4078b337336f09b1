"""Which model each name of a store means: learned from what arrives, and from the models.yaml of a project.

Tables keep names as they were sent. `model_names` has a row for every name that appeared; the views `named_decisions`
and `named_executions` read it, and sums and figures read these views.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from clickhouse_connect.driver.client import Client

from shadow.prices.catalogue import Catalogue
from shadow.prices.identity import identify
from shadow.prices.registry import REGISTRY, PriceRow, amounts, registry_key, registry_prices, registry_version
from shadowroute.collector.price_books import book_prices, current_book

ANY_PROJECT: Final = ""
"""The project of names that hold where a project has none of its own."""

_BEGINNING: Final = "1970-01-01 00:00:00"
_COLUMNS: Final = ("project", "provider", "name", "family", "price_key", "source")
_UNKNOWN: Final = """
SELECT DISTINCT project, provider, name FROM (
  SELECT DISTINCT project, '' AS provider, arrayJoin([model, live_model, escalation_model]::Array(String)) AS name
  FROM decisions WHERE ingested_at >= {since:DateTime64(3, 'UTC')}
  UNION DISTINCT
  SELECT DISTINCT project, served_provider AS provider, if(served_name = '', served_model::String, served_name) AS name
  FROM decisions WHERE ingested_at >= {since:DateTime64(3, 'UTC')}
  UNION DISTINCT
  SELECT DISTINCT project, '' AS provider, served_model::String AS name
  FROM decisions WHERE ingested_at >= {since:DateTime64(3, 'UTC')} AND served_name NOT IN ('', served_model)
  UNION DISTINCT
  SELECT DISTINCT project, attempt.provider AS provider, attempt.model::String AS name
  FROM decisions ARRAY JOIN attempts AS attempt WHERE ingested_at >= {since:DateTime64(3, 'UTC')}
  UNION DISTINCT
  SELECT DISTINCT project, '' AS provider, model::String AS name
  FROM executions WHERE ingested_at >= {since:DateTime64(3, 'UTC')}
)
WHERE name != '' AND (project, provider, name) NOT IN (SELECT project, provider, name FROM model_names)
ORDER BY project, provider, name
"""


@dataclass(frozen=True, slots=True, order=True)
class NamedModel:
    """A row of `model_names`, whose migration describes the columns."""

    project: str
    provider: str
    name: str
    family: str
    price_key: str
    source: str

    @property
    def is_itself(self) -> bool:
        """Whether the name is that of its family and of its price: rows of such a name are read as they are."""
        return self.family == self.name and self.price_key in {"", self.name}


def declare(client: Client, project: str, catalogue: Catalogue, source: str) -> None:
    """Note the names and aliases of a models.yaml. Names that appeared already are learned again where that matters.

    Args:
        client: of the calling thread.
        project: whose list it is; empty = every project without one.
        catalogue: the list; one of the whole registry has nothing to say.
        source: the file, for people.
    """
    stated = {
        name: NamedModel(project, "", name, model.name, model.name, source)
        for model in catalogue.models.values()
        for name in (model.name, *model.aliases)
    }
    known = {row.name: row for row in named_models(client, project) if not row.provider}
    _insert(client, [row for name, row in stated.items() if known.get(name) != row])


def learn(client: Client, since: str) -> list[str]:
    """Identify every name that appeared since then, and those that a changed models.yaml may have given a meaning.

    Args:
        client: of the calling thread.
        since: arrival of the oldest row to look at, UTC.

    Returns:
        The names that mean something else than before; days that hold them have other sums now.
    """
    ((named, stale),) = client.query(
        "SELECT count(), countIf(if(startsWith(source, {registry:String}), source != {version:String},"
        " since >= {since:DateTime64(3, 'UTC')})) FROM model_names FINAL",
        parameters={"since": since, "registry": REGISTRY, "version": registry_version()},
    ).result_rows
    found = client.query(_UNKNOWN, parameters={"since": since if named else _BEGINNING}).result_rows
    wanted: dict[str, set[tuple[str, str]]] = {}
    for project, provider, name in found:
        wanted.setdefault(project, set()).add((provider, name))
    known: dict[tuple[str, str, str], NamedModel] = {}
    if stale:
        for row in named_models(client):
            known[row.project, row.provider, row.name] = row
            if row.project and row.source.startswith(REGISTRY):
                wanted.setdefault(row.project, set()).add((row.provider, row.name))
    changed: list[NamedModel] = []
    for project, names in wanted.items():
        meaning = _meaning_of(client, project)
        rows = [meaning(provider, name) for provider, name in sorted(names)]
        changed += [row for row in rows if known.get((project, row.provider, row.name)) != row]
    _insert(client, changed)
    return sorted({row.name for row in changed if not row.is_itself or (row.project, row.provider, row.name) in known})


def named_models(client: Client, project: str | None = None) -> list[NamedModel]:
    """What the names of a project mean, sorted; None = of all projects."""
    found = client.query(
        f"SELECT {', '.join(_COLUMNS)} FROM model_names FINAL"  # noqa: S608  # our own names
        " WHERE {every:Bool} OR project = {project:String} ORDER BY project, provider, name",
        parameters={"every": project is None, "project": project or ""},
    )
    return [NamedModel(*row) for row in found.result_rows]


def _meaning_of(client: Client, project: str) -> Callable[[str, str], NamedModel]:
    """Identifies names of a project with its models.yaml and its price book."""
    stated = {row.name: row for row in (*named_models(client, ANY_PROJECT), *named_models(client, project))
              if not row.provider and not row.source.startswith(REGISTRY)}  # fmt: skip
    prices = book_prices(client, current_book(client, project) or "")
    book = _by_model(prices)
    sold_by = {(row.model, row.provider) for row in prices}

    def listed(name: str) -> str:
        return stated[name].family if name in stated else ""

    @cache
    def has_own_price(family: str) -> bool:
        return family in book and book[family] != amounts(registry_prices(family, None) or ())

    def meaning(provider: str, name: str) -> NamedModel:
        found = identify(name, provider, listed)
        key = found.price_key
        if has_own_price(found.family) or (
            name in stated and not key and (not found.provider or (found.family, found.provider) in sold_by)
        ):
            key = found.family
        elif not key and provider and registry_key(found.family, ""):
            # Another provider's price of the same model must not be taken for this one's.
            key = name if name.startswith(f"{provider}/") else f"{provider}/{name}"
        elif found.family in stated and _same_price(key, identify(found.family).price_key):
            key = found.family
        return NamedModel(project, provider, name, found.family, key, registry_version())

    return meaning


def _same_price(key: str, other: str) -> bool:
    return key == other or amounts(registry_prices(key, None) or ()) == amounts(registry_prices(other, None) or ())


def _by_model(rows: Iterable[PriceRow]) -> Mapping[str, set[object]]:
    models: dict[str, set[object]] = {}
    for row in rows:
        models.setdefault(row.model, set()).update(amounts((row,)))
    return models


def _insert(client: Client, rows: Iterable[NamedModel]) -> None:
    values = [[getattr(row, column) for column in _COLUMNS] for row in rows]
    if values:
        client.insert("model_names", values, column_names=_COLUMNS)
