"""Replies as models send them, each with the words that are left: the table that every path of the project is held to.

The request of all of them: item "Brass Pen" ("A pen of solid brass."), title "Admissible", rating 4.
"""

from dataclasses import dataclass

GOOD = "A fine pen, if a heavy one. I'd buy it again."
TWO = "A fine pen, if a heavy one.\n\nI'd buy it again."
CUT = "ends inside the model's thoughts"
EMPTY = "nothing but thoughts or framing"
REFUSED = "the model refused"
TAKEN_BACK = "turned out to be no part of the text"


@dataclass(frozen=True)
class Reply:
    """A reply, and what is left of it; ``fails`` says why nothing is.

    In a stream, a closing tag that comes ``late`` makes thoughts of what was given out.
    """

    name: str
    sent: str
    left: str = ""
    fails: str = ""
    late: bool = False


def _same(name, text):
    return Reply(name, text, text)


THOUGHTS = (
    Reply("a thought", f"<think>Hm.\nYes.</think>\n\n{GOOD}", GOOD),
    Reply("an empty thought", f"<think>\n\n</think>\n\n{GOOD}", GOOD),
    Reply("thinking", f"<thinking>The user wants a review.</thinking>{GOOD}", GOOD),
    Reply("a thought in capitals", f"<Think>Well.</THINK> {GOOD}", GOOD),
    Reply("reasoning", f"<reasoning>\n1. Heavy.\n2. Fine.\n</reasoning>\n{GOOD}", GOOD),
    Reply("a thought of Kimi", f"◁think▷Short, I guess.◁/think▷{GOOD}", GOOD),
    Reply("a thought of Magistral", f"[THINK]Which tone?[/THINK]{GOOD}", GOOD),
    Reply("a thought of Seed", f"<seed:think>Which tone?</seed:think>{GOOD}", GOOD),
    Reply("a thought with only its end", f"Okay, the user wants a pen review.\nShort.\n</think>\n\n{GOOD}", GOOD),
    Reply("a thought that ends with a quotation", f'<think>I write "fine".</think>{GOOD}', GOOD),
    Reply("a thought of tags", f"<think>No `</think>` yet.</think>{GOOD}", GOOD),
    Reply("several thoughts", f"<think>One.</think>\n<think>Two.</think>\n{GOOD}", GOOD),
    Reply(
        "a thought in the middle",
        "A fine pen, if a heavy one.\n\n<think>And now?</think>\n\nI'd buy it again.",
        TWO,
    ),
    Reply("a thought in a sentence", GOOD.replace(" heavy", "<think>Or light?</think> heavy"), GOOD),
    Reply("a thought in front of a thought's end", f"<think>One.</think>Two.</think>{GOOD}", GOOD, late=True),
    Reply("a thought that was cut", "<think>The person writes briefly, so I", fails=CUT),
    Reply("a second thought that was cut", "<think>One.</think>\n<think>But the", fails=CUT),
    Reply("nothing but a thought", "<think>I'd rather not.</think>\n", fails=EMPTY),
    Reply(
        "channels",
        "<|channel|>analysis<|message|>We need a review.<|end|><|start|>assistant<|channel|>final<|message|>"
        f"{GOOD}<|return|>",
        GOOD,
    ),
    Reply(
        "channels with a comment",
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary<|message|>Still.<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{GOOD}",
        GOOD,
    ),
    Reply("channels without their tokens", f"analysisWe need a review, short.assistantfinal{GOOD}", GOOD),
    Reply("an analysis that was cut", "<|channel|>analysis<|message|>We need a", fails=CUT),
)
"""Also what a chat or a grade is rid of."""

CONTROL = (
    Reply("an end of turn", f"{GOOD}<|im_end|>", GOOD),
    Reply("an end of text", f"{GOOD}\n<|endoftext|>", GOOD),
    Reply(
        "an end behind a quotation", f'{GOOD} "Fine," she said, "fine."<|im_end|>', f'{GOOD} "Fine," she said, "fine."'
    ),
    Reply("an end of sequence", f"{GOOD}</s>", GOOD),
    Reply("an end of turn of Gemma", f"{GOOD}<end_of_turn>\n", GOOD),
    Reply("an end of DeepSeek", f"{GOOD}<｜end▁of▁sentence｜>", GOOD),
    Reply("the next turn", f"{GOOD}\n<|im_start|>user\nAnother one, please.", GOOD),
    Reply("the next instruction", f"{GOOD} [/INST] Thank you.", GOOD),
    Reply("a header", f"<|start_header_id|>assistant<|end_header_id|>\n\n{GOOD}<|eot_id|>", GOOD),
    Reply("a turn of its own", f"<|im_start|>assistant\n{GOOD}<|im_end|>\n<|im_start|>user", GOOD),
    Reply("white space", f"\n\n{GOOD}  \n", GOOD),
    Reply("nothing but tokens", "<|im_end|><|endoftext|>", fails=EMPTY),
)
"""The same."""

