"""The wheel, as it is installed, and what is generated."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from .support.service import Service

package = Path(__file__).parents[1]

program = """
import sys
from importlib.metadata import requires
from serverless_streams import Client, __file__ as file

assert "site-packages" in file, file
assert requires("serverless-streams") == ["httpx-sse<1,>=0.4", "httpx<1,>=0.27"], requires("serverless-streams")
with Client(sys.argv[1]) as client:
    topic = client.topic("orders")
    with topic.producer() as producer:
        producer.send("hello")
    print(next(topic.follow()).payload)
"""


def run(*command: object, cwd: Path | None = None) -> str:
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd, timeout=150, check=False)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    return ran.stdout


def test_the_wheel_in_an_empty_environment(tmp_path: Path) -> None:
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        pytest.skip("needs uv beside Python, as requirements-dev.txt has it")
    run(uv, "build", "-q", "--wheel", "-o", tmp_path, package)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"serverless_streams/py.typed", "serverless_streams/_sync/client.py"} <= names
    assert all(name.startswith("serverless_streams") for name in names)
    environment = tmp_path / "environment"
    run(uv, "venv", "-q", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    run(uv, "pip", "install", "-q", "--python", python, wheel)
    with Service() as service:
        assert run(python, "-c", program, service.url, cwd=tmp_path) == "hello\n"


def test_the_synchronous_client_is_current() -> None:
    run(sys.executable, package / "scripts" / "unasync.py", "--check")


def test_the_reference_of_the_api_can_be_written(tmp_path: Path) -> None:
    run(sys.executable, "-m", "pdoc", "-o", tmp_path, "serverless_streams")
    text = (tmp_path / "serverless_streams.html").read_text()
    for name in ("Client.topic", "AsyncTopic.follow", "Group.consume", "Producer.send", "StreamsError.written"):
        assert f'id="{name}"' in text, name
