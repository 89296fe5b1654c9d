"""Settings of adapters and of their training, with their source.

``paper`` is what DEP's paper names (SPEC: section DEP). Everything that differs from it has a name of its own, so that
a result always says which variant it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from unlike.errors import InputError
from unlike.records import TimeRule

Kind = Literal["dep", "pplug", "prompt_tuning"]
Signal = Literal["his", "diff"]
Reduction = Literal["sae", "ae", "raw"]
Activation = Literal["sigmoid", "gelu"]
Weighting = Literal["mean", "profile_weighted"]
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """What an adapter is.

    Attributes:
        kind: "dep"; "pplug" (one attended user vector); "prompt_tuning" (DEP's places, learned vectors, no user).
        n_records: N, the most recent records: shown, or attended over (pplug); text over the length limit drops the
            oldest whole.
        signals: Which vectors of a record enter: "his" (its own, eq. 2), "diff" (its difference, eq. 4).
        with_text: Whether the records' words stand beside their vectors (ablation of DEP's table 2).
        with_note: Whether the system prompt says what the vectors are (DEP's table 9).
        reduction: "sae" (eq. 5); "ae" (no sparsity); "raw" (no reduction at all).
        activation: Of the encoder; "sigmoid" lies in (0, 1) as the KL needs, "gelu" is the released code's.
        latent_share: d' as a share of d (512 of 1,024 in the paper).
        weighting: "mean" (eq. 4); "profile_weighted" is the released code's.
        time_rule: Which texts of others a difference may see.
        tokens_per_vector: Soft tokens that one vector becomes; the paper's is 1.
        standardise: Whether vectors are shifted and scaled, each coordinate by its mean and spread in training.
        scaled: Whether soft vectors start at the length of the LLM's token embeddings.
        neutral: Whether soft vectors start as what their markers say, the same for everybody, so that training adds the
            user to a prompt that the LLM can read already.
        placed: Whether each place in the prompt has a learned vector too, added to the one of the record that stands
            there: what prompt tuning learns, so that the projectors need only say what is the user's (dep).
        text_chars: Length at which texts and descriptions are cut, at a sentence's end; None leaves them whole.
        max_prompt_tokens: Length limit of the prompt (2,048 in the paper).
    """

    kind: Kind = "dep"
    n_records: int = 8
    signals: tuple[Signal, ...] = ("his", "diff")
    with_text: bool = True
    with_note: bool = True
    reduction: Reduction = "sae"
    activation: Activation = "sigmoid"
    latent_share: float = 0.5
    weighting: Weighting = "mean"
    time_rule: TimeRule = "as_of"
    tokens_per_vector: int = 1
    standardise: bool = False
    scaled: bool = False
    neutral: bool = False
    placed: bool = False
    text_chars: int | None = None
    max_prompt_tokens: int = 2048


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of equation 11 and of what goes beyond it.

    Attributes:
        recon: lambda.
        sparse: gamma; inside lambda's bracket.
        rho: Target of the mean activations, eq. 10.
        contrast: Weight of the term that asks the own vectors to explain a text better than another user's do.
    """

    recon: float = 100.0
    sparse: float = 1e-3
    rho: float = 0.05
    contrast: float = 0.0


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How an adapter is trained (DEP, appendix; SPEC: section DEP).

    Attributes:
        learning_rate: Of AdamW, after the warm-up.
        place_rate: Learning rate of what places learn (``placed``), likewise; None for that of the rest. Prompt tuning
            wants a higher rate than projectors do.
        warmup: Share of the steps; then the rate falls linearly to nothing.
        batch: Examples of one forward pass.
        accumulate: Batches of one step.
        epochs: Passes over the examples, where ``max_steps`` does not end it before.
        left_out: Share of the users, by hash, whose texts are not trained on (for "users never seen").
        max_targets: Training cases a user gives at most, the most recent first (1 in the paper).
        max_target_tokens: Length limit of the text to learn (2,048 in the paper).
        clip: Largest norm of the gradient; None for none (1.0 in the released code).
        precision: Of the LLM. The trained weights are always float32.
        recompute: Whether activations are computed again in the backward pass: less memory, more time.
        validation: Validation cases that choose the checkpoint.
        choose_by: "meteor" of generated texts (paper) or "nll" of the real ones.
        checkpoint_min: Minutes between checkpoints inside an epoch.
    """

    learning_rate: float = 1e-5
    place_rate: float | None = None
    weight_decay: float = 0.025
    warmup: float = 0.01
    batch: int = 1
    accumulate: int = 16
    epochs: int = 5
    max_steps: int | None = None
    left_out: float = 0.0
    max_targets: int = 1
    max_target_tokens: int = 2048
    clip: float | None = None
    precision: Precision = "bfloat16"
    recompute: bool = False
    validation: int = 512
    choose_by: Literal["meteor", "nll"] = "meteor"
    checkpoint_min: float = 10.0
    seed: int = 0
    weights: LossWeights = LossWeights()


@dataclass(frozen=True, slots=True)
class Recipe:
    """An adapter and how to train it."""

    adapter: AdapterSettings = AdapterSettings()
    train: TrainSettings = TrainSettings()


_SMALL = Recipe(
    AdapterSettings(
        n_records=3,
        activation="gelu",
        standardise=True,
        scaled=True,
        neutral=True,
        text_chars=300,
        max_prompt_tokens=1024,
    ),
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
        weights=LossWeights(recon=0.1),
    ),
)

RECIPES: dict[str, Recipe] = {"paper": Recipe(), "small": _SMALL}
"""``small`` is for a corpus of some hundred users and an LLM of some hundred million parameters, without a GPU."""

OF_KIND: dict[str, dict[str, Any]] = {"pplug": {"n_records": 64, "with_text": False}}
"""What a kind sets apart in every preset: PPlug's one vector stands for the whole history, of which 64 records are the
bound here, and no words of it stand beside (Liu et al., arXiv 2409.11901; as a baseline of DEP)."""


def recipe(preset: str, kind: str = "dep", changes: Mapping[str, Any] | None = None) -> Recipe:
    """A preset with some settings changed.

    Args:
        preset: A key of RECIPES.
        kind: Of adapter; what OF_KIND says of it holds where nothing else is given.
        changes: New values by the name of a setting of adapter, training or loss; text is read as the setting's type.

    Raises:
        InputError: Unknown names and impossible values, all in one message.
    """
    from pydantic import TypeAdapter, ValidationError

    if preset not in RECIPES:
        raise InputError(f"unknown training preset: {preset!r}; allowed are {', '.join(RECIPES)}")
    chosen, places = RECIPES[preset], settings_by_name()
    new: dict[type, dict[str, Any]] = {AdapterSettings: {}, TrainSettings: {}, LossWeights: {}}
    problems = list[str]()
    asked = {"kind": kind, **(changes or {})}
    for name, value in {**OF_KIND.get(str(asked["kind"]), {}), **asked}.items():
        if name not in places:
            problems.append(f"unknown setting {name!r}; allowed are {', '.join(sorted(places))}")
            continue
        owner, hint = places[name]
        try:
            new[owner][name] = TypeAdapter(hint).validate_python(_given(name, value))
        except ValidationError as error:
            problems.append(f"{name}={value}: {error.errors()[0]['msg']}")
    if problems:
        raise InputError("training settings: " + "; ".join(problems))
    weights = replace(chosen.train.weights, **new[LossWeights])
    return Recipe(
        replace(chosen.adapter, **new[AdapterSettings]), replace(chosen.train, weights=weights, **new[TrainSettings])
    )


def settings_by_name() -> dict[str, tuple[type, Any]]:
    """Which dataclass each setting belongs to, and its type."""
    owners = (AdapterSettings, TrainSettings, LossWeights)
    return {field.name: (owner, field.type) for owner in owners for field in fields(owner) if field.name != "weights"}


def _given(name: str, value: object) -> object:
    """A value as it is meant: "none" is None, signals may be given with commas."""
    if value == "none":
        return None
    return tuple(value.split(",")) if name == "signals" and isinstance(value, str) else value
