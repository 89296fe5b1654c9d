"""Stopping LLM work in two steps, and what waits for what."""

import asyncio

import pytest

from unlike.errors import Stopped
from unlike.llm.stop import Stop


def test_a_call_may_begin_until_a_stop_is_requested():
    async def scenario():
        stop = Stop()
        await stop.check()
        stop.request()
        with pytest.raises(Stopped):
            await stop.check()
        with pytest.raises(Stopped):
            stop.raise_if_requested()
        stop.reset()
        await stop.check()

    asyncio.run(scenario())


def test_whoever_may_not_begin_waits_until_calls_in_flight_are_answered():
    async def scenario():
        stop, go, order = Stop(), asyncio.Event(), []

        async def call():
            await go.wait()
            order.append("answered")

        async def later():
            with pytest.raises(Stopped):
                await stop.check()
            order.append("refused")

        in_flight = asyncio.create_task(stop.in_flight(call()))
        await asyncio.sleep(0)
        assert stop.n_in_flight == 1
        stop.request()
        refused = asyncio.create_task(later())
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(in_flight, refused)
        assert order == ["answered", "refused"]
        assert stop.n_in_flight == 0

    asyncio.run(scenario())


def test_cancelling_ends_calls_in_flight():
    async def scenario():
        stop = Stop()
        in_flight = asyncio.create_task(stop.in_flight(asyncio.Event().wait()))
        await asyncio.sleep(0)
        stop.cancel()
        with pytest.raises(Stopped, match="cancelled"):
            await in_flight

    asyncio.run(scenario())


def test_a_call_that_is_cancelled_for_another_reason_is_just_cancelled():
    async def scenario():
        in_flight = asyncio.create_task(Stop().in_flight(asyncio.Event().wait()))
        await asyncio.sleep(0)
        in_flight.cancel()
        with pytest.raises(asyncio.CancelledError):
            await in_flight

    asyncio.run(scenario())
