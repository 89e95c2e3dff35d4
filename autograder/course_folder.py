"""A course folder: where submissions lie, where results go, and what comes from the kit when the folder lacks it."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import UsageError

__all__ = ["KIT", "CourseFolder"]

KIT = Path(__file__).resolve().parent.parent  # the checkout that this package was installed from


@dataclass(frozen=True)
class CourseFolder:
    """The folders of a course. Output goes into `root`; sources come from the kit when `root` has none.

    db  URL of the gradebook; SQLite in the folder by default
    """

    root: Path
    db: str = ""

    @classmethod
    def at(cls, path: Path | str, db: str = "") -> CourseFolder:
        """Raises UsageError when the path is not a folder or cannot be written to."""
        root = Path(path).expanduser().resolve()
        if not root.is_dir():
            raise UsageError(f"The course folder {path} is not a folder. Give one with --course-dir.")
        if not os.access(root, os.W_OK):
            raise UsageError(
                f"The course folder {path} cannot be written to; results and the gradebook go there."
            )
        return cls(root, db)

    def _own_or_kit(self, name: str) -> Path:
        own = self.root / name
        pattern = "A[0-9][0-9]-*.py" if name == "solutions" else "A[0-9][0-9]-*"
        has = own.is_dir() and any(own.glob(pattern))
        return own if has or not (KIT / name).is_dir() else KIT / name

    @property
    def solutions(self) -> Path:
        """The text sources: the folder's own, else the kit's."""
        return self._own_or_kit("solutions")

    @property
    def built(self) -> Path:
        """Where source notebooks are built: beside the sources when those are the folder's own, else inside it."""
        return self.solutions if self.solutions.parent == self.root else self.root / "solutions"

    @property
    def submitted(self) -> Path:
        return self.root / "submitted"

    @property
    def autograded(self) -> Path:
        return self.root / "autograded"

    @property
    def feedback(self) -> Path:
        return self.root / "feedback"

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def db_url(self) -> str:
        return self.db or f"sqlite:///{self.root / 'gradebook.db'}"

    @property
    def has_gradebook(self) -> bool:
        """Whether there is one already; a database server is taken to hold one."""
        return bool(self.db) or (self.root / "gradebook.db").is_file()

    def secret(self) -> str:
        """The salt of hidden data: made once, readable by the instructor only, ignored by git."""
        path = self.root / ".secret"
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            text = path.read_text(encoding="ascii").strip()
            if len(text) < 16:
                raise UsageError(
                    f"{path} is damaged: it should hold the salt of the hidden data. Restore or delete it."
                ) from None
            return text
        with os.fdopen(fd, "w") as handle:
            salt = secrets.token_hex(16)
            handle.write(salt + "\n")
        return salt
