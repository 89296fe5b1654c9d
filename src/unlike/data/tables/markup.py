"""Removes the markup of web pages from texts: HTML tags and entities, and Amazon's links to items and videos."""

import html
import re

import polars as pl

_BLOCKS = "br|p|div|li|ul|ol|tr|td|th|table|h[1-6]|hr|blockquote|section|article|pre"
_INLINE = "a|abbr|b|big|center|cite|code|del|em|font|i|img|ins|mark|q|s|small|span|strike|strong|sub|sup|tt|u"
_DROPPED = re.compile(r"(?is)<!--.*?-->|<(script|style)\b[^>]*>.*?</\1\s*>|\[\[VIDEOID:[^\]]*\]\]")
_BLOCK_TAG = re.compile(rf"(?i)</?(?:{_BLOCKS})(?:\s[^<>]*)?/?>")
_INLINE_TAG = re.compile(rf"(?i)</?(?:{_INLINE})(?:\s[^<>]*)?/?>")
_ITEM_LINK = re.compile(r"\[\[ASIN:\w+ ?([^\]]*)\]\]")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]\w{1,31});")
_MAY_HAVE_MARKUP = r"<[a-zA-Z/!]|&[#a-zA-Z]\w+;|\[\[(?:VIDEOID|ASIN):"


def without_markup(text: str) -> str:
    """The text as a reader of the page saw it: without tags, with entities decoded, links as their words.

    What only looks like a tag ("<3", "a < b", "<unk>") stays. Entities that were encoded twice are decoded twice.
    """
    for _ in range(3):
        before = text
        text = _ITEM_LINK.sub(r"\1", _DROPPED.sub(" ", text))
        text = _INLINE_TAG.sub("", _BLOCK_TAG.sub(" ", text))
        text = _ENTITY.sub(lambda entity: html.unescape(entity.group()), text)
        if text == before:
            break
    return text


def cleaned(texts: pl.Series) -> tuple[pl.Series, int]:
    """A column without markup, and how many of its texts had some."""
    suspect = texts.str.contains(_MAY_HAVE_MARKUP)
    if not suspect.any():
        return texts, 0
    old = texts.filter(suspect)
    new = pl.Series(texts.name, [without_markup(text) for text in old], dtype=pl.String)
    return texts.scatter(suspect.arg_true(), new), int((old != new).sum())
