"""Runs a program with all that it starts: bounded in output and time, and gone afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

__all__ = ["LARGEST_OUTPUT", "Process", "start"]

#: A program that writes more is stopped: no answer is that long.
LARGEST_OUTPUT = 1024 * 1024
#: How much of the end of the error output is kept.
_STDERR_TAIL = 65536
#: Seconds until a killed program is given up: it hangs in the kernel.
_LONGEST_DEATH = 5.0


class Process(asyncio.SubprocessProtocol):
    """A program that runs in a session, and so a process group, of its own."""

    def __init__(self) -> None:
        self.output = bytearray()
        self.overflowed = False
        self._errors = bytearray()
        self._errors_cut = False
        self._exited = False
        self._output_ended = False
        self._gone = False
        self._news = asyncio.Event()
        self._transport: asyncio.SubprocessTransport | None = None

    # -- what asyncio tells ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # cast, not checked: uvloop's transports are none by class
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self._errors += data
            if len(self._errors) > _STDERR_TAIL:
                del self._errors[:-_STDERR_TAIL]
                self._errors_cut = True
            return
        if self.overflowed:
            return
        self.output += data
        if len(self.output) > LARGEST_OUTPUT:
            self.overflowed = True
            self.output.clear()
            self.kill()
        self._news.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        if fd == 1:
            self._output_ended = True
            self._news.set()

    def process_exited(self) -> None:
        self._exited = True
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._gone = True
        self._news.set()

    # -- what the adapter asks -------------------------------------------------------------------

    @property
    def is_usable(self) -> bool:
        """Whether it runs and has said nothing since it last answered."""
        return not (self._exited or self._output_ended or self.output)

    @property
    def exit_code(self) -> int | None:
        """None while it runs; below 0 the signal that ended it."""
        return None if self._transport is None else self._transport.get_returncode()

    def last_error_line(self, redact: Callable[[str], str]) -> str:
        """The last line of what it wrote as errors, without secrets; or ""."""
        text = redact(self._errors.decode("utf-8", "replace")).strip()
        lines = text.splitlines()
        if self._errors_cut:
            del lines[:1]  # it may begin with the rest of a key that was cut in two
        return lines[-1] if lines else ""

    def send(self, data: bytes, *, last: bool) -> None:
        """Write to its input, and close that if it is the last; a program need not read it."""
        pipe = self._input()
        if pipe is not None and not pipe.is_closing():
            pipe.write(data)
            if last:
                pipe.write_eof()

    def _input(self) -> asyncio.WriteTransport | None:
        if self._transport is None:
            return None
        return cast("asyncio.WriteTransport | None", self._transport.get_pipe_transport(0))

    async def finish(self) -> None:
        """Wait until it has ended and all its output is here, or is too much."""
        await self._until(lambda: self._gone or self.overflowed)

    async def line(self) -> bytes | None:
        """Its next line; None when it ends, or writes too much, before there is one."""
        await self._until(lambda: b"\n" in self.output or self._output_ended or self.overflowed)
        head, newline, rest = bytes(self.output).partition(b"\n")
        if not newline:
            return None
        self.output[:] = rest
        return head

    async def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            self._news.clear()
            await self._news.wait()

    def kill(self) -> None:
        """End it and all that it started."""
        if self._gone or self._transport is None:
            return
        with suppress(ProcessLookupError, PermissionError):  # ended just now (macOS: EPERM)
            os.killpg(self._transport.get_pid(), signal.SIGKILL)

    async def end(self, grace: float = 0.0) -> None:
        """See to it that nothing is left: no process, no zombie, no open pipe.

        Args:
            grace: seconds to end by itself once its input is closed.
        """
        ending = asyncio.ensure_future(self._end(grace))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            self.kill()
            await ending
            raise

    async def _end(self, grace: float) -> None:
        if grace and not self._exited:
            self.send(b"", last=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._until(lambda: self._exited)
        self.kill()
        if self._transport is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_DEATH):
                # closed before it is known to have ended, asyncio would take the exit code for lost
                await self._until(lambda: self._exited)
                pipe = self._input()
                if pipe is not None and pipe.get_write_buffer_size():
                    pipe.abort()  # what it did not read, nobody will
                self._transport.close()
                await self._until(lambda: self._gone)
        self._transport.close()


async def start(words: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> Process:
    """Start a program, without a shell, in a session of its own.

    Raises:
        OSError: it cannot be started.
    """
    starting = asyncio.ensure_future(
        asyncio.get_running_loop().subprocess_exec(
            Process, *words, env=dict(env), cwd=cwd, start_new_session=True
        )
    )
    try:
        _, process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        _, process = await starting
        await process.end()
        raise
    return process
