"""Training an adapter: the LLM stays frozen, a killed training goes on where it was and loses the same losses.

Order of the examples, initial weights and schedule depend on the settings alone, so two trainings with the same plan
are the same training. Several processes (accelerate, torchrun) share the batches of a step and average its gradient.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from unlike.errors import EngineError, InputError
from unlike.latent import checkpoint
from unlike.latent.adapter import ABOUT, About, Adapter, load_adapter, new_module, save_adapter
from unlike.latent.batch import Batch, batches, collate
from unlike.latent.checkpoint import Progress
from unlike.latent.examples import Example
from unlike.latent.objective import objective, text_nll
from unlike.latent.settings import TrainSettings
from unlike.latent.soft_prompts import Inputs, Module

OnStep = Callable[[dict[str, float]], None]
Choose = Callable[[Module], float]
"""A value of a module, lower is better: what chooses the checkpoint."""


@dataclass(frozen=True)
class Lesson:
    """What there is to learn.

    Attributes:
        llm: The frozen LLM.
        examples: With texts to learn.
        validation: With texts; they choose the checkpoint.
        about: The adapter to be.
        markers: (4, hidden) as in Space.
    """

    llm: nn.Module
    examples: Sequence[Example]
    validation: Sequence[Example]
    about: About
    markers: torch.Tensor


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
        on_step: Called with a row of losses after every step.
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


def n_steps_of(settings: TrainSettings, n_examples: int) -> int:
    """Optimiser steps of a training over so many examples."""
    per_epoch = math.ceil(math.ceil(n_examples / settings.batch) / settings.accumulate)
    whole = per_epoch * settings.epochs
    return whole if settings.max_steps is None else min(settings.max_steps, whole)


def _finished(lesson: Lesson, settings: TrainSettings, out: Path) -> Adapter:
    """The adapter that is there, when it is the one asked for."""
    adapter = load_adapter(out)
    asked = _plan(lesson, settings)
    if (adapter.about.training or {}).get("plan") != asked:
        raise InputError(f"{out} holds an adapter of another training; name another --out")
    return adapter


class _Training:
    """One training under way."""

    def __init__(self, lesson: Lesson, settings: TrainSettings, out: Path, choose: Choose | None, track: str) -> None:
        from accelerate import Accelerator

        self._lesson, self._settings, self._out = lesson, settings, out
        self._accelerator = Accelerator(
            cpu=not torch.cuda.is_available(), log_with=track or None, project_dir=out if track else None
        )
        if track:
            self._accelerator.init_trackers("unlike")
        self._llm = lesson.llm.to(self._accelerator.device).requires_grad_(False)
        if settings.recompute:
            self._llm.train()
            self._llm.gradient_checkpointing_enable({"use_reentrant": False})  # type: ignore[operator]
        self._module = seeded_module(lesson, settings.seed)
        self._choose = choose or self._validation_nll
        optimiser = torch.optim.AdamW(
            self._module.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self._prepared, self._optimiser = self._accelerator.prepare(self._module, optimiser)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate)
        self._progress = Progress(plan=_plan(lesson, settings))
        self._best = self._weights()
        self._resume()

    def run(self, on_step: OnStep) -> Adapter:
        """All steps that are left, then the adapter."""
        for row in self._progress.losses:
            on_step(row)
        saved_at = time.monotonic()
        while self._progress.step < self.n_steps:
            for group in self._groups():
                on_step(self._step(group))
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

    @property
    def n_steps(self) -> int:
        """Optimiser steps of the whole training."""
        return n_steps_of(self._settings, len(self._lesson.examples))

    def _groups(self) -> Iterator[list[Batch]]:
        """The batches of each step that is left of this epoch."""
        settings, examples, progress = self._settings, self._lesson.examples, self._progress
        lengths = [len(example.token_ids) + len(example.target_ids) for example in examples]
        places = list(batches(lengths, settings.batch, settings.seed, progress.epoch))
        for first in range(progress.batch, len(places), settings.accumulate):
            group = places[first : first + settings.accumulate]
            progress.batch = first + len(group)
            yield [self._batch([examples[place] for place in batch]) for batch in group]

    def _batch(self, examples: Sequence[Example]) -> Batch:
        return collate(examples, self._lesson.about.settings.n_records)

    def _step(self, group: Sequence[Batch]) -> dict[str, float]:
        """One step of the optimiser over its batches; each process takes its share of them."""
        started, accelerator = time.monotonic(), self._accelerator
        mine = group[accelerator.process_index :: accelerator.num_processes]
        sums: dict[str, float] = {}
        for batch in mine:
            for name, value in self._backward(batch, accelerator.num_processes / len(group)).items():
                sums[name] = sums.get(name, 0.0) + value / len(group)
        norm = self._norm()
        self._optimiser.step()
        self._optimiser.zero_grad()
        self._schedule.step()
        self._progress.step += 1
        took = time.monotonic() - started
        row = {
            "step": self._progress.step,
            **self._summed(sums),
            "norm": norm,
            "rate": float(self._schedule.get_last_lr()[0]),
        }
        self._progress.losses.append(row)
        self._accelerator.log(row, step=self._progress.step)
        return row | {"tokens_s": sum(batch.n_tokens for batch in group) / took, "memory_gb": _memory_gb()}

    def _backward(self, batch: Batch, share: float) -> dict[str, float]:
        accelerator = self._accelerator
        try:
            with accelerator.no_sync(self._prepared):
                terms = objective(self._llm, self._prepared, batch.to(accelerator.device), self._settings.weights)
                accelerator.backward(terms["loss"] * share)
        except torch.OutOfMemoryError as error:
            raise EngineError(
                f"training ran out of memory at step {self._progress.step + 1}: --set a lower batch, --set recompute=true, "
                "or a lower max_prompt_tokens; the last checkpoint is kept"
            ) from error
        values = {name: float(term.detach()) for name, term in terms.items()}
        if not math.isfinite(values["loss"]):
            raise EngineError(
                f"training: the loss is {values['loss']} at step {self._progress.step + 1} "
                f"({', '.join(f'{name} {value:.3g}' for name, value in values.items())}); --set a lower learning_rate, "
                "clip=1, or precision=float32"
            )
        return values

    def _norm(self) -> float:
        """Average the gradients of all processes, clip them where asked, and give their norm."""
        grads = [weight.grad for weight in self._module.parameters() if weight.grad is not None]
        if self._accelerator.num_processes > 1:
            for grad in grads:
                grad.copy_(self._accelerator.reduce(grad, "mean"))  # type: ignore[arg-type]
        limit = self._settings.clip if self._settings.clip is not None else float("inf")
        return float(torch.nn.utils.clip_grad_norm_(self._module.parameters(), limit))

    def _summed(self, sums: dict[str, float]) -> dict[str, float]:
        if self._accelerator.num_processes == 1:
            return sums
        names = sorted(sums)
        whole = self._accelerator.reduce(torch.tensor([sums[name] for name in names]), "sum")
        return dict(zip(names, whole.tolist(), strict=True))  # type: ignore[union-attr]

    def _rate(self, step: int) -> float:
        """Linear warm-up, then linear to nothing."""
        warm = math.ceil(self._settings.warmup * self.n_steps)
        if step < warm:
            return (step + 1) / warm
        return max(0.0, (self.n_steps - step) / max(1, self.n_steps - warm))

    def _validate(self) -> None:
        """Keep the weights when they are the best so far."""
        self._module.eval()
        value = self._choose(self._module) if self._lesson.validation else float("-inf")
        self._module.train()
        self._progress.validations.append({"step": self._progress.step, "value": value})
        if value <= self._progress.best:
            self._progress.best, self._best = value, self._weights()

    @torch.no_grad()
    def _validation_nll(self, module: Module) -> float:
        """Mean NLL a token of the validation texts."""
        found = list[float]()
        ordered = sorted(self._lesson.validation, key=lambda example: len(example.token_ids))
        for first in range(0, len(ordered), self._settings.batch):
            batch = self._batch(ordered[first : first + self._settings.batch]).to(self._accelerator.device)
            found += text_nll(self._llm, module(batch.inputs).bank, batch).tolist()
        return sum(found) / len(found)

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: tensor.detach().cpu().clone() for name, tensor in self._module.state_dict().items()}

    def _save(self) -> None:
        if self._accelerator.is_main_process:
            self._out.mkdir(parents=True, exist_ok=True)
            parts = {
                "module": self._weights(),
                "best": self._best,
                "optimiser": self._optimiser.state_dict(),
                "schedule": self._schedule.state_dict(),
            }
            checkpoint.save(self._out, self._progress, parts)
        self._accelerator.wait_for_everyone()

    def _resume(self) -> None:
        found = checkpoint.load(self._out, self._progress.plan)
        if found is None:
            return
        self._progress, parts = found
        self._module.load_state_dict(parts["module"])
        self._optimiser.load_state_dict(parts["optimiser"])
        self._schedule.load_state_dict(parts["schedule"])
        self._best = parts["best"]

    def _finish(self) -> Adapter:
        """Write the best weights as the adapter; the checkpoint has served."""
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
        adapter = save_adapter(self._out, self._module.cpu(), about, dtype)
        (self._out / checkpoint.FILE).unlink(missing_ok=True)
        return adapter


def _plan(lesson: Lesson, settings: TrainSettings) -> dict[str, Any]:
    """What must be the same for a training to go on: settings, LLM, embedder, corpus, number of examples."""
    about = lesson.about
    adapter = asdict(about.settings) | {"signals": list(about.settings.signals)}
    return {
        "adapter": adapter,
        "train": {name: value for name, value in asdict(settings).items() if name != "checkpoint_min"},
        "llm_hash": about.llm_hash,
        "embedder": about.embedder,
        "corpus_hash": about.corpus_hash,
        "n_examples": len(lesson.examples),
    }


def seeded_module(lesson: Lesson, seed: int) -> Module:
    """The untrained module: the same for the same seed, whatever else drew random numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = new_module(lesson.about, lesson.markers)
    if lesson.about.settings.standardise and hasattr(module, "standards"):
        _standardise(module, lesson)
    return module.train()


def _standardise(module: Module, lesson: Lesson) -> None:
    """Mean and spread of each coordinate over the training vectors of each signal."""
    inputs: Inputs = collate(lesson.examples, lesson.about.settings.n_records).inputs
    for signal, standard in module.standards.items():  # type: ignore[union-attr]
        rows, mask = (inputs.his, inputs.shown) if signal == "his" else (inputs.diff, inputs.compared)
        if mask.any():
            standard.fit(rows[mask])  # type: ignore[operator]


def _memory_gb() -> float:
    """Most memory used so far: of the GPU where there is one, else of the process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
