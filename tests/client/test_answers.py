"""A future of an answer is to asyncio what its own futures are; the laws are checked of both."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from harness.client import answers

Future = asyncio.Future[Any]
Make = Callable[[], Future]
Law = Callable[[Make], Awaitable[None]]

#: How futures are made, and how a list of them is settled.
KINDS: dict[str, tuple[Callable[[asyncio.AbstractEventLoop], Make], Callable[[list[Any]], None]]]
KINDS = {
    "ours": (answers.maker, answers.settle),
    "asyncio": (answers._loops_own, answers._settle_each),
}
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=[f"{kind} on {loop}" for kind in KINDS for loop in LOOPS])
def check(request: pytest.FixtureRequest) -> Callable[[Callable[..., Awaitable[None]]], list[Any]]:
    """Runs a law with a maker and settle; gives what the loop's exception handler was told."""
    kind, loop = request.param.split(" on ")
    made, settle = KINDS[kind]

    def run(law: Callable[..., Awaitable[None]]) -> list[Any]:
        told: list[Any] = []

        async def main() -> None:
            running = asyncio.get_running_loop()
            running.set_exception_handler(lambda _, context: told.append(context))
            make = made(running)
            await law(make, *([settle] if law.__code__.co_argcount == 2 else []))  # type: ignore[attr-defined]  # a function
            gc.collect()

        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(main())
        return told

    return run


Check = Callable[[Callable[..., Awaitable[None]]], list[Any]]


def test_the_one_in_c_was_built() -> None:
    if answers.settle is answers._settle_each:
        pytest.skip("the extensions in C were not built here")


def test_it_is_awaited_before_and_after(check: Check) -> None:
    async def law(make: Make) -> None:
        early, late = make(), make()
        asyncio.get_running_loop().call_soon(early.set_result, 5)
        assert await early == 5
        assert await early == 5
        late.set_result("x")
        assert await late == "x"
        assert (early.done(), early.cancelled(), early.result(), early.exception()) == (
            True, False, 5, None,
        )  # fmt: skip

    assert check(law) == []


def test_many_wait_for_one(check: Check) -> None:
    async def law(make: Make) -> None:
        one = make()

        async def wait() -> Any:
            return await one

        tasks = [asyncio.ensure_future(wait()) for _ in range(5)]
        await asyncio.sleep(0)
        one.set_result([])
        found = await asyncio.gather(*tasks)
        assert all(value is one.result() for value in found)

    assert check(law) == []


@pytest.mark.parametrize("error", [KeyError("k"), ValueError, TimeoutError("late")])
def test_an_error_is_raised_where_it_is_awaited(check: Check, error: Any) -> None:
    async def law(make: Make) -> None:
        one = make()
        one.set_exception(error)
        kind = error if isinstance(error, type) else type(error)
        for _ in range(2):
            with pytest.raises(kind):
                await one
        assert isinstance(one.exception(), kind)
        with pytest.raises(kind):
            one.result()

    assert check(law) == []


def test_what_is_not_allowed(check: Check) -> None:
    async def law(make: Make) -> None:
        one = make()
        for ask in (one.result, one.exception):
            with pytest.raises(asyncio.InvalidStateError):
                ask()
        with pytest.raises(TypeError):
            one.set_exception(StopIteration())
        with pytest.raises(TypeError):
            one.set_exception("text")  # type: ignore[arg-type]
        assert not one.done()
        one.set_result(1)
        for again in (one.set_result, one.set_exception):
            with pytest.raises(asyncio.InvalidStateError):
                again(KeyError())  # type: ignore[operator]
        assert not one.cancel()
        assert one.result() == 1

    assert check(law) == []


def test_cancelling(check: Check) -> None:
    async def law(make: Make) -> None:
        one = make()
        assert one.cancel("why")
        assert (one.done(), one.cancelled(), one.cancel()) == (True, True, False)
        for ask in (one.result, one.exception):
            with pytest.raises(asyncio.CancelledError):
                ask()
        with pytest.raises(asyncio.CancelledError, match="why"):
            await one

        other = make()
        task = asyncio.ensure_future(_wait(other))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert other.cancelled()

    assert check(law) == []


def test_a_task_that_is_cancelled_after_its_answer_is_cancelled(check: Check) -> None:
    async def law(make: Make, settle: Any) -> None:
        one = make()
        task = asyncio.ensure_future(_wait(one))
        await asyncio.sleep(0)
        settle([one])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert one.result() is None

    assert check(law) == []


