"""A program as a model: it reads a prompt and writes an answer.

::

    target: {adapter: command, command: [./answer.sh, --brief]}

Without a shell, in an environment of its own, and bounded in time and output.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evalharness.adapters._redaction import shown
from evalharness.adapters._secrets import Secrets
from evalharness.adapters.base import Capabilities, ModelIdentity, token_count
from evalharness.adapters.command.options import (
    PLACEHOLDER,
    CommandOptions,
    environment_of,
    files_digest,
    program_of,
)
from evalharness.adapters.command.process import LARGEST_OUTPUT, Process, start
from evalharness.records import Decoding, Failure, Request, Response, digest

__all__ = ["CommandAdapter", "CommandOptions"]

#: The exit code (sysexits.h) that says: try again later.
_TRY_AGAIN = 75
_GRACE = 2.0
_FOR_THE_MOMENT = frozenset((errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE))


@dataclass
class _Places:
    """What belongs to one event loop."""

    free: asyncio.Semaphore
    idle: list[Process] = field(default_factory=list)


class CommandAdapter:
    """Runs a program once a request, or (``lines``) keeps some running.

    Args:
        options: see `CommandOptions`. The environment is read here, once.

    Raises:
        UnavailableError: the program, or an environment variable that it is to get, is not there.
        ConfigError: the folder that it shall run in is none.
    """

    Options = CommandOptions

    def __init__(self, options: CommandOptions) -> None:
        self._options = options
        self._program = program_of(options)
        self._env, secrets, models = environment_of(options)
        self._secrets = Secrets(secrets, in_answers=models)
        self._places: dict[asyncio.AbstractEventLoop, _Places] = {}
        self._asked = 0
        #: What did not go as asked, each said once; the run keeps it.
        self.deviations: list[str] = []
        self.capabilities = Capabilities(frozenset({"generate"}), concurrency=options.concurrency)

    def __repr__(self) -> str:
        return f"CommandAdapter({Path(self._program).name!r})"

    @functools.cached_property
    def identity(self) -> ModelIdentity:
        options = self._options
        how = {
            "command": options.command, "input": options.input, "output": options.output,
            "lines": options.lines, "env": sorted(options.env),
        }  # fmt: skip
        return ModelIdentity(
            provider="command",
            model=options.name or Path(options.command[0]).name,
            revision=options.version,
            digest=files_digest(self._program, options),
            # a word may be a path, which no identity holds
            extra={"command": digest(how)[:12]},
        )

    async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        """Run the program, or ask a running one, once a request."""
        return await asyncio.gather(*map(self._one, requests))

    async def aclose(self) -> None:
        """End the programs that go on running, of this event loop; a later `respond` starts new."""
        places = self._places.pop(asyncio.get_running_loop(), None)
        if places is not None:
            await asyncio.gather(*(process.end(_GRACE) for process in places.idle))

    async def _one(self, request: Request) -> Response | Failure:
        if request.kind != "generate":
            return Failure(f"a program answers no {request.kind} requests", outcome="not_run")
        loop = asyncio.get_running_loop()
        if loop not in self._places:
            self._places[loop] = _Places(asyncio.Semaphore(self._options.concurrency))
        places = self._places[loop]
        async with places.free:
            try:
                if self._options.lines:
                    return await self._line(places, request)
                return await self._run(request)
            except OSError as fault:
                hint = (
                    "; give it the prompt by `input: stdin`" if fault.errno == errno.E2BIG else ""
                )
                return Failure(
                    f"the program could not be started ({fault.strerror or fault}{hint})",
                    retryable=fault.errno in _FOR_THE_MOMENT,
                )

    # -- once a request --------------------------------------------------------------------------

    async def _run(self, request: Request) -> Response | Failure:
        options = self._options
        prompt = _plain("\n\n".join(turn.content for turn in request.messages))
        words, data = [self._program, *options.command[1:]], b""
        if options.input == "argument":
            if "\0" in prompt:
                return Failure("the prompt holds a NUL character, which no argument can carry")
            words[1:] = [word.replace(PLACEHOLDER, prompt) for word in words[1:]]
        else:
            data = prompt.encode() if options.input == "stdin" else _question(request)
        process = await start(words, env=self._env, cwd=options.folder)
        try:
            async with asyncio.timeout(options.timeout):
                process.send(data, last=True)
                await process.finish()
        except TimeoutError:
            return self._late()
        finally:
            await process.end()
        if process.overflowed or process.exit_code != 0:
            return self._fault(process)
        if options.output == "json":
            return self._answer(bytes(process.output))
        text = process.output.decode("utf-8", "replace")
        return Response(text=self._shown(text.removesuffix("\n").removesuffix("\r")))

    # -- a line a request ------------------------------------------------------------------------

    async def _line(self, places: _Places, request: Request) -> Response | Failure:
        self._asked += 1
        number = self._asked
        process = await self._running(places)
        answer: Response | Failure | None = None
        try:
            async with asyncio.timeout(self._options.timeout):
                process.send(_question(request, number) + b"\n", last=False)
                line = await process.line()
            if line is None:
                return await self._ended(process)
            answer = self._answer(line, number)
        except TimeoutError:
            return self._late()
        finally:
            # what was not understood may belong to another request: the next line would too
            if isinstance(answer, Response) or (answer and answer.reason.startswith(_SAID)):
                places.idle.append(process)
            else:
                await process.end()
        return answer

    async def _running(self, places: _Places) -> Process:
        while places.idle:
            process = places.idle.pop()
            if process.is_usable:
                return process
            if process.output:
                self._note("the program wrote more lines than it was asked for, and was restarted")
            await process.end()
        words = [self._program, *self._options.command[1:]]
        return await start(words, env=self._env, cwd=self._options.folder)

    async def _ended(self, process: Process) -> Failure:
        """Why no line came. What killed it may have been an earlier request: worth another try."""
        await process.end(_GRACE)
        fault = self._fault(process)
        return Failure(fault.reason, retryable=not process.overflowed)

    # -- what came back --------------------------------------------------------------------------

    def _answer(self, data: bytes, number: int | None = None) -> Response | Failure:
        try:
            found = json.loads(data.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            return Failure("the program's output is no JSON object")
        if number is not None and found.get("id", number) != number:
            return Failure("the program answered another request than it was asked", retryable=True)
        if (error := found.get("error")) is not None:
            said = self._reason(error if isinstance(error, str) else json.dumps(error))
            return Failure(f"{_SAID}: {said}", retryable=found.get("retryable") is True)
        text = found.get("text", "") if found.get("text") is not None else ""
        if "text" not in found or not isinstance(text, str):
            return Failure("the program's JSON object holds no `text`")
        finish = found.get("finish_reason")
        filtered = finish == "content_filter"
        return Response(
            text=self._shown(text),
            finish_reason=finish if finish in ("length", "content_filter") else "stop",
            input_tokens=token_count(found.get("input_tokens")),
            output_tokens=token_count(found.get("output_tokens")),
            blocked_by="the program's own filter" if filtered else None,
        )

    def _shown(self, text: str) -> str:
        """An answer without the keys that the program was given."""
        kept = self._secrets.redact_answer(text)
        if kept != text:
            self._note("the program repeats the value of a variable from `env`; it was taken out")
        return kept

    def _late(self) -> Failure:
        return Failure(f"the program did not answer within {self._options.timeout:g} s",
                       retryable=True)  # fmt: skip

    def _fault(self, process: Process) -> Failure:
        if process.overflowed:
            size = LARGEST_OUTPUT // 1024**2
            return Failure(f"the program wrote more than {size} MiB and was stopped")
        code = process.exit_code
        if code is None:
            what = "the program closed its output"
        elif code < 0:
            what = f"the program was ended by signal {_signal(-code)}"
        else:
            what = f"the program ended with exit code {code}"
        said = self._reason(process.last_error_line(self._secrets.redact))
        return Failure(f"{what}: {said}" if said else what, retryable=code == _TRY_AGAIN)

    def _reason(self, text: str) -> str:
        return shown(text, self._secrets.redact)

    def _note(self, text: str) -> None:
        if text not in self.deviations:
            self.deviations.append(text)


#: How a failure begins that the program itself reported.
_SAID = "the program reports"


def _question(request: Request, number: int | None = None) -> bytes:
    """The request as a JSON object in one line."""
    decoding = request.decoding or Decoding()
    asked = {
        "messages": [{"role": turn.role, "content": turn.content} for turn in request.messages],
        **decoding.to_json(),
        "seed": request.seed,
    }
    return json.dumps(asked if number is None else {"id": number, **asked}).encode()


def _plain(text: str) -> str:
    """The text as UTF-8 can hold it."""
    return text.encode("utf-8", "replace").decode()


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
