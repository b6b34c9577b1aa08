"""HTTP around the API: addresses, media types, watches, faults, the journal. Loopback only."""

import asyncio
import contextlib
import json
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from ssmd.model.errors import Busy
from ssmd.runtime.clock import Clock, within
from ssmd.sim.kubernetes import rbac, reading, refusal, table
from ssmd.sim.kubernetes.addresses import Target, address, discovered, verb_of
from ssmd.sim.kubernetes.asked import MASTERS, Asked, User
from ssmd.sim.kubernetes.core import Core
from ssmd.sim.kubernetes.faults import Entry, Fault, Faults
from ssmd.sim.kubernetes.patching import APPLY
from ssmd.sim.kubernetes.refusal import Refusal
from ssmd.sim.kubernetes.selectors import Selects
from ssmd.sim.kubernetes.shapes import Object, Value

HOST: Final = "127.0.0.1"
_SHUTDOWN_S: Final = 0.05
_WATCH_S: Final = 1800
_BOOKMARK_S: Final = 60.0
_BODY_MAX: Final = 3 << 20
_JSON: Final = {"Content-Type": "application/json"}
_ADMIN: Final = User("fake-admin", (MASTERS, "system:authenticated"))
_ANONYMOUS: Final = User("system:anonymous", ("system:unauthenticated",))
_READS: Final = {"application/json", "application/yaml", ""}