def test_asyncio_takes_it_as_a_future(check: Check) -> None:
    async def law(make: Make) -> None:
        loop = asyncio.get_running_loop()
        one = make()
        assert asyncio.isfuture(one)
        assert asyncio.ensure_future(one) is one
        assert asyncio.wrap_future(one) is one  # type: ignore[arg-type]
        assert one.get_loop() is loop

        three = [make() for _ in range(3)]
        loop.call_soon(three[1].set_result, 1)
        done, pending = await asyncio.wait(three, return_when=asyncio.FIRST_COMPLETED)
        assert (done, pending) == ({three[1]}, {three[0], three[2]})
        three[0].set_exception(KeyError("k"))
        three[2].cancel()
        found = await asyncio.gather(*three, return_exceptions=True)
        assert [type(value) for value in found] == [KeyError, int, asyncio.CancelledError]

        late = make()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(late, 0.001)
        assert late.cancelled()

        kept = make()
        shield = asyncio.shield(kept)
        shield.cancel()
        await asyncio.sleep(0)
        assert not kept.done()
        kept.set_result(1)
        for first in asyncio.as_completed([kept]):
            assert await first == 1

    assert check(law) == []


def test_callbacks_come_later_in_order_and_in_their_context(check: Check) -> None:
    async def law(make: Make) -> None:
        name = contextvars.ContextVar("name", default="outside")
        seen: list[Any] = []

        def note(future: Future) -> None:
            seen.append((name.get(), future.result()))

        one = make()
        for who in "abc":
            context = contextvars.copy_context()
            context.run(name.set, who)
            one.add_done_callback(note, context=context)
        token = name.set("here")
        one.add_done_callback(note)
        name.reset(token)
        one.set_result(1)
        assert seen == []
        await asyncio.sleep(0)
        assert seen == [("a", 1), ("b", 1), ("c", 1), ("here", 1)]
        one.add_done_callback(note)
        assert len(seen) == 4
        await asyncio.sleep(0)
        assert seen[4:] == [("outside", 1)]

    assert check(law) == []


def test_a_context_that_is_in_use_is_no_obstacle(check: Check) -> None:
    """A callback may want the very context in which its answer is told."""

    async def law(make: Make, settle: Any) -> None:
        seen: list[Any] = []
        one = make()
        context = contextvars.copy_context()
        one.add_done_callback(seen.append, context=context)
        asyncio.get_running_loop().call_soon(settle, [one], context=context)
        for _ in range(4):
            await asyncio.sleep(0)
        assert seen == [one]

    assert check(law) == []


def test_callbacks_are_removed(check: Check) -> None:
    async def law(make: Make) -> None:
        seen: list[Any] = []

        def a(_: Future) -> None:
            seen.append("a")

        def b(_: Future) -> None:
            seen.append("b")

        one = make()
        assert one.remove_done_callback(a) == 0
        for callback in (a, b, a, b, a):
            one.add_done_callback(callback)
        assert one.remove_done_callback(a) == 3
        assert one.remove_done_callback(a) == 0
        one.set_result(None)
        assert one.remove_done_callback(b) == 0
        await asyncio.sleep(0)
        assert seen == ["b", "b"]

    assert check(law) == []


def test_many_are_settled_together(check: Check) -> None:
    """Those that wait are woken in order; who is done is left alone; strangers are told at once."""

    class Stranger:
        told = 0

        def done(self) -> bool:
            return self.told > 0

        def set_result(self, result: None) -> None:
            self.told += 1

    async def law(make: Make, settle: Any) -> None:
        order: list[int] = []

        async def wait(number: int, one: Future) -> None:
            await one
            order.append(number)

        all_ = [make() for _ in range(20)]
        tasks = [asyncio.ensure_future(wait(*pair)) for pair in enumerate(all_)]
        await asyncio.sleep(0)
        all_[3].set_result(None)
        all_[4].cancel()
        strangers = [Stranger(), Stranger()]
        settle([*all_[:10], *strangers, *all_[10:], make(), strangers[0]])
        assert [stranger.told for stranger in strangers] == [1, 1]
        assert order == []
        await asyncio.wait(tasks)
        assert order == [3, *(n for n in range(20) if n not in (3, 4))]
        settle([])
        settle(all_)

    assert check(law) == []


def test_a_stranger_that_fails_keeps_nobody_waiting(check: Check) -> None:
    class Broken:
        def done(self) -> bool:
            raise ZeroDivisionError

    async def law(make: Make, settle: Any) -> None:
        one = make()
        task = asyncio.ensure_future(_wait(one))
        await asyncio.sleep(0)
        with pytest.raises(ZeroDivisionError):
            settle([one, Broken()])
        await asyncio.wait_for(task, 5)

    assert check(law) == []


def test_a_callback_that_fails_is_reported_and_stops_nobody(check: Check) -> None:
    async def law(make: Make, settle: Any) -> None:
        seen: list[Any] = []
        one, two = make(), make()

        def fails(_: Future) -> None:
            raise ZeroDivisionError("callback")

        one.add_done_callback(fails)
        one.add_done_callback(seen.append)
        two.add_done_callback(seen.append)
        settle([one, two])
        await asyncio.sleep(0)
        assert seen == [one, two]

    (told,) = check(law)
    assert isinstance(told["exception"], ZeroDivisionError)


