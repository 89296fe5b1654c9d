"""Settings of adapters and of their training, with their sources, and the presets made of them.

``paper`` holds what DEP's paper says (Qiu et al., EMNLP 2025), ``released`` what its authors' code does where that
differs, ``small`` what fits a small corpus. Every variant has a name, so that a result says which one it follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal

from annotated_types import Interval

from unlike.errors import InputError
from unlike.records import TimeRule
from unlike.settings import (
    AtLeast0,
    AtLeast1,
    Fraction,
    Layout,
    NotNegative,
    Positive,
    by_name,
    check_values,
)

Kind = Literal["dep", "pplug", "prompt_tuning"]
Signal = Literal["his", "diff"]
Reduction = Literal["sae", "ae", "raw"]
Activation = Literal["sigmoid", "gelu"]
Initialisation = Literal["xavier", "normal"]
Weighting = Literal["mean", "profile_weighted"]
Objective = Literal["paper", "released"]
Precision = Literal["float32", "bfloat16"]
ChooseBy = Literal["meteor", "nll"]
Share = Annotated[float, Interval(ge=0, le=1)]
TokensPerVector = Annotated[int, Interval(ge=1, le=8)]


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """What an adapter is.

    Attributes:
        kind: "dep"; "pplug" (one attended user vector); "prompt_tuning" (DEP's places with learned vectors, no user).
        n_records: N, the most recent records: shown, or attended over (pplug). At the length limit the oldest records
            are dropped whole.
        signals: Vectors of a record that are used: "his" (its own, eq. 2), "diff" (its difference, eq. 4).
        with_text: Whether the records' words are shown beside their vectors (ablation of DEP's table 2).
        with_note: Whether the system prompt explains the vectors (DEP's table 9).
        reduction: "sae" (eq. 5); "ae" (without the sparsity loss); "raw" (no reduction).
        activation: Activation of the encoder. "sigmoid" lies in (0, 1), which the KL of eq. 10 needs; "gelu" is the
            released code's, which applies it to the decoder too.
        standardise: Whether the autoencoder sees each coordinate shifted and scaled by its mean and spread over the
            training vectors. Without it a sigmoid hardly tells texts apart; see docs/deviations.md.
        latent_share: d' / d (512 / 1,024 in the paper).
        initialisation: Initial weights of linear layers: "xavier" (uniform, paper) or "normal" (N(0, 0.02), released code).
        weighting: How peers are weighted: "mean" (eq. 4) or "profile_weighted" (the released code's).
        time_rule: Which texts of others a difference may use.
        representatives: Where above 0, a difference is to this many representatives, as DPL's equation 4 selects them,
            and not to all peers (ours).
        min_peers: Minimum number of peers for a difference. With one peer, e_his - e_diff is that peer's embedding.
        tokens_per_vector: Soft tokens per vector, 1 to 8 (1 in the paper).
        layout: How the past records are shown: "single", in one prompt, or "turns", each as a turn of the chat whose answer
            holds its vectors (ours). A run's own layout does not change it.
        scaled: Whether soft vectors start at the mean length of the LLM's token embeddings.
        neutral: Whether soft vectors start as the mean of their markers, the same for every user, so that training
            starts from a prompt that the LLM can read.
        placed: Whether each place of the prompt has a learned vector too, added to the record's (dep only).
        text_chars: Length at which texts and descriptions are cut, at the end of a sentence; None for no limit.
        max_prompt_tokens: Length limit of the prompt (2,048 in the paper).
    """

    kind: Kind = "dep"
    n_records: AtLeast0 = 8
    signals: tuple[Signal, ...] = ("his", "diff")
    with_text: bool = True
    with_note: bool = True
    reduction: Reduction = "sae"
    activation: Activation = "sigmoid"
    standardise: bool = True
    latent_share: Fraction = 0.5
    initialisation: Initialisation = "xavier"
    weighting: Weighting = "mean"
    time_rule: TimeRule = "as_of"
    representatives: AtLeast0 = 0
    min_peers: AtLeast1 = 1
    tokens_per_vector: TokensPerVector = 1
    layout: Layout = "single"
    scaled: bool = False
    neutral: bool = False
    placed: bool = False
    text_chars: AtLeast1 | None = None
    max_prompt_tokens: AtLeast1 = 2048


@dataclass(frozen=True, slots=True)
class LossWeights:
    """The training loss.

    Attributes:
        objective: "paper" (eq. 8 to 11, all terms averaged over a step) or "released" (reconstruction and one KL over
            the vectors of both signals together, summed over the accumulated batches; L_gen per token of the step).
        recon: lambda of eq. 11.
        sparse: gamma of eq. 11.
        rho: Target of the mean activations, eq. 10.
        contrast: Weight of a term of ours: a user's own vectors must explain a text better than those of another example of
            the batch do, which therefore needs at least 2.
    """

    objective: Objective = "paper"
    recon: NotNegative = 100.0
    sparse: NotNegative = 1e-3
    rho: Fraction = 0.05
    contrast: NotNegative = 0.0


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How an adapter is trained (DEP, appendix C.2).

    Attributes:
        learning_rate: Learning rate of AdamW at the end of the warm-up, its maximum.
        place_rate: Learning rate of the vectors of ``placed``; None for ``learning_rate``.
        weight_decay: Weight decay of AdamW, for all weights except biases.
        warmup: Share of the steps with a rising rate; the rate then falls linearly to 0.
        batch: Examples per forward pass.
        accumulate: Batches per step.
        epochs: Passes over the examples.
        max_steps: Stop after this many steps; None for no limit.
        left_out: Share of the users, chosen by hash, whose texts are not trained on.
        max_targets: Maximum number of training cases per user and corpus, the most recent first (1 in the paper).
        max_target_tokens: Length limit of the texts to learn (2,048 in the paper).
        warm_start_steps: Steps before the training in which the soft vectors of a single record make the LLM write that
            record's own text (ours); 0 for none.
        warm_start_tokens: Length limit of the texts of the warm start.
        clip: Maximum norm of the gradient; None for no limit (1.0 in the released code).
        precision: Precision of the LLM. The trained weights are always float32.
        recompute: Whether activations are recomputed in the backward pass: less memory, more time.
        validation: Validation cases that choose the checkpoint.
        validation_batch: Validation cases that the LLM reads, or writes, at once.
        choose_by: "meteor" of generated texts (paper; ROUGE-L where texts are not English) or "nll" of the real ones.
        checkpoint_min: Minutes between checkpoints within an epoch.
        seed: Seed of initial weights, order of examples, choice of validation cases, and validation sampling.
        weights: The loss.

    Raises:
        InputError: The loss compares the examples of a batch, and a batch has only one.
    """

    learning_rate: NotNegative = 1e-5
    place_rate: NotNegative | None = None
    weight_decay: NotNegative = 0.025
    warmup: Share = 0.01
    batch: AtLeast1 = 1
    accumulate: AtLeast1 = 16
    epochs: AtLeast1 = 5
    max_steps: AtLeast1 | None = None
    left_out: Share = 0.0
    max_targets: AtLeast1 = 1
    max_target_tokens: AtLeast1 = 2048
    warm_start_steps: AtLeast0 = 0
    warm_start_tokens: AtLeast1 = 32
    clip: Positive | None = None
    precision: Precision = "bfloat16"
    recompute: bool = False
    validation: AtLeast0 = 512
    validation_batch: AtLeast1 = 32
    choose_by: ChooseBy = "meteor"
    checkpoint_min: NotNegative = 10.0
    seed: int = 0
    weights: LossWeights = LossWeights()

    def __post_init__(self) -> None:
        if self.weights.contrast and self.batch < 2:
            raise InputError(
                f"training settings: contrast={self.weights.contrast:g} with batch={self.batch}: it compares the examples "
                "of a batch; set batch=2 or more, or contrast=0"
            )


@dataclass(frozen=True, slots=True)
class Recipe:
    """An adapter and how to train it."""

    adapter: AdapterSettings = AdapterSettings()
    train: TrainSettings = TrainSettings()


_RELEASED = Recipe(
    AdapterSettings(
        activation="gelu",
        standardise=False,
        initialisation="normal",
        weighting="profile_weighted",
        time_rule="released",
        max_prompt_tokens=3072,
    ),
    TrainSettings(clip=1.0, weights=LossWeights(objective="released")),
)
_SMALL = Recipe(
    AdapterSettings(n_records=3, activation="gelu", scaled=True, neutral=True, text_chars=300, max_prompt_tokens=1024),
    TrainSettings(
        learning_rate=3e-3,
        batch=4,
        accumulate=1,
        epochs=1,
        max_targets=8,
        max_target_tokens=96,
        clip=1.0,
        precision="float32",
        validation=32,
        choose_by="nll",
    ),
)
NOT_COMPARED = ("checkpoint_min", "validation_batch")
"""Settings that change how long a training takes and not what it learns, so a training may be resumed with other values."""

RECIPES: dict[str, Recipe] = {"paper": Recipe(), "released": _RELEASED, "small": _SMALL}
"""``small`` is for some hundred users and an LLM of some hundred million parameters, without a GPU."""

OF_KIND: dict[str, dict[str, Any]] = {"pplug": {"n_records": 64, "with_text": False}}
"""Settings of a kind in every preset: PPlug's one vector represents the whole history, limited to 64 records here, and
no words of it are shown (Liu et al., arXiv 2409.11901; as a baseline of DEP)."""


def recipe(preset: str, kind: str = "dep", changes: Mapping[str, Any] | None = None) -> Recipe:
    """A preset with some settings changed.

    Args:
        preset: A key of RECIPES.
        kind: Kind of adapter; its settings in OF_KIND apply unless ``changes`` overrides them.
        changes: New values by name of a setting of adapter, training or loss; text is converted to the setting's type.

    Raises:
        InputError: Unknown names and invalid values, all in one message.
    """
    from pydantic import TypeAdapter, ValidationError

    chosen, places = by_name("training preset", RECIPES, preset), settings_by_name()
    new: dict[type, dict[str, Any]] = {AdapterSettings: {}, TrainSettings: {}, LossWeights: {}}
    problems = list[str]()
    asked = {"kind": kind, **(changes or {})}
    for name, value in {**OF_KIND.get(str(asked["kind"]), {}), **asked}.items():
        if name not in places:
            problems.append(f"unknown setting {name!r}; allowed are {', '.join(sorted(places))}")
            continue
        owner, hint = places[name]
        try:
            new[owner][name] = TypeAdapter(hint).validate_python(_parsed(name, value))
        except ValidationError as error:
            problems.append(f"{name}={value}: {error.errors()[0]['msg']}")
    if problems:
        raise InputError("training settings: " + "; ".join(problems))
    weights = replace(chosen.train.weights, **new[LossWeights])
    return Recipe(
        replace(chosen.adapter, **new[AdapterSettings]), replace(chosen.train, weights=weights, **new[TrainSettings])
    )


def settings_by_name() -> dict[str, tuple[type, Any]]:
    """The dataclass and the type of each setting."""
    owners = (AdapterSettings, TrainSettings, LossWeights)
    return {field.name: (owner, field.type) for owner in owners for field in fields(owner) if field.name != "weights"}


def _parsed(name: str, value: object) -> object:
    """A value from the command line: "none" is None, signals are separated by commas."""
    if value == "none":
        return None
    return tuple(value.split(",")) if name == "signals" and isinstance(value, str) else value


check_values(AdapterSettings, TrainSettings, LossWeights)
