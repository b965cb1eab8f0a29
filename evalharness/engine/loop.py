"""The event loop that a run's coroutines run on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

__all__ = ["run_to_end"]


def run_to_end(work: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine, in a thread of its own where a notebook's event loop is running.

    Raises:
        KeyboardInterrupt: interrupted; the work was told to stop and has stopped.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(work)
        finally:
            work.close()  # an interrupt may come before it has begun
        return
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[object]]] = Future()

    async def cancellable() -> None:
        task = asyncio.ensure_future(work)
        started.set_result((asyncio.get_running_loop(), task))
        await task

    def in_thread() -> None:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(cancellable())

    with ThreadPoolExecutor(1, thread_name_prefix="evalharness") as thread:
        done = thread.submit(in_thread)
        try:
            done.result()
        except KeyboardInterrupt:
            if not done.done():
                loop, task = started.result()
                with suppress(RuntimeError):  # it has ended by itself just now
                    loop.call_soon_threadsafe(task.cancel)
                wait([done])
            raise


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one (not on Windows): a third of the engine's cost less."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
