"""One tenant's user memory, which the HTTP service and the command line use.

Database work runs in worker threads, except for a request's reads from a local file. A request costs one LLM call, and
nothing of it is stored, unless the settings keep prompts.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

from unlike.embed.encoder import Encoder
from unlike.errors import InputError, UnlikeError
from unlike.llm.backend import Backend, Messages, Sampling, estimate_tokens
from unlike.llm.chat_passthrough import Answer, Chunks, PassedChat, PassthroughLLM, passes_chats
from unlike.llm.journal import Call
from unlike.llm.recorded import RecordedLLM
from unlike.llm.request_priority import RequestPriority
from unlike.llm.usage import Meter
from unlike.memory import answers, ingest, pages, profile_pages
from unlike.memory.answers import Added, Evidence, JobRow, Page, Profile, RecordRow, Request, Written
from unlike.memory.build import build_profile
from unlike.memory.cluster import cluster_item
from unlike.memory.consent import change_consent
from unlike.memory.context import ProfileContext, ProfileContextCache
from unlike.memory.cpu_pool import Heavy
from unlike.memory.cpu_process import CPUProcesses
from unlike.memory.erase import ErasedAgain, delete_record, erase, erase_again, receipt_of, refuse, scrub
from unlike.memory.population import SORTS, Population, Uniqueness, list_users, uniqueness
from unlike.memory.request import Prepared, RequestParts, call_to_store, prepare, prepare_chat, prepare_soft
from unlike.memory.sealed_journal import StoredJournal, keep_prompt
from unlike.memory.settings import MemorySettings
from unlike.memory.spending import Counted, Spending, attempts_of
from unlike.methods.kit import Kit, Latent
from unlike.peers.neighbours import MeanNeighbours
from unlike.peers.selectors import RandomSelector
from unlike.privacy.redact import Redactor
from unlike.privacy.signing import Signer
from unlike.prompts.task import Task
from unlike.records import Item, Record
from unlike.retrieve.open import RecencyRetriever
from unlike.store.database import Tenant
from unlike.store.jobs import Job
from unlike.store.journal import KeptPrompt
from unlike.store.records import NewRecord, StoredRecords
from unlike.store.users import Consent, UserRow
from unlike.writing.chat_passthrough import write_chat, write_chat_stream
from unlike.writing.write import write, write_stream

log = logging.getLogger(__name__)

SHORT_TOKENS = 8_000
"""Longer chats are prepared in a thread, because counting their tokens would block all other requests."""


class Memory:
    """The user memory of a tenant.

    Args:
        tenant: Whose.
        backend: Writes profiles and texts; the caller closes it.
        encoder: Of texts, without a cache of its own: vectors are kept in the store, where they can be erased.
        redactor: Removes identifiers from what is stored.
        signer: Signs receipts.
        task: Words and templates.
        settings: Of building and answering.
        adapters: Folders of trained adapters, which receipts name if they were trained on the user.
        latent: An opened adapter, if texts are written from vectors; see ``vectors``.
        meter: Counts LLM calls, also those of other memories.
        priority: When builds may call the LLM; shared by all memories that use it.
        processes: For large CPU-bound work, as a server needs them; the caller closes them.

    Attributes:
        population: Distances of all users from the population's mean.
        spending: Counts tokens.
        priority: Lets requests come before builds.
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
        latent: Latent | None = None,
        meter: Meter | None = None,
        priority: RequestPriority | None = None,
        processes: CPUProcesses | None = None,
    ) -> None:
        self.tenant = tenant
        self._heavy = Heavy(processes)
        self.backend = backend
        self.settings = settings or MemorySettings()
        self.encoder, self.task, self.latent = encoder, task, latent
        self.spending = Spending(tenant)
        self.population = Population(tenant, encoder.name)
        self._redactor, self._signer, self._adapters = redactor, signer, adapters
        self._records, self._meter = StoredRecords(tenant), meter
        self.priority = priority or RequestPriority(backend)
        contexts = ProfileContextCache(tenant, self.settings)
        self._parts = RequestParts(tenant, backend, task, self.settings, contexts, self.spending)

    def close(self) -> None:
        """Store the usage that is only counted so far; the caller closes tenant and backend."""
        self.spending.write()

    @property
    def owes_writing(self) -> bool:
        """Whether some usage could not be stored yet."""
        return self.spending.owes_writing

    # Records ----------------------------------------------------------------------------------------------------------

    async def add(self, rows: Sequence[NewRecord], consent: Consent | None = None) -> Added:
        """Store records; see ``ingest.add``. New users get ``consent`` (by default they are not compared)."""
        clean = await self._cleaned(rows)
        return await asyncio.to_thread(ingest.add, self.tenant, clean, consent or Consent(), self.settings)

    async def add_body(self, body: bytes, read: ingest.ReadBody) -> Added:
        """Store the records that ``read`` finds in the body of a request; see ``add``."""
        work = ingest.read_and_cleaned
        pickled, consent = await self._heavy.run_sized(len(body), work, body, read, self._redactor)
        return await asyncio.to_thread(lambda: ingest.add(self.tenant, pickled.loaded(), consent, self.settings))

    async def feedback(
        self, user_id: str, item_id: str, text: str, title: str = "", rating: float | None = None
    ) -> Added:
        """Store the text that a person really sent; sending the same text again changes nothing."""
        record_id = ingest.id_of_feedback(user_id, item_id, title, text)
        record = Record(record_id, user_id, item_id, text, title, rating)
        return await self.add([NewRecord(record, Item(item_id))])

    async def correct(self, row: NewRecord, by: str = "", keeps: Collection[str] = ()) -> answers.ChangedRecord:
        """Replace the record with the same id, or store a deleted one again; see ``ingest.correct``."""
        clean = await self._cleaned([row])
        n_profiles = await asyncio.to_thread(ingest.correct, self.tenant, clean, self.settings, by, keeps)
        self._parts.contexts.clear()
        return answers.ChangedRecord(clean.rows[0].record.user_id, n_profiles)

    async def _cleaned(self, rows: Sequence[NewRecord]) -> ingest.Clean:
        return await self._heavy.run_sized(ingest.n_chars(rows), ingest.cleaned, rows, self._redactor)

    async def delete_record(self, record_id: str, by: str = "") -> answers.ChangedRecord:
        """Delete a record with everything made from it, also others' profiles that were compared with it."""
        changed = await asyncio.to_thread(delete_record, self.tenant, record_id, by)
        self._parts.contexts.clear()
        return changed

    async def set_item(self, item: Item) -> answers.StoredItem:
        """Store the text of an item, whatever records say about it; an unknown item is created."""
        return await asyncio.to_thread(ingest.set_item, self.tenant, item, self._redactor)

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
        """The same in pieces, then the whole; if it is closed early, what was written is still counted."""
        async with aclosing(self.write_stream(await self._prepared(request))) as pieces:
            async for piece in pieces:
                yield piece

    async def prepare_chat(
        self, messages: Messages, sampling: Sampling, user_id: str | None = None, item_id: str | None = None
    ) -> Prepared:
        """A chat ready for the LLM; see ``request.prepare_chat``."""
        chat = partial(prepare_chat, self._parts, messages, sampling, user_id, item_id)
        return await (self._run_prepare(chat) if estimate_tokens(messages) <= SHORT_TOKENS else asyncio.to_thread(chat))

    async def write(self, prepared: Prepared) -> Written:
        """The text of a prepared request, counted also if it is refused or empty."""
        llm = RecordedLLM(self.backend, meter=self._meter)
        async with self._under_way(prepared, llm, attempts_of(prepared.draft, prepared.guard)):
            return prepared.written(await write(prepared.draft, llm, prepared.guard))

    async def write_stream(self, prepared: Prepared) -> AsyncGenerator[str | Written]:
        """The same in pieces, then the whole; see ``stream``."""
        llm = RecordedLLM(self.backend, meter=self._meter)
        async with (
            self._under_way(prepared, llm),
            aclosing(write_stream(prepared.draft, llm, prepared.guard)) as pieces,
        ):
            async for piece in pieces:
                yield piece if isinstance(piece, str) else prepared.written(piece)

    @property
    def passes_chats(self) -> bool:
        """Whether the LLM takes chats as they came, so that ``chat`` and ``chat_stream`` can be used."""
        return passes_chats(self.backend)

    async def chat(self, prepared: Prepared, fields: Mapping[str, Any]) -> Answer:
        """The LLM's own answer to a prepared chat; see ``writing.write_chat``.

        Args:
            prepared: From ``prepare_chat``, with the tokens to reserve as its ``max_tokens``.
            fields: Of OpenAI's API, passed on as they came.
        """
        llm, chat = self._passing(prepared, fields)
        async with self._under_way(prepared, llm, attempts_of(prepared.draft, prepared.guard)):
            return await write_chat(chat, llm, prepared.guard)

    async def chat_stream(self, prepared: Prepared, fields: Mapping[str, Any]) -> Chunks:
        """The same in chunks."""
        llm, chat = self._passing(prepared, fields)
        async with (
            self._under_way(prepared, llm),
            aclosing(write_chat_stream(chat, llm, prepared.guard)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    @asynccontextmanager
    async def _under_way(self, prepared: Prepared, llm: Counted, n_attempts: int = 1) -> AsyncGenerator[None]:
        """A request while the LLM works on it: its tokens are reserved, and its prompt is kept.

        Args:
            prepared: The request.
            llm: Counts what it uses.
            n_attempts: How often the LLM may be asked.
        """
        call = prepared.draft.call
        n_tokens = n_attempts * (estimate_tokens(call.messages) + call.sampling.max_tokens)
        with self.priority.request():
            async with (
                self.spending.reserve(n_tokens, llm),
                self.keeping_prompt(call, prepared.context, prepared.shows_profile),
            ):
                yield

    @asynccontextmanager
    async def keeping_prompt(self, call: Call, context: ProfileContext, shows_profile: bool) -> AsyncGenerator[None]:
        """Keep the prompt of a text beside the LLM's work on it, where the settings say so.

        Args:
            call: With the prompt.
            context: Of its user.
            shows_profile: Whether the context's profile is in the prompt.
        """
        if not self.settings.keep_prompts:
            yield
            return
        keeping = asyncio.create_task(self._keep_prompt(call, context, shows_profile))
        try:
            yield
        finally:
            await asyncio.shield(keeping)

    async def _keep_prompt(self, call: Call, context: ProfileContext, shows_profile: bool) -> None:
        """Keep a prompt; the request goes on where that fails."""
        kept = await self._heavy.run(call_to_store, call, context, shows_profile, self.backend.model, self._redactor)
        if kept is None:
            return
        try:
            await asyncio.to_thread(keep_prompt, self.tenant, kept)
        except UnlikeError as error:
            log.warning("the prompt of a request was not kept: %s", type(error).__name__)

    def _passing(self, prepared: Prepared, fields: Mapping[str, Any]) -> tuple[PassthroughLLM, PassedChat]:
        if not passes_chats(self.backend):
            raise InputError(
                f"{self.backend.model} takes no chats of OpenAI's form; use openai:MODEL or vllm:MODEL@URL"
            )
        call = prepared.draft.call
        return PassthroughLLM(self.backend, self._meter), PassedChat(call.messages, fields, call.sampling.cache_salt)

    # Users and profiles -----------------------------------------------------------------------------------------------

    async def users(self, search: str = "", sort: str = "user_id", offset: int = 0, limit: int = 50) -> Page[UserRow]:
        """A page of users.

        Raises:
            InputError: There is no such order or page.
        """
        pages.check(offset, limit)
        if sort not in SORTS:
            raise InputError(f"unknown sort: {sort!r}; allowed are {', '.join(SORTS)}")
        return await asyncio.to_thread(list_users, self.tenant, self.population, search, sort, offset, limit)

    async def uniqueness(self, user_id: str) -> Uniqueness:
        """How far a user's mean vector is from the population's.

        Raises:
            Unknown: There is no such user.
        """
        return await asyncio.to_thread(uniqueness, self.tenant, self.population, user_id)

    async def profile(self, user_id: str, version: int | None = None) -> Profile:
        """A profile with its evidence.

        Raises:
            Unknown: There is no such user, profile or version.
        """
        return await asyncio.to_thread(profile_pages.profile, self.tenant, user_id, version)

    async def prompts(self, user_id: str, offset: int = 0, limit: int = 50) -> Page[KeptPrompt]:
        """The prompts that were kept of calls for a user, the latest first.

        Raises:
            Unknown: There is no such user.
            InputError: A page begins before the first row.
        """
        return await asyncio.to_thread(pages.prompts_of, self.tenant, user_id, offset, limit)

    async def edit(self, user_id: str, statements: Sequence[Evidence], read_ms: int | None = None, by: str = "") -> int:
        """Replace a profile by hand; returns the new version. Pinned statements stay when it is rebuilt.

        See ``profile_pages.edit`` for what can go wrong; ``read_ms`` is ``created_ms`` of the profile that was read.
        """
        clean = await self._heavy.run(profile_pages.cleaned, statements, self._redactor)
        return await asyncio.to_thread(profile_pages.edit, self.tenant, user_id, clean, read_ms, by)

    async def go_back(self, user_id: str, version: int, by: str = "") -> None:
        """Make an earlier version current again."""
        await asyncio.to_thread(profile_pages.go_back, self.tenant, user_id, version, by)

    async def build(self, user_ids: Sequence[str] | None = None) -> int:
        """Queue profiles to be built now: of some users, or of all; returns how many."""
        return await asyncio.to_thread(profile_pages.ask_to_build, self.tenant, user_ids)

    async def consent(self, user_id: str) -> Consent:
        """What a user agreed to.

        Raises:
            Unknown: There is no such user.
        """
        return await asyncio.to_thread(pages.consent_of, self.tenant, user_id)

    async def set_consent(
        self, user_id: str, own: bool | None = None, peer: bool | None = None, wording: str = "", by: str = ""
    ) -> answers.ChangedConsent:
        """Change a user's consent; data that it no longer covers is deleted at once."""
        consent = await asyncio.to_thread(change_consent, self.tenant, user_id, own, peer, wording, by)
        await asyncio.to_thread(scrub, self.tenant.store)
        return consent

    async def export(self, user_id: str) -> dict[str, Any]:
        """All data about a user."""
        return await asyncio.to_thread(pages.everything_about, self.tenant, user_id)

    async def erase(self, user_id: str, by: str = "") -> dict[str, Any]:
        """Erase a user; returns the signed receipt, which for a user erased before is that of the first erasure."""
        receipt = await asyncio.to_thread(erase, self.tenant, user_id, self._adapters, by)
        self._parts.contexts.clear()
        return self._signer.sign(receipt)

    @property
    def public_key(self) -> str:
        """Of the key that signs receipts, in hex."""
        return self._signer.public_key

    async def receipt(self, user_id: str) -> dict[str, Any]:
        """The signed receipt of a user's erasure; Unknown if there was none."""
        return self._signer.sign(await asyncio.to_thread(receipt_of, self.tenant, user_id))

    async def erase_again(self, receipts: Sequence[Mapping[str, Any]]) -> ErasedAgain:
        """Erase the users of these receipts who exist again."""
        done = await asyncio.to_thread(erase_again, self.tenant, receipts, self._adapters)
        self._parts.contexts.clear()
        return done

    async def refuse(self, user_id: str, refused: bool = True, by: str = "") -> bool:
        """Refuse future records of a user who has none, or accept them again; returns whether they are refused now."""
        return await asyncio.to_thread(refuse, self.tenant, user_id, refused, by)

    async def note_read(self, what: Literal["read", "export"], user_id: str, by: str) -> None:
        """Note in the audit log that data about a user was read."""
        await asyncio.to_thread(pages.note_read, self.tenant, what, user_id, by)

    # Work -------------------------------------------------------------------------------------------------------------

    async def jobs(self, state: str = "", offset: int = 0, limit: int = 50, *, user_id: str = "") -> Page[JobRow]:
        """A page of jobs, the next due first; with a user, those that the user's profile needs.

        Raises:
            Unknown: There is no such user.
            InputError: There is no such state or page.
        """
        return await asyncio.to_thread(pages.jobs_in, self.tenant, state, user_id, offset, limit)

    async def do(self, job: Job) -> None:
        """Do a job and end it; see ``cluster.cluster_item`` and ``build.build_profile``.

        Raises:
            InputError: It is another tenant's.
            BudgetSpent: A call is needed for which the tenant has too few tokens of the day left.
        """
        if job.tenant.id != self.tenant.id:
            raise InputError(f"a job of tenant {job.tenant.name!r} was given to the memory of {self.tenant.name!r}")
        if job.kind == "cluster":
            await asyncio.to_thread(cluster_item, job, self.encoder, self.settings)
        else:
            await build_profile(job, self._kit(job.subject), self.encoder, self.settings)

    @asynccontextmanager
    async def _hold_for_build(self, call: Call) -> AsyncGenerator[Meter]:
        """A call of a build while it is made: after requests, and with its tokens reserved."""
        async with self.priority, self.spending.call(call, self.backend, "build") as meter:
            yield meter

    def _kit(self, subject: int) -> Kit:
        journal = StoredJournal(self.tenant, subject, self.settings.keep_prompts)
        return Kit(
            records=self._records,
            retriever=RecencyRetriever(),
            selector=RandomSelector(),
            neighbours=MeanNeighbours(self._records, (), self.encoder),
            llm=RecordedLLM(self.backend, journal, self._hold_for_build, self._meter),
            task=self.task,
            settings=self.settings.method,
            tenant=self.tenant.name,
        )

    async def _prepared(self, request: Request) -> Prepared:
        """A request's prompt."""
        if self.latent is not None:
            return await asyncio.to_thread(prepare_soft, self._parts, request, self.latent)
        if request.retrieved:
            return await asyncio.to_thread(prepare, self._parts, request)
        return await self._run_prepare(partial(prepare, self._parts, request))

    async def _run_prepare(self, work: Callable[[], Prepared]) -> Prepared:
        """Prepare a request; reading a profile from a local file takes less time than passing the work to a thread."""
        return work() if self.tenant.store.is_file else await asyncio.to_thread(work)
