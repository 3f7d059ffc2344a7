"""Work that waits for others (a server), on many things at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from queue import SimpleQueue
from threading import Event, Thread
from typing import TypeVar

Result = TypeVar("Result")


def in_flight(work: Callable[[int, Event], Result], places: Iterable[int], limit: int) -> Iterator[tuple[int, Result]]:
    """What the work gives for each place, as it comes.

    Never more than `limit` places are begun and not yet kept by the caller, who has kept what was yielded when the next
    is asked for: a kill loses no more than these.

    Args:
        work: Called in a thread of its own with a place, and an event that is set once nobody waits for it any more.
        places: What there is to do; taken as it can be begun.
        limit: Places that are worked on at a time, at least 1.

    Raises:
        Exception: what the work raised first; what else is under way is abandoned.
    """
    todo: SimpleQueue[int | None] = SimpleQueue()
    done: SimpleQueue[tuple[int, Result] | Exception] = SimpleQueue()
    abandoned, waiting = Event(), iter(places)
    first = list(islice(waiting, limit))

    def work_on() -> None:
        for place in iter(todo.get, None):
            try:
                done.put((place, work(place, abandoned)))
            except Exception as error:  # noqa: BLE001 - raised anew where it is waited for
                done.put(error)

    for place in first:
        todo.put(place)
        # Daemons: one that waits for a silent server must not keep a stopped run from ending.
        Thread(target=work_on, daemon=True).start()
    under_way = len(first)
    try:
        while under_way:
            made = done.get()
            if isinstance(made, Exception):
                raise made
            yield made
            under_way -= 1
            for place in islice(waiting, 1):
                todo.put(place)
                under_way += 1
    finally:
        abandoned.set()
        for _ in first:
            todo.put(None)
