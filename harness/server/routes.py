"""The HTTP routes: a table of (method, path, handler)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec

import harness
from harness.errors import SqlError, StoreError, WireError
from harness.server.admission import Admission
from harness.server.auth import AuthError
from harness.server.database import OutcomeKind
from harness.server.host import Caller, Host, is_identity, new_connection_id
from harness.server.http import HttpError, Request, Response, as_json, text
from harness.server.hub import Hub, Unreadable
from harness.server.metrics import prometheus
from harness.server.procedures import Returned
from harness.server.publishing import Publisher, not_found
from harness.server.statements import execute
from harness.wire import satsjson, schema_json
from harness.wire.values import ConnectionId, Identity, Timestamp


@dataclass(slots=True)
class Server:
    """What the routes need of the server that they are part of."""

    host: Host
    admission: Admission
    publisher: Publisher


@dataclass(frozen=True, slots=True)
class Context:
    """One request on its way through the routes."""

    server: Server
    request: Request
    parts: dict[str, str]

    @property
    def host(self) -> Host:
        return self.server.host

    def hub(self) -> Hub:
        name = self.parts["db"]
        hub = self.host.find(name)
        if hub is None:
            why = self.host.broken_by(name)
            if why is not None:
                raise HttpError(503, f"the database {name} cannot be served: {why}; publish again")
            raise not_found(name)
        return hub

    def caller(self) -> Caller:
        """The caller; without a token a fresh one."""
        return self.host.caller_or_new(self.request.headers, self.request.query)

    def known(self) -> Caller:
        """The caller of a route that needs a token."""
        caller = self.host.caller(self.request.headers, self.request.query)
        if caller is None:
            raise HttpError(401, "Authorization required")
        return caller

    def admitted(self) -> Caller:
        """The owner, for what no other identity and no page may do."""
        caller = self.known()
        self.server.admission.owner_only(self.request, caller.identity)
        return caller

    def owned(self) -> tuple[Hub, Caller]:
        hub, caller = self.hub(), self.known()
        if caller.identity != self.host.owner:
            raise HttpError(
                403, f"{caller.identity} is not authorized: it does not own this database"
            )
        return hub, caller


def dispatch(server: Server, request: Request) -> Response | Coroutine[Any, Any, Response]:
    """Answer one request that is not an upgrade; what takes its time is answered later.

    Never raises for what a peer can send.
    """
    if request.method == "OPTIONS":
        return Response(200)
    allowed = False
    for method, pattern, handler in _ROUTES:
        match = pattern.fullmatch(request.path)
        if match is None:
            continue
        if method != request.method:
            allowed = True
            continue
        try:
            return handler(Context(server, request, match.groupdict()))
        except (HttpError, AuthError) as error:
            return text(error.status, str(error))
        except StoreError as error:
            return text(400, str(error))
    if allowed:
        return text(405, f"{request.method} is not allowed on {request.path}")
    return text(404, f"no such route: {request.path}")


def identified(response: Response, caller: Caller) -> Response:
    """Tell the caller who it is, as every database route does."""
    response.headers.append(("spacetime-identity", caller.identity.to_hex()))
    response.headers.append(("spacetime-identity-token", caller.token))
    return response


# --- identity ------------------------------------------------------------------------------------


def _identity(context: Context) -> Response:
    identity, token = context.host.authority.mint()
    return as_json({"identity": identity.to_hex(), "token": token})


def _websocket_token(context: Context) -> Response:
    token = context.known().token
    return as_json({"token": context.host.authority.short_lived(token)})


def _public_key(context: Context) -> Response:
    headers = [("content-type", "application/pem-certificate-chain")]
    return Response(200, context.host.authority.public_pem.encode(), headers)


def _verify(context: Context) -> Response:
    identity = _identity_in_path(context)
    if context.known().identity != identity:
        return text(400, "the token belongs to another identity")
    return Response(204)


def _databases(context: Context) -> Response:
    owner = _identity_in_path(context) == context.host.owner
    hubs = context.host.hubs.values() if owner else ()
    return as_json({"identities": [hub.database.identity.to_hex() for hub in hubs]})


def _identity_in_path(context: Context) -> Identity:
    try:
        return Identity.from_hex(context.parts["identity"])
    except ValueError as error:
        raise HttpError(400, f"not an identity: {error}") from None


# --- liveness ------------------------------------------------------------------------------------


def _ping(context: Context) -> Response:
    context.host.caller(context.request.headers, context.request.query)
    return Response(200)


def _health(context: Context) -> Response:
    return as_json(
        {
            "package_name": "spacetimedb-harness",
            "version": harness.__version__,
            "nodes": [0],
            "schedulable": True,
        }
    )


def _metrics(context: Context) -> Response:
    headers = [("content-type", "text/plain; version=0.0.4")]
    return Response(200, prometheus(context.host).encode(), headers)


# --- databases -----------------------------------------------------------------------------------


def _info(context: Context) -> Response:
    hub, caller = context.hub(), context.caller()
    database = hub.database
    info = {
        "database_identity": {"__identity__": f"0x{database.identity.to_hex()}"},
        "owner_identity": {"__identity__": f"0x{context.host.owner.to_hex()}"},
        "host_type": {"Python": []},
        "initial_program": _program_number(database.program),
    }
    return identified(as_json(info), caller)


def _program_number(digest: str) -> str:
    """A digest as real servers show it: as a little-endian number in hexadecimal digits."""
    return hex(int.from_bytes(bytes.fromhex(digest), "little"))


def _database_identity(context: Context) -> Response:
    return identified(text(200, context.hub().database.identity.to_hex()), context.caller())


def _names(context: Context) -> Response:
    return identified(as_json({"names": context.hub().names}), context.caller())


def _timestamp(context: Context) -> Response:
    micros = context.hub().clock()
    return as_json({"__timestamp_micros_since_unix_epoch__": micros})


def _schema(context: Context) -> Response:
    hub, caller = context.hub(), context.caller()
    definition = hub.database.definition
    version = context.request.query.get("version")
    if version == "9":
        return identified(as_json(schema_json.to_v9(definition)), caller)
    if version == "10":
        return identified(as_json(schema_json.to_v10(definition)), caller)
    return text(400, f"the parameter version must be 9 or 10, not {version!r}")


def _call(context: Context) -> Response | Coroutine[Any, Any, Response]:
    hub, caller, request = context.hub(), context.caller(), context.request
    kind = request.headers.get("content-type")
    if kind is None:
        return text(400, "the header Content-Type is missing; it must be application/json")
    if kind != "application/json":
        return text(415, f"Content-Type must be application/json, not {kind!r}")
    name = context.parts["reducer"]
    definition = {reducer.name: reducer for reducer in hub.database.definition.reducers}
    if name not in definition and hub.database.procedure(name) is None:
        return text(404, f"No such procedure or reducer: {name}")
    try:
        arguments = satsjson.loads(request.body.decode())
    except (ValueError, WireError) as error:
        return text(400, f"the body is not JSON: {error}")
    args = hub.args_from_json(name, arguments)
    if isinstance(args, Unreadable):
        return text(400, args.reason)
    connection_id = new_connection_id()
    now = Timestamp(hub.clock())
    connected = hub.database.connected(caller.identity, connection_id, now)
    if connected.kind is not OutcomeKind.COMMITTED:
        return text(403, connected.error)
    hub.publish_outcome("", connected, caller.identity)
    if name not in definition:
        return _called(hub, name, args, caller, connection_id)
    outcome = hub.call_anonymous(name, args, caller.identity, connection_id)
    gone = hub.database.disconnected(caller.identity, connection_id, Timestamp(hub.clock()))
    hub.publish_outcome("", gone, caller.identity)
    status = _CALL_STATUS[outcome.kind]
    response = Response(200) if status == 200 else text(status, outcome.error)
    micros = str(outcome.duration.micros)
    response.headers.append(("spacetime-execution-duration-micros", micros))
    response.headers.append(("spacetime-energy-used", "0"))
    return identified(response, caller)


async def _called(
    hub: Hub, name: str, args: bytes, caller: Caller, connection_id: ConnectionId
) -> Response:
    """Call a procedure; its value as JSON, without the names of fields."""
    ended: asyncio.Future[Returned] = asyncio.get_running_loop().create_future()

    def end(returned: Returned) -> None:
        if not ended.done():
            ended.set_result(returned)

    hub.call_procedure(name, args, caller.identity, connection_id, end)
    returned = await ended
    gone = hub.database.disconnected(caller.identity, connection_id, Timestamp(hub.clock()))
    hub.publish_outcome("", gone, caller.identity)
    if returned.value is None:
        response = text(400 if returned.refused else 530, returned.error)
    else:
        body = hub.returned_to_json(name, returned.value).encode()
        response = Response(200, body, [("content-type", "application/json")])
    micros = str(returned.duration.micros)
    response.headers.append(("spacetime-execution-duration-micros", micros))
    return identified(response, caller)


_CALL_STATUS = {
    OutcomeKind.COMMITTED: 200,
    OutcomeKind.FAILED: 530,
    OutcomeKind.CRASHED: 530,
    OutcomeKind.REJECTED: 400,
}


def _sql(context: Context) -> Response:
    hub, caller = context.hub(), context.caller()
    owner = caller.identity == context.host.owner
    started = hub.clock()
    try:
        statement = context.request.body.decode()
        result = execute(hub, statement, caller.identity, owner=owner)
    except UnicodeDecodeError as error:
        return text(400, f"the statement is not UTF-8: {error}")
    except SqlError as error:
        return text(400, str(error))
    micros = max(0, hub.clock() - started)
    response = Response(
        200,
        satsjson.dumps([{**result, "total_duration_micros": micros}]).encode(),
        [("content-type", "application/json")],
    )
    response.headers.append(("spacetime-execution-duration-micros", str(micros)))
    return identified(response, caller)


def _logs(context: Context) -> Response:
    hub, _ = context.owned()
    try:
        wanted = int(context.request.query.get("num_lines", "-1"))
    except ValueError:
        return text(400, "num_lines must be a number")
    records = list(hub.database.logs)
    records = records[max(0, len(records) - wanted) :] if wanted >= 0 else records
    body = b"".join(json_line(record) for record in records)
    stream = context.request.query.get("follow") == "true"
    return Response(200, body, [("content-type", "application/x-ndjson")], stream=stream)


def json_line(record: Any) -> bytes:
    """A log record as one line of JSON, without what is absent."""
    shown = {name: value for name, value in record.as_dict().items() if value is not None}
    return json.dumps(shown).encode() + b"\n"


def _publish(context: Context) -> Coroutine[Any, Any, Response]:
    context.server.admission.publishing()
    context.admitted()
    return context.server.publisher.publish(context.request, context.parts.get("db"))


def _pre_publish(context: Context) -> Coroutine[Any, Any, Response]:
    context.server.admission.publishing()
    context.admitted()
    return context.server.publisher.plan(context.request, context.parts["db"])


def _reset(context: Context) -> Coroutine[Any, Any, Response]:
    context.server.admission.publishing()
    context.admitted()
    return context.server.publisher.reset(context.request, context.parts["db"])


def _delete(context: Context) -> Response:
    caller = context.admitted()
    hub = context.host.find(context.parts["db"])
    if hub is None:
        identity = context.parts["db"].removeprefix("0x").lower()
        kept = context.host.shelf.named(context.parts["db"])
        if kept is not None or identity in context.host.broken:
            context.host.forget(identity if kept is None else kept.identity)
        elif not is_identity(identity):
            context.hub()  # says that there is none of this name
    else:
        context.host.delete(hub)
    return identified(Response(200), caller)


def _add_name(context: Context) -> Response:
    hub, caller = context.hub(), context.admitted()
    name = context.request.body.decode(errors="replace").strip()
    context.host.rename(hub, list(dict.fromkeys([*hub.names, name])))
    identity = hub.database.identity.to_hex()
    found = {"Success": {"domain": name, "database_identity": identity}}
    return identified(as_json(found), caller)


def _set_names(context: Context) -> Response:
    hub, caller = context.hub(), context.admitted()
    try:
        names = msgspec.json.decode(context.request.body, type=list[str])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise HttpError(400, f"the names are a JSON list of texts: {error}") from None
    context.host.rename(hub, list(dict.fromkeys(names)))
    return identified(as_json("Success"), caller)


def _subscribe(context: Context) -> Response:
    response = text(426, "this route is a WebSocket: the header Upgrade is missing")
    response.headers += [("connection", "upgrade"), ("upgrade", "websocket")]
    return response


_DB = r"/v1/database/(?P<db>[^/]+)"
_Handler = Callable[[Context], Response | Coroutine[Any, Any, Response]]
_TABLE: list[tuple[str, str, _Handler]] = [
    ("POST", r"/v1/identity", _identity),
    ("POST", r"/v1/identity/websocket-token", _websocket_token),
    ("GET", r"/v1/identity/public-key", _public_key),
    ("GET", r"/v1/identity/(?P<identity>[^/]+)/verify", _verify),
    ("GET", r"/v1/identity/(?P<identity>[^/]+)/databases", _databases),
    ("GET", r"/v1/ping", _ping),
    ("GET", r"/v1/health", _health),
    ("GET", r"/v1/metrics", _metrics),
    ("POST", r"/v1/database", _publish),
    ("PUT", _DB, _publish),
    ("GET", _DB, _info),
    ("DELETE", _DB, _delete),
    ("POST", _DB + r"/pre_publish", _pre_publish),
    ("PUT", _DB + r"/reset", _reset),
    ("GET", _DB + r"/identity", _database_identity),
    ("GET", _DB + r"/names", _names),
    ("POST", _DB + r"/names", _add_name),
    ("PUT", _DB + r"/names", _set_names),
    ("GET", _DB + r"/schema", _schema),
    ("GET", _DB + r"/unstable/timestamp", _timestamp),
    ("POST", _DB + r"/call/(?P<reducer>[^/]+)", _call),
    ("POST", _DB + r"/sql", _sql),
    ("GET", _DB + r"/logs", _logs),
    ("GET", _DB + r"/subscribe", _subscribe),
]
_ROUTES = [(method, re.compile(path), handler) for method, path, handler in _TABLE]