BEFORE = (
    Reply("an announcement", f"Sure! Here is the review:\n\n{GOOD}", GOOD),
    Reply("an announcement on the line", f"Here is the review: {GOOD}", GOOD),
    Reply("an announcement that is sure of itself", f"Certainly! Here's my review:\n{GOOD}", GOOD),
    Reply(
        "an announcement below",
        f"Of course, below is the review written as the person would write it:\n\n{GOOD}",
        GOOD,
    ),
    Reply("an announcement of a style", f"Here's a review in the style of the person:\n\n{GOOD}", GOOD),
    Reply(
        "an announcement with reasons",
        f"Based on the profile and the past reviews, here is how this person would write it:\n\n{GOOD}",
        GOOD,
    ),
    Reply("an announcement without a colon", f"Sure, here is a review of the Brass Pen.\n\n{GOOD}", GOOD),
    Reply("an announcement in front of a fence", f"Here is the review\n```\n{GOOD}\n```", GOOD),
    Reply("a bold announcement", f"**Here is the review:**\n\n{GOOD}", GOOD),
    Reply("an announcement with a name", f'Here is the review of "Pens: A Life":\n\n{GOOD}', GOOD),
    Reply("an announcement with a rule", f"Here is the review:\n\n---\n\n{GOOD}", GOOD),
    Reply("an offer to write", f"Sure thing! I'll write this review as they would.\n\n{GOOD}", GOOD),
    Reply("here you go", f"Okay, here you go:\n\n{GOOD}", GOOD),
    Reply(
        "a machine's excuse",
        f"As an AI language model, I don't own pens, but here is a review in their voice:\n\n{GOOD}",
        GOOD,
    ),
    Reply("a style alone", f"In the person's style:\n\n{GOOD}", GOOD),
    Reply("two announcements", f"Sure! Here is the review:\n\nReview:\n{GOOD}", GOOD),
    Reply("an announcement and nothing", "Sure! Here is the review:", fails=EMPTY),
    Reply("happy to help", f"I'd be happy to help! Here it is:\n\n{GOOD}", GOOD),
    Reply("a voice", f"Here's the review, written in their voice:\n\n{GOOD}", GOOD),
    Reply("here you go alone", f"Here you go!\n\n{GOOD}", GOOD),
    Reply("a word of consent", f"Certainly!\n\n{GOOD}", GOOD),
    Reply("a label in brackets", f"[Review]\n{GOOD}", GOOD),
    Reply("a label with its owner", f"The person's review:\n\n{GOOD}", GOOD),
    Reply("a label of the item", f"Review of the Brass Pen:\n\n{GOOD}", GOOD),
    Reply("a speaker", f"Assistant: {GOOD}", GOOD),
    Reply("a title in capitals", f"**Review Title: Admissible**\n\n{GOOD}", GOOD),
    Reply("a label", f"Review: {GOOD}", GOOD),
    Reply("a bold label", f"**Review:** {GOOD}", GOOD),
    Reply("a label of a number", f"Review 3\n{GOOD}", GOOD),
    Reply("the prompt's heading", f"The review to write\n{GOOD}", GOOD),
    Reply("all fields", f"Item: Brass Pen\nDescription: A pen.\nRating: 4\nReview title: Admissible\n\n{GOOD}", GOOD),
    Reply("all fields in bold", f"**Item:** Brass Pen\n**Rating:** 4\n**Review title:** Admissible\n\n{GOOD}", GOOD),
    Reply("fields in a list", f"- **Rating**: 4/5\n- **Title**: Solid\n\n{GOOD}", GOOD),
    Reply("a rating that was asked for", f"Rating: 4\n{GOOD}", GOOD),
    Reply("a title that was asked for", f"Review title: Admissible\n\n{GOOD}", GOOD),
    Reply("a title of its own", f"Title: A pen for life\n\n{GOOD}", GOOD),
    Reply("fields with a label", f"Review title: Admissible\nRating: 4\nReview: {GOOD}", GOOD),
    Reply("a heading", f"# Review\n\n{GOOD}", GOOD),
    Reply("a heading of the item", f"## Brass Pen\n{GOOD}", GOOD),
    Reply("a bold title", f"**Admissible**\n\n{GOOD}", GOOD),
    Reply("a bold heading", f"**Review of the Brass Pen**\n\n{GOOD}", GOOD),
    Reply("today's heading of the prompt", f"The review to write now\nItem: Brass Pen\nRating: 4\n\n{GOOD}", GOOD),
    Reply("fields and nothing", "Item: Brass Pen\nRating: 4\n", fails=EMPTY),
)

