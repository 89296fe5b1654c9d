"""One tenant's user memory: the door that HTTP and the command go through.

Work on the database runs in worker threads, but for what a request reads from a file; a request costs one LLM call and
nothing of it is kept.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from unlike.embed.encoder import Encoder
from unlike.errors import InputError
from unlike.llm.backend import Backend, Sampling
from unlike.llm.recorded import Meter, RecordedLLM
from unlike.memory import ingest, pages, profile_pages
from unlike.memory.answers import Added, Evidence, JobRow, Page, Profile, RecordRow, Request, Written
from unlike.memory.build import build_profile
from unlike.memory.cluster import cluster_item
from unlike.memory.consent import change_consent
from unlike.memory.context import ProfileContextCache
from unlike.memory.erase import erase
from unlike.memory.journal import StoredJournal
from unlike.memory.population import SORTS, Population, Uniqueness, list_users, uniqueness
from unlike.memory.request import Prepared, RequestParts, prepare, prepare_chat, prepare_soft
from unlike.memory.settings import MemorySettings
from unlike.memory.spending import Spending
from unlike.methods.kit import Kit, Latent
from unlike.peers.neighbours import MeanNeighbours
from unlike.peers.selectors import RandomSelector
from unlike.privacy.receipt import Signer
from unlike.privacy.redact import Redactor
from unlike.prompts.task import Task
from unlike.records import Item, Record
from unlike.retrieve.recency import RecencyRetriever
from unlike.store.database import Tenant
from unlike.store.jobs import Job
from unlike.store.records import NewRecord, StoredRecords
from unlike.store.users import Consent, UserRow
from unlike.writing.write import write, write_stream


class Memory:
    """The user memory of a tenant.

    Args:
        tenant: Whose.
        backend: Writes profiles and texts; the caller closes it.
        encoder: Of texts, without a cache of its own: vectors are kept in the store, where they can be erased.
        redactor: Takes identifiers out of what is kept.
        signer: Signs receipts.
        task: Words and templates.
        settings: Of building and answering.
        adapters: Folders of trained adapters, which receipts name where they learned from the user.
        concurrency: LLM calls of builds under way at once.
        latent: A trained adapter at work, where texts are written from vectors; see ``vectors``.
        meter: Counts what is asked of the LLM, also by other memories.

    Attributes:
        population: Distances of all users from the population's mean.
        spending: Counts tokens.
    """

    def __init__(
        self,
        tenant: Tenant,
        backend: Backend,
        encoder: Encoder,
        redactor: Redactor,
        signer: Signer,
        task: Task,
        settings: MemorySettings | None = None,
        adapters: Sequence[Path] = (),
        concurrency: int = 16,
        latent: Latent | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.tenant = tenant
        self.backend = backend
        self.settings = settings or MemorySettings()
        self.encoder, self.task, self.latent = encoder, task, latent
        self.spending = Spending(tenant)
        self.population = Population(tenant, encoder.name)
        self._redactor, self._signer = redactor, signer
        self._adapters = adapters
        self._records = StoredRecords(tenant)
        self._concurrency = concurrency
        self._meter = meter
        contexts = ProfileContextCache(tenant, self.settings)
        self._parts = RequestParts(tenant, backend, task, self.settings, contexts, self.spending)

    def close(self) -> None:
        """Write down what is only counted yet; tenant and backend are the caller's to close."""
        self.spending.write()

    # Records ----------------------------------------------------------------------------------------------------------

    async def add(self, rows: Sequence[NewRecord], consent: Consent | None = None) -> Added:
        """Keep records; see ``ingest.add``. Users not known yet agree to ``consent`` (by default not to be compared)."""
        return await asyncio.to_thread(
            ingest.add, self.tenant, rows, consent or Consent(), self._redactor, self.settings
        )

    async def feedback(
        self, user_id: str, item_id: str, text: str, title: str = "", rating: float | None = None
    ) -> Added:
        """Keep the text that a person really sent; sending the same text again changes nothing."""
        record_id = ingest.id_of_feedback(user_id, item_id, title, text)
        record = Record(record_id, user_id, item_id, text, title, rating)
        return await self.add([NewRecord(record, Item(item_id))])

    async def records(self, user_id: str, offset: int = 0, limit: int = 50) -> Page[RecordRow]:
        """A user's records, the latest first.

        Raises:
            Unknown: There is no such user.
            InputError: A page begins before the first row.
        """
        return await asyncio.to_thread(pages.records_of, self.tenant, user_id, offset, limit)

    async def item(self, item_id: str) -> Item:
        """An item; Unknown where there is none."""
        return await asyncio.to_thread(self._records.item, item_id)

    # Requests ---------------------------------------------------------------------------------------------------------

    async def generate(self, request: Request) -> Written:
        """The text that a user would write, by one LLM call; see ``writing.write`` for what can go wrong."""
        return await self.write(await self._prepared(request))

    async def stream(self, request: Request) -> AsyncGenerator[str | Written]:
        """The same in pieces, then the whole; whoever leaves early closes it, and pays for what was written."""
        async with aclosing(self.write_stream(await self._prepared(request))) as pieces:
            async for piece in pieces:
                yield piece

    async def prepare_chat(
        self,
        messages: Sequence[Mapping[str, str]],
        sampling: Sampling,
        user_id: str | None = None,
        item_id: str | None = None,
    ) -> Prepared:
        """A chat ready for the LLM; see ``request.prepare_chat``."""
        return await asyncio.to_thread(prepare_chat, self._parts, messages, sampling, user_id, item_id)

    async def write(self, prepared: Prepared) -> Written:
        """The text of a prepared request, paid for also where it is refused or no words are left of it."""
        llm = RecordedLLM(self.backend, meter=self._meter)
        try:
            return prepared.written(await write(prepared.draft, llm, prepared.guard))
        finally:
            await self.spending.spend_used(llm.usage)

    async def write_stream(self, prepared: Prepared) -> AsyncGenerator[str | Written]:
        """The same in pieces, then the whole; see ``stream``."""
        llm = RecordedLLM(self.backend, meter=self._meter)
        try:
            async with aclosing(write_stream(prepared.draft, llm, prepared.guard)) as pieces:
                async for piece in pieces:
                    yield piece if isinstance(piece, str) else prepared.written(piece)
        finally:
            await self.spending.spend_used(llm.usage)

    async def check_budget(self) -> None:
        """Refuse where the tenant's tokens of the day are used up (BudgetSpent)."""
        await asyncio.to_thread(self.spending.check)

    # Users and profiles -----------------------------------------------------------------------------------------------

    async def users(self, search: str = "", sort: str = "user_id", offset: int = 0, limit: int = 50) -> Page[UserRow]:
        """A page of users.

        Raises:
            InputError: There is no such order or page.
        """
        pages.check(offset, limit)
        if sort not in SORTS:
            raise InputError(f"unknown sort: {sort!r}; allowed are {', '.join(SORTS)}")
        args = (self.tenant, self.population, search, sort, offset, limit)
        return await asyncio.to_thread(list_users, *args)

    async def uniqueness(self, user_id: str) -> Uniqueness:
        """How far a user's mean vector is from the population's.

        Raises:
            Unknown: There is no such user.
        """
        return await asyncio.to_thread(self._uniqueness, user_id)

    def _uniqueness(self, user_id: str) -> Uniqueness:
        found = self.population.distances()
        with self.tenant.read() as tx:
            return uniqueness(user_id, profile_pages.known_user(tx, user_id), found)

    async def profile(self, user_id: str, version: int | None = None) -> Profile:
        """A profile with its evidence.

        Raises:
            Unknown: There is no such user, profile or version.
        """
        return await asyncio.to_thread(profile_pages.profile, self.tenant, user_id, version)

    async def edit(self, user_id: str, statements: Sequence[Evidence], read_ms: int | None = None) -> int:
        """Put a profile in a person's own words; gives the new version. What is pinned stays when it is built anew.

        See ``profile_pages.edit`` for what can go wrong; ``read_ms`` is ``created_ms`` of the profile that was read.
        """
        return await asyncio.to_thread(profile_pages.edit, self.tenant, user_id, statements, self._redactor, read_ms)

    async def go_back(self, user_id: str, version: int) -> None:
        """Make an earlier version current again."""
        await asyncio.to_thread(profile_pages.go_back, self.tenant, user_id, version)

    async def build(self, user_ids: Sequence[str] | None = None) -> int:
        """Ask for profiles to be built now: of some users, or of all; gives how many."""
        return await asyncio.to_thread(profile_pages.ask_to_build, self.tenant, user_ids)

    async def consent(self, user_id: str) -> Consent:
        """What a user agreed to.

        Raises:
            Unknown: There is no such user.
        """
        return await asyncio.to_thread(pages.consent_of, self.tenant, user_id)

    async def set_consent(self, user_id: str, own: bool | None = None, peer: bool | None = None) -> Consent:
        """Note what a user agrees to; what was made against it goes at once."""
        return await asyncio.to_thread(change_consent, self.tenant, user_id, own, peer)

    async def export(self, user_id: str) -> dict[str, Any]:
        """All that is held about a user."""
        return await asyncio.to_thread(pages.everything_about, self.tenant, user_id)

    async def erase(self, user_id: str) -> dict[str, Any]:
        """Take a user out; gives the signed receipt."""
        receipt = await asyncio.to_thread(erase, self.tenant, user_id, self._adapters)
        self._parts.contexts.clear()
        return self._signer.sign(receipt)

    # Work -------------------------------------------------------------------------------------------------------------

    async def jobs(self, state: str = "", offset: int = 0, limit: int = 50) -> Page[JobRow]:
        """A page of jobs, the next due first.

        Raises:
            InputError: There is no such state or page.
        """
        return await asyncio.to_thread(pages.jobs_in, self.tenant, state, offset, limit)

    async def do(self, job: Job) -> None:
        """Do a job and end it; see ``cluster.cluster_item`` and ``build.build_profile``.

        Raises:
            InputError: It is another tenant's.
            BudgetSpent: The tenant's tokens of the day are used up, and the job needs an LLM.
        """
        if job.tenant.id != self.tenant.id:
            raise InputError(
                f"a job of tenant {job.tenant.name!r} cannot be done with the memory of {self.tenant.name!r}"
            )
        if job.kind == "cluster":
            await asyncio.to_thread(cluster_item, job, self.encoder, self.settings)
        else:
            await self._build(job)

    async def _build(self, job: Job) -> None:
        """Build a profile; its calls are paid for like a request's, also where it fails."""
        await self.check_budget()
        kit = self._kit(job.subject)
        try:
            await build_profile(job, kit, self.encoder, self.settings)
        finally:
            await self.spending.spend_used(kit.llm.usage)

    def _kit(self, subject: int) -> Kit:
        return Kit(
            records=self._records,
            retriever=RecencyRetriever(),
            selector=RandomSelector(),
            neighbours=MeanNeighbours(self._records, (), self.encoder),
            llm=RecordedLLM(self.backend, StoredJournal(self.tenant, subject), self._concurrency, self._meter),
            task=self.task,
            settings=self.settings.method,
            tenant=self.tenant.name,
        )

    async def _prepared(self, request: Request) -> Prepared:
        """A request's prompt; to read a profile from a file beside us takes less time than to hand it to a thread."""
        if self.latent is not None:
            return await asyncio.to_thread(prepare_soft, self._parts, request, self.latent)
        if request.retrieved or not self.tenant.store.is_file:
            return await asyncio.to_thread(prepare, self._parts, request)
        return prepare(self._parts, request)
