"""Training an adapter: the LLM stays frozen; a killed training resumes to the same losses.

Order of examples, initial weights and schedule depend on the settings alone, so two trainings with the same plan are the
same. Several processes (torchrun, accelerate) share the batches of each step: each adds up the gradients of its own
batches, all exchange them and make the same step; the main process alone validates and writes.
"""

import math
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from unlike.errors import EngineError, InputError, MissingPart
from unlike.latent import checkpoints
from unlike.latent.adapter import METADATA, WEIGHTS, Adapter, load_adapter, save_adapter
from unlike.latent.batch import Batch, batches, collate
from unlike.latent.checkpoints import Choice, Progress, choice_of
from unlike.latent.loss import LossTerms, objective, step_size
from unlike.latent.settings import TrainSettings
from unlike.latent.training_data import TrainingData, changed_in_plan

if TYPE_CHECKING:
    from accelerate import Accelerator

WARM_START = "warm_start"
"""Folder, in the adapter's, of the warm start's checkpoint until the end of the training."""
VALIDATION_TIMEOUT = timedelta(hours=12)
"""How long the other processes wait while the main process validates: writing hundreds of texts takes hours."""


class StepRow(NamedTuple):
    """What is reported of a step; ``loss`` to ``contrast`` as in LossTerms.

    Attributes:
        step: Number of the step, from 1.
        n_steps: Number of steps of the whole training.
        norm: Norm of the gradient, before clipping.
        rate: Learning rate of the next step.
        tokens_s: Tokens per second; 0 for a step that was read from a checkpoint.
        memory_gb: Peak memory of the GPU, or of the process without one; likewise, and 0 where it is not known.
        phase: "warm-start" or "training".
    """

    step: int
    n_steps: int
    loss: float
    gen: float
    recon: float
    sparse: float
    contrast: float
    norm: float
    rate: float
    tokens_s: float = 0.0
    memory_gb: float = 0.0
    phase: str = "training"


OnStep = Callable[[StepRow], None]
_NOT_KEPT = ("n_steps", "tokens_s", "memory_gb", "phase")
TRACKERS = ("tensorboard", "wandb")


def train(
    data: TrainingData,
    settings: TrainSettings,
    out: Path,
    choice: Choice | None = None,
    on_step: OnStep = lambda row: None,
    track: str = "",
) -> Adapter:
    """Train an adapter into a folder, or resume the training that is there.

    Args:
        data: What it is trained on.
        settings: How it is trained.
        out: The adapter's folder; the checkpoint is there until the end.
        choice: What chooses the checkpoint; None for ``settings.choose_by`` (without METEOR).
        on_step: Called after every step, in the main process.
        track: "tensorboard" or "wandb" to log losses there too, those of the warm start as "warm-start/loss" and so on.

    Raises:
        InputError: There is nothing to learn, the folder holds another training, METEOR is asked for and not given, or
            ``track`` is unknown.
        MissingPart: The package of ``track`` is not installed.
        EngineError: The loss is NaN or infinite, or memory does not suffice; the message says what to lower.
    """
    if not data.examples:
        raise InputError("training: no examples; the corpus has no cases in split 'train', see: unlike corpus DIR")
    if (out / METADATA).is_file():
        adapter = load_adapter(out)
        if changed := changed_in_plan(data.plan(settings), (adapter.metadata.training or {}).get("plan", {})):
            raise InputError(
                f"{out} holds an adapter of another training: {', '.join(changed)} differ; give another --out"
            )
        return adapter
    accelerator = _accelerator(out, track)
    on_step = _tracked(on_step, accelerator, settings.warm_start_steps if data.warm_start else 0)
    try:
        training = _Training(data, settings, out, choice or choice_of(data, settings, None), accelerator)
        warm_start = training.warm_start(on_step) if data.warm_start else {}
        training.learn(on_step)
        return training.finish(warm_start)
    finally:
        for tracker in accelerator.trackers:
            tracker.finish()


def discard(out: Path) -> None:
    """Remove the adapter and the checkpoints of a folder."""
    for name in (METADATA, WEIGHTS, checkpoints.FILE):
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / WARM_START, ignore_errors=True)


