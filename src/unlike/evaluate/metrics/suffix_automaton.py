"""The suffix automaton of a list of words: the smallest automaton that accepts all its runs (Blumer et al., 1985)."""

from collections.abc import Iterable, Sequence


class SuffixAutomaton:
    """Accepts all runs of some words; it has at most twice as many states as there are words.

    Args:
        words: In their order.
    """

    def __init__(self, words: Sequence[str]) -> None:
        # Per state: transitions by word, suffix link, length of its longest run.
        self._next: list[dict[str, int]] = [{}]
        self._link, self._length = [-1], [0]
        last = 0
        for word in words:
            last = self._extended(last, word)

    def longest_run(self, words: Iterable[str]) -> int:
        """The number of words of the longest run that these words share with the automaton's."""
        state = length = longest = 0
        for word in words:
            while state and word not in self._next[state]:
                state = self._link[state]
                length = self._length[state]
            if word in self._next[state]:
                state, length = self._next[state][word], length + 1
            longest = max(longest, length)
        return longest

    def _extended(self, last: int, word: str) -> int:
        """Append a word; ``last`` is the state of all words before it. Returns the state of all words so far."""
        new = self._added({}, self._length[last] + 1)
        state = last
        while state >= 0 and word not in self._next[state]:
            self._next[state][word] = new
            state = self._link[state]
        if state < 0:
            self._link[new] = 0
            return new
        old = self._next[state][word]
        if self._length[old] == self._length[state] + 1:
            self._link[new] = old
            return new
        copy = self._added(dict(self._next[old]), self._length[state] + 1)
        self._link[copy], self._link[old], self._link[new] = self._link[old], copy, copy
        while state >= 0 and self._next[state].get(word) == old:
            self._next[state][word] = copy
            state = self._link[state]
        return new

    def _added(self, following: dict[str, int], length: int) -> int:
        self._next.append(following)
        self._link.append(-1)
        self._length.append(length)
        return len(self._next) - 1
