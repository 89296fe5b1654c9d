"""A run in a process of its own, for tests that kill it: python killed_run.py JOURNAL PAID N_CALLS.

Every call the engine is asked is noted in the file PAID the moment it is asked.
"""

import asyncio
import os
import sys

from unlike.llm.journal import Call, Journal
from unlike.llm.recorded import RecordedLLM
from unlike.llm.scripted import ScriptedBackend

CONCURRENCY = 4


class Paid(ScriptedBackend):
    """Notes what it is asked before it answers."""

    async def complete(self, messages, sampling):
        os.write(self.paid, f"{messages[-1]['content']}\n".encode())
        return await super().complete(messages, sampling)


async def run(journal_path, paid_path, n_calls):
    backend = Paid(lambda messages, sampling: f"re: {messages[-1]['content']}", latency_s=0.005)
    backend.paid = os.open(paid_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    journal = Journal(journal_path)
    llm = RecordedLLM(backend, journal, CONCURRENCY)
    calls = [Call("s", "t", ({"role": "user", "content": f"{n}"},)) for n in range(n_calls)]
    answers = await asyncio.gather(*(llm.call(call) for call in calls))
    journal.close()
    print(*(answer.text for answer in answers), sep="\n")  # noqa: T201 - the test reads it


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3])))
