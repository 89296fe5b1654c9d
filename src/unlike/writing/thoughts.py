"""What a model says, without its thoughts and without the control tokens of a chat template.

A reply is read piece by piece or whole, with the same result: every mark is a regular expression that also says whether
the end of the reply so far may be the beginning of a mark (``partial`` of the ``regex`` library).
"""

from functools import lru_cache
from typing import Any

import regex

from unlike.writing.expected import Expected
from unlike.writing.framing import TAGS

_NAME = r"(?:seed:)?(?:think(?:ing)?|thoughts?|reasoning|reflection)"
_CHANNEL = r"(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*"
_OPEN = (
    rf"<\s*{_NAME}\s*>|◁think▷|(?-i:\[THINK\])|<\|(?:begin_of_thought|START_THINKING)\|>"
    rf"|{_CHANNEL}(?!final)[a-z]+[^<]{{0,80}}<\|message\|>"
)
_CLOSE = (
    rf"<\s*/\s*{_NAME}\s*>|◁/think▷|(?-i:\[/THINK\])|<\|(?:end_of_thought|END_THINKING)\|>"
    rf"|{_CHANNEL}final\b[^<]{{0,80}}<\|message\|>"
)
_GLUED = r"(?-i:assistantfinal)(?=\S)"
"""What is left of the channels of gpt-oss where an engine drops control tokens but not the words between them."""
_ROLE = r"<\|(?:im_start|start|start_header_id)\|>\s*(?P<role>assistant|model|user|system|human|tool)"
_CONTROL = (
    rf"{_ROLE}|<start_of_turn>\s*(?P<turn_role>model|user)"
    r"|<\|(?:im_start|start|start_header_id)\|>(?=\s*[^\samshtu])"
    r"|<\|(?!(?:im_start|start|start_header_id|channel)\|)[a-z_]{2,30}\|>"
    r"|<｜[^｜<>]{2,40}｜>|</s>|<end_of_turn>|</?(?:eos|bos)>|(?-i:\[/?INST\])|<</?SYS>>"
)
_TURN = r"\n[ \t]*(?-i:User|Human)[ \t]*:|\n#{2,3}[ \t]*(?:instruction|user|human|input|response)[ \t]*:"


def _unquoted(mark: str) -> str:
    """A mark that does not stand alone in quotation marks or code: such a one is spoken of."""
    return rf"(?:(?<![`\"'“‘])(?:{mark})|(?<=[`\"'“‘])(?:{mark})(?=[^`\"'”’]))"


_CLOSES_THOUGHT = regex.compile(rf"{_unquoted(_CLOSE)}|{_GLUED}", regex.IGNORECASE)
_CLOSES_CHANNEL = regex.compile(rf"{_CLOSE}|{_GLUED}|<\|(?:end|return)\|>", regex.IGNORECASE)
_LABELLED = regex.compile(r"[^\n:]{1,30}:[^\n]*\Z")
_OTHERS = frozenset({"user", "system", "human", "tool"})


class Speech:
    """What a model said so far.

    Args:
        expected: What the reply is expected to be.

    Attributes:
        said: Its words, without any that may still turn out to be a mark.
        thinking: Whether a thought was opened and not closed yet.
        n_taken_back: How often a closing tag without an opening one made thoughts of all that had been said.
    """

    def __init__(self, expected: Expected) -> None:
        self.said = ""
        self.thinking = False
        self.n_taken_back = 0
        self._is_answer = expected.kind == "answer"
        self._marks = _marks("" if self._is_answer else expected.words.get("text", "text"))
        self._closing = _CLOSES_THOUGHT
        self._reply, self._place = "", 0
        self._ended = self._skips_blanks = False

    def add(self, piece: str, last: bool = False) -> None:
        """Read on.

        Args:
            piece: Of the reply.
            last: Whether nothing follows, so that what only begins like a mark is none.
        """
        self._reply += f"{piece}\n" if last else piece  # what is quoted is seen by the sign behind it
        while not self._ended:
            pattern = self._closing if self.thinking else self._marks
            found = pattern.search(self._reply, self._place, partial=not last)
            end = found.start() if found else len(self._reply)
            self._say(self._reply[self._place : end])
            self._place = end
            if found is None or found.partial:
                return
            self._place = found.end()
            self._react(found)

    def _say(self, words: str) -> None:
        if self.thinking:
            return
        if self._skips_blanks and (not self.said or self.said[-1].isspace()):
            words = words.lstrip()
        self._skips_blanks = self._skips_blanks and not words
        self.said += words

    def _react(self, found: Any) -> None:  # noqa: ANN401 - a match of the regex library
        """Do what a mark asks for."""
        if self.thinking:
            self.thinking, self._skips_blanks = False, True
        elif self._is_word(found):
            self._say(found.group())
        elif found["open"]:
            self.thinking = True
            self._closing = _CLOSES_CHANNEL if "channel" in found["open"].lower() else _CLOSES_THOUGHT
        elif found["close"]:
            self.n_taken_back += bool(self.said.strip())
            self.said, self._skips_blanks = "", True
        else:
            # Before the first word such a token begins the turn; after it the turn is over.
            role = found["role"] or found["turn_role"]
            self._ended = bool(self.said.strip()) or (role is not None and role.lower() in _OTHERS)
            self._skips_blanks = True

    def _is_word(self, found: Any) -> bool:  # noqa: ANN401
        """Whether what looks like a mark is a part of the text."""
        if self._is_answer and self.said.count("```") % 2:
            return True  # code that was asked for
        if found["turn"]:  # one more line of a list of labels
            return _LABELLED.search(self.said) is not None
        return found.group() == "</s>" and "<s>" in self.said  # HTML


@lru_cache
def _marks(text: str) -> Any:  # noqa: ANN401 - a pattern of the regex library
    """What interrupts the words of a model, where it is not thinking; ``text`` names the fence, "" for none."""
    marks = [rf"(?P<open>{_unquoted(_OPEN)})", rf"(?P<close>{_unquoted(_CLOSE)}|{_GLUED})", _unquoted(_CONTROL)]
    # Where there is none, a pattern with a first character: with (?!) alone all is searched forty times as slowly.
    turn = rf"(?P<turn>{_TURN})|</\s*(?:{TAGS}|{regex.escape(text)})\s*>" if text else r"(?P<turn><(?!))"
    return regex.compile("|".join([*marks, turn]), regex.IGNORECASE)
