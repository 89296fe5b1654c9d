"""From a corpus and an LLM to what there is to learn (DEP, section 4.1)."""

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Sequence
from random import Random

import torch
from torch import Tensor

from unlike.data.corpus import Corpus
from unlike.embed.encoder import Encoder
from unlike.errors import InputError
from unlike.latent.adapter import About, user_hashes
from unlike.latent.examples import Example, Examples
from unlike.latent.plan import Lesson
from unlike.latent.settings import Recipe, TrainSettings
from unlike.llm.local_model import LocalModel
from unlike.prompts.task import Task
from unlike.records import Case

MARKERS = ("start of {text}", "end of {text}", "start of difference", "end of difference")
"""What the marker vectors mean: each is the mean of the token embeddings of these words, and stays as it is."""


def lesson_of(corpus: Corpus, llm: LocalModel, encoder: Encoder, task: Task, recipe: Recipe, salt: str = "") -> Lesson:
    """The examples of a corpus, its validation cases, and the adapter to be.

    Args:
        corpus: With cases in the splits train and validation.
        llm: The frozen LLM.
        encoder: f_emb, behind a cache.
        task: Words and templates.
        recipe: Adapter and training.
        salt: Stands before user ids when they are hashed; made anew where it is empty.

    Raises:
        InputError: There are no training cases, or prompts do not fit.
    """
    examples = Examples(corpus, encoder, llm.tokens, task, recipe.adapter)
    chosen = training_cases(corpus, recipe.train)
    learned = [examples.of(case, recipe.train.max_target_tokens) for case in chosen]
    salt = salt or secrets.token_hex(8)
    about = About(
        settings=recipe.adapter,
        llm=llm.name,
        llm_hash=llm.llm_hash,
        embedder=encoder.name,
        dim=len(learned[0].request),
        hidden=int(llm.embeddings.shape[1]),
        length=float(llm.embeddings.float().norm(dim=1).mean()),
        corpus_hash=corpus.hash,
        salt=salt,
        users=user_hashes(salt, (case.user_id for case in chosen)),
    )
    return Lesson(llm.model, learned, validation_of(corpus, examples, recipe), about, markers_of(llm, task))


def training_cases(corpus: Corpus, settings: TrainSettings) -> list[Case]:
    """The cases that are trained on: how many there are is known without an LLM.

    Raises:
        InputError: There are none.
    """
    chosen = latest(seen(corpus.cases("train"), settings.left_out), settings.max_targets)
    if not chosen:
        raise InputError("training: the corpus has no cases in split 'train'; curate with training targets")
    return chosen


def seen(cases: Sequence[Case], left_out: float) -> list[Case]:
    """The cases of the users who are trained on; who is left out depends on the user's id alone."""
    return [case for case in cases if not is_left_out(case.user_id, left_out)]


def is_left_out(user_id: str, share: float) -> bool:
    """Whether a user is among the share that training leaves out."""
    return int(hashlib.sha256(f"left out {user_id}".encode()).hexdigest()[:8], 16) < share * 16**8


def latest(cases: Sequence[Case], n: int) -> list[Case]:
    """The last n cases of each user, users in the order of their first."""
    of_user: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        of_user[case.user_id].append(case)
    return [case for own in of_user.values() for case in sorted(own, key=lambda case: case.moment)[-n:]]


def validation_of(corpus: Corpus, examples: Examples, recipe: Recipe) -> list[Example]:
    """Validation cases, a seeded sample of so many (DEP: 512)."""
    cases = list(corpus.cases("validation"))
    n = min(recipe.train.validation, len(cases))
    picked = sorted(Random(recipe.train.seed).sample(range(len(cases)), n))
    return [examples.of(cases[place], recipe.train.max_target_tokens) for place in picked]


def markers_of(llm: LocalModel, task: Task) -> Tensor:
    """(4, hidden) the marker vectors: no vocabulary grows, no embedding is trained."""
    rows = [llm.tokens.encode(words.format(**task.words)) for words in MARKERS]
    return torch.stack([llm.embeddings[torch.tensor(row)].float().mean(dim=0) for row in rows]).cpu()
