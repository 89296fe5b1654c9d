"""Callbacks that show the progress of a run or an experiment, and print lines for a person."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from unlike.embed.encoder import Encoder
from unlike.evaluate.running.run_method import Progress
from unlike.llm.backend import Backend
from unlike.llm.open import destination
from unlike.llm.scripted import ScriptedBackend
from unlike.llm.stop import STOP
from unlike.llm.usage import Meter
from unlike.progress import OnProgress, Say, n_of, no_progress, say_nothing

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.latent.train import StepRow
    from unlike.prompts.task import Task

TERMS = ("gen", "recon", "sparse", "contrast")
"""Terms of the loss that are shown."""
MAX_COUNTED = 1_000
"""Maximum number of texts whose tokens are counted, to find the share of them that an encoder reads."""


MUCH_MORE = 1.5
"""Ratio of the records of the first users to those of all from which the first are no fair sample."""


@dataclass(frozen=True)
class Watch:
    """Callbacks of a run or an experiment; by default they show nothing.

    Attributes:
        on_progress: Called often while something takes long.
        say: Called with one line for a person.
    """

    on_progress: OnProgress = no_progress
    say: Say = say_nothing

    @property
    def shows_progress(self) -> bool:
        """Whether anything is done with progress."""
        return self.on_progress is not no_progress

    def destination(self, uri: str) -> None:
        """Print which host the texts are sent to; nothing for an LLM in this process."""
        if host := destination(uri):
            self.say(f"texts are sent to {host} ({uri.partition('@http')[0]})")

    def unread_templates(self, folder: Path | None, lines: Sequence[str]) -> None:
        """Print the templates in a prompts folder that are not read."""
        for line in lines:
            self.say(f"warning: prompts folder {folder}: {line}")

    def other_prompts(self, adapters: Iterable[Path], task: "Task") -> None:
        """Print which adapters were trained with another task's template or words."""
        for folder in adapters:
            from unlike.latent.adapter import load_adapter

            if not load_adapter(folder).knows_prompts(task):
                self.say(
                    f"warning: adapter {folder} was trained with another task or other prompts than {task.name!r}; give the task "
                    "and the prompts folder that it was trained with, unless you test how well it transfers"
                )

    def cut_texts(self, encoder: Encoder, texts: Sequence[str]) -> None:
        """Print how much of these texts an encoder reads; nothing where it reads all, or where that is not known."""
        share_of = getattr(encoder, "read_share", None)
        if (found := share_of and share_of(texts[:MAX_COUNTED])) and found[1] < 1:
            self.say(
                f"warning: {encoder.name} reads the first {found[0]} tokens of a text, {found[1]:.0%} of these texts"
            )

    def first_cases(self, corpus: "Corpus", split: str, limit: int | None) -> None:
        """Print that the users of the first cases wrote much more, or much less, than those of all cases.

        Cases are in the order of the users' ids, and ids may say something: how active users are, or when they came.
        """
        if limit is None or not (cases := corpus.cases(split)):
            return
        counts = Counter(record.user_id for record in corpus.records())
        written = [counts[case.user_id] for case in cases]
        of_first, of_all = fmean(written[:limit]), fmean(written)
        if not 1 / MUCH_MORE < of_first / of_all < MUCH_MORE:
            self.say(
                f"warning: the users of the first {n_of(limit, 'case')} wrote {of_first:.0f} records each, those of all cases "
                f"{of_all:.0f}: cases are in the order of the users' ids; in an experiment file, samples = {{ size = {limit} }} "
                "in place of limit draws them at random"
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

    def examples(self, n_done: int, n_total: int) -> None:
        """Report how many examples of a training are made: their texts are encoded meanwhile."""
        self.on_progress("making training examples", n_done, n_total, "")

    def training(self, row: "StepRow") -> None:
        """Report a training step with its losses; stop after it where the user asked for that.

        Raises:
            Stopped: The user asked to stop; the next start continues from the last checkpoint.
        """
        values = row._asdict()
        terms = ", ".join(f"{name} {values[name]:.3f}" for name in TERMS if name != "contrast" or values[name])
        speed = f", {row.tokens_s:.0f} tokens/s" if row.tokens_s else ""
        speed += f", {row.memory_gb:.1f} GB" if row.memory_gb else ""
        self.on_progress(f"{row.phase} step", row.step, row.n_steps, f"loss {row.loss:.3f} ({terms}){speed}")
        STOP.raise_if_requested()

    def cases(self, label: str, meter: Meter, n_calls: int = 0) -> Callable[[Progress], None]:
        """A callback for after each case; progress is shown after each call too, and counts calls where it can.

        Args:
            label: Name of the work.
            meter: Counts the calls of the work and nothing else.
            n_calls: How many calls are expected; 0 where that is not known.
        """
        cases = Progress(0, 0, 0)

        def show() -> None:
            used, n_done, n = meter.usage, cases.n_done + cases.n_failed, cases.n_cases
            details = f"{used.prompt_tokens + used.completion_tokens:,} tokens"
            details += f", {cases.n_failed:,} failed" if cases.n_failed else ""
            if n_calls and used.n_calls == n_calls and n_done < n:
                return  # the case of the last call ends next
            if n_calls:
                more = used.n_calls + 1 if used.n_calls > n_calls else n_calls  # texts that are asked for again
                n_total = more if n_done < n else used.n_calls
                what = f"{label}, LLM calls"
                self.on_progress(what, used.n_calls, n_total, f"{n_done:,} of {n_of(n, 'case')}, {details}")
            elif n:
                self.on_progress(label, n_done, n, f"{n_of(used.n_calls, 'call')}, {details}")

        def on_case(progress: Progress) -> None:
            nonlocal cases
            cases = progress
            show()

        meter.on_count = show
        return on_case

    def calls(self, label: str, meter: Meter, n_calls: int) -> None:
        """Show progress after each call that a meter counts, of so many that are expected."""

        def show() -> None:
            n_done = meter.usage.n_calls
            self.on_progress(f"{label}, LLM calls", n_done, max(n_calls, n_done), "")

        meter.on_count = show
        show()


SILENT_WATCH = Watch()
"""Shows nothing."""
