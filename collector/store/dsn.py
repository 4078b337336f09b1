"""Address of the store: `chdb:///path` (embedded) or `clickhouse://user:password@host:8123/database` (a server)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from shadow.errors import ConfigError

Scheme = Literal["chdb", "clickhouse", "clickhouses"]

DEFAULT_DATABASE: Final = "shadowroute"
_PORTS: Final[dict[str, int]] = {"clickhouse": 8123, "clickhouses": 8443}
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_ADVICE: Final = "write chdb://FOLDER or clickhouse://HOST:8123/DATABASE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dsn:
    """A parsed store address. The password never appears in `repr` or `str`.

    Attributes:
        path: absolute folder of an embedded store; None for a server.
        cluster: ClickHouse cluster whose hosts share the tables; empty for one server.
    """

    scheme: Scheme
    path: Path | None = None
    host: str = ""
    port: int = 0
    database: str = DEFAULT_DATABASE
    user: str = "default"
    password: str = field(default="", repr=False)
    cluster: str = ""

    def __str__(self) -> str:
        if self.path is not None:
            suffix = "" if self.database == DEFAULT_DATABASE else f"?database={self.database}"
            return f"chdb://{self.path}{suffix}"
        return f"{self.scheme}://{self.host}:{self.port}/{self.database}"


def parse(text: str) -> Dsn:
    """Parse a store address; a relative `chdb://folder` starts at the working directory.

    Raises:
        ConfigError: the text is not a store address; it is quoted without its password.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in ("chdb", "clickhouse", "clickhouses"):
        raise ConfigError(f"store must be a chdb:// or clickhouse:// address, got {_shown(text)!r}; {_ADVICE}")
    return _embedded(text, rest) if scheme == "chdb" else _server(text)


def _embedded(text: str, rest: str) -> Dsn:
    folder, _, query = rest.partition("?")
    options = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    database = options.pop("database", DEFAULT_DATABASE)
    if not folder or folder == "/" or options:
        raise ConfigError(f"store must be chdb://FOLDER with no option but database, got {text!r}; {_ADVICE}")
    return Dsn(scheme="chdb", path=Path(unquote(folder)).absolute(), database=_identifier("database", database))


def _server(text: str) -> Dsn:
    parts = urlsplit(text)
    options = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    cluster = options.pop("cluster", "")
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        port = 0
    if not parts.hostname or not port or options:
        raise ConfigError(f"store must be clickhouse://HOST:PORT/DATABASE, got {_shown(text)!r}; {_ADVICE}")
    return Dsn(
        scheme="clickhouses" if parts.scheme == "clickhouses" else "clickhouse",
        host=parts.hostname,
        port=port,
        database=_identifier("database", unquote(parts.path.strip("/")) or DEFAULT_DATABASE),
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        cluster=_identifier("cluster", cluster) if cluster else "",
    )


def _identifier(subject: str, name: str) -> str:
    """A name that may stand in SQL as it is: identifiers cannot be bound."""
    if not _IDENTIFIER.fullmatch(name):
        raise ConfigError(f"{subject} must be letters, digits and _ (at most 64), got {name!r}; rename it")
    return name


def _shown(text: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", text)
