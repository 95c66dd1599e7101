"""The programs of README.md are valid, typed, and print what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from .support.service import Service

readme = Path(__file__).parents[1] / "README.md"


def programs() -> list[tuple[str, str]]:
    """The programs, each with what it prints."""
    blocks: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```", readme.read_text(), re.MULTILINE | re.DOTALL)
    after = [*blocks[1:], ("", "")]
    return [
        (text, expected if shown == "text" else "")
        for (language, text), (shown, expected) in zip(blocks, after, strict=True)
        if language == "python"
    ]


def test_the_programs_of_the_readme(tmp_path: Path) -> None:
    assert len(programs()) > 8
    files = [tmp_path / f"program_{at}.py" for at in range(len(programs()))]
    with Service() as service:
        for file, (code, _) in zip(files, programs(), strict=True):
            file.write_text(code.replace("http://127.0.0.1:9000", service.url))
        for file, (code, expected) in zip(files, programs(), strict=True):
            ran = subprocess.run([sys.executable, "-W", "error", file], capture_output=True, text=True, timeout=60, check=False)
            assert (ran.stdout, ran.stderr) == (expected, ""), code
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", *files],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
