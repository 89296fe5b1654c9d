"""The processes that share a training, started by torchrun or accelerate; most often there is one."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch

if TYPE_CHECKING:
    from accelerate import Accelerator

PATIENCE = timedelta(hours=12)
"""How long the others wait while the main process validates: to write hundreds of texts takes longer than is usual."""


def open_processes(out: Path, track: str) -> "Accelerator":
    """This process among the others.

    Args:
        out: Where what is tracked is written.
        track: "tensorboard" or "wandb", "" for none.
    """
    from accelerate import Accelerator
    from accelerate.utils import InitProcessGroupKwargs

    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(),
        log_with=track or None,
        project_dir=out if track else None,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
    )
    if track:
        accelerator.init_trackers("unlike")
    return accelerator


def told_by_main(accelerator: "Accelerator", value: Callable[[], float]) -> float:
    """A value that the main process finds and tells the others, so that all decide alike."""
    from accelerate.utils import broadcast

    found = value() if accelerator.is_main_process else 0.0
    told = broadcast(torch.tensor(found, dtype=torch.float64, device=accelerator.device))
    return float(cast(torch.Tensor, told))
