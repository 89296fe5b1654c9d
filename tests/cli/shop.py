"""The small shop of the tests: five users, three items, a record of each user on each item."""

import json

USERS = ("ada", "bob", "cem", "dee", "eve")
ITEMS = ("pen", "cup", "map")
WITHOUT_MODELS = ("--llm", "scripted:echo", "--embedder", "hashing:64")


def record(user, item, /, text="", **more):
    """A line of a file to ingest."""
    return {
        "record_id": f"{user}-{item}",
        "user_id": user,
        "item_id": item,
        "title": f"On the {item}",
        "text": text or f"{user.title()} says that the {item} is what {user} had in mind, give or take a {item}. " * 3,
        "rating": 4,
        "timestamp": 1_700_000_000_000 + 86_400_000 * ITEMS.index(item) if item in ITEMS else 1_700_000_000_000,
        "item": {"title": f"The {item}", "description": f"A good {item}, sold by the dozen."},
    } | more


def write_lines(file, rows):
    """A file of JSON lines; what is bytes is written as it is."""
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    file.write_bytes(b"\n".join(lines) + b"\n")
    return file
