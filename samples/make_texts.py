"""Writes made-up text files: words whose letters are about as frequent as in English, the same ones every time."""

import random
from pathlib import Path

LETTERS = "etaoinshrdlcumwfgypbvkjxqz"
WEIGHTS = [127, 91, 82, 75, 70, 67, 63, 61, 60, 43, 40, 28, 28, 24, 24, 22, 20, 20, 19, 15, 10, 8, 2, 2, 1, 1]


def make_texts(folder: Path, files: int = 100, characters: int = 200_000) -> list[Path]:
    """Write `files` texts of `characters` each into `folder`, unless they are there, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"text-{number:03}.txt" for number in range(files)]
    for number, path in enumerate(paths):
        if not path.exists() or path.stat().st_size != characters:
            path.write_text(make_text(characters, random.Random(number)))
    return paths


def make_text(characters: int, rng: random.Random) -> str:
    """Return one text: words of 2 to 10 letters, some with a capital."""
    letters = rng.choices(LETTERS, WEIGHTS, k=characters)
    place = 0
    while place < characters:
        if rng.random() < 0.1:
            letters[place] = letters[place].upper()
        place += rng.randrange(2, 11)
        if place < characters:
            letters[place] = " "
        place += 1
    return "".join(letters)
