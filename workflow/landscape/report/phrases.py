"""Building blocks of sentences: lists, counts, and citations of figures, tables and sections."""

from collections.abc import Sequence

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def listed(parts: Sequence[str]) -> str:
    """a, b and c."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def capital(text: str) -> str:
    """The start of a sentence; a symbol such as β stays as it is."""
    return text[:1].upper() + text[1:] if text[:1].isascii() else text


def counted(count: int) -> str:
    """one, two, … ten, 11."""
    return WORDS[count] if count < len(WORDS) else f"{count:,}"


def several(count: int, thing: str, things: str = "") -> str:
    """one seed, two seeds, 12 seeds."""
    return f"{counted(count)} {thing if count == 1 else things or thing + 's'}"


def cite(kind: str, name: str) -> str:
    """A citation of a figure, table or section, which the template turns into a number."""
    return f"⟨{kind}:{name}⟩"


def figure(*names: str) -> str:
    return listed([cite("figure", name) for name in names])


def table(name: str) -> str:
    return cite("table", name)
