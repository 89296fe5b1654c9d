"""Callbacks that show the progress of a run or an experiment, and print lines for a person."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from unlike.embed.encoder import Encoder
from unlike.evaluate.running.run_method import Progress
from unlike.llm.backend import Backend
from unlike.llm.open import destination
from unlike.llm.scripted import ScriptedBackend
from unlike.llm.stop import STOP
from unlike.llm.usage import Usage
from unlike.progress import OnProgress, Say, no_progress, say_nothing

if TYPE_CHECKING:
    from unlike.latent.train import StepRow

TERMS = ("gen", "recon", "sparse", "contrast")
"""Terms of the loss that are shown."""
MAX_COUNTED = 1_000
"""Maximum number of texts whose tokens are counted, to find the share of them that an encoder reads."""


class HasUsage(Protocol):
    """An LLM, or the sum of the usage of many workers."""

    @property
    def usage(self) -> Usage:
        """Calls and tokens so far."""
        ...


@dataclass(frozen=True)
class Watch:
    """Callbacks of a run or an experiment; by default they show nothing.

    Attributes:
        on_progress: Called often while something takes long.
        say: Called with one line for a person.
    """

    on_progress: OnProgress = no_progress
    say: Say = say_nothing

    def destination(self, uri: str) -> None:
        """Print which host the texts are sent to; nothing for an LLM in this process."""
        if host := destination(uri):
            self.say(f"texts are sent to {host} ({uri.partition('@http')[0]})")

    def cut_texts(self, encoder: Encoder, texts: Sequence[str]) -> None:
        """Print how much of these texts an encoder reads; nothing where it reads all, or where that is not known."""
        share_of = getattr(encoder, "read_share", None)
        if (found := share_of and share_of(texts[:MAX_COUNTED])) and found[1] < 1:
            self.say(
                f"warning: {encoder.name} reads the first {found[0]} tokens of a text, {found[1]:.0%} of these texts"
            )

    def unmatched_rules(self, backend: Backend) -> None:
        """Print the rules of a scripted LLM that matched none of the messages it got; nothing where it got none."""
        if isinstance(backend, ScriptedBackend) and backend.n_calls and (rules := backend.unmatched()):
            shown = ", ".join(map(repr, rules))
            self.say(
                f"warning: {backend.model} was asked {backend.n_calls} times, and no message matched the rules {shown}"
            )

    def encoding(self, n_done: int, n_total: int) -> None:
        """Report how many texts that had no vector are encoded."""
        self.on_progress("encoding texts", n_done, n_total, "")

    def training(self, row: "StepRow") -> None:
        """Report a training step with its losses; stop after it where the user asked for that.

        Raises:
            Stopped: The user asked to stop; the next start continues from the last checkpoint.
        """
        values = row._asdict()
        terms = ", ".join(f"{name} {values[name]:.3f}" for name in TERMS if name != "contrast" or values[name])
        speed = f", {row.tokens_s:.0f} tokens/s, {row.memory_gb:.1f} GB" if row.tokens_s else ""
        self.on_progress(f"{row.phase} step", row.step, row.n_steps, f"loss {row.loss:.3f} ({terms}){speed}")
        STOP.raise_if_requested()

    def cases(self, label: str, llm: HasUsage) -> Callable[[Progress], None]:
        """A callback for after each case, which adds calls, tokens and failures."""

        def on_case(progress: Progress) -> None:
            usage = llm.usage
            calls = "1 call" if usage.n_calls == 1 else f"{usage.n_calls:,} calls"
            details = f"{calls}, {usage.prompt_tokens + usage.completion_tokens:,} tokens"
            details += f", {progress.n_failed:,} failed" if progress.n_failed else ""
            self.on_progress(label, progress.n_done + progress.n_failed, progress.n_cases, details)

        return on_case


SILENT_WATCH = Watch()
"""Shows nothing."""
