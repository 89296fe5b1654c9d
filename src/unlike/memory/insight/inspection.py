"""What people look at before they trust a memory: who is unlike whom, maps of items, methods side by side.

The door of the inspector, with a memory's own parts: the same consent, budget and settings.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import cached_property

from unlike.config import MethodSettings, SelectorName
from unlike.embed.encoder import Encoder
from unlike.llm.backend import Backend
from unlike.llm.recorded import RecordedLLM
from unlike.memory.answers import Page, Request
from unlike.memory.insight import map_differences, maps, playground
from unlike.memory.insight.map_differences import FoundDifference
from unlike.memory.insight.maps import DifferenceMap
from unlike.memory.insight.playground import FewShow, Table
from unlike.memory.insight.playing import Event, Watched, play
from unlike.memory.insight.population import Population, Uniqueness, uniqueness
from unlike.memory.insight.user_lists import listed
from unlike.memory.journal import StoredJournal
from unlike.memory.profile_pages import known_user
from unlike.memory.settings import MemorySettings
from unlike.memory.spending import Spending
from unlike.memory.vectors import StoredVectors
from unlike.methods.kit import Kit, Latent
from unlike.peers.neighbours import MeanNeighbours
from unlike.peers.open import open_selector
from unlike.prompts.prompt import Ask
from unlike.prompts.task import Task
from unlike.retrieve.open import open_retriever
from unlike.store.database import Tenant
from unlike.store.users import UserRow
from unlike.writing.expected import expected_of


@dataclass(frozen=True)
class Inspection:
    """Looking into a tenant's memory; the parts are the memory's.

    Attributes:
        tenant: Whose.
        backend: Asked only where somebody asks for words.
        encoder: Of the vectors in the store.
        task: Words and templates.
        settings: Of the memory.
        latent: A trained adapter, where there is one.
        spending: Counts tokens.
    """

    tenant: Tenant
    backend: Backend
    encoder: Encoder
    task: Task
    settings: MemorySettings
    latent: Latent | None
    spending: Spending

    @cached_property
    def population(self) -> Population:
        """Distances of all users, kept from one question to the next."""
        return Population(self.tenant, self.encoder.name)

    async def users(self, search: str, sort: str, offset: int, limit: int) -> Page[UserRow]:
        """A page of users."""
        return await asyncio.to_thread(listed, self.tenant, self.population, search, sort, offset, limit)

    async def uniqueness(self, user_id: str) -> Uniqueness:
        """How unlike the others a user is; Unknown where there is no such user."""
        return await asyncio.to_thread(self._uniqueness, user_id)

    async def map(self, user_id: str, item_id: str, k: int, selector: SelectorName) -> DifferenceMap:
        """A user among those who wrote on an item; Unknown where there is no such user or item."""
        return await asyncio.to_thread(self._map, user_id, item_id, k, selector)

    async def differences(self, user_id: str, item_id: str) -> tuple[FoundDifference, ...]:
        """What is kept of how a user differs on an item; Unknown where there is no such user."""
        names = [dimension.name for dimension in self.task.standard(self.settings.method.dimensions)]
        return await asyncio.to_thread(map_differences.kept_on, self.tenant, user_id, item_id, names)

    async def compare(self, user_id: str, item_id: str, k: int, selector: SelectorName) -> FoundDifference:
        """Ask the LLM how a user differs on an item from K others; see ``map_differences`` for what can go wrong."""
        await asyncio.to_thread(self.spending.check)
        args = (self.tenant, user_id, item_id, k, selector, self.encoder, self.settings)
        user, own, chosen, n_peers = await asyncio.to_thread(map_differences.compared, *args)
        kit = self._kit(user_id, user, self.settings.method)
        try:
            return await map_differences.ask_for(kit, own, chosen, n_peers)
        finally:
            await self.spending.spend_used(kit.llm.usage)

    async def table(self, request: Request) -> Table:
        """What may be tried for a request; Unknown where there is no such item."""
        return (await asyncio.to_thread(playground.lay, self.tenant, request, self.latent, self.settings)).table

    async def play(self, request: Request, name: str) -> AsyncGenerator[Event]:
        """A method at work; see ``playground.method_of`` and ``playing.play`` for what can go wrong."""
        laid = await asyncio.to_thread(playground.lay, self.tenant, request, self.latent, self.settings)
        method = playground.method_of(name, laid, self.settings)
        sampling = self.settings.method.but(
            temperature=request.temperature, top_p=request.top_p, max_tokens=request.max_tokens, seed=request.seed
        )
        kit = self._kit(request.user_id, -1 if laid.user is None else laid.user, sampling)
        item = await asyncio.to_thread(kit.records.item, laid.case.item_id)
        expected = expected_of(Ask("", item=item, request=laid.case), self.task.words)
        watched = Watched(kit.llm, self.tenant, request.user_id, self.settings, expected)
        try:
            async with aclosing(play(name, method, laid.case, replace(kit, llm=watched), laid.peers)) as events:
                async for event in events:
                    yield event
        finally:
            await self.spending.spend_used(watched.usage)

    def _kit(self, user_id: str, subject: int, method: MethodSettings) -> Kit:
        """The collaborators of a method over the store.

        Args:
            user_id: For whom.
            subject: Number of that user, whose agreement what is kept depends on.
            method: N, K and sampling.
        """
        vectors = StoredVectors(self.tenant, self.encoder)
        stored = FewShow(self.tenant, user_id, self.settings.fewest_peers, vectors)
        return Kit(
            records=stored,
            retriever=open_retriever(method.retriever, vectors, method.seed),
            selector=open_selector(method.selector, vectors, method.seed),
            neighbours=MeanNeighbours(stored, (), vectors),
            llm=RecordedLLM(self.backend, StoredJournal(self.tenant, subject)),
            task=self.task,
            settings=method,
            tenant=self.tenant.name,
            latent=self.latent,
        )

    def _uniqueness(self, user_id: str) -> Uniqueness:
        found = self.population.distances()
        with self.tenant.read() as tx:
            return uniqueness(user_id, known_user(tx, user_id), found)

    def _map(self, user_id: str, item_id: str, k: int, selector: SelectorName) -> DifferenceMap:
        there = maps.read(self.tenant, user_id, item_id, self.encoder, self.settings)
        return maps.drawn(user_id, there, k, selector, self.settings)
