"""Fixtures of the app's tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import streamlit as st

from shadowroute.app import runtime
from shadowroute.collector.store import Store
from tests.support.page_week import PROJECT, fill
from tests.support.stores import fresh_store


@contextmanager
def shown(store: Store) -> Iterator[Store]:
    """The store that the pages of this process show, as `shadowroute up` sets it."""
    st.cache_resource.clear()
    runtime.configure(
        runtime.Runtime(store=store, project=PROJECT, otlp_url="http://127.0.0.1:4318", ui_url="http://127.0.0.1:8501")
    )
    yield store
    runtime.configure(None)
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def filled(engine_folder: Path) -> Iterator[Store]:
    """A fortnight of traffic that no test changes."""
    with fresh_store(engine_folder) as store:
        fill(store)
        yield store


@pytest.fixture
def fortnight(filled: Store) -> Iterator[Store]:
    """Pages on a fortnight of traffic."""
    with shown(filled):
        yield filled


@pytest.fixture
def platform(store: Store) -> Iterator[Store]:
    """Pages on an empty store."""
    with shown(store):
        yield store
