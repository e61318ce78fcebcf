"""A client of the chat: shows who says what as it happens, and says what you type."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from harness.client import SubscribeApplied
from harness.errors import HarnessError, ReducerError

from .module_bindings import DbConnection, EventContext, Message, User, query

#: Seconds to wait for an answer.
PATIENCE_S = 30.0

ENDING = """\
Exit codes: 0 at the end of the input, or when TEXT has come back; 1 no server, no such database,
or the chat refused; 2 the command line was not understood; 130 Ctrl-C.
"""


def label(user: User | None) -> str:
    """What a user is called: by its name, else by the beginning of its identity."""
    if user is None:
        return "somebody"
    return user.name or user.identity.to_hex()[:8]


def line(conn: DbConnection | EventContext, message: Message) -> str:
    return f"{label(conn.db.user.identity.find(message.sender))}: {message.text}"


def said(ctx: EventContext, message: Message) -> None:
    """A message came. Those that were there before come with the subscription: see ``history``."""
    if not isinstance(ctx.event, SubscribeApplied):
        print(line(ctx, message), flush=True)


def came(ctx: EventContext, user: User) -> None:
    if not isinstance(ctx.event, SubscribeApplied):
        print(f"* {label(user)} is here", flush=True)


def changed(ctx: EventContext, old: User, new: User) -> None:
    """A user has another name, came back or went: ``old`` and ``new`` are the whole rows."""
    if old.name != new.name:
        print(f"* {label(old)} is now called {label(new)}", flush=True)
    if old.online != new.online:
        print(f"* {label(new)} {'is back' if new.online else 'has left'}", flush=True)


def ended(conn: DbConnection, error: Exception | None) -> None:
    """The connection is over; without an error it was we who ended it."""
    if error is not None:
        print(f"* nothing more will come: {error}", flush=True)


def history(conn: DbConnection) -> list[str]:
    """What was said before we came, the oldest first: from the cache, without asking the server."""
    return [line(conn, message) for message in sorted(conn.db.message, key=lambda row: row.id)]


def send(conn: DbConnection, text: str) -> None:
    """Say something. Rows that a call changes have come, and callbacks run, before its result."""
    conn.reducers.send_message(text).result(PATIENCE_S)


def talk(conn: DbConnection, name: str | None, text: str | None) -> None:
    """Show everything from now on, and send ``text``, or each line of the input."""
    conn.db.message.on_insert(said)
    conn.db.user.on_insert(came)
    conn.db.user.on_update(changed)
    conn.subscribe(query.user, query.message).result(PATIENCE_S)
    online = sum(user.online for user in conn.db.user)
    print(f"{online} here; {conn.db.message.count()} messages so far", flush=True)
    for old in conn.run(lambda: history(conn)):
        print(old, flush=True)
    if name is not None:
        conn.reducers.set_name(name).result(PATIENCE_S)
    if text is not None:
        send(conn, text)
        return
    for typed in sys.stdin:
        try:
            send(conn, typed.rstrip("\n"))
        except ReducerError as error:  # the chat's own words, such as: a message must not be empty
            print(f"! {error}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the client, and give the exit code."""
    parser = argparse.ArgumentParser(
        "python -m harness.module.examples.chat.client", description=__doc__, epilog=ENDING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--server", default="http://127.0.0.1:3000", metavar="URI",
                        help="the server (%(default)s)")  # fmt: skip
    parser.add_argument("--database", default="chat", metavar="NAME",
                        help="the database (%(default)s)")  # fmt: skip
    parser.add_argument("--name", help="be called so from now on")
    parser.add_argument("--say", metavar="TEXT", help="send it, and leave when it has come back")
    options = parser.parse_args(arguments)
    try:
        # The connection lives in a thread of its own, where callbacks run: this one waits for keys.
        with DbConnection.connect_sync(
            options.server, options.database, on_disconnect=ended
        ) as conn:
            talk(conn, options.name, options.say)
    except HarnessError as error:
        print(f"{options.database} at {options.server}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