@pytest.mark.parametrize("looked", [False, True])
def test_an_error_that_nobody_looked_at_is_reported(check: Check, looked: bool) -> None:
    async def law(make: Make) -> None:
        one = make()
        one.set_exception(KeyError("lost"))
        if looked:
            one.exception()

    told = check(law)
    if looked:
        assert told == []
    else:
        (context,) = told
        assert "never retrieved" in context["message"]
        assert isinstance(context["exception"], KeyError)


def test_the_end_of_the_program_goes_through_and_the_others_are_woken() -> None:
    """As with callbacks of the loop's own: what is left is done if the loop goes on."""
    loop = asyncio.new_event_loop()
    seen: list[Any] = []

    def end(_: Future) -> None:
        raise KeyboardInterrupt

    make = answers.maker(loop)
    all_ = [make() for _ in range(3)]
    for one, callback in zip(all_, (seen.append, end, seen.append), strict=True):
        one.add_done_callback(callback)
    answers.settle(all_)
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(asyncio.sleep(0.01))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert seen == [all_[0], all_[2]]


def test_it_is_collected_with_what_waits_for_it(check: Check) -> None:
    async def law(make: Make) -> None:
        one = make()
        gone = weakref.ref(one)
        one.add_done_callback(lambda future, one=one: None)  # type: ignore[misc]  # a cycle
        del one
        gc.collect()
        assert gone() is None

    assert check(law) == []


def test_it_says_what_it_is() -> None:
    loop = asyncio.new_event_loop()
    one, two, three = (answers.maker(loop)() for _ in range(3))
    assert "pending" in repr(one)
    one.set_result(5)
    two.set_exception(KeyError("k"))
    three.cancel()
    assert "finished result=5" in repr(one)
    assert "finished exception=KeyError('k')" in repr(two)
    assert "cancelled" in repr(three)
    two.exception()
    loop.close()


async def _wait(one: Future) -> Any:
    return await one


# --- callables -----------------------------------------------------------------------------------


class Desk:
    """What a client has: a port, a place where calls go, and the slow way."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.port = answers.Port(self.loop, self.flush_soon)
        self.port.call = self.take
        self.taken: list[Any] = []
        self.slow: list[Any] = []
        self.flushes = 0

    def flush_soon(self) -> None:
        self.port.flushing = True
        self.flushes += 1

    def take(self, name: str, args: bytes, waiter: Any) -> int:
        self.taken.append((name, args, waiter))
        return len(self.taken)

    def slowly(self, *args: Any, **kwargs: Any) -> str:
        self.slow.append((args, kwargs))
        return "slowly"

    def caller(self, parameters: int, encode: Callable[[Any], bytes]) -> Callable[..., Any]:
        return answers.caller(self.port, "name", parameters, encode, self.slowly)


@pytest.fixture
def desk() -> Any:
    if answers.caller is answers._slow_caller:
        pytest.skip("the extensions in C were not built here")
    desk = Desk()
    yield desk
    desk.loop.close()


def text(values: tuple[Any, ...]) -> bytes:
    return repr(values).encode()


def test_plain_calls_are_taken_and_flushed_once(desk: Desk) -> None:
    call = desk.caller(2, text)
    first, second = call(1, "b"), call(None, [])
    assert [(name, args) for name, args, _ in desk.taken] == [
        ("name", b"(1, 'b')"),
        ("name", b"(None, [])"),
    ]
    assert [waiter for _, _, waiter in desk.taken] == [first, second]
    assert asyncio.isfuture(first)
    assert not first.done()
    assert (desk.flushes, desk.slow) == (1, [])


def test_what_is_not_plain_goes_the_slow_way(desk: Desk) -> None:
    call = desk.caller(2, text)
    assert call(1) == call(1, 2, 3) == call(1, b=2) == "slowly"
    desk.port.call = None
    assert call(1, 2) == "slowly"
    assert desk.slow == [((1,), {}), ((1, 2, 3), {}), ((1,), {"b": 2}), ((1, 2), {})]
    assert (desk.taken, desk.flushes) == ([], 0)


def test_a_call_that_fails_leaves_nothing_to_flush(desk: Desk) -> None:
    def refuses(values: Any) -> bytes:
        raise ValueError("it does not fit")

    with pytest.raises(ValueError, match="does not fit"):
        desk.caller(1, refuses)(1)

    def full(name: str, args: bytes, waiter: Any) -> int:
        raise BufferError("full")

    desk.port.call = full
    with pytest.raises(BufferError):
        desk.caller(0, text)()
    assert (desk.taken, desk.flushes) == ([], 0)


def test_a_port_may_close_while_arguments_are_encoded(desk: Desk) -> None:
    def closes(values: Any) -> bytes:
        desk.port.call = None
        return b""

    assert desk.caller(0, closes)() == "slowly"
    assert desk.taken == []


def test_a_callable_shows_what_it_stands_for(desk: Desk) -> None:
    call: Any = desk.caller(0, text)
    assert repr(call) == repr(desk.slowly)
    assert call.__wrapped__ == desk.slowly
    assert call.encode is text
