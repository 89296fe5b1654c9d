r"""What an assistant writes around the text it was asked for: announcements, fields of the request, headings, remarks, refusals.

Real texts hold "Note:", "Here is the thing:" and "I hope this helps" too, so every expression asks for more than an
opening word: that a text is announced, spoken of or offered to be changed. All of them match partially as well, which is
how a stream knows that it has to wait. For that, no assertion may stand behind ``[^\n]*?`` at the end of what was read so
far: a lazy repeat in front of a failed assertion is no partial match (``_UP_TO`` does what is needed).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import regex

Pattern = Any
"""A compiled pattern of the ``regex`` library, which has no stubs."""


def _words(pattern: str) -> str:
    """A pattern written as plain words: a space is any white space, an apostrophe either kind, a line break nothing."""
    lines = "".join(line.strip() for line in pattern.splitlines())
    return regex.sub(r"(?<!\[)'", "['’]", lines.replace(" ", r"\s+"))


TAGS = "text|answer|output|response"
"""What the text may stand in beside a tag of its own name: the fence of older prompts, and what models were trained to use."""
_UP_TO = r"(?:[^\n]*?[^\n\w])?"
"""Any words of the same line, up to where another one begins."""
_MARKS = r"[*_(\[>#\s]{0,6}"
# A sentence without its end: no line break, no colon. Names in quotes or asterisks may hold any sign.
_SENTENCE = (
    r"(?:\"[^\"\n]{1,120}\"|“[^”\n]{1,120}”|\*{1,2}[^*\n]{1,120}\*{1,2}|[^\n:.!?\"“*]|[.!?](?=\S)|:(?=\d)){0,200}?"
)

_PERSON = _words(r"(?:the|this|that) (?:person|writer|user|reviewer)")
_STYLE = _words(rf"(?:{_PERSON}\b|(?:their|the (?:requested|same|given)) (?:own )?(?:style|voice|tone)\b)")
_MATERIAL = _words(
    r"profiles?|summary|summaries|comparison|analysis|differences?|overview|breakdown|dimensions?|description|list|paragraphs?"
)
_LETTER = r"mail|letter|message|reply|answer|comment|statement"
"""Texts whose writers speak to somebody."""
_DRAFT = r"(?<!\w)(?:drafts?|rewrite|imitation|attempt|response|reply|output)\b"
_THING = r"(?<!\w)(?:version|example|sample|one|paragraph|it)\b"

# In front of a text --------------------------------------------------------------------------------------------------

_YES = _words(
    r"""(?:(?:sure(?: thing)?|certainly|of course|absolutely|okay|ok|alright|all right|great(?: question)?|got it|no problem|
    understood|yes|definitely|gladly|with pleasure|my pleasure|thank(?:s| you)[^\n.!:]{0,80}|
    I(?:'m|'d be| am| would be) (?:happy|glad) to (?:help|assist|write|do)\b[^\n.!:]{0,80})[.!,:—–-]+\s*){1,2}
    (?:(?:I(?:'\w+| can| will| would| am)|let me|(?:happy|glad) to)\b[^\n.!:]{0,120}[.!,:]\s+(?:and )?)?"""
)
_WILLING = _words(
    r"(?:certainly|sure(?: thing)?|of course|got it|understood|I(?:'d be| would be|'m| am) (?:happy|glad) to (?:help|assist))"
)
"""What no text has as its first paragraph."""
_GIVEN = _words(
    rf"""(?:(?:based on|given|using|drawing (?:on|from)|following|according to|as requested|in the (?:style|voice|tone) of|
    considering|taking|to match)\b{_SENTENCE},\s*
    |as an? (?:AI|language model)\b[^\n:]{{0,250}}?[,.;]\s*(?:but|however)\b,?\s*)"""
)
_HERE = _words(
    r"(?:here(?:'s| is| are)|below(?: is| are| you(?:'ll| will) find)|(?:the )?following (?:is|are)|(?:please )?find below)\b"
)
_WRITE = _words(
    r"""I(?:'(?:ll|ve|d)| (?:will|have|would|can))? (?:now )?(?:(?:try|attempt) to |go ahead and )?
    (?:write|wrote|written|draft(?:ed)?|composed?|craft(?:ed)?|created?|generated?|imitated?)\b"""
)
_ON_LINE = r":[*_]*[ \t]+(?=\S)"
_LINE_END = r":[*_]*[ \t]*(?=[\n\"“«<`>])"
_BLANK_LINE = r"[.!…]?[*_]*[ \t]*(?=\n[ \t]*\n|\n[ \t]*```)"
RULE: Pattern = regex.compile(r"(?:-{3,}|\*{3,}|_{3,})[ \t]*\n\s*")
THINKS_ALOUD: Pattern = regex.compile(
    _words(
        rf"""\s*(?:(?:okay|ok|alright|hmm+|let's|let me|first|so|we (?:need|have|are)|i (?:need|should|have))\b
        (?:[^\n]{{0,120}}?[^\n\w])?(?:{_PERSON}(?!\w)|(?:I (?:need|have|should|want)|we need|I'll) (?:to )?
        (?:write|respond|answer|come up|create|craft|imitate|figure))
        |the user (?:wants|asks|is asking|has|provided|gave)|we need to\b|analysis(?-i:[A-Z]))"""
    ),
    regex.IGNORECASE,
)
"""How thoughts begin whose opening tag stands in the prompt, so that only a closing one comes."""

# Behind a text -------------------------------------------------------------------------------------------------------

BREAK: Pattern = regex.compile(
    r"\n(?:[ \t]*\n)*[ \t]*(?P<rule>-{3,}|\*{3,}|_{3,})[ \t]*\n\s*|\n(?:[ \t]*\n)+",
)
"""Between two paragraphs, with a rule or without."""
_CHANGES = _words(
    r"""(?:adjust\w*|revis\w+|tweak\w*|edit(?:s|ed|ing)?|rewrit\w+|modif\w+|any changes|chang\w+ (?:to|in|anything)|
    (?:another|different|shorter|longer|alternative) (?:version|style|tone))"""
)
_OFFER = _words(
    rf"""(?:if you(?:'d| would| want| need| like| prefer)\b(?:[^\n]{{0,160}}?[^\n\w])?(?:let me know|I'd be (?:happy|glad)|
    I can (?:also )?(?:write|adjust|revise|make|change|add|provide)|just (?:ask|say))
    |(?:please )?let me know (?:if|whether) (?:you|I|this|that|it|there)\b
    |(?:please )?(?:feel free|don't hesitate) to (?:{_CHANGES}|ask (?:for|me (?:for|to))|customi[sz]e|use (?:or|and|this|it))
    |would you like (?:me to|any changes|another|a (?:different|shorter|longer)|to {_CHANGES})
    |do you want me to|shall I\b|is there anything else)\b"""
)
_OWN_OFFER = _words(
    rf"""(?:(?:please )?(?:feel free|don't hesitate) to (?:{_CHANGES}|ask (?:for|me)|customi[sz]e)
    |would you like (?:any changes|to {_CHANGES}|(?:another|a (?:different|shorter|longer)) version)
    |(?:please )?let me know if you(?:'d like| would like| need| want) (?:more|further|another|any(?:thing else| changes)))\b"""
)
"""An offer of an assistant that needs no further word."""
_WISH = _words(
    r"(?:I )?hope (?:this|that|it|you)\b(?:[^\n]{0,60}?[^\n\w])?(?:helps?|meets|works|useful|helpful|looking)\b"
)
_OF_PERSON = _words(
    r"""(?:(?:the|this|that) (?:person|user|reviewer)'s\b
    |(?:the|this|that) (?:writer|author)'s (?:profile|habits?|typical|usual|characteristic|past|previous|own (?:style|words))
    |their (?:typical|usual|characteristic|distinctive|own) (?:\w+ ){0,2}(?:style|tone|voice|way|manner|writing|reviews?))"""
)
_MADE_UP = _words(
    r"""(?:fictional|imitat\w+|mimic\w*|emulat\w+|AI[ -]generated|generated (?:based|by|for|from)|placeholder
    |as (?:requested|instructed|specified)|word (?:count|limit)|writing (?:profile|habits)
    |(?:requested|provided|given|above|specified) (?:style|tone|profile|rating|title|length|instructions|guidelines)
    |(?:past|previous|provided|given|sample) (?:reviews|texts|examples|mails))"""
)
_DOES = _words(
    r"""(?:captur\w+|reflect\w*|maintain\w*|keeps?|us(?:es|ing)|follow\w*|mimic\w*|imitat\w+|aims?|attempts?|match\w*|tries|
    stay\w*|incorporat\w+|mirror\w*|emulat\w+|adopt\w*|sticks?|adher\w+|echo\w*|avoid\w*|includ\w+|demonstrat\w+|showcas\w+|
    employ\w*|featur\w+|written|crafted|generated|(?:is|was|has been) (?:based|designed|meant|intended|fictional))\b"""
)

# In place of a text --------------------------------------------------------------------------------------------------

_SORRY = _words(
    r"""(?:I(?:'m| am) (?:(?:really|very|so|truly|afraid) )?(?:sorry)?|(?:my )?apologies|I apologi[sz]e|sorry|unfortunately|
    regrettably)[^\n.!?]{0,60}?[,.;:—–-]?\s*(?:but )?"""
)
_CANNOT = _words(
    r"""I\s*(?:'m| am)?\s*(?:can(?:'t|not| not)|won't|will not|not able to|unable to|must (?:decline|refuse) to|
    have to decline to)\s+"""
)
_WRITES = r"(?:write|create|generate|produce|provide|compose|draft|continue|complete)"
_AS_ANOTHER = _words(
    r"""(?:impersonat\w*|imitat\w*|pretend\w*|someone else|another person|real (?:person|people|individual)|as an AI
    |(?:is|are|be|or|potentially|considered|deemed) (?:harmful|inappropriate)
    |(?:harmful|inappropriate) (?:content|language|material|text))"""
)
_ASKED = _words(
    r"""(?:the request|(?:this|that|these|your|such) requests?|on behalf|guidelines|polic(?:y|ies)
    |without (?:\w+ ){0,3}(?:more|any|additional|further|enough) (?:information|details|context))"""
)
_TO_HELP = _words(
    r"""(?:assist\b|comply\b|fulfill?\b|help (?:you )?(?:with (?:that|this (?:request|task)|your request|the request)
    |(?:with )?(?:writing|creating|write|create)))"""
)
_TO_BE = _words(
    r"""(?:pretend to be|role-?play as) (?:an?|the|this|that|another|someone) ?(?:\w+ )?
    (?:person|user|reviewer|writer|individual|else)"""
)
_NO_MORE = _words(
    r"""[*_)"]{0,3}[.!]?\s*(?:\Z|(?:(?:but|however),? )?(?:I(?:'m| am) (?:just |only )?an AI|if you|please|
    (?:could|can|would) you|let me know|instead|I can (?:help|offer|provide)))"""
)
"""Behind a refusal that a person could have begun with: nothing, or more of an assistant."""


@dataclass(frozen=True, slots=True)
class Framing:
    """Expressions for the texts of a task.

    Attributes:
        announcement: At the beginning: what says that the text follows.
        tag: At the beginning: a tag that is named like the text.
        label: At the beginning: the name of the text with a colon, or the line that stands above it in prompts.
        field: A line of the request at the beginning, with groups ``label`` and ``value``.
        heading: The first line as a heading, with group ``heading``.
        refusal: What stands in place of the text.
        remark: The beginning of a last paragraph that speaks of the text, or offers to change it.
        wish: One that real texts end with too: only beside other signs of an assistant is it removed.
    """

    announcement: Pattern
    tag: Pattern
    label: Pattern
    field: Pattern
    heading: Pattern
    refusal: Pattern
    remark: Pattern
    wish: Pattern


@lru_cache
def framing(text: str, texts: str, labels: tuple[str, ...], is_material: bool) -> Framing:
    """The expressions for a task.

    Args:
        text: What one text is called.
        texts: What several are called.
        labels: What the parts of a request are called in prompts, without the text itself.
        is_material: Whether the reply is no text itself but what later prompts read.
    """
    names = "|".join(regex.escape(name) for name in (text, texts))
    is_letter = not is_material and regex.search(_LETTER, text, regex.IGNORECASE) is not None
    noun = rf"(?<!\w)(?:(?:e-?)?(?:{names})|texts?{'|' + _MATERIAL if is_material else ''})\b"
    heading = r"(?:#{1,6}[ \t]+(?P<heading>[^\n]{1,200})|(?P<b>\*\*|__)(?P<heading>[^*\n]{1,200})(?P=b):?)[ \t]*\n\s*"
    return Framing(
        announcement=_compiled(_announcement(noun, is_material, is_letter)),
        tag=_compiled(rf"<\s*(?:{TAGS}|{regex.escape(text)})\s*>\s*"),
        label=_compiled(_label(text)),
        field=_compiled(_field(labels)),
        heading=_compiled(heading),
        refusal=_compiled(_refusal(noun, is_letter)),
        remark=_compiled(_MARKS + (f"(?:{_OFFER}|{_WISH})" if is_material else _remark(noun, is_letter))),
        wish=_compiled(f"{_MARKS}(?:{_WISH}|{_OFFER})"),
    )


def _announcement(noun: str, is_material: bool, is_letter: bool) -> str:
    """Behind a "Sure!" anything that names a text; without one the name must be near, for real texts begin so too."""
    named = rf"(?:{noun}|{_STYLE}|{_DRAFT})"
    anything = rf"{_SENTENCE}(?:{named}|{_THING}){_SENTENCE}"
    near = rf"(?![^\n:]*(?<!\w)(?:I|we|my|our)\b)\s+(?:[\w'’-]+\s+){{0,5}}?{named}{_SENTENCE}"
    alone = "" if is_letter else rf"|{_WILLING}{_BLANK_LINE}"
    which = "the|your|this|their|that|a|an|some" if is_material else "the|your|this|their|that"
    return (
        rf"{_MARKS}(?:{_YES}{_GIVEN}?(?:{_HERE}{anything}|here\s+(?:you\s+go|it\s+is)|{_WRITE}{anything})(?:{_ON_LINE}|{_LINE_END}|{_BLANK_LINE})"
        rf"|here\s+you\s+go(?:{_LINE_END}|{_BLANK_LINE}){alone}"
        rf"|{_GIVEN}?{_HERE}{near}(?:{_LINE_END}|{_BLANK_LINE})"
        rf"|{_GIVEN}?{_HERE}\s+(?:{which})\s+(?:[\w'’-]+\s+){{0,3}}?{noun}{_SENTENCE}{_ON_LINE}"
        rf"|(?:written\s+)?in\s+{_PERSON}['’]s\s+(?:style|voice|words|tone){_LINE_END})\s*"
    )


def _label(text: str) -> str:
    name = regex.escape(text)
    alone = rf"(?-i:{regex.escape(text.capitalize())}|{regex.escape(text.upper())})"
    owned = rf"(?:(?:the|final|generated)\s+)?(?:(?:person|user|writer)['’]s\s+)?{name}\s+(?:text|body)"
    whose = r"(?:the|this|final)\s+(?:(?:person|user|writer|reviewer)['’]s\s+)?"
    on_its_line = rf"(?:{whose}{name}|{alone}\s+(?:of|for)\s+[^\n:]{{1,80}})(?=[*_]{{0,2}}:[*_]{{0,2}}[ \t]*\n)"
    speaker = r"(?-i:Assistant|Response|Output)"
    line_above = rf"(?:\[{alone}\]|{alone}(?:[ \t]+\d+)?|(?:the\s+)?{name}\s+to\s+write(?:\s+now)?)"
    return (
        rf"[*_#>]{{0,4}}[ \t]*(?:{alone}|{owned}|{on_its_line}|{speaker})[*_]{{0,2}}:[*_]{{0,2}}\s*"
        rf"|[*_#>]{{0,4}}[ \t]*{line_above}[*_]{{0,2}}[ \t]*\n\s*"
    )


def _field(labels: tuple[str, ...]) -> str:
    names = "|".join(regex.escape(label[:1].upper() + label[1:]) for label in labels)
    return (
        rf"[-•>#*_]{{0,4}}[ \t]*[*_]{{0,2}}(?!(?-i:\p{{Ll}}))(?P<label>{names})[*_]{{0,2}}[ \t]*:[*_]{{0,2}}[ \t]*"
        r"(?P<value>[^\n]{0,4000}?)[ \t*_]*\n\s*"
    )


def _refusal(noun: str, is_letter: bool) -> str:
    """Whoever writes letters declines and asks as an assistant does, so there fewer words are a refusal."""
    topic = _AS_ANOTHER if is_letter else f"(?:{_AS_ANOTHER}|{_ASKED})"
    about = rf"{_WRITES}\b|offer\b|process\b|engage\b|impersonate\b|imitate\b|answer\b"
    this = rf"(?:you\s+)?(?:this|that|the|an?|your|such|any)\s+(?:[\w'’-]+\s+){{0,2}}?{noun}"
    of_this = r"(?:\s+(?:for|of|about|on)\s+(?:this|that|the|your|it|you)\b(?:\s+[\w'’-]+){0,3})?"
    sorry, ai = f"(?:{_SORRY})?", r"(?:as\s+an\s+AI[^\n.,]{0,60},\s*)?"
    cannot = rf"{sorry}{ai}{_CANNOT}(?:{_TO_HELP}|{_TO_BE}|(?:{about}){_UP_TO}{topic})\b"
    declines = _words(
        rf"""{cannot}
        |I do(?:n't| not) feel comfortable (?:imitating|impersonating|pretending|writing (?:as|in the)|creating)\b
        |as an? (?:AI|artificial intelligence|(?:large )?language model)(?: (?:language )?(?:model|assistant|system))?,
        (?:[^\n]{{0,200}}?[^\n\w])?I\s*(?:'m| am)?\s*(?:can(?:'t|not)|do(?: not|n't)|not|unable|won't|must|have no)\b"""
    )
    if is_letter:
        return f"{_MARKS}(?:{declines})"
    asks = _words(
        rf"""(?:please|(?:could|can) you(?: please)?) (?:provide|share|send|paste)\b(?:[^\n]{{0,160}}?[^\n\w])?
        (?:so (?:that )?I can (?:\w+ )?(?:{_WRITES}|help|assist|proceed|imitate)
        |you(?:'d| would) like me to|for me to)\b
        |(?:{_SORRY})?(?:I (?:need|require|do(?:n't| not) have)|there is(?:n't| not))
        (?: (?:any|more|additional|further|enough)){{1,2}} (?:information|details|context) to {_WRITES} {this}"""
    )
    weak = rf"{sorry}{_CANNOT}{_WRITES}\s+{this}{of_this}"
    weak += rf"|{_SORRY}{_CANNOT}(?:do|write|continue)\s+(?:with\s+)?(?:this|that|it|so)"
    return f"{_MARKS}(?:{declines}|{asks}|(?:{weak}){_NO_MORE})"


def _remark(noun: str, is_letter: bool) -> str:
    """An offer must speak of the text or of changes to it; whoever writes letters offers more as an assistant does."""
    offer = rf"{_OFFER}{_UP_TO}(?:{noun}|(?<!\w){_CHANGES}\b)" + ("" if is_letter else f"|{_OWN_OFFER}")
    this_text = rf"(?:this|the|above)\s+(?:\w+\s+){{0,3}}?(?:{noun}|{_DRAFT}|(?<!\w)version\b)"
    invented = _words(rf"this is (?:an? )?(?:\w+ )?(?:fictional|simulated|imitated|AI-generated) (?:\w+ )?{noun}")
    i_wrote = _words(r"I(?:'ve| have)? (?:tried|kept|aimed|written|wrote|maintained|matched)")
    made = rf"{_UP_TO}(?:{_OF_PERSON}|{_MADE_UP})"
    pleases = _words(r"\s+(?:meets|captures|fits|matches|aligns|works for you|is what you)\b")
    return (
        rf"(?:{offer}|{invented}|(?:{this_text}|{i_wrote}){_UP_TO}{_DOES}{made}"
        rf"|(?:please\s+)?note[*_]*(?:[:.,]|\s+that)[*_]*\s*(?:{invented}|{_UP_TO}(?:{noun}|I\b){made})"
        rf"|(?:I\s+)?hope\s+(?:this|the|my)\s+(?:\w+\s+){{0,2}}?{noun}{pleases}"
        r"|(?:word|character)s?\s+count\s*:?\s*[*_]*\d+)"
    )


def _compiled(pattern: str) -> Pattern:
    return regex.compile(pattern, regex.IGNORECASE)
