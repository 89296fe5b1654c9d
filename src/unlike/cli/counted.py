"""An engine whose calls are counted for the live line, and which remembers why it could not be used."""

from unlike.errors import CallFailed, EngineError
from unlike.llm.backend import Backend, Completion, Messages, Sampling

MOST_CHARS = 300


class Counted:
    """The engine it is given, for whole texts; see ``llm.backend.Backend``.

    Attributes:
        n_calls: Answered calls.
        tokens: Of their prompts and answers.
        failed: Why the last call that failed did.
        unusable: What the engine said when no call could succeed.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.n_calls = 0
        self.tokens = 0
        self.failed = ""
        self.unusable: EngineError | None = None

    @property
    def model(self) -> str:
        """Engine and model."""
        return self._backend.model

    @property
    def context_tokens(self) -> int | None:
        """Tokens of prompt and answer together."""
        return self._backend.context_tokens

    @property
    def counts_exactly(self) -> bool:
        """Whether counts are the tokenizer's."""
        return self._backend.counts_exactly

    @property
    def offers_schema(self) -> bool:
        """Whether a call may ask for a JSON schema."""
        return self._backend.offers_schema

    async def complete(self, messages: Messages, sampling: Sampling) -> Completion:
        """Answer one call and count it."""
        try:
            answer = await self._backend.complete(messages, sampling)
        except EngineError as error:
            self.unusable = error
            raise
        except CallFailed as error:
            self.failed = " ".join(str(error).split())[:MOST_CHARS]
            raise
        self.n_calls += 1
        self.tokens += answer.prompt_tokens + answer.completion_tokens
        return answer

    def count_tokens(self, messages: Messages) -> int:
        """Tokens of the messages."""
        return self._backend.count_tokens(messages)

    async def aclose(self) -> None:
        """Give back what the engine holds."""
        await self._backend.aclose()
