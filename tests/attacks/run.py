"""A class of attackers with an honest student among them, and what to look for afterwards."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course_folder import KIT
from autograder.release.notebooks import build
from autograder.release.source import load
from autograder.sample import answers_of, fill

from .corpus import ATTACKS, Attack

ASSIGNMENT = "A02-backprop-by-hand"
RECORD = Path(__file__).parent / "stock.json"
HONEST = ("aaa-honest", "zzz-honest")
CANARY = "CANARY-7f3a9c"


@dataclass(frozen=True)
class Verdict:
    """What became of one attack."""

    attack: Attack
    got: float
    leaked: str
    harmed: str
    crashed: bool

    @property
    def gained(self) -> float:
        return max(0.0, self.got - self.attack.score)


def student(attack: Attack) -> str:
    return "atk-" + re.sub(r"[^a-z0-9]+", "-", attack.name.lower()).strip("-")


def prepare(root: Path) -> Path:
    """A course folder with every attack handed in, and canaries where nobody should read."""
    source, release = build(load(KIT / "solutions", ASSIGNMENT), root / "solutions", root / "notebooks")
    released = json.loads(release.read_text())
    answers = answers_of(json.loads(source.read_text()))
    (root / ".secret").write_text(f"{CANARY}-secret-salt-0123456789\n")
    (root / "gradebook-notes.txt").write_text(f"{CANARY}-gradebook")
    for name in HONEST:
        hand_in(root, name, fill(released, answers, {"response-r2-1": f"{CANARY}-other-submission"}))
    for attack in ATTACKS:
        notebook: Any = fill(released, answers if attack.base == "reference" else {}, attack.cells)
        if attack.change is not None:
            changed = attack.change(notebook)
            notebook = changed if isinstance(changed, bytes) else notebook
        hand_in(root, student(attack), notebook)
    return root


def hand_in(root: Path, name: str, notebook: Any) -> None:
    place = root / "submitted" / name / ASSIGNMENT
    place.mkdir(parents=True)
    data = notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode()
    (place / f"{ASSIGNMENT}.ipynb").write_bytes(data)


def judge(root: Path) -> list[Verdict]:
    """Grade all and look for marks, leaks and harm."""
    done = subprocess.run(
        [sys.executable, "-m", "autograder", "grade", ASSIGNMENT, "--course-dir", str(root), "--json", str(root / "out.json")],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise subprocess.CalledProcessError(done.returncode, done.args, done.stdout, done.stderr)
    results = {r["student"]: r for r in json.loads((root / "out.json").read_text())["submissions"]}
    honest = {tuple((c["grade_id"], c["score"]) for c in results[h]["cells"]) for h in HONEST}
    full = all(c["status"] in ("passed", "manual") for h in HONEST for c in results[h]["cells"])
    harmed = "" if len(honest) == 1 and full else "an honest submission"
    if (root / ".secret").read_text() != f"{CANARY}-secret-salt-0123456789\n":
        harmed = "the secret"
    verdicts = []
    for attack in ATTACKS:
        result = results.get(student(attack))
        crashed = result is None or result["status"] != attack.status
        verdicts.append(
            Verdict(attack, result["score"] if result else 0.0, leaks(root, student(attack)), harmed, crashed)
        )
    return verdicts


def leaks(root: Path, name: str) -> str:
    """What an attacker's pages and results show that they must not."""
    shown = ""
    for path in (
        f"results/{ASSIGNMENT}/{name}.json",
        f"feedback/{name}/{ASSIGNMENT}/{ASSIGNMENT}.html",
        f"autograded/{name}/{ASSIGNMENT}/{ASSIGNMENT}.ipynb",
    ):
        file = root / path
        shown += file.read_text() if file.is_file() else ""
    page = root / f"feedback/{name}/{ASSIGNMENT}/{ASSIGNMENT}.html"
    found = [CANARY] if CANARY in shown else []
    stored = root / f"results/{ASSIGNMENT}/{name}.json"
    if stored.is_file():
        printed = " ".join(
            o.get("text", "") for c in json.loads(stored.read_text())["notebook"] for o in c["outputs"]
        )
        found += re.findall(r"CANARY-\w+", printed)
    if page.is_file() and re.search(r"<script|<img src=x|<svg onload|href=.?javascript", page.read_text()):
        found.append("markup")
    return ", ".join(sorted(set(found)))


def stock(root: Path) -> None:
    """Each attack once against nbgrader's own Execute and marking; what it got is kept in stock.json.

    What is recorded there for this version of nbgrader is not tried again; delete the file to begin anew.
    """
    version = f"nbgrader {importlib.metadata.version('nbgrader')}"
    before = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    known = before.get("results", {}) if before.get("version") == version else {}
    recorded: dict[str, Any] = {
        "version": version,
        "results": {a.name: known[a.name] for a in ATTACKS if a.name in known},
    }
    for attack in (a for a in ATTACKS if a.name not in known):
        notebook = root / "submitted" / student(attack) / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
        command = [sys.executable, "-m", "tests.attacks.stock", str(notebook)]
        # nbgrader has no sandbox: what an attack writes must not reach the kit
        jail = [
            "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--tmpfs", "/tmp", "--bind", str(root), str(root),
            "--setenv", "HOME", "/tmp", "--unshare-pid", "--unshare-net", "--proc", "/proc", "--tmpfs", "/dev/shm",
            "--die-with-parent",
        ]  # fmt: skip
        try:
            done = subprocess.run(
                [*jail, "sh", "-c", 'ulimit -v 6000000; ulimit -u 3000; ulimit -f 400000; exec "$@"', "-", *command],
                check=False, capture_output=True, text=True, timeout=150, cwd=KIT,
            )  # fmt: skip
            line = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
            said = line.removeprefix("stock: ") if line.startswith("stock: ") else "no marks: the run broke"
        except subprocess.TimeoutExpired:
            said = "no marks: the run hung"
        recorded["results"][attack.name] = said
        print(f"{attack.name}: {said}", flush=True)
        RECORD.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")
