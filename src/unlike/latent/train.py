"""Training an adapter: the LLM stays frozen, a killed training goes on where it was and loses the same losses.

Order of the examples, initial weights and schedule depend on the settings alone, so two trainings with the same plan
are the same training. Several processes (accelerate, torchrun) share the batches of each step; they see one folder,
and the main process alone validates and writes.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch

from unlike.errors import InputError
from unlike.latent import checkpoint
from unlike.latent.adapter import ABOUT, Adapter, load_adapter, save_adapter
from unlike.latent.batch import Batch, batches, collate
from unlike.latent.checkpoint import Progress
from unlike.latent.plan import Lesson, n_steps_of, plan_of
from unlike.latent.processes import open_processes, told_by_main
from unlike.latent.settings import TrainSettings
from unlike.latent.soft_prompts import Module
from unlike.latent.steps import Steps
from unlike.latent.untrained import seeded_module
from unlike.latent.validation import Choose, mean_nll

OnStep = Callable[[dict[str, float]], None]


def train(
    lesson: Lesson,
    settings: TrainSettings,
    out: Path,
    choose: Choose | None = None,
    on_step: OnStep = lambda row: None,
    track: str = "",
) -> Adapter:
    """Train an adapter into a folder, or go on with the training that is there.

    Args:
        lesson: What there is to learn.
        settings: How.
        out: The adapter's folder; the checkpoint lies in it until the end.
        choose: What chooses the checkpoint; None for the mean NLL of the validation texts.
        on_step: Called with a row of losses after every step, in the main process.
        track: "tensorboard" or "wandb", where the losses are logged too.

    Raises:
        InputError: There is nothing to learn, or the folder holds another training.
        EngineError: The loss is no number any more, or memory does not suffice; the message says what to lower.
    """
    if not lesson.examples:
        raise InputError("training: no examples; the corpus has no cases in split 'train', see: unlike corpus DIR")
    if (out / ABOUT).is_file():
        return _finished(lesson, settings, out)
    return _Training(lesson, settings, out, choose, track).run(on_step)


def _finished(lesson: Lesson, settings: TrainSettings, out: Path) -> Adapter:
    """The adapter that is there, when it is the one asked for."""
    adapter = load_adapter(out)
    if (adapter.about.training or {}).get("plan") != plan_of(lesson, settings):
        raise InputError(f"{out} holds an adapter of another training; name another --out")
    return adapter


class _Training:
    """One training under way, as one of its processes sees it."""

    def __init__(self, lesson: Lesson, settings: TrainSettings, out: Path, choose: Choose | None, track: str) -> None:
        self._lesson, self._settings, self._out = lesson, settings, out
        self._accelerator = open_processes(out, track)
        self._llm = lesson.llm.to(self._accelerator.device).requires_grad_(False)
        if settings.recompute:
            self._llm.train()
            self._llm.activation_checkpointing_enable({"use_reentrant": False})  # type: ignore[operator]
        self._module = seeded_module(lesson, settings.seed).to(self._accelerator.device)
        self._choose = choose or self._validation_nll
        self._steps = Steps(self._llm, self._module, settings, self.n_steps, self._accelerator)
        self._progress = Progress(plan=plan_of(lesson, settings))
        self._best = self._weights()
        self._resume()

    def run(self, on_step: OnStep) -> Adapter:
        """All steps that are left, then the adapter."""
        tell: OnStep = on_step if self._accelerator.is_main_process else lambda row: None
        for row in self._progress.losses:
            tell(row)
        saved_at = time.monotonic()
        while self._progress.step < self.n_steps:
            for group in self._groups():
                tell(self._step(group))
                if time.monotonic() - saved_at > self._settings.checkpoint_min * 60:
                    self._save()
                    saved_at = time.monotonic()
                if self._progress.step >= self.n_steps:
                    break
            else:
                self._progress.epoch, self._progress.batch = self._progress.epoch + 1, 0
            self._validate()
            self._save()
        return self._finish()

    @cached_property
    def n_steps(self) -> int:
        """Optimiser steps of the whole training."""
        return n_steps_of(self._settings, len(self._lesson.examples))

    def _groups(self) -> Iterator[list[Batch]]:
        """The batches of each step that is left of this epoch."""
        settings, examples, progress = self._settings, self._lesson.examples, self._progress
        lengths = [len(example.token_ids) + len(example.target_ids) for example in examples]
        places = list(batches(lengths, settings.batch, settings.seed, progress.epoch))
        n_records = self._lesson.about.settings.n_records
        for first in range(progress.batch, len(places), settings.accumulate):
            group = places[first : first + settings.accumulate]
            progress.batch = first + len(group)
            yield [collate([examples[place] for place in batch], n_records) for batch in group]

    def _step(self, group: Sequence[Batch]) -> dict[str, float]:
        """One step; gives its row, with the speed that no checkpoint keeps."""
        started, number = time.monotonic(), self._progress.step + 1
        row = {"step": number, **self._steps.take(group, number)}
        took = time.monotonic() - started
        self._progress.step = number
        self._progress.losses.append(row)
        self._accelerator.log(row, step=number)
        return row | {"tokens_s": sum(batch.n_tokens for batch in group) / took, "memory_gb": _memory_gb()}

    def _validate(self) -> None:
        """Keep the weights when they are the best so far."""
        value = told_by_main(self._accelerator, self._value)
        self._progress.validations.append({"step": self._progress.step, "value": value})
        if value <= self._progress.best:
            self._progress.best, self._best = value, self._weights()

    def _value(self) -> float:
        """What chooses the checkpoint; without validation texts each is better than the one before."""
        if not self._lesson.validation:
            return float("-inf")
        self._module.eval()
        value = self._choose(self._module)
        self._module.train()
        return value

    def _validation_nll(self, module: Module) -> float:
        return mean_nll(self._llm, module, self._lesson.validation, self._settings.batch)

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: tensor.detach().cpu().clone() for name, tensor in self._module.state_dict().items()}

    def _save(self) -> None:
        """Write a checkpoint; nobody waits for it, since all processes are in the same state."""
        if self._accelerator.is_main_process:
            self._out.mkdir(parents=True, exist_ok=True)
            parts = {"module": self._weights(), "best": self._best, **self._steps.state()}
            checkpoint.save(self._out, self._progress, parts)

    def _resume(self) -> None:
        found = checkpoint.load(self._out, self._progress.plan)
        if found is None:
            return
        self._progress, parts = found
        self._module.load_state_dict(parts["module"])
        self._steps.restore(parts)
        self._best = parts["best"]

    def _finish(self) -> Adapter:
        """The best weights as the adapter; the checkpoint has served."""
        self._accelerator.wait_for_everyone()  # somebody may still have the checkpoint to read
        if self._accelerator.is_main_process:
            self._write()
        self._accelerator.wait_for_everyone()
        return load_adapter(self._out)

    def _write(self) -> None:
        self._module.load_state_dict(self._best)
        progress = self._progress
        training = {
            "plan": progress.plan,
            "losses": progress.losses,
            "validations": progress.validations,
            "best": progress.best,
        }
        about = replace(self._lesson.about, training=training)
        dtype = torch.bfloat16 if self._settings.precision == "bfloat16" else torch.float32
        save_adapter(self._out, self._module.cpu(), about, dtype)
        (self._out / checkpoint.FILE).unlink(missing_ok=True)


def _memory_gb() -> float:
    """Most memory used so far: of the GPU where there is one, else of the process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
