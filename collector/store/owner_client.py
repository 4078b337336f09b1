"""The client of the process that owns an embedded store: for its receiver and its ClickHouse interface.

The calls go straight to its port: with the token of its owner file, and past every proxy that the environment names. A
proxy could not reach a loopback address of this machine, and would see the token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import clickhouse_connect
import httpx
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httputil import default_pool_manager

from shadowroute.collector.errors import StoreUnreachableError, said_first
from shadowroute.collector.store.owner import Owner

ANSWER_S: Final = 5.0
WORK_S: Final = 600.0
"""Time-outs of a question to the owner, and of a rebuild of the rollups, seconds."""


def receiver(owner: Owner) -> tuple[str, dict[str, str]]:
    """Base URL of its receiver, and the headers of a sender of this store.

    Raises:
        StoreUnreachableError: it serves no receiver.
    """
    if not owner.otlp_url:
        raise StoreUnreachableError(
            f"pid {owner.pid} owns the store but serves no receiver; stop it, or wait for its end"
        )
    return owner.otlp_url, {"Authorization": f"Bearer {owner.token}"}


def status(owner: Owner) -> dict[str, Any]:
    """The counts of its receiver.

    Raises:
        StoreUnreachableError: it does not answer, or serves no receiver.
    """
    return _asked(owner, "GET", "/-/status", timeout_s=ANSWER_S)


def rollup(owner: Owner) -> dict[str, Any]:
    """Let it bring the rollups up to date; returns the result as JSON values.

    Raises:
        StoreUnreachableError: it does not answer, or serves no receiver.
    """
    return _asked(owner, "POST", "/-/rollup", timeout_s=WORK_S)


def clickhouse(owner: Owner, database: str, settings: Mapping[str, Any]) -> Client:
    """A new client of its ClickHouse interface.

    Raises:
        StoreUnreachableError: it does not answer, or refuses the token.
    """
    parts = urlsplit(owner.clickhouse_url)
    try:
        return clickhouse_connect.get_client(
            host=parts.hostname,
            port=parts.port,
            password=owner.token,
            database=database,
            settings=dict(settings),
            autogenerate_session_id=False,  # threads have their own clients; a session would only add a lock
            pool_mgr=default_pool_manager(),  # without one the client looks for a proxy in the environment
        )
    except ClickHouseError as error:
        raise _unreachable(owner, error) from error


def _asked(owner: Owner, method: str, path: str, *, timeout_s: float) -> dict[str, Any]:
    url, headers = receiver(owner)
    try:
        reply = httpx.request(method, url + path, headers=headers, timeout=timeout_s, trust_env=False)
        found: dict[str, Any] = reply.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise _unreachable(owner, error) from error
    return found


def _unreachable(owner: Owner, error: Exception) -> StoreUnreachableError:
    return StoreUnreachableError(
        f"pid {owner.pid}, which owns the store, did not answer ({said_first(error)}); try again, or stop that process"
    )
