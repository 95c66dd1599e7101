"""Writes the synchronous client from the asynchronous one: `python scripts/unasync.py`.

With `--check`, fails if it is not current.

What needs several things at one time, producers and consumers, is written once, and runs in a thread of its own: it is not
translated.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

package = Path(__file__).parents[1] / "src" / "serverless_streams"
names = ("client", "following", "group", "pools", "reading", "tokens", "topic", "transport")

replacements = [
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\b__aenter__\b", "__enter__"),
    (r"\b__aexit__\b", "__exit__"),
    (r"\baclose\b", "close"),
    (r"\baiter_(bytes|sse)\b", r"iter_\1"),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\b_async\b", "_sync"),
]


def translated(text: str) -> str:
    for pattern, replacement in replacements:
        text = re.sub(pattern, replacement, text)
    return text


def generate(target: Path) -> None:
    files = [target / f"{name}.py" for name in names]
    for file in files:
        source = (package / "_async" / file.name).read_text()
        file.write_text(f"# Generated from _async/{file.name} by scripts/unasync.py: change that.\n\n{translated(source)}")
    # Names are shorter than before, and sort differently.
    ruff = [sys.executable, "-m", "ruff"]
    config = str(package.parents[1] / "pyproject.toml")
    subprocess.run([*ruff, "check", "-q", "--fix", "--select", "I", "--config", config, *map(str, files)], check=True)
    subprocess.run([*ruff, "format", "-q", "--config", config, *map(str, files)], check=True)


def main() -> int:
    if "--check" not in sys.argv:
        generate(package / "_sync")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        stale = [
            name for name in names if Path(folder, f"{name}.py").read_text() != (package / "_sync" / f"{name}.py").read_text()
        ]
    for name in stale:
        print(f"_sync/{name}.py is not current: run python scripts/unasync.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
