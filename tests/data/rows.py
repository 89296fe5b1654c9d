"""Rows as a data set has them."""


def review(user="u1", item="i1", **changes):
    row = {"user_id": user, "asin": item, "title": "fine", "text": "a text of some length", "rating": 4.0}
    return row | {"timestamp": 1_400_000_000_000} | changes


def item(item="i1", **changes):
    return {"asin": item, "title": f"title of {item}", "description": "what it is"} | changes