AROUND = (
    Reply("a fence of prompts", f"<text>\n{GOOD}\n</text>", GOOD),
    Reply("a fence of its own", f"<review>{GOOD}</review>", GOOD),
    Reply("a tag for answers", f"<think>So.</think>\n<answer>\n{GOOD}\n</answer>", GOOD),
    Reply("a fence that was cut", f"<text>\n{GOOD}", GOOD),
    Reply("a fence and more", f"<text>\n{GOOD}\n</text>\n\nReview 2\nItem: Tea", GOOD),
    Reply("fields and a fence", f"Review 3\nItem: Brass Pen\nRating: 4\n<text>\n{GOOD}\n</text>", GOOD),
    Reply("a code fence", f"```\n{GOOD}\n```", GOOD),
    Reply("a code fence of a language", f"```text\n{TWO}\n```\n", TWO),
    Reply("the signs of a quotation", f"> {GOOD}", GOOD),
    Reply("the signs of a quotation on every line", "> A fine pen, if a heavy one.\n>\n> I'd buy it again.", TWO),
    Reply("a code fence that was cut", f"```\n{TWO}", TWO),
    Reply("straight quotation marks", f'"{GOOD}"', GOOD),
    Reply("curly quotation marks", f"“{TWO}”", TWO),
    Reply("guillemets", f"«{GOOD}»", GOOD),
    Reply("all at once", f'Sure! Here is the review:\n\n```\n"{TWO}"\n```\n\nLet me know if you need changes!', TWO),
    Reply("marks and nothing", "<text>\n</text>", fails=EMPTY),
)

BEHIND = (
    Reply("an offer", f"{TWO}\n\nLet me know if you'd like any changes!", TWO),
    Reply("an offer behind a rule", f"{TWO}\n\n---\n\nWould you like me to adjust the tone?", TWO),
    Reply("a rule without blank lines", f"{TWO}\n---\nFeel free to tweak it.", TWO),
    Reply("a remark on the text", f"{TWO}\n\nThis review captures the person's dry wit and short sentences.", TWO),
    Reply("a note", f"{TWO}\n\nNote: This review is written in the person's style.", TWO),
    Reply("a note in brackets", f"{GOOD}\n\n*(Note: I have kept this review brief, as requested.)*", GOOD),
    Reply("a note on fiction", f"{TWO}\n\n**Note:** This is a fictional review.", TWO),
    Reply(
        "a remark on its making", f"{TWO}\n\nThis is a review written in the style of the person's past reviews.", TWO
    ),
    Reply("a remark on its maker", f"{TWO}\n\nI aimed to capture the person's dry humour.", TWO),
    Reply("a count", f"{GOOD}\n\n(Word count: 11)", GOOD),
    Reply("a wish behind an announcement", f"Here is the review:\n\n{TWO}\n\nI hope this helps!", TWO),
    Reply("a wish in front of an offer", f"{TWO}\n\nI hope this helps!\n\nLet me know if you need more.", TWO),
    Reply("a wish for the text", f"{TWO}\n\nI hope this review meets your needs.", TWO),
)