class Server:
    """Serves a Core.

    Args:
        core: What is served.
        clock: Its time.
        authorize: Whether who has no token may do nothing.
    """

    def __init__(self, core: Core, clock: Clock, *, authorize: bool) -> None:
        self.core = core
        self.faults = Faults()
        self.journal: list[Entry] = []
        self.tokens: dict[str, User] = {}
        self.port = 0
        self.gone_as_http = False
        self.bookmark_s = _BOOKMARK_S
        self._clock = clock
        self._authorize = authorize
        self._runner: web.AppRunner | None = None
        self._watches: dict[int, web.Request] = {}

    async def start(self) -> None:
        """Listen on the loopback address, on the port of before or a free one.

        Raises:
            Busy: The port is taken.
        """
        app = web.Application(client_max_size=_BODY_MAX)
        app.router.add_route("*", "/{all:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, self.port, reuse_address=True).start()
        except OSError as error:
            await runner.cleanup()
            message = f"Cannot listen on {HOST}:{self.port}: {error}."
            raise Busy(message, remedy="End who listens there.") from error
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening; connections are cut."""
        runner, self._runner = self._runner, None
        self.drop_watches()
        if runner is not None:
            await runner.cleanup()

    def drop_watches(self) -> int:
        """Cut every watch that is open; gives how many."""
        open_now = list(self._watches.values())
        for request in open_now:
            _cut(request)
        return len(open_now)

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return len(self._watches)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, whatever comes of it."""
        entry = Entry("discover", "", request.path, "", time=self._clock.mono())
        self.journal.append(entry)
        version = self.core.store.version
        try:
            if self.faults.delay_s > 0:
                await self._clock.sleep(self.faults.delay_s)
            response = await self._answered(request, entry)
        except Refusal as refused:
            response = _refused(refused)
        entry.status = response.status
        if not entry.changed:
            entry.changed = entry.writes and self.core.store.version != version
        return response

    async def _answered(self, request: web.Request, entry: Entry) -> web.StreamResponse:
        user = self._user(request)
        entry.user = user.name
        path = request.path.rstrip("/") or "/"
        target = address(self.core.registry, path)
        if target is None:
            return self._elsewhere(request, entry, user, path)
        asked = await _read(request, target, user)
        _note(entry, asked)
        fault = self.faults.take(entry)
        if fault is not None and not fault.done:
            return self._failed(request, fault)
        if asked.verb == "watch":
            self.core.permit(asked)
            return await self._watch(request, asked)
        if asked.subresource == "log" and asked.query.get("follow") in {"true", "1"}:
            self.core.permit(asked)
            return await self._follow(request, asked)
        version = self.core.store.version
        status, value = self.core.answer(asked)
        entry.changed = self.core.store.version != version
        if fault is not None:
            return self._failed(request, fault)
        response = _response(request, asked, status, value)
        for warning in asked.warnings:
            response.headers.add("Warning", f"299 - {json.dumps(warning)}")
        return response

    def _user(self, request: web.Request) -> User:
        """Who asks.

        Raises:
            Refusal: 401, the token is nobody's.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            user = self.tokens.get(token.strip())
            if user is None:
                raise Refusal(401, "Unauthorized")
            return user
        return _ANONYMOUS if self._authorize else _ADMIN

    def _elsewhere(self, request: web.Request, entry: Entry, user: User, path: str) -> web.Response:
        """What is no object's address: discovery and health."""
        fault = self.faults.take(entry)
        if fault is not None:
            return self._failed(request, fault)
        if self._authorize:
            rbac.check_path(user, path)
        if path in {"/healthz", "/livez", "/readyz"}:
            return web.Response(text="ok")
        if request.method != "GET":
            raise Refusal(405, "the server does not allow this method on the requested resource")
        return _json(HTTPStatus.OK, discovered(self.core.registry, path))

    def _failed(self, request: web.Request, fault: Fault) -> web.Response:
        if not fault.code:
            _cut(request)
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)
        return _refused(fault.refusal())

    async def _watch(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """Tell changes as they come, until the time is up or the client goes."""
        selects = reading.selection(asked)
        version, first = self._beginning(asked)
        stream = web.StreamResponse(headers=_JSON)
        self._watches[id(request)] = request
        try:
            await stream.prepare(request)
            for event in first:
                await stream.write(_line(event))
            await self._tell(stream, asked, selects, version)
            await stream.write_eof()
        except Refusal as refused:
            await stream.write(_line(reading.event("ERROR", refused.status())))
            await stream.write_eof()
        except ConnectionError:
            pass  # the client went
        finally:
            self._watches.pop(id(request), None)
        return stream

    async def _tell(
        self, stream: web.StreamResponse, asked: Asked, selects: Selects, version: int
    ) -> None:
        """Write changes, and bookmarks when it is quiet, until the time is up.

        Raises:
            Refusal: 410, the history does not go back that far.
        """
        store, clock = self.core.store, self._clock
        until = clock.mono() + float(asked.query.get("timeoutSeconds") or _WATCH_S)
        marked = clock.mono()
        while (left := until - clock.mono()) > 0:
            for change in store.since(version):
                version = change.version
                event = reading.watched(asked, change, selects)
                if event is not None:
                    await stream.write(_line(event))
            if clock.mono() - marked >= self.bookmark_s:
                marked = clock.mono()
                await self._bookmark(stream, asked, version)
            with contextlib.suppress(TimeoutError):
                await within(clock, min(left, self.bookmark_s), store.changed(version))
        await self._bookmark(stream, asked, version)

    async def _bookmark(self, stream: web.StreamResponse, asked: Asked, version: int) -> None:
        """Say how far a watch is, if it wants to know."""
        if asked.query.get("allowWatchBookmarks") in {"true", "1"}:
            await stream.write(_line(reading.bookmark(asked, version)))

    def _beginning(self, asked: Asked) -> tuple[int, list[Object]]:
        """From which version a watch goes on, and what it is told before.

        Raises:
            Refusal: 410, when that is to be told before the stream begins.
        """
        given = asked.query.get("resourceVersion", "")
        now = self.core.store.version
        if asked.query.get("sendInitialEvents") in {"true", "1"}:
            first = self.core.reading.initial(asked)
            return now, [*first, reading.bookmark(asked, now, initial=True)]
        if given in {"", "0"}:
            return now, self.core.reading.initial(asked)
        if not given.isdigit():
            message = f'resourceVersion: Invalid value: "{given}": invalid syntax'
            raise Refusal(500, message, reason="")
        if self.gone_as_http:
            self.core.store.since(int(given))
        return int(given), []

    async def _follow(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """Tell what a container says as it says it, until its pod is gone or has ended."""
        pod = self.core.writes.existing(asked)
        text = self.core.logs.read(asked, pod)
        seen = len(self.core.logs.whole(asked, pod))
        stream = web.StreamResponse(headers={"Content-Type": "text/plain"})
        self._watches[id(request)] = request
        try:
            await stream.prepare(request)
            await stream.write(text.encode())
            while (now := self.core.store.get(asked.kind.key, asked.place)) is not None:
                whole = self.core.logs.whole(asked, now)
                if len(whole) > seen:
                    await stream.write(whole[seen:].encode())
                    seen = len(whole)
                if now.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
                    break
                version = self.core.store.version
                waits = [self.core.logs.more(), self.core.store.changed(version)]
                tasks = [asyncio.ensure_future(each) for each in waits]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
            await stream.write_eof()
        except ConnectionError:
            pass  # the client went
        finally:
            self._watches.pop(id(request), None)
        return stream


async def _read(request: web.Request, target: Target, user: User) -> Asked:
    """What is asked.

    Raises:
        Refusal: 400, the body is no JSON; 405; 415, its media type is not known.
    """
    query = dict(request.query)
    verb = verb_of(request.method, target, query)
    media = request.content_type if request.body_exists else ""
    text = await request.read() if request.body_exists else b""
    if verb in {"create", "update"} and media not in _READS:
        raise Refusal(415, f"the body of the request was in an unknown format - {media}")
    body: Value = None
    if text:
        try:
            body = json.loads(text)
        except ValueError as error:
            raise refusal.bad_request(f"the fake API reads JSON only: {error}") from error
    return Asked(
        verb,
        target.kind,
        target.namespace,
        target.name,
        target.subresource,
        user,
        query=query,
        body=body,
        media=media,
        agent=request.headers.get("User-Agent", ""),
    )


def _note(entry: Entry, asked: Asked) -> None:
    """Write down what is asked."""
    apply = asked.verb == "patch" and asked.media == APPLY
    entry.verb = "apply" if apply else asked.verb
    entry.group, entry.kind, entry.plural = asked.kind.group, asked.kind.kind, asked.kind.plural
    entry.namespace, entry.subresource = asked.namespace, asked.subresource
    entry.name = asked.name
    if not entry.name and isinstance(asked.body, dict) and asked.verb == "create":
        entry.name = (asked.body.get("metadata") or {}).get("name", "")
    if entry.writes:
        entry.manager = asked.writer().name
        entry.dry = bool(asked.query.get("dryRun"))


def _response(request: web.Request, asked: Asked, status: int, value: Value) -> web.Response:
    if isinstance(value, str):
        return web.Response(text=value, status=status)
    reads = asked.verb in {"get", "list"} and not asked.subresource
    if reads and table.wanted(request.headers.get("Accept", "")):
        value = table.table(asked, value)
    return _json(status, value)


def _refused(refused: Refusal) -> web.Response:
    response = _json(refused.code, refused.status())
    seconds = refused.details.get("retryAfterSeconds")
    if seconds:
        response.headers["Retry-After"] = str(seconds)
    return response


def _json(status: int, value: Value) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, headers=_JSON)


def _line(event: Object) -> bytes:
    return msgspec.json.encode(event) + b"\n"


def _cut(request: web.Request) -> None:
    """End a connection without a word."""
    if request.transport is not None:
        request.transport.abort()
