"""The store: its address, its owner, its schema, and the one writer of spans."""

from shadowroute.collector.store.opening import Store, open_store

__all__ = ["Store", "open_store"]
