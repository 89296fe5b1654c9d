"""What the replies of the table are expected to be."""

from unlike.prompts.task import open_task
from unlike.writing.expected import ANSWER, Expected

WORDS = open_task("review").words
TEXT = Expected("text", WORDS, ("Admissible", "Brass Pen"), "4")
MATERIAL = Expected("material", WORDS)
MAIL = Expected("text", open_task("mail").words, ("Pens",), "")

__all__ = ["ANSWER", "MAIL", "MATERIAL", "TEXT", "WORDS"]