def n_steps_of(settings: TrainSettings, n_examples: int) -> int:
    """Optimiser steps of a training on this many examples."""
    whole = _steps_per_epoch(settings, n_examples) * settings.epochs
    return whole if settings.max_steps is None else min(settings.max_steps, whole)


def n_validations_of(settings: TrainSettings, n_examples: int) -> int:
    """Validations of a training on this many examples: one after each pass over them, whole or not."""
    return math.ceil(n_steps_of(settings, n_examples) / _steps_per_epoch(settings, n_examples))


def _steps_per_epoch(settings: TrainSettings, n_examples: int) -> int:
    return math.ceil(math.ceil(n_examples / settings.batch) / settings.accumulate)


def rate_at(step: int, settings: TrainSettings, n_steps: int) -> float:
    """The learning rate as a share of the highest: linear warm-up, then linear decay to 0."""
    warm = math.ceil(settings.warmup * n_steps)
    return (step + 1) / warm if step < warm else max(0.0, (n_steps - step) / max(1, n_steps - warm))


class _Training:
    """A training, as one of its processes sees it."""

    def __init__(
        self, data: TrainingData, settings: TrainSettings, out: Path, choice: Choice, accelerator: "Accelerator"
    ) -> None:
        self._data, self._settings, self._out, self._choice = data, settings, out, choice
        self._accelerator = accelerator
        self._llm: nn.Module = data.llm.model.to(self._accelerator.device).requires_grad_(False)
        if settings.recompute:
            self._llm.train()
            self._llm.activation_checkpointing_enable({"use_reentrant": False})  # type: ignore[operator]
        self._module = data.untrained_module(settings.seed).to(self._accelerator.device)
        self._trained = list(self._module.parameters())
        for weight in self._trained:
            weight.grad = torch.zeros_like(weight)
        self._n_steps = n_steps_of(settings, len(data.examples))
        self._optimiser = torch.optim.AdamW(_parameter_groups(self._module, settings), lr=settings.learning_rate)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimiser, lambda step: rate_at(step, settings, self._n_steps)
        )
        self._progress, self._best = Progress(plan=data.plan(settings)), self._weights()
        self._random: Tensor | None = None
        self._resume()

    def warm_start(self, on_step: OnStep) -> dict[str, Any]:
        """Train the module first to make the LLM write the text of a record from that record's vectors alone.

        It is a training of its own, with optimiser, schedule and checkpoint, so it is resumed like any other.

        Returns:
            What the adapter's metadata keeps of it: the number of records and the losses.
        """
        n_steps = self._settings.warm_start_steps
        data = replace(self._data, examples=self._data.warm_start, validation=())
        settings = replace(self._settings, epochs=n_steps, max_steps=n_steps)
        warm = _Training(data, settings, self._out / WARM_START, choice_of(data, settings, None), self._accelerator)
        warm._start_from(self)
        warm.learn(lambda row: on_step(row._replace(phase="warm-start")))
        self._start_from(warm)
        return {"warm_start": {"n_examples": len(data.examples), "losses": warm._progress.losses}}

    def _start_from(self, other: "_Training") -> None:
        """Take over the weights of another training, unless this one has made a step."""
        if not self._progress.step:
            self._module.load_state_dict(other._module.state_dict())
            self._best = self._weights()

    def learn(self, on_step: OnStep) -> None:
        """Make all remaining steps, with the random numbers of a training without interruption."""
        if self._random is not None:
            torch.set_rng_state(self._random)
        report: OnStep = on_step if self._accelerator.is_main_process else lambda row: None
        for kept in self._progress.losses:
            report(StepRow(n_steps=self._n_steps, **cast(Any, kept)))
        saved_at = time.monotonic()
        while self._progress.step < self._n_steps:
            for group in self._groups():
                report(self._step(group))
                if time.monotonic() - saved_at > self._settings.checkpoint_min * 60:
                    self._save()
                    saved_at = time.monotonic()
                if self._progress.step >= self._n_steps:
                    break
            else:
                self._progress.epoch, self._progress.batch = self._progress.epoch + 1, 0
            self._validate()
            self._save()
        # The checkpoint of a killed training may hold the last step without its validation.
        if self._progress.step not in [row["step"] for row in self._progress.validations[-1:]]:
            self._validate()
            self._save()

    def _groups(self) -> Iterator[list[Batch]]:
        """The batches of each remaining step of this epoch."""
        settings, examples, progress = self._settings, self._data.examples, self._progress
        lengths = [len(example.token_ids) + len(example.target_ids) for example in examples]
        places = list(batches(lengths, settings.batch, settings.seed, progress.epoch))
        n_records = self._data.metadata.settings.n_records
        for first in range(progress.batch, len(places), settings.accumulate):
            group = places[first : first + settings.accumulate]
            progress.batch = first + len(group)
            yield [collate([examples[place] for place in batch], n_records) for batch in group]

    def _step(self, group: Sequence[Batch]) -> StepRow:
        """One optimiser step over the batches of all processes."""
        started, number = time.monotonic(), self._progress.step + 1
        terms = LossTerms(*self._backward(group, number).tolist())
        if not math.isfinite(terms.loss):
            shown = ", ".join(f"{name} {value:.3g}" for name, value in terms._asdict().items())
            raise EngineError(
                f"training: the loss is NaN or infinite at step {number} ({shown}); --set a lower learning_rate, "
                "clip=1, or precision=float32"
            )
        limit = math.inf if self._settings.clip is None else self._settings.clip
        norm = float(torch.nn.utils.clip_grad_norm_(self._trained, limit))
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=False)
        self._schedule.step()
        rate = float(self._schedule.get_last_lr()[0])
        row = StepRow(number, self._n_steps, norm=norm, rate=rate, **cast(Any, terms._asdict()))
        self._progress.step = number
        self._progress.losses.append(_kept(row))
        speed = sum(batch.n_tokens for batch in group) / (time.monotonic() - started)
        return row._replace(tokens_s=speed, memory_gb=_memory_gb())

    def _backward(self, group: Sequence[Batch], number: int) -> Tensor:
        """Accumulate the gradients of a step; returns its terms, (terms,) float64, summed over batches and processes."""
        processes, step = self._accelerator, step_size(group)
        sums = torch.zeros(len(LossTerms._fields), dtype=torch.float64, device=processes.device)
        try:
            for batch in group[processes.process_index :: processes.num_processes]:
                terms = objective(self._llm, self._module, batch.to(processes.device), self._settings.weights, step)
                terms.loss.backward()
                sums += torch.stack(terms).detach().double()
        except torch.OutOfMemoryError as error:
            raise EngineError(
                f"training ran out of memory at step {number}: --set a lower batch, --set recompute=true, "
                "or a lower max_prompt_tokens; the last checkpoint is kept"
            ) from error
        if processes.num_processes > 1:
            for part in (sums, *(weight.grad for weight in self._trained)):
                part.copy_(processes.reduce(part, "sum"))  # type: ignore[union-attr]
        return sums

    def _validate(self) -> None:
        """Keep the weights if they are the best so far; the main process decides for all."""
        from accelerate.utils import broadcast

        found = self._value() if self._accelerator.is_main_process else 0.0
        shared = broadcast(torch.tensor(found, dtype=torch.float64, device=self._accelerator.device))
        value = float(cast(Tensor, shared))
        self._progress.validations.append({"step": self._progress.step, "value": value})
        if self._choice.prefers(value, self._progress.best):
            self._progress.best, self._best = value, self._weights()

    def _value(self) -> float:
        """The value of the current weights by which the checkpoint is chosen."""
        self._module.eval()
        self._llm.eval()  # in training mode, recomputed activations leave the LLM no cache to write with
        try:
            return self._choice.value(self._module)
        except torch.OutOfMemoryError as error:
            raise EngineError(
                f"validation ran out of memory after step {self._progress.step}: --set a lower validation_batch; the "
                "last checkpoint is kept"
            ) from error
        finally:
            self._module.train()
            self._llm.train(self._settings.recompute)

    def _weights(self) -> dict[str, Tensor]:
        return {name: tensor.detach().cpu().clone() for name, tensor in self._module.state_dict().items()}

    def _save(self) -> None:
        """Write a checkpoint; all processes are in the same state, so none waits for it."""
        if self._accelerator.is_main_process:
            self._out.mkdir(parents=True, exist_ok=True)
            state = {"optimiser": self._optimiser.state_dict(), "schedule": self._schedule.state_dict()}
            checkpoints.save(self._out, self._progress, {"module": self._weights(), "best": self._best, **state})

    def _resume(self) -> None:
        found = checkpoints.load(self._out, self._progress.plan)
        if found is None:
            return
        self._progress, parts = found
        self._random = parts["random"]
        self._best = parts["best"]
        self._module.load_state_dict(parts["module"])
        self._optimiser.load_state_dict(parts["optimiser"])
        self._schedule.load_state_dict(parts["schedule"])

    def finish(self, warm_start: dict[str, Any]) -> Adapter:
        """Save the best weights as the adapter, with the facts of a warm start in its metadata, and remove the checkpoints."""
        self._accelerator.wait_for_everyone()  # another process may still read the checkpoint
        if self._accelerator.is_main_process:
            self._module.load_state_dict(self._best)
            kept = self._progress
            training: dict[str, Any] = {"plan": kept.plan, "losses": kept.losses, "validations": kept.validations}
            training |= {"best": kept.best, "chosen_by": self._choice.name} | warm_start
            save_adapter(self._out, self._module.cpu(), replace(self._data.metadata, training=training))
            (self._out / checkpoints.FILE).unlink(missing_ok=True)
            shutil.rmtree(self._out / WARM_START, ignore_errors=True)
        self._accelerator.wait_for_everyone()
        return load_adapter(self._out)


