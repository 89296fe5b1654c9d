"""Maps, differences and the playground of one tenant, read through its memory."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from unlike.inspector.store import map_differences, maps
from unlike.inspector.store.map_differences import FoundDifference
from unlike.inspector.store.maps import DifferenceMap
from unlike.inspector.store.others import PeersWithoutTexts, StoredVectorSelector
from unlike.inspector.store.playground import (
    Event,
    PlaygroundOptions,
    Prepared,
    guard_of,
    play,
    prepare,
)
from unlike.llm.recorded import RecordedLLM
from unlike.memory.answers import Request
from unlike.memory.memory import Memory
from unlike.memory.sealed_journal import StoredJournal
from unlike.memory.vectors import StoredVectors
from unlike.methods.kit import Kit
from unlike.peers.neighbours import MeanNeighbours
from unlike.retrieve.open import open_retriever
from unlike.settings import MethodSettings, SelectorName
from unlike.writing.draft import Draft, Reply
from unlike.writing.write import write_stream


@dataclass(frozen=True)
class Inspection:
    """Maps, differences and the playground of a tenant, with the parts, budget and settings of its memory."""

    memory: Memory

    async def map(self, user_id: str, item_id: str, k: int, selector: SelectorName) -> DifferenceMap:
        """A user among those who wrote on an item; Unknown where there is no such user or item."""
        return await asyncio.to_thread(self._map, user_id, item_id, k, selector)

    async def differences(self, user_id: str, item_id: str) -> tuple[FoundDifference, ...]:
        """The stored differences of a user on an item; Unknown where there is no such user."""
        names = [dimension.name for dimension in self.memory.task.standard(self.memory.settings.method.dimensions)]
        return await asyncio.to_thread(map_differences.kept_on, self.memory.tenant, user_id, item_id, names)

    async def compare(self, user_id: str, item_id: str, k: int, selector: SelectorName) -> FoundDifference:
        """Ask the LLM how a user differs on an item from K others; see ``map_differences`` for what can go wrong."""
        args = (self.memory.tenant, user_id, item_id, k, selector, self.memory.encoder, self.memory.settings)
        user, own, chosen, n_peers = await asyncio.to_thread(map_differences.comparison_of, *args)
        kit, _ = self._kit(user_id, user, self.memory.settings.method)
        with self.memory.priority.request():
            return await map_differences.ask_for(kit, own, chosen, n_peers, self.memory.settings)

    async def options(self, request: Request) -> PlaygroundOptions:
        """The methods that can be tried for a request; Unknown where there is no such item."""
        return (await self._prepare(request)).options

    async def play(self, request: Request, name: str) -> AsyncGenerator[Event]:
        """Try a method; errors as in ``playground.method_of`` and ``playground.play``."""
        prepared = await self._prepare(request)
        settings = self.memory.settings.method.but(
            temperature=request.temperature,
            top_p=request.top_p,
            max_tokens=request.max_tokens,
            seed=request.seed,
            shown_records=self.memory.settings.shown_records,
        )
        kit, llm = self._kit(request.user_id, -1 if prepared.context.user is None else prepared.context.user, settings)
        stored = {request.user_id: prepared.context.summary}
        kit = replace(kit, profile_of=stored.get)
        write = partial(self._write, prepared, name == "stored_profile")
        with self.memory.priority.request():
            async with aclosing(play(name, prepared, kit, llm, write)) as events:
                async for event in events:
                    yield event

    async def _write(
        self, prepared: Prepared, shows_profile: bool, draft: Draft, llm: RecordedLLM
    ) -> AsyncGenerator[str | Reply]:
        """The text in pieces, guarded against repeats; its prompt is kept like that of any text."""
        memory, call = self.memory, draft.call
        args = (memory.tenant, prepared.case.user_id, call.record_ids, memory.settings)
        guard = await asyncio.to_thread(guard_of, *args)
        async with (
            memory.keeping_prompt(call, prepared.context, shows_profile),
            aclosing(write_stream(draft, llm, guard)) as pieces,
        ):
            async for piece in pieces:
                yield piece

    async def _prepare(self, request: Request) -> Prepared:
        args = (self.memory.tenant, request, self.memory.latent, self.memory.settings)
        return await asyncio.to_thread(prepare, *args)

    def _kit(self, user_id: str, subject: int, method: MethodSettings) -> tuple[Kit, RecordedLLM]:
        """The collaborators of a method over the store, and its LLM.

        Args:
            user_id: The user.
            subject: Number of that user, on whose consent stored calls depend.
            method: N, K and sampling.
        """
        vectors = StoredVectors(self.memory.tenant, self.memory.encoder)
        stored = PeersWithoutTexts(self.memory.tenant, user_id, self.memory.settings.min_peers, vectors)
        memory = self.memory
        journal = StoredJournal(memory.tenant, subject, memory.settings.keep_prompts)
        llm = RecordedLLM(memory.backend, journal, lambda call: memory.spending.call(call, memory.backend, "request"))
        kit = Kit(
            records=stored,
            retriever=open_retriever(method.retriever, vectors, method.seed),
            selector=StoredVectorSelector(self.memory.tenant, vectors, method.selector, method.seed),
            neighbours=MeanNeighbours(stored, (), vectors),
            llm=llm,
            task=self.memory.task,
            settings=method,
            tenant=self.memory.tenant.name,
            latent=self.memory.latent,
        )
        return kit, llm

    def _map(self, user_id: str, item_id: str, k: int, selector: SelectorName) -> DifferenceMap:
        memory = self.memory
        data = maps.read(memory.tenant, user_id, item_id, memory.encoder, memory.settings, with_texts=True)
        return maps.drawn(user_id, data, k, selector, memory.settings)
