"""What a training starts from: the examples of a corpus, the adapter's description, and the untrained module."""

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any

import torch
from torch import Tensor

from unlike.data.corpus import Corpus
from unlike.embed.encoder import Encoder
from unlike.errors import InputError
from unlike.latent.adapter import AdapterMetadata, new_module, user_hashes
from unlike.latent.batch import inputs_of
from unlike.latent.examples import Example, Examples, Selector
from unlike.latent.modules import Module, PromptTuningModule, standard_of
from unlike.latent.settings import NOT_COMPARED, AdapterSettings, Recipe, TrainSettings
from unlike.llm.local_model import LocalModel
from unlike.llm.soft_prompt import SOFT_STEPS
from unlike.prompts.task import Task
from unlike.records import END_OF_TIME, Case, Moment, Record, case_of

MARKERS = ("start of {text}", "end of {text}", "start of difference", "end of difference")
"""Each marker vector is the mean of the token embeddings of these words; it is not trained."""


@dataclass(frozen=True)
class TrainingData:
    """What an adapter is trained on.

    Attributes:
        llm: The frozen LLM.
        examples: Examples with texts to learn.
        validation: Examples with real texts that choose the checkpoint.
        metadata: Metadata of the adapter to be trained.
        markers: (4, hidden) as in Space.
        warm_start: Examples whose prompt has the vectors of one record, in each place in turn, and whose target is its
            text; empty without a warm start.
        prompts: Digest of the template and the words of the prompts.
    """

    llm: LocalModel
    examples: Sequence[Example]
    validation: Sequence[Example]
    metadata: AdapterMetadata
    markers: Tensor
    warm_start: Sequence[Example] = ()
    prompts: str = ""

    def plan(self, settings: TrainSettings) -> dict[str, Any]:
        """What must be the same for a training to be resumed, as JSON holds it."""
        metadata = self.metadata
        return {
            "adapter": asdict(metadata.settings) | {"signals": list(metadata.settings.signals)},
            "train": {name: value for name, value in asdict(settings).items() if name not in NOT_COMPARED},
            "llm_hash": metadata.llm_hash,
            "embedder": metadata.embedder,
            "corpus_hash": metadata.corpus_hash,
            "n_examples": len(self.examples),
            "prompts": self.prompts,
        }

    def untrained_module(self, seed: int) -> Module:
        """The module before the first step, the same for the same seed: initial weights, standardisation."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = new_module(self.metadata, self.markers)
        if self.metadata.settings.standardise and not isinstance(module, PromptTuningModule):
            inputs = inputs_of(self.examples, self.metadata.settings.n_records)
            for signal in self.metadata.settings.signals:
                vectors, mask = inputs.of(signal)
                if signal in module.standards and mask.any():
                    standard_of(module, signal).fit(vectors[mask])
        return module.train()


def training_data(
    corpora: Sequence[Corpus],
    llm: LocalModel,
    encoder: Encoder,
    task: Task,
    recipe: Recipe,
    salt: str = "",
    selector: Selector | None = None,
    on_example: Callable[[int, int], None] = lambda n_done, n_total: None,
) -> TrainingData:
    """The training and validation examples of one corpus, or of several together (DEP, section 4.1).

    Args:
        corpora: Have cases in the splits train and validation; a user's histories in two of them stay apart.
        llm: The frozen LLM.
        encoder: f_emb, with a cache.
        task: Words and templates.
        recipe: Adapter and training.
        salt: For the hashes of user ids; random if empty.
        selector: Selects representatives, for a recipe that compares with these.
        on_example: Called after each training example is made, with their number so far and in total: their texts are
            encoded meanwhile.

    Raises:
        InputError: A corpus has no training cases, or a prompt exceeds the length limit.
    """

    def examples_with(adapter: AdapterSettings) -> dict[Corpus, Examples]:
        return {corpus: Examples(corpus, encoder, llm.tokens, task, adapter, selector=selector) for corpus in corpora}

    examples = examples_with(recipe.adapter)
    cases, limit = training_cases(corpora, recipe.train), recipe.train.max_target_tokens
    learned: list[Example] = []
    for corpus, case in cases:
        learned.append(examples[corpus].of(case, limit))
        on_example(len(learned), len(cases))
    salt = salt or secrets.token_hex(8)
    metadata = AdapterMetadata(
        settings=recipe.adapter,
        llm=llm.name,
        llm_hash=llm.llm_hash,
        embedder=encoder.name,
        dim=len(learned[0].request),
        hidden=int(llm.embeddings.shape[1]),
        length=float(llm.embeddings.float().norm(dim=1).mean()),
        corpus_hash=corpus_hash(corpora),
        salt=salt,
        users=user_hashes(salt, (case.user_id for _, case in cases)),
    )
    validation = [examples[corpus].of(case, limit) for corpus, case in validation_cases(corpora, recipe.train)]
    alone = examples_with(replace(recipe.adapter, with_text=False))  # with the text in the prompt, no vector is needed
    n_places, n_tokens = recipe.adapter.n_records, recipe.train.warm_start_tokens
    warm_start = [
        alone[corpus].of(case_of(record, "train"), n_tokens, past=[record], first_place=n % max(1, n_places))
        for n, (corpus, record) in enumerate(warm_start_records(corpora, recipe.train))
    ]
    prompts = task.digest(SOFT_STEPS[recipe.adapter.layout])
    return TrainingData(llm, learned, validation, metadata, _markers(llm, task), warm_start, prompts)


def changed_in_plan(plan: Mapping[str, Any], earlier: Mapping[str, Any]) -> list[str]:
    """Names of what differs from an earlier plan; those from before ``prompts`` was kept may have any."""
    earlier = {"prompts": plan.get("prompts"), **earlier}
    return sorted(name for name in plan if earlier.get(name) != plan[name])


def corpus_hash(corpora: Sequence[Corpus]) -> str:
    """Hash of what an adapter is trained on: that of the corpus, or one of several in their order."""
    hashes = [corpus.hash for corpus in corpora]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def training_cases(corpora: Sequence[Corpus], settings: TrainSettings) -> list[tuple[Corpus, Case]]:
    """The last ``max_targets`` training cases of each user and corpus, without those of users who are left out.

    Raises:
        InputError: A corpus has none.
    """
    return [(corpus, case) for corpus in corpora for case in _latest_cases(corpus, settings)]


def _latest_cases(corpus: Corpus, settings: TrainSettings) -> list[Case]:
    of_user: dict[str, list[Case]] = defaultdict(list)
    for case in corpus.cases("train"):
        if not is_left_out(case.user_id, settings.left_out):
            of_user[case.user_id].append(case)
    latest = (sorted(own, key=lambda case: case.moment)[-settings.max_targets :] for own in of_user.values())
    cases = [case for own in latest for case in own]
    if not cases:
        name = (corpus.manifest.get("source") or {}).get("name", "")
        raise InputError(
            f"training: {f'corpus {name!r}' if name else 'the corpus'} has no cases in split 'train'; curate with "
            "training targets"
        )
    return cases


def is_left_out(user_id: str, share: float) -> bool:
    """Whether a user is among the share that training leaves out; it depends on the id alone."""
    return int(hashlib.sha256(f"left out {user_id}".encode()).hexdigest()[:8], 16) < share * 16**8


def validation_cases(corpora: Sequence[Corpus], settings: TrainSettings) -> list[tuple[Corpus, Case]]:
    """A seeded sample of ``validation`` validation cases of all corpora together (512 in DEP)."""
    cases = [(corpus, case) for corpus in corpora for case in corpus.cases("validation")]
    n = min(settings.validation, len(cases))
    return [cases[place] for place in sorted(Random(settings.seed).sample(range(len(cases)), n))]


def warm_start_records(corpora: Sequence[Corpus], settings: TrainSettings) -> list[tuple[Corpus, Record]]:
    """A seeded sample, as large as the warm start can use, of what the training users wrote before any held-out text."""
    if not settings.warm_start_steps:
        return []
    users = dict.fromkeys((corpus, case.user_id) for corpus, case in training_cases(corpora, settings))
    before = {corpus: _first_held_out(corpus) for corpus in corpora}
    records = [
        (corpus, record)
        for corpus, user_id in users
        for record in corpus.history(user_id, before[corpus].get(user_id, END_OF_TIME))
    ]
    n = min(settings.warm_start_steps * settings.batch * settings.accumulate, len(records))
    return Random(settings.seed).sample(records, n)


def _first_held_out(corpus: Corpus) -> dict[str, Moment]:
    """When each user's first text that is not trained on was written."""
    held_out = sorted((case for case in corpus.cases() if case.split != "train"), key=lambda case: case.moment)
    return {case.user_id: case.moment for case in reversed(held_out)}


def _markers(llm: LocalModel, task: Task) -> Tensor:
    """(4, hidden) the marker vectors."""
    rows = [llm.tokens.encode(words.format(**task.words)) for words in MARKERS]
    return torch.stack([llm.embeddings[torch.tensor(row)].float().mean(dim=0) for row in rows]).cpu()
