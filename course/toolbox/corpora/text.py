"""Real text: Python's own documentation, which every installation holds, and any text file.

Source: the course's own.
"""

from __future__ import annotations

from pathlib import Path

from course.toolbox.errors import FormatError, InputError

__all__ = ["pydoc", "read_text", "sentences_of"]


def pydoc() -> str:
    """Python's help on its language, topic after topic in the order of the alphabet: half a million characters.

    Versions of Python differ in it, so a figure measured on it names the version.
    """
    from pydoc_data.topics import topics  # a large module: loaded when it is asked for

    return "\n".join(topics[name] for name in sorted(topics))


def read_text(path: str | Path, encoding: str = "utf-8") -> str:
    """The text of a file, with line ends as \\n and without a byte order mark.

    Raises: FormatError when the bytes are no text in this encoding; InputError when there is no file, no such encoding,
    or nothing in it.
    """
    try:
        data = Path(path).read_bytes()
        text = data.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise FormatError(
            f"read_text: {path} is no {encoding} text: byte {data[error.start]:#04x} in line {line}, at place "
            f"{error.start} of the file; pass its encoding, for example encoding='latin-1', or save it as UTF-8."
        ) from None
    except LookupError:
        raise InputError(
            f"read_text: the encoding {encoding!r} is unknown; use for example 'utf-8'."
        ) from None
    except OSError as error:
        raise InputError(f"read_text: {path} cannot be read: {error.strerror}.") from None
    if "\0" in text:
        raise FormatError(
            f"read_text: {path} holds zero bytes; it is no text, or in an encoding other than {encoding}."
        )
    if not text.strip():
        raise InputError(f"read_text: {path} is empty.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def sentences_of(text: str) -> list[list[str]]:
    """Each line that is not blank as the list of its words.

    >>> sentences_of("the cow\\n\\neats hay")
    [['the', 'cow'], ['eats', 'hay']]
    """
    return [line.split() for line in text.splitlines() if line.strip()]
