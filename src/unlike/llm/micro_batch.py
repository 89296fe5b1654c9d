"""Calls that wait at the same moment, answered as one batch by one thread.

One call's end is no other's business: a call that is cancelled leaves the others as they are.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")

GATHER_S = 0.01
"""How long a batch that is not full waits for more. Cases that run side by side ask within a few milliseconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked(Generic[Question]):
    """A call that waits for its answer.

    Attributes:
        given_up: Set once no one waits for it any more.
    """

    question: Question
    given_up: threading.Event = field(default_factory=threading.Event)


AnswerBatch = Callable[[Sequence[Asked[Question]]], Iterator[tuple[int, Answer]]]
"""A batch to places in it and answers, each as soon as it is there; calls given up need none."""


class MicroBatches(Generic[Question, Answer]):
    """A queue in front of something that answers in batches.

    Args:
        answer: Answers a batch, in a thread of the worker.
        worker: With one thread; shutting it down answers what waits.
        size: Calls in a batch at most.
    """

    def __init__(self, answer: AnswerBatch[Question, Answer], worker: Executor, size: int) -> None:
        self._answer = answer
        self._worker = worker
        self._size = size
        self._waiting: deque[tuple[Asked[Question], Future[Answer]]] = deque()

    async def ask(self, question: Question) -> Answer:
        """Answer one call, together with whatever else waits."""
        asked: Asked[Question] = Asked(question)
        future: Future[Answer] = Future()
        self._waiting.append((asked, future))
        self._worker.submit(self._answer_waiting)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            asked.given_up.set()
            raise

    def _answer_waiting(self) -> None:
        if not self._waiting:
            return  # an earlier turn took this call along
        if len(self._waiting) < self._size:
            time.sleep(GATHER_S)
        batch = self._take()
        try:
            for place, answer in self._answer([asked for asked, _ in batch]) if batch else ():
                batch[place][1].set_result(answer)
        except BaseException as error:  # goes to those who wait, who would else wait for ever
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)

    def _take(self) -> list[tuple[Asked[Question], Future[Answer]]]:
        batch: list[tuple[Asked[Question], Future[Answer]]] = []
        while self._waiting and len(batch) < self._size:
            asked, future = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                batch.append((asked, future))
        return batch
