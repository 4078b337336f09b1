"""Observes generators without changing them: values, `send`, `throw`, `close` and return value stay the same."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Protocol


class Watcher(Protocol):
    """The observer of a generator. Its methods never raise."""

    def see(self, item: Any) -> None:
        """The source yielded an item."""
        ...

    def ended(self) -> None:
        """The source is exhausted."""
        ...

    def dropped(self) -> None:
        """The caller closed or lost the generator; a garbage collection may call this."""
        ...

    def failed(self, error: BaseException) -> None:
        """The source raised."""
        ...


def watched_generator(
    start: Callable[..., tuple[Generator[Any, Any, Any], Watcher]],
) -> Callable[..., Generator[Any, Any, Any]]:
    """A generator function like `yield from` of the generator that `start` makes, observed."""

    def generate(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        source, watcher = start(*args, **kwargs)
        try:
            item = next(source)
            while True:
                watcher.see(item)
                try:
                    sent = yield item
                except GeneratorExit:
                    source.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever the caller throws in goes to the source
                    item = source.throw(error)
                else:
                    item = source.send(sent)
        except StopIteration as end:
            watcher.ended()
            return end.value
        except GeneratorExit:
            watcher.dropped()
            raise
        except BaseException as error:
            watcher.failed(error)
            raise

    return generate


def watched_async_generator(
    start: Callable[..., tuple[AsyncGenerator[Any, Any], Watcher]],
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """As `watched_generator`, for asynchronous generators."""

    async def generate(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        source, watcher = start(*args, **kwargs)
        try:
            item = await anext(source)
            while True:
                watcher.see(item)
                try:
                    sent = yield item
                except GeneratorExit:
                    await source.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever the caller throws in goes to the source
                    item = await source.athrow(error)
                else:
                    item = await source.asend(sent)
        except StopAsyncIteration:
            watcher.ended()
        except GeneratorExit:
            watcher.dropped()
            raise
        except BaseException as error:
            watcher.failed(error)
            raise

    return generate
