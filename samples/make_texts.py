"""Writes made-up text files: words whose letters are about as frequent as in English, the same ones every time."""

import random
from pathlib import Path

LETTERS = "etaoinshrdlcumwfgypbvkjxqz"
WEIGHTS = [127, 91, 82, 75, 70, 67, 63, 61, 60, 43, 40, 28, 28, 24, 24, 22, 20, 20, 19, 15, 10, 8, 2, 2, 1, 1]


def make_texts(folder: Path, files: int = 100, characters: int = 400_000) -> list[Path]:
    """Write `files` texts of `characters` each into `folder`, unless they are there, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"text-{number:03}.txt" for number in range(files)]
    words = make_words(5_000)
    for number, path in enumerate(paths):
        if not path.exists() or path.stat().st_size != characters:
            some = random.Random(number).choices(words, k=characters // 2)
            path.write_text(" ".join(some)[:characters])
    return paths


def make_words(count: int) -> list[str]:
    """Return `count` words of 2 to 10 letters, some with a capital."""
    rng = random.Random("words")
    words = ["".join(rng.choices(LETTERS, WEIGHTS, k=rng.randrange(2, 11))) for _ in range(count)]
    return [word.capitalize() if rng.random() < 0.1 else word for word in words]
