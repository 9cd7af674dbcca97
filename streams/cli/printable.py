"""Texts from outside, for a terminal."""


def printable(text: str) -> str:
    """The same, with U+FFFD for what would not be shown but obeyed."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