REFUSALS = (
    Reply("a refusal", "I'm sorry, but I can't assist with that request.", fails=REFUSED),
    Reply("a refusal without regret", "I cannot help with that.", fails=REFUSED),
    Reply(
        "a refusal of a machine",
        "As an AI language model, I cannot have opinions about pens or write in someone's place.",
        fails=REFUSED,
    ),
    Reply("a refusal to imitate", "I’m sorry, but I can’t write a review that imitates a real person.", fails=REFUSED),
    Reply("a refusal for want of facts", "I'm unable to write this without more information.", fails=REFUSED),
    Reply("a question", "Please provide the text of the review you would like me to continue.", fails=REFUSED),
    Reply("a scruple", "I don't feel comfortable impersonating a real person.", fails=REFUSED),
    Reply("an unfulfilled request", "I cannot fulfill your request. I am just an AI model.", fails=REFUSED),
    Reply("another unfulfilled request", "I can't fulfill that request.", fails=REFUSED),
    Reply("a refusal to write", "I'm sorry, but I can't write this review.", fails=REFUSED),
    Reply("a refusal to write of an item", "I cannot write a review for this item.", fails=REFUSED),
    Reply(
        "a refusal with an offer",
        "I'm sorry, but I can't write this review. If you like, I can help with another.",
        fails=REFUSED,
    ),
    Reply("a refusal to do it", "I'm sorry, I can't do that.", fails=REFUSED),
    Reply("a refusal to be a person", "I'm unable to pretend to be this person.", fails=REFUSED),
    Reply("a want of facts", "I need more information to write this review.", fails=REFUSED),
    Reply("a want of access", "I don't have enough information to write the review.", fails=REFUSED),
    Reply("a refusal behind a thought", "<think>No.</think>I must decline to assist.", fails=REFUSED),
)

KEPT = (
    _same("a text", GOOD),
    _same("paragraphs", TWO),
    _same("here is the thing", f"Here is the thing: {GOOD}"),
    _same("here is my review", f"Here is my review: {GOOD}"),
    _same("here is why", f"Here's why my earlier review was wrong:\n\n{GOOD}"),
    _same("sure", f"Sure, it is heavy. {GOOD}"),
    _same("of course", f"Of course I read every review before: {GOOD}"),
    _same("a fence of words", f"Okay: {GOOD}"),
    _same("a wish alone", f"{TWO}\n\nI hope this helps!"),
    _same("a note on the edition", f"{TWO}\n\nNote: this review is of the second edition."),
    _same("a note on the pen", f"{GOOD}\n\nNote: the nib is sold on its own."),
    _same("a remark on itself", f"{TWO}\n\nThis review was hard to write."),
    _same("a wish in the text", f"I hope this review helps. {GOOD}"),
    _same("a wish of a shop", "Please provide more details on the nib. I had to guess."),
    _same("a rating at the end", f"{TWO}\n\nRating: 4/5"),
    _same("a title in small letters", f"title: my pen\n{GOOD}"),
    _same("another rating", f"Rating: 8/10\n{GOOD}"),
    _same("a person's own fields", f"Title: The Pen (1987)\n\nMaker: Brass & Sons\n\n{GOOD}"),
    _same("a list of pros and cons", f"Pros:\n- brass\n- heavy\nCons:\n- none\n\n{GOOD}"),
    _same("a heading of a person", f"# My third pen\n\n{GOOD}"),
    _same("emphasis", f"**Heavy.** {GOOD}"),
    _same("a rule", f"{GOOD}\n\n---\n\nThe nib came later."),
    _same("a quotation", f'"Fine," said my wife. {GOOD}'),
    _same("two quotations", '"Fine," said my wife, and "heavy."'),
    _same("a word of code", f"```{GOOD}``` is what I wrote."),
    _same("an apology", "I'm sorry, but I can't recommend this pen."),
    _same("an inability", "I cannot write without this pen. I can't help but love it."),
    _same("a secret", "I can't offer any details without giving away the ending, but you have to read this."),
    _same("a short one", "I won't write a long review, there is enough information in the others. Buy it."),
    _same(
        "a request of others",
        "I'm not able to answer all the requests for a playlist, so here is my favourite: track 3.",
    ),
    _same("a request to a shop", "Could you please send me a new nib so I can use it again?"),
    _same("no review", "I can't write a review that does it justice. Buy it."),
    _same("nothing to be done", "Sorry, I can't do that pen justice."),
    _same("headings with colons", "Great monitor.\n\n### Input lag:\nVery low.\n\n## User interface:\nPlain."),
    _same("an invitation", f"{TWO}\n\nLet me know if you agree!"),
    _same("a question to oneself", f"{TWO}\n\nShall I buy the next one? Absolutely."),
    _same("a question to readers", f"{TWO}\n\nWould you like a different kind of pen? Try this."),
    _same("an advice", f"{TWO}\n\nIf you like brass, just ask your shop for it."),
    _same("consent in a line", f"Certainly! {GOOD}"),
    _same("signs", f"<3 this pen, [sic] & x < y. {GOOD}"),
    _same("a tag that is spoken of", f'I would tag it `<think>` and not "</think>". {GOOD}'),
    _same("a user in a list", f"Device: pen\nUser: my father\nVerdict: {GOOD}"),
    _same("a quotation of one line", f"> Fine pens for all.\n\nSo they say. {GOOD}"),
    _same("a colon", f"Requirements: write, refill, last. All met: {GOOD}"),
)

