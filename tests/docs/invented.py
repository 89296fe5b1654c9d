"""What a reader of the documentation would bring along: reviews of invented people, and tables made of them."""

import csv
import json
from pathlib import Path

import polars as pl

PEOPLE = ("Ines", "Tomas", "Wera", "Yusuf", "Lotte", "Bram", "Oona", "Pavel", "Sunniva", "Dario", "Malik", "Greta")
PRODUCTS = {
    "kettle-3": "Field kettle",
    "lamp-9": "Reading lamp",
    "boots-1": "Winter boots",
    "radio-4": "Kitchen radio",
    "tent-2": "Tent for two",
    "knife-7": "Bread knife",
    "stool-5": "Folding stool",
}
HABITS = (
    "I timed it on the first morning, because a claim on a box is a claim and no more.",
    "My aunt had one just like it, and she would have laughed at the price they ask today!",
    "In short: it works; it could be lighter; I would buy it again, but not in that green.",
)
DAY_ONE = 1_672_531_200


def reviews():
    """Everybody's review of every product, in the columns of the page; the days differ."""
    for number, person in enumerate(PEOPLE):
        habit = HABITS[number % len(HABITS)]
        for place, (product, name) in enumerate(PRODUCTS.items()):
            body = (
                f"{habit} The {name.lower()} came on day {place + 2}. {person} used it {number + 3} times since. " * 2
            )
            yield {
                "author": person,
                "product": product,
                "headline": f"{name}, used {number + 3} times",
                "body": body.strip(),
                "stars": 1 + (number + place) % 5,
                "date": f"2023-{1 + place:02}-{1 + number:02}",
            }


def write_tables(folder: Path) -> None:
    """The files that pages name, in a folder."""
    rows = list(reviews())
    _write_csv(folder / "reviews.csv", rows)
    about = (
        "made for years of use, with spare parts, sold in three colours and repaired for nothing in the first two years"
    )
    _write_csv(folder / "products.csv", [{"id": id, "name": name, "about": about} for id, name in PRODUCTS.items()])
    groups = [{"user_id": person, "age": ("under 40", "40 or more")[n % 2]} for n, person in enumerate(PEOPLE)]
    _write_csv(folder / "users.csv", groups)
    ours = {"author": "user_id", "product": "item_id", "body": "text", "headline": "title", "date": "timestamp"}
    renamed = [{ours.get(name, name): value for name, value in row.items()} for row in rows]
    (folder / "reviews.jsonl").write_text("".join(json.dumps(row) + "\n" for row in renamed))
    pl.DataFrame(renamed).write_parquet(folder / "reviews.parquet")
    of_some = [row for row in renamed if row["user_id"] in PEOPLE[:7]]
    (folder / "records.jsonl").write_text("".join(json.dumps(_record(row)) + "\n" for row in of_some))


def _record(row):
    """A review as the service takes it."""
    place = list(PRODUCTS).index(row["item_id"])
    return {
        **{name: row[name] for name in ("user_id", "item_id", "text", "title")},
        "record_id": f"{row['user_id']}-{row['item_id']}",
        "rating": row["stars"],
        "timestamp": (DAY_ONE + 86_400 * place) * 1000,
        "item": {"title": PRODUCTS[row["item_id"]], "description": "Made for years of use."},
    }


def _write_csv(path: Path, rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
