"""An adapter at work: from a case to the soft prompt that the frozen LLM reads (DEP, equations 2 to 7)."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from unlike.errors import InputError
from unlike.latent.adapter import Adapter
from unlike.latent.batch import inputs_of
from unlike.latent.difference import Floats
from unlike.latent.examples import Example, Examples
from unlike.llm.soft import SoftAsk, SoftPrompt
from unlike.records import Case, Records


class Prompter:
    """Makes soft prompts of cases.

    Args:
        adapter: The trained weights.
        examples: Made with the adapter's settings, its embedder, and the LLM's tokenizer.
        records: Where strangers come from.
        users: Ids of all users, for the control with shuffled users.
    """

    def __init__(self, adapter: Adapter, examples: Examples, records: Records, users: Sequence[str] = ()) -> None:
        self.kind = adapter.settings.kind
        self.adapter = adapter
        self._examples = examples
        self._records = records
        self._users = users

    def prompt(self, case: Case, vectors_of: Case | None = None) -> SoftAsk:
        """The soft prompt of a case, with the own vectors or with those of another user's case.

        Raises:
            InputError: It does not fit the length limit.
        """
        example = self.example(case, vectors_of)
        return SoftAsk(
            prompt=self.soft_prompt(example, self.bank(example)),
            messages=example.messages,
            record_ids=example.record_ids,
            past=tuple(np.asarray(example.past.record_ids)[example.shown].tolist()),
            n_compared=int((example.past.n_peers[example.shown] > 0).sum()),
            left_out=example.left_out,
        )

    def example(self, case: Case, vectors_of: Case | None = None) -> Example:
        """A case as numbers; see ``prompt``."""
        return self._examples.of(case, vectors_of=vectors_of)

    @torch.no_grad()
    def bank(self, example: Example) -> Floats:
        """(n_soft, hidden) all soft vectors of an example."""
        inputs = inputs_of([example], self.adapter.settings.n_records)
        return self.adapter.module(inputs).bank[0].numpy()

    def soft_prompt(self, example: Example, bank: Floats) -> SoftPrompt:
        """An example's prompt with the vectors of a bank, its own or a changed one: (n_soft, hidden)."""
        places = np.flatnonzero(example.slots >= 0)
        return SoftPrompt(example.token_ids, places, bank[example.slots[places]], self.adapter.digest)

    def stranger(self, case: Case) -> Case:
        """The same moment for another user who has records by then; always the same user for a case.

        Raises:
            InputError: Nobody else has.
        """
        others = sorted(self._users, key=lambda user: hashlib.sha256(f"{case.id} {user}".encode()).digest())
        for user in others:
            if user != case.user_id and self._records.history(user, case.moment):
                return replace(case, id=case.id, user_id=user)
        raise InputError(f"case {case.id!r}: no other user has records before it, so no vectors can be shuffled")
