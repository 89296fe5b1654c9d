"""A case as a soft prompt: the records it shows, the places of their vectors, and the text to learn.

The prompt is the ``soft`` template, equation 7 and figure 6 of DEP in our words, or ``soft_turns``, with each record as a
turn of the chat. At the length limit the oldest records are dropped with their vectors, so text and vectors always belong
to the same records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unlike.embed.encoder import Encoder
from unlike.errors import InputError
from unlike.latent.difference import Differences, PastVectors, Select
from unlike.latent.modules import row
from unlike.latent.settings import AdapterSettings
from unlike.llm.soft_prompt import SOFT_STEPS, ChatTokens
from unlike.prompts.budget import fit, shortened
from unlike.prompts.prompt import Ask, Passage, items_of
from unlike.prompts.slots import pieces, slots
from unlike.prompts.task import Task
from unlike.records import Case, Item, Record, Records

NOTES: dict[tuple[str, ...], str] = {
    ("his", "diff"): (
        "A {text} vector holds what one {text} is like; a difference vector holds how it differs from what "
        "others wrote about the same {item}."
    ),
    ("his",): "A {text} vector holds what one {text} is like.",
    ("diff",): "A difference vector holds how one {text} differs from what others wrote about the same {item}.",
}
USER_NOTE = "They hold what the person's {texts} are like."


class Selector(Protocol):
    """Picks representatives among the texts of others on an item."""

    def select(self, target: Record, peers: Sequence[Record], k: int) -> Sequence[Record]:
        """At most k of the peers' records."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A case as token ids and vectors.

    Attributes:
        case: The case.
        token_ids: (n,) int64 tokens of the prompt; 0 in place of a soft vector.
        slots: (n,) int64 rows of the bank; -1 for a token.
        target_ids: (t,) int64 tokens of the real text, with its end token; empty if there is none to learn.
        past: Vectors of the records, shown or not.
        shown: (records,) bool, those that the prompt shows.
        request: (d,) float32 embedding of what is asked for; zeros for kinds that do not use it.
        messages: The prompt as text, with characters for the slots.
        texts: The user's texts as the prompt shows them, by record id; "" where only vectors are shown.
        left_out: One line for each record dropped and text shortened.
        first_place: Place of the first record among the adapter's ``n_records``.
        items: Items whose titles and descriptions the prompt shows, whole.
    """

    case: Case
    token_ids: NDArray[np.int64]
    slots: NDArray[np.int64]
    target_ids: NDArray[np.int64]
    past: PastVectors
    shown: NDArray[np.bool_]
    request: NDArray[np.float32]
    messages: Sequence[dict[str, str]]
    texts: Mapping[str, str]
    left_out: tuple[str, ...] = ()
    first_place: int = 0
    items: tuple[Item, ...] = ()

    @property
    def record_ids(self) -> tuple[str, ...]:
        """All records whose words are in the prompt, as text or in a vector."""
        shown = [place for place, is_shown in enumerate(self.shown) if is_shown]
        own = [self.past.record_ids[place] for place in shown]
        others = [other for place in shown for other in self.past.peer_ids[place]]
        return tuple(dict.fromkeys([*own, *others]))


class Examples:
    """Makes examples of cases.

    Args:
        records: Histories, peers, items.
        encoder: f_emb, with a cache.
        tokens: The LLM's tokenizer.
        task: Words and templates.
        settings: Settings of the adapter.
        min_peers: Minimum number of peers for a difference, where the settings' is lower.
        selector: Selects representatives, for ``settings.representatives``.

    Raises:
        InputError: The settings ask for representatives and there is no selector.
    """

    def __init__(
        self,
        records: Records,
        encoder: Encoder,
        tokens: ChatTokens,
        task: Task,
        settings: AdapterSettings,
        min_peers: int = 1,
        selector: Selector | None = None,
    ) -> None:
        self.settings = settings
        self._records, self._encoder, self._tokens, self._task = records, encoder, tokens, task
        floor = max(min_peers, settings.min_peers)
        select = _select(selector, settings.representatives) if settings.representatives else None
        self._differences = Differences(records, encoder, settings.weighting, settings.time_rule, floor, select)

    def of(
        self,
        case: Case,
        max_target_tokens: int = 0,
        vectors_of: Case | None = None,
        past: Sequence[Record] | None = None,
        profile: Passage | None = None,
        first_place: int = 0,
    ) -> Example:
        """The example of a case.

        Args:
            case: The case.
            max_target_tokens: Length limit of the real text; 0 for a prompt alone.
            vectors_of: A case of another user whose vectors replace the case's own (a control).
            past: Own records to show, as many as there are places; None for the most recent.
            profile: The user's profile, to show after the records.
            first_place: Place of the first record among the ``n_records``; the others follow it.

        Raises:
            InputError: The prompt exceeds the length limit, or the case has no real text to learn.
        """
        past = (self._past(case) if past is None else past)[: self.settings.n_records - first_place]
        vectors = self._differences.of(case, past)
        if vectors_of is not None:
            vectors = self._stranger(vectors, vectors_of, case.user_id)
        passages = [self._passage(place, record) for place, record in enumerate(past, first_place)]
        ask = self._ask(case, passages, (profile,) if profile else ())
        fitted = fit(self._with_cut_items(ask), self._task, self.settings.max_prompt_tokens, self._count)
        kept = {passage.record.id: passage.text for passage in fitted.ask.passages if passage.record}
        shown = [not self._in_slots or record.id in kept for record in past]
        token_ids, slots = self._tokenise(fitted.messages)
        return Example(
            case=case,
            token_ids=token_ids,
            slots=slots,
            target_ids=self._target(case, max_target_tokens),
            past=vectors,
            shown=np.asarray(shown, np.bool_),
            request=self._request(case),
            messages=fitted.messages,
            texts=kept,
            left_out=fitted.left_out,
            first_place=first_place,
            items=tuple(items_of(ask, fitted.ask)),
        )

    @property
    def _in_slots(self) -> bool:
        """Whether each record has slots of its own, so that a dropped record loses its vectors too."""
        return self.settings.kind != "pplug"

    def _past(self, case: Case) -> Sequence[Record]:
        """The last records of the case's user, oldest first (DEP's choice; its table 8)."""
        n = self.settings.n_records
        return self._records.history(case.user_id, case.moment)[-n:] if n else []

    def _stranger(self, own: PastVectors, case: Case, user_id: str) -> PastVectors:
        """Vectors of another user's records, as many as the user's own and under the own record ids.

        The user is no peer of the other: the peers' texts may include the very one that is held out.
        """
        other = self._differences.of(case, self._past(case), left_out=user_id)
        if not len(other.his):
            raise InputError(f"shuffled vectors: user {case.user_id!r} has no records; choose a user who has")
        taken = np.arange(len(own.his)) % len(other.his)
        others = tuple(other.peer_ids[place] for place in taken)
        return PastVectors(own.record_ids, other.his[taken], other.diff[taken], other.n_peers[taken], others)

    def _ask(self, case: Case, passages: Sequence[Passage], more: tuple[Passage, ...]) -> Ask:
        step = SOFT_STEPS[self.settings.layout]
        if self.settings.kind == "pplug":
            user = slots(0, 1 + self.settings.tokens_per_vector)
            passages = passages if self.settings.with_text else ()
            words = {"user": user, "note": self._note(USER_NOTE)}
            return Ask(step, (*passages, *more), self._records.item(case.item_id), case, slots=words)
        note = self._note(NOTES.get(self.settings.signals, "")) if passages else ""
        item = self._records.item(case.item_id)
        return Ask(step, (*passages, *more), item, case, slots={"user": "", "note": note})

    def _passage(self, place: int, record: Record) -> Passage:
        width = self.settings.tokens_per_vector + 2
        own = {signal: "" for signal in ("his", "diff")}
        if self.settings.kind != "pplug":
            own |= {signal: slots(row(self.settings, signal, place), width) for signal in self.settings.signals}
        text = self._cut(record.text) if self.settings.with_text else ""
        return Passage("past", text, self._records.item(record.item_id), record, (record.id,), slots=own)

    def _with_cut_items(self, ask: Ask) -> Ask:
        """The ask with descriptions of items cut to the same length as texts."""
        passages = tuple(replace(passage, item=self._cut_item(passage.item)) for passage in ask.passages)
        return replace(ask, item=self._cut_item(ask.item), passages=passages)

    def _cut_item(self, item: Item | None) -> Item | None:
        return replace(item, description=self._cut(item.description)) if item else None

    def _cut(self, text: str) -> str:
        return text if self.settings.text_chars is None else shortened(text, self.settings.text_chars)

    def _note(self, note: str) -> str:
        return note.format(**self._task.words) if self.settings.with_note else ""

    def _count(self, messages: Sequence[dict[str, str]]) -> int:
        return len(self._tokenise(messages)[0])

    def _tokenise(self, messages: Sequence[dict[str, str]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        token_ids, places = list[int](), list[int]()
        for piece in pieces(self._tokens.render(messages)):
            found = [0] if isinstance(piece, int) else self._tokens.encode(piece)
            token_ids += found
            places += [piece] if isinstance(piece, int) else [-1] * len(found)
        return np.asarray(token_ids, np.int64), np.asarray(places, np.int64)

    def _target(self, case: Case, limit: int) -> NDArray[np.int64]:
        if not limit:
            return np.zeros(0, np.int64)
        if not case.reference:
            raise InputError(f"case {case.id!r} has no real text to learn from; leave it out")
        ids = [*self._tokens.encode(case.reference), self._tokens.end_id]
        return np.asarray(ids[:limit], np.int64)

    def _request(self, case: Case) -> NDArray[np.float32]:
        """Embedding of the request, (d,); zeros for all kinds but PPlug, the only one that uses it."""
        if self.settings.kind != "pplug":
            return np.zeros(self._dim, np.float32)
        item = self._records.item(case.item_id)
        text = " ".join(part for part in (case.title, item.title, item.description) if part)
        return np.asarray(self._encoder.encode([text])[0], np.float32)

    @cached_property
    def _dim(self) -> int:
        """d, found by encoding a text: an encoder may not know it before."""
        return self._encoder.encode(["a text"]).shape[1]


def _select(selector: Selector | None, k: int) -> Select:
    if selector is None:
        raise InputError(f"adapter: representatives={k}, and no selector was given")
    return lambda target, peers: selector.select(target, peers, k)
