"""The steps of a training: the loss of their batches, its gradient, the optimiser.

Several processes share the batches of a step. Each adds up the gradients of its own, one that has none adds nothing,
and all exchange the same tensors and then take the same step.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from unlike.errors import EngineError
from unlike.latent.batch import Batch
from unlike.latent.objective import objective, term_names
from unlike.latent.plan import rate_at
from unlike.latent.settings import TrainSettings

if TYPE_CHECKING:
    from accelerate import Accelerator


class Steps:
    """Takes the steps of a training, one after the other.

    Args:
        llm: The frozen LLM.
        module: The same in all processes.
        settings: How to train.
        n_steps: Of the whole training.
        accelerator: The processes; LLM and module are on its device.
    """

    def __init__(
        self, llm: nn.Module, module: nn.Module, settings: TrainSettings, n_steps: int, accelerator: "Accelerator"
    ) -> None:
        self._llm, self._module, self._settings, self._accelerator = llm, module, settings, accelerator
        self._names = term_names(settings.weights)
        self._weights = list(module.parameters())
        for weight in self._weights:
            weight.grad = torch.zeros_like(weight)
        self._optimiser = torch.optim.AdamW(
            _groups(module, settings), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimiser, lambda step: rate_at(step, settings, n_steps)
        )

    def take(self, group: Sequence[Batch], number: int) -> dict[str, float]:
        """One step over its batches, of all processes together.

        Args:
            group: The batches.
            number: Of the step, for messages.

        Returns:
            The terms of the loss, the norm of the gradient, the rate of the next step.

        Raises:
            EngineError: The loss is no number any more, or memory does not suffice; the message says what to lower.
        """
        terms = self._shared(self._backward(group, number))
        _check(terms, number)
        limit = math.inf if self._settings.clip is None else self._settings.clip
        norm = torch.nn.utils.clip_grad_norm_(self._weights, limit)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=False)
        self._schedule.step()
        return {**terms, "norm": float(norm), "rate": float(self._schedule.get_last_lr()[0])}

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, beside the module."""
        return {"optimiser": self._optimiser.state_dict(), "schedule": self._schedule.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])

    def _backward(self, group: Sequence[Batch], number: int) -> torch.Tensor:
        """Add this process's share to the gradients; gives its share of the terms, (terms,) float64."""
        processes = self._accelerator
        sums = torch.zeros(len(self._names), dtype=torch.float64, device=processes.device)
        try:
            for batch in group[processes.process_index :: processes.num_processes]:
                terms = objective(self._llm, self._module, batch.to(processes.device), self._settings.weights)
                (terms["loss"] * (1 / len(group))).backward()
                sums += torch.stack([terms[name].detach() for name in self._names]).double() / len(group)
        except torch.OutOfMemoryError as error:
            raise EngineError(
                f"training ran out of memory at step {number}: --set a lower batch, --set recompute=true, "
                "or a lower max_prompt_tokens; the last checkpoint is kept"
            ) from error
        return sums

    def _shared(self, sums: torch.Tensor) -> dict[str, float]:
        """Add up gradients and terms over the processes; gives the terms by name."""
        if self._accelerator.num_processes > 1:
            for part in (sums, *(weight.grad for weight in self._weights)):
                part.copy_(self._accelerator.reduce(part, "sum"))  # type: ignore[union-attr]
        return dict(zip(self._names, sums.tolist(), strict=True))


def _groups(module: nn.Module, settings: TrainSettings) -> list[dict[str, Any]]:
    """The weights by the rate at which they learn."""
    places, rest = list[nn.Parameter](), list[nn.Parameter]()
    for name, weight in module.named_parameters():
        (places if name.startswith("places.") else rest).append(weight)
    rate = settings.learning_rate if settings.place_rate is None else settings.place_rate
    return [{"params": rest}, *([{"params": places, "lr": rate}] if places else [])]


def _check(terms: Mapping[str, float], number: int) -> None:
    if not math.isfinite(terms["loss"]):
        raise EngineError(
            f"training: the loss is {terms['loss']} at step {number} "
            f"({', '.join(f'{name} {value:.3g}' for name, value in terms.items())}); --set a lower learning_rate, "
            "clip=1, or precision=float32"
        )
