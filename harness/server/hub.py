"""One live database: its sessions, its subscriptions, and the tick that commits for all of them.

Reducers run one after another, each as its own transaction; what they changed is told to those who
watch. Everything that happens within one tick of the event loop shares one commit: answers leave
after it. Answers for confirmed reads leave after a sync to disk, for which other ticks do not wait.

No I/O here: the ticker calls ``end_tick`` soon after ``on_ready`` was called, and ``synced`` after
a sync.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, TypeVar

from harness.errors import SqlError, WireError
from harness.server import sql
from harness.server.compatibility import broken
from harness.server.database import Database, Outcome, OutcomeKind
from harness.server.plans import Catalog, Changed, Plan, Rows, Source, plan
from harness.server.procedures import Procedures, Returned, Run
from harness.server.schedules import Due
from harness.server.session import Session
from harness.server.subscriptions import LivePlan, PlanDelta, Registry
from harness.server.views import Views
from harness.server.watchdog import Watchdog
from harness.wire import satsjson
from harness.wire import types as t
from harness.wire.values import ConnectionId, Identity, TimeDuration, Timestamp

T = TypeVar("T")

#: So many queries may stand in one subscription.
QUERY_LIMIT = 1024
#: So many plans may one session watch.
PLAN_LIMIT = 4096

NO_CONNECTION = ConnectionId(bytes(16))
NOBODY = Identity(bytes(32))


class Unreadable(bytes):
    """Arguments that could not be read as JSON; ``reason`` says why."""

    reason: str = ""


class Transaction:
    """A reducer call and what came of it, as sessions tell it."""

    __slots__ = (
        "_shared", "args", "connection_id", "duration", "error", "quiet", "reducer",
        "refused_by_module", "rejected", "request_id", "sender", "timestamp",
    )  # fmt: skip

    def __init__(
        self,
        reducer: str,
        args: bytes,
        request_id: int,
        sender: Identity,
        connection_id: ConnectionId,
        timestamp: Timestamp,
        outcome: Outcome,
        *,
        quiet: bool = False,
    ) -> None:
        self.reducer = reducer
        self.args = args
        self.request_id = request_id
        self.sender = sender
        self.connection_id = connection_id
        self.timestamp = timestamp
        self.duration = outcome.duration
        self.error = outcome.error
        #: The module said no, in its own words.
        self.refused_by_module = outcome.kind is OutcomeKind.FAILED
        #: The call never ran.
        self.rejected = outcome.kind is OutcomeKind.REJECTED
        #: The caller wants no answer on success (v1's NoSuccessNotify).
        self.quiet = quiet
        self._shared: dict[Any, Any] | None = None

    def shared(self, key: Any, make: Callable[[], T]) -> T:
        """A message that several receivers get, made once."""
        if self._shared is None:
            self._shared = {}
        found: T | None = self._shared.get(key)
        if found is None:
            found = self._shared[key] = make()
        return found


class Hub:
    """Sessions, subscriptions and ticks of one database. ``clock`` gives microseconds."""

    def __init__(
        self,
        name: str,
        database: Database,
        *,
        on_ready: Callable[[], None] = lambda: None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self.name = name
        #: The names by which clients find it.
        self.names = [name]
        self.database = database
        database.clock = clock
        self.catalog = Catalog(database.definition)
        self.registry: Registry[Session] = Registry(self._watch, self._unwatch)
        self.sessions: dict[Session, None] = {}
        self.on_ready = on_ready
        self.clock = clock
        #: Ends reducers that run too long; None lets them run.
        self.watchdog: Watchdog | None = None
        self.transactions = 0
        self.refusals = 0
        self._ready: dict[Session, None] = {}
        self._waiting: dict[Session, None] = {}
        self._synced = 0
        self._started = 0
        self._table_ids: dict[str, int] = {}
        self.procedures = Procedures()
        self._number()
        #: None if there are no views: nothing is looked for then.
        self.views: Views | None = Views(database) if database.definition.views else None

    @property
    def rows(self) -> Rows:
        """What queries read from."""
        return self.database if self.views is None else self.views

    def adopt(self, database: Database) -> bool:
        """Go on with the database that succeeded ours; whether the sessions may go on, too.

        If they may not, forget their subscriptions and let each go at once.
        """
        keeps = not broken(self.database.definition, database.definition)
        self.database = database
        database.clock = self.clock
        self.catalog = Catalog(database.definition)
        self._number()
        self._row_json.cache_clear()
        self._args_json.cache_clear()
        before, self.views = self.views, None
        if database.definition.views:
            self.views = Views(database)
            if keeps and before is not None:
                changes = self._watched(partial(self.views.take_over, before))
                outcome = Outcome(OutcomeKind.COMMITTED, "", changes)
                self.publish_outcome("", outcome, database.identity)
        return keeps

    def _watch(self, source: Source) -> None:
        assert self.views is not None, "only a view has a source"
        self._watched(partial(self.views.watch, source))

    def _unwatch(self, source: Source) -> None:
        if self.views is not None:
            self.views.unwatch(source)

    def forget_subscriptions(self) -> None:
        """Nothing is watched any more: what was watched is not there any more."""
        self.registry = Registry(self._watch, self._unwatch)
        self.views = Views(self.database) if self.database.definition.views else None

    def _number(self) -> None:
        """Give tables and reducers their numbers; tables keep those that they have."""
        definition = self.database.definition
        for table in definition.tables:
            # Real servers number user tables from 4096 on.
            self._table_ids.setdefault(table.name, 4096 + len(self._table_ids))
        for view in definition.views:
            self._table_ids.setdefault(view.name, 4096 + len(self._table_ids))
        self._reducer_ids = {x.name: i for i, x in enumerate(definition.reducers)}

    # --- sessions --------------------------------------------------------------------------------

    def connect(self, session: Session) -> str | None:
        """Take a session in. The module's refusal, or None."""
        now = Timestamp(self.clock())
        outcome = self._watched(
            lambda: self.database.connected(session.identity, session.connection_id, now)
        )
        if outcome.kind is not OutcomeKind.COMMITTED:
            return outcome.error or "the module refused the connection"
        self.sessions[session] = None
        session.greet()
        self._publish_system("client_connected", outcome, session)
        return None

    def disconnect(self, session: Session) -> None:
        """Let a session go: nothing is sent to it any more."""
        if self.sessions.pop(session, session) is session:
            return
        session.closed = True
        for live, set_id in session.live_plans():
            self.registry.remove(live, session, set_id)
        self._ready.pop(session, None)
        self._waiting.pop(session, None)
        now = Timestamp(self.clock())
        outcome = self._watched(
            lambda: self.database.disconnected(session.identity, session.connection_id, now)
        )
        self._publish_system("client_disconnected", outcome, session)

    def ready(self, session: Session) -> None:
        """The session has something to send at the end of this tick."""
        if not session.closed:
            if not self._ready:
                self.on_ready()
            self._ready[session] = None

    # --- transactions ----------------------------------------------------------------------------

    def call(
        self, session: Session, reducer: str, args: bytes, request_id: int, *, quiet: bool = False
    ) -> None:
        """Run a reducer for a session and tell everybody concerned."""
        self._started = micros = self.clock()
        timestamp = Timestamp(micros)
        sender, connection_id = session.identity, session.connection_id
        if type(args) is Unreadable:
            outcome = Outcome(OutcomeKind.REJECTED, error=args.reason)
        else:
            outcome = self._run(reducer, args, sender, connection_id, timestamp)
        transaction = Transaction(
            reducer, args, request_id, sender, connection_id, timestamp, outcome, quiet=quiet
        )
        if outcome.kind is OutcomeKind.COMMITTED:
            self.transactions += 1
            self._publish(transaction, outcome, session)
        else:
            self.refusals += 1
            session.refused(transaction)

    def call_anonymous(
        self, reducer: str, args: bytes, sender: Identity, connection_id: ConnectionId
    ) -> Outcome:
        """Run a reducer for a caller without a session, as HTTP does."""
        timestamp = Timestamp(self.clock())
        outcome = self._run(reducer, args, sender, connection_id, timestamp)
        if outcome.kind is OutcomeKind.COMMITTED:
            self.transactions += 1
            transaction = Transaction(reducer, args, 0, sender, connection_id, timestamp, outcome)
            self._publish(transaction, outcome, None)
        else:
            self.refusals += 1
        return outcome

    def _run(
        self,
        reducer: str,
        args: bytes,
        sender: Identity,
        connection_id: ConnectionId,
        timestamp: Timestamp,
    ) -> Outcome:
        watchdog = self.watchdog
        if watchdog is None:
            return self.database.call(
                reducer, args, sender=sender, connection_id=connection_id, timestamp=timestamp
            )
        watchdog.begin()
        try:
            return self.database.call(
                reducer, args, sender=sender, connection_id=connection_id, timestamp=timestamp
            )
        finally:
            watchdog.end()

    def publish_outcome(self, name: str, outcome: Outcome, sender: Identity) -> None:
        """Tell the watchers of a transaction that no session called: SQL, schedules, lifecycle."""
        if outcome.kind is OutcomeKind.COMMITTED:
            self.transactions += 1
            timestamp = Timestamp(self.clock())
            transaction = Transaction(name, b"", 0, sender, NO_CONNECTION, timestamp, outcome)
            self._publish(transaction, outcome, None)

    def call_procedure(
        self,
        name: str,
        args: bytes,
        sender: Identity,
        connection_id: ConnectionId | None,
        then: Callable[[Returned], None],
    ) -> None:
        """Run a procedure; ``then`` is told what came of it, perhaps much later."""
        if type(args) is Unreadable:
            then(Returned(None, args.reason, refused=True))
            return
        timestamp = Timestamp(self.clock())

        def publish(outcome: Outcome) -> None:
            self.publish_outcome("", outcome, sender)

        context = self.database.procedure_context(
            name, publish, sender, connection_id, timestamp, self.procedures.fetch
        )
        run = Run(self.database, name, timestamp, self.watchdog, then)
        self.procedures.call(run, context, args)

    def _publish_system(self, name: str, outcome: Outcome, session: Session) -> None:
        if outcome.changes:
            self.publish_outcome(name, outcome, session.identity)

    def _publish(self, transaction: Transaction, outcome: Outcome, caller: Session | None) -> None:
        if not outcome.changes:
            if caller is not None:
                caller.committed(transaction, [], caller=True)
            return
        concerned: dict[Session, list[tuple[int, PlanDelta]]] = {}
        died: list[tuple[LivePlan[Session], str]] = []
        changes: dict[Any, Any] = outcome.changes
        if self.views is not None:
            changes = self._watched(partial(self.views.follow, changes))
        for live, delta in self.registry.deltas(self.rows, Changed(changes), died):
            for session, set_id in live.subscribers:
                mine = concerned.get(session)
                if mine is None:
                    concerned[session] = [(set_id, delta)]
                else:
                    mine.append((set_id, delta))
        for live, reason in died:
            for session, set_id in list(live.subscribers):
                session.died(set_id, reason)
                # What else changed in a set that has ended is told to nobody.
                left = [part for part in concerned.pop(session, ()) if part[0] != set_id]
                if left:
                    concerned[session] = left
        if caller is not None:
            caller.committed(transaction, concerned.pop(caller, []), caller=True)
        for session, mine in concerned.items():
            session.committed(transaction, mine, caller=False)
        if not self._ready:
            # Nobody is told, and yet there is something to commit.
            self.on_ready()

    def run_due(self) -> None:
        """Run the scheduled functions whose time has come."""
        database = self.database
        due = database.run_due(Timestamp(self.clock()))
        while (found := self._watched(lambda: next(due, None))) is not None:
            if isinstance(found, Due):
                self._run_procedure(found)
            else:
                self.publish_outcome("", found, database.identity)

    def _run_procedure(self, due: Due) -> None:
        database = self.database

        def ended(returned: Returned) -> None:
            database.due_ended(due, returned.error)
            self.on_ready()  # its next time may be near

        self.call_procedure(due.procedure, due.row, database.identity, None, ended)

    def _watched(self, run: Callable[[], T]) -> T:
        """Run what may run a reducer, under the watchdog."""
        watchdog = self.watchdog
        if watchdog is None:
            return run()
        before = watchdog.begin()
        try:
            return run()
        finally:
            watchdog.end(before)

    def elapsed(self) -> TimeDuration:
        """Since the request that is being handled began."""
        return TimeDuration(max(0, self.clock() - self._started) if self._started else 0)

    # --- ticks -----------------------------------------------------------------------------------

    def end_tick(self) -> bool:
        """Commit, and send what may be sent; whether a sync is wanted."""
        position = self.database.commit()
        sessions, self._ready = self._ready, {}
        shared: dict[Any, bytes] = {}
        for session in sessions:
            if session.closed:
                continue
            payloads = session.payloads(shared)
            if session.confirmed and (session.held or position > self._synced):
                session.held.extend((position, payload) for payload in payloads)
                session.held_bytes += sum(map(len, payloads))
                self._waiting[session] = None
            else:
                session.sink(payloads)
        return bool(self._waiting)

    def synced(self, position: int) -> bool:
        """Everything up to ``position`` is on disk: send what waited; whether more waits."""
        self._synced = max(self._synced, position)
        for session in list(self._waiting):
            payloads = []
            held = session.held
            while held and held[0][0] <= self._synced:
                payloads.append(held.popleft()[1])
            session.held_bytes -= sum(map(len, payloads))
            if payloads and not session.closed:
                session.sink(payloads)
            if not held:
                self._waiting.pop(session, None)
        return bool(self._waiting)

    @property
    def durable(self) -> int:
        """Everything up to this position is on disk."""
        return self._synced

    # --- queries ---------------------------------------------------------------------------------

    def plans(self, texts: list[str], session: Session) -> list[Plan]:
        """The distinct plans of a subscription. Raises ``SqlError``."""
        self._started = self.clock()
        if not texts:
            raise SqlError("a subscription needs at least one query")
        if len(texts) > QUERY_LIMIT or len(session.live_plans()) + len(texts) > PLAN_LIMIT:
            raise SqlError(
                f"{len(texts)} queries are too many: {QUERY_LIMIT} in one subscription and "
                f"{PLAN_LIMIT} in one connection are the limits"
            )
        found: dict[object, Plan] = {}
        for text in dict.fromkeys(texts):
            statement = sql.parse(text)
            if isinstance(statement, sql.SelectAll):
                for table in self.catalog.readable(owner=session.owner):
                    if table.definition.event and not session.events:
                        continue
                    name = table.name
                    whole = sql.Select("", (), None, name, name, None, None, None)
                    every = self._plan(whole, session, text)
                    found[every.key] = every
            else:
                one = self._plan(statement, session, text)
                if isinstance(statement, sql.Select) and statement.limit is not None:
                    raise SqlError("LIMIT is not supported in a subscription")
                if one.side.table.definition.event and not session.events:
                    raise SqlError(
                        f"{one.table!r} is an event table: subscribing to it requires WebSocket v2"
                    )
                found[one.key] = one
        return list(found.values())

    def one_off(self, text: str, session: Session) -> Plan:
        """The plan of a one-off query. Raises ``SqlError``."""
        self._started = self.clock()
        return self._plan(sql.parse(text), session, text)

    def _plan(self, statement: sql.Statement, session: Session, text: str) -> Plan:
        if not isinstance(statement, sql.Select) or statement.star is None:
            raise SqlError(f"only whole rows of one table can be had this way: {text!r}")
        return plan(statement, self.catalog, session.identity, owner=session.owner)

    # --- names and numbers of protocol v1 --------------------------------------------------------

    def table_id(self, table: str) -> int:
        """A number for a table, stable while the server runs."""
        return self._table_ids[table]

    def reducer_id(self, reducer: str) -> int:
        """The reducer's position in the module; 2³² − 1 for what is none."""
        return self._reducer_ids.get(reducer, (1 << 32) - 1)

    def row_to_json(self, table: str, row: bytes) -> str:
        """A row as JSON text, positional as in transaction messages."""
        codec, to_json = self._row_json(table)
        return satsjson.dumps(to_json(codec.decode(row)))

    def args_from_json(self, reducer: str, args: Any) -> bytes:
        """Arguments from parsed JSON; ``Unreadable`` if they do not fit the reducer."""
        try:
            codec, json_codec = self._args_json(reducer)
            encoded: bytes = codec.encode(json_codec.from_json(args))
            return encoded
        except KeyError:
            return b""  # the call itself will say that there is no such reducer
        except WireError as error:
            unreadable = Unreadable()
            kind = "reducer" if reducer in self._reducer_ids else "procedure"
            unreadable.reason = f"invalid arguments for {kind} {reducer}: {error}"
            return unreadable

    def args_to_json(self, reducer: str, args: bytes) -> str:
        """Arguments as JSON text."""
        try:
            codec, json_codec = self._args_json(reducer)
            return satsjson.dumps(json_codec.to_json(codec.decode(args)))
        except (KeyError, WireError):
            return "[]"

    def returned_to_json(self, procedure: str, value: bytes) -> str:
        """What a procedure has returned as JSON text, positional."""
        from harness.wire import codec

        definition = self.database.definition
        returns = next(x.returns for x in definition.procedures if x.name == procedure)
        json_codec = satsjson.compile_json(returns, definition.typespace, positional=True)
        found = codec.compile(returns, definition.typespace).decode(value)
        return satsjson.dumps(json_codec.to_json(found))

    @lru_cache(maxsize=1024)  # noqa: B019  (hubs live as long as the process)
    def _row_json(self, table: str) -> tuple[Any, Any]:
        definition = self.database.definition
        info = self.catalog.table(table, NOBODY, owner=True)
        row = definition.row_type(info.definition)
        json_codec = satsjson.compile_json(row, definition.typespace, positional=True)
        return info.codec, json_codec.to_json

    @lru_cache(maxsize=1024)  # noqa: B019  (as above)
    def _args_json(self, reducer: str) -> tuple[Any, Any]:
        from harness.wire import codec

        definition = self.database.definition
        found = {x.name: x.params for x in definition.reducers}
        found |= {x.name: x.params for x in definition.procedures}
        params: t.Product = found[reducer]
        return (
            codec.compile(params, definition.typespace),
            satsjson.compile_json(params, definition.typespace),
        )