def _accelerator(out: Path, track: str) -> "Accelerator":
    """This process among those that share the training."""
    if track and track not in TRACKERS:
        raise InputError(f"training: track {track!r}; allowed are {', '.join(TRACKERS)}")
    from accelerate import Accelerator
    from accelerate.tracking import get_available_trackers
    from accelerate.utils import InitProcessGroupKwargs

    if track and track not in map(str, get_available_trackers()):
        raise MissingPart(f"training: {track} is not installed, which track={track} needs; run: pip install {track}")
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(),
        log_with=track or None,
        project_dir=out if track else None,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=VALIDATION_TIMEOUT)],
    )
    if track:
        accelerator.init_trackers("unlike")
    return accelerator


def _tracked(on_step: OnStep, accelerator: "Accelerator", n_warm_start: int) -> OnStep:
    """A callback that also logs each new step; the training's steps are numbered on from those of the warm start."""

    def report(row: StepRow) -> None:
        if row.tokens_s:
            is_warm = row.phase == "warm-start"
            logged = {f"{'warm-start/' if is_warm else ''}{name}": value for name, value in _kept(row).items()}
            accelerator.log(logged, step=row.step if is_warm else n_warm_start + row.step)
        on_step(row)

    return report


def _kept(row: StepRow) -> dict[str, float]:
    """What a checkpoint and the adapter's metadata keep of a step."""
    return {name: value for name, value in row._asdict().items() if name not in _NOT_KEPT}


def _parameter_groups(module: nn.Module, settings: TrainSettings) -> list[dict[str, Any]]:
    """The weights by learning rate and weight decay; biases do not decay, as in the Trainer that DEP's authors used."""
    place_rate = settings.learning_rate if settings.place_rate is None else settings.place_rate
    return [
        {
            "params": [weight],
            "lr": place_rate if name.startswith("places.") else settings.learning_rate,
            "weight_decay": 0.0 if name.endswith("bias") else settings.weight_decay,
        }
        for name, weight in module.named_parameters()
    ]


def _memory_gb() -> float:
    """Peak memory so far: of the GPU where there is one, else of the process; 0 on Windows, which does not tell."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)  # bytes on macOS, KiB on Linux
