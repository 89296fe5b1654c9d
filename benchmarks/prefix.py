"""How much of DPL's prompts an engine's prefix cache can reuse: in the order that they have, and in others.

Counted as vLLM counts: a prompt's tokens in blocks of 16, of which the leading ones are reused that were read before and
are still there. The prompts are those of DPL over the test cases, with answers of about 150 tokens, in the chat template
and with the tokenizer of the packaged LLM. A prompt is taken as read before the next one comes.
"""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from benchmarks.music import SHORT, music
from benchmarks.row import Row
from unlike.llm.backend import Completion, Messages, Sampling

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.llm.soft_prompt import ChatTokens

BLOCK = 16
N_CASES = 60
SMALL_BLOCKS = 4_096
"""A cache of 65,536 tokens: about what a 7B model leaves room for beside itself on a card of 24 GB."""
STEPS = ("difference", "summary", "generate")


@dataclass
class Listener:
    """A backend that keeps every prompt and answers with some 150 tokens that only this prompt gets."""

    model: str = "scripted:listener"
    context_tokens: int | None = None
    counts_exactly: bool = False
    offers_schema: bool = False
    asked: list[Messages] = field(default_factory=list)

    async def complete(self, messages: Messages, sampling: Sampling) -> Completion:
        """Answer one call."""
        del sampling
        self.asked.append(messages)
        digest = hashlib.sha256(messages[-1]["content"].encode()).hexdigest()
        return Completion(" ".join(digest[place : place + 2] for place in range(60)))

    def count_tokens(self, messages: Messages) -> int:
        """There is no limit."""
        del messages
        return 0

    async def aclose(self) -> None:
        """Nothing is open."""


def as_it_is(user: str) -> str:
    """Material first, then what is asked: item, others' texts, the own text, instructions."""
    return user


def instructions_first(user: str) -> str:
    """What is asked, then the material."""
    material, asked = user[: (end := _end_of_quotations(user))], user[end:]
    return f"{asked.strip()}\n\n{material}"


def own_text_first(user: str) -> str:
    """In a comparison the own text before those of others; else as it is."""
    end = _end_of_quotations(user)
    found = re.search(r"(\n\nThe \w+ by person B\n.*?)\n\n(The \w+ by person A\n.*)$", user[:end], re.DOTALL)
    return user if not found else f"{user[: found.start()]}\n\n{found[2]}{found[1]}{user[end:]}"


def _end_of_quotations(user: str) -> int:
    """Where the last quoted line ends."""
    start = user.rfind("\n> ")
    end = user.find("\n", start + 1)
    return len(user) if end < 0 else end


ORDERS: Mapping[str, Callable[[str], str]] = {
    "as it is": as_it_is,
    "instructions first": instructions_first,
    "own text first": own_text_first,
}


@dataclass(frozen=True)
class Orders:
    """The same prompts in several orders.

    Attributes:
        tokens: By the key of an order, the token ids of each prompt.
        groups: What the orders of a group change, and each one's name and key; the first is the default.
        facts: Of the prompts.
    """

    tokens: Mapping[str, Sequence[Sequence[int]]]
    groups: Mapping[str, Mapping[str, str]]
    facts: Mapping[str, object]

    def rows(self, by: str, shares: Mapping[str, float], facts: Mapping[str, object]) -> list[Row]:
        """A row for each group: the default against the best of the others.

        Args:
            by: What reuses.
            shares: Percent of the tokens that are reused, by the key of an order.
            facts: Further ones.
        """
        return [self._row(by, what, shares, facts) for what in self.groups]

    def _row(self, by: str, what: str, shares: Mapping[str, float], facts: Mapping[str, object]) -> Row:
        found = {name: round(shares[key], 1) for name, key in self.groups[what].items()}
        (default, share), *others = found.items()
        best, reach = max(others, key=lambda other: other[1])
        told = {**self.facts, **facts, "shares": found}
        return Row(f"reused by {by}, {what}: {default}", best, share, reach, "% of prompt tokens", facts=told)


def orders(n_cases: int) -> Orders:
    """The orders of the prompts' parts, and of the calls."""
    where, corpus = music(SHORT)
    prompts = _prompts(corpus, n_cases)
    tokens = {name: [_tokens(messages, order) for _, messages in prompts] for name, order in ORDERS.items()}
    default = tokens[next(iter(ORDERS))]
    by_step = sorted(range(len(prompts)), key=lambda place: STEPS.index(prompts[place][0]))
    tokens["step by step"] = [default[place] for place in by_step]
    groups = {
        "order of a prompt's parts": {name: name for name in ORDERS},
        "order of the calls": {"case by case": next(iter(ORDERS)), "step by step": "step by step"},
    }
    facts = {
        "corpus": where,
        "prompts": len(prompts),
        "cases": sum(step == "generate" for step, _ in prompts),
        "mean_tokens": round(sum(map(len, default)) / len(default)),
    }
    return Orders(tokens, groups, facts)


def main(quick: bool = False) -> list[Row]:
    """The order of the parts, and the order of the calls."""
    found = orders(20 if quick else N_CASES)
    shares = {name: 100 * reused(tokens, SMALL_BLOCKS) for name, tokens in found.tokens.items()}
    endless = {name: round(100 * reused(tokens, None), 1) for name, tokens in found.tokens.items()}
    return found.rows("a prefix cache", shares, {"cache_tokens": SMALL_BLOCKS * BLOCK, "with_endless_cache": endless})


def reused(prompts: Iterable[Sequence[int]], n_blocks: int | None, block: int = BLOCK) -> float:
    """Share of tokens in blocks that were read before, with a cache that forgets what was used longest ago."""
    there: OrderedDict[int, None] = OrderedDict()
    total = hits = 0
    for prompt in prompts:
        total += len(prompt)
        known, chain = True, 0
        for start in range(0, len(prompt) - block, block):  # the last block is always read, for its logits
            chain = hash((chain, *prompt[start : start + block]))
            known = known and chain in there
            hits += block if known else 0
            there[chain] = None
            there.move_to_end(chain)
        while n_blocks is not None and len(there) > n_blocks:
            there.popitem(last=False)
    return hits / total


def _prompts(corpus: "Corpus", limit: int | None) -> list[tuple[str, Messages]]:
    """(step, messages) of DPL's calls, case by case."""
    from unlike.api import agenerate, open_kit

    async def run() -> list[tuple[str, Messages]]:
        listener = Listener()
        kit = open_kit(corpus, listener, "hashing:256")
        prompts: list[tuple[str, Messages]] = []
        for case in corpus.cases("test", limit):
            listener.asked.clear()
            outcome = await agenerate(case, "dpl", kit)
            n_other = 1 + (outcome.trace["profile"] is not None)
            steps = ["difference"] * (len(listener.asked) - n_other) + list(STEPS[-n_other:])
            prompts += zip(steps, list(listener.asked), strict=True)
        return prompts

    return asyncio.run(run())


def _tokens(messages: Messages, order: Callable[[str], str]) -> list[int]:
    """Token ids of a prompt in another order."""
    *before, last = messages
    return _encode([*before, {"role": "user", "content": order(last["content"])}])


def _encode(messages: Messages) -> list[int]:
    tokens = _tokenizer()
    return tokens.encode(tokens.render(messages))


@cache
def _tokenizer() -> "ChatTokens":
    """That of the packaged LLM."""
    from unlike.llm.local_model import open_model_files

    return open_model_files("smollm2", "no tokens can be counted").tokens