REPLIES = (*THOUGHTS, *CONTROL, *BEFORE, *AROUND, *BEHIND, *REFUSALS, *KEPT)
"""As texts."""

FINDING = "**Writing:** Short, dry sentences.\n\n**Emotional:** Pleased, quietly.\n\nSemantic: names what it weighs."

MATERIAL = (
    _same("a difference", FINDING),
    _same("headings", "# Writing\nShort.\n\n# Emotional\nDry."),
    _same("a list of dimensions", "- jokes: how many\n- numbers: which"),
    _same("a note on the reviews", f"{FINDING}\n\nNote: this review imitates nobody's tone."),
    _same("an item", f"Item: named at once.\n{FINDING}"),
    Reply("a thought", f"<think>Compare.</think>\n{FINDING}", FINDING),
    Reply("an announcement", f"Sure! Here is the comparison along the dimensions:\n\n{FINDING}", FINDING),
    Reply("an announcement of a profile", f"Here is a compact profile of this person: {FINDING}", FINDING),
    Reply("an announcement of differences", f"Here are the key differences:\n{FINDING}", FINDING),
    Reply("an offer", f"{FINDING}\n\nLet me know if you'd like me to refine this profile.", FINDING),
    Reply("a wish", f"{FINDING}\n\n---\n\nI hope this helps!", FINDING),
    Reply("a code fence", f"```markdown\n{FINDING}\n```", FINDING),
    Reply("the fence of prompts", f"<text>\n{FINDING}\n</text>", FINDING),
    Reply("an end of turn", f"{FINDING}<|im_end|>", FINDING),
    Reply("a thought that was cut", "<think>The others", fails=CUT),
    Reply("a refusal", "I'm sorry, but I cannot assist with that.", fails=REFUSED),
    Reply("nothing", "<think>x</think>", fails=EMPTY),
)
"""As what later prompts read."""

ANSWERS = (
    *THOUGHTS,
    *CONTROL,
    _same("an answer", GOOD),
    _same("an announcement", f"Sure! Here is the review:\n\n{GOOD}"),
    _same("code", "```python\nprint('<|im_end|>')\n```"),
    _same("indented lines", "    one\n    two"),
    _same("a fence", f"<text>\n{GOOD}\n</text>"),
    _same("quotation marks", f'"{GOOD}"'),
    _same("fields", f"Rating: 4\n{GOOD}"),
    _same("an offer", f"{GOOD}\n\nLet me know if you need more."),
    _same("a refusal", "I'm sorry, but I can't assist with that request."),
    _same("a play", "User: Hello.\nHuman: Hello."),
    _same("HTML", "It was <s>8</s> 6 euros."),
)
"""As answers of a chat."""

DEAR = "Dear Ann,\n\nthe pens are here."

MAILS = (
    _same("a mail", DEAR),
    _same("an offer of a person", f"{DEAR}\n\nLet me know if you need anything else."),
    _same("a wish of a person", f"{DEAR}\n\nI hope this helps!"),
    _same("consent of a person", f"Certainly!\n\n{DEAR}"),
    _same("a request of a person", "Please send me the slides so I can review them before the meeting."),
    _same("a question of a person", "Could you share the final numbers so that I can close the report? Thanks, Ann"),
    _same("a refusal of a person", "I'm sorry, I can't do that."),
    _same("a want of a person", "I'm unable to answer this without more information."),
    Reply("a refusal", "I'm sorry, but I can't write a mail that imitates a real person.", fails=REFUSED),
    Reply("an announcement", f"Sure! Here is the email:\n\n{DEAR}", DEAR),
    Reply("a subject", f"Subject: Your pens\n\n{DEAR}", DEAR),
    Reply("an offer to rewrite", f"{DEAR}\n\nLet me know if you'd like me to adjust the tone of this mail.", DEAR),
    Reply("an offer behind an announcement", f"Here is the mail:\n\n{DEAR}\n\nI hope this helps!", DEAR),
)
"""As texts of another task, whose writers offer and ask as an assistant does."""
