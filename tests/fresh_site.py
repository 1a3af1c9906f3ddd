"""A project in an environment of its own, with nothing in it but what its user would have installed."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 60


def build_wheel(folder: Path) -> Path:
    """The distribution that a user installs, built from this tree."""
    run([sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)])
    [wheel] = folder.glob("*.whl")
    return wheel


def make_environment(folder: Path, *requirements: str) -> Path:
    """A virtual environment with these requirements; returns its Python."""
    run([sys.executable, "-m", "venv", str(folder)])
    python = folder / "bin" / "python"
    run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements])
    return python


def run(command: list[str], **options: object) -> str:
    """What a command prints; its errors are in the message when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return str(done.stdout)


@dataclass
class FreshSite:
    """A Django project: where it is, and the Python that runs it."""

    python: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        ours = ("DJANGO", "SIGNALGRAPH", "PYTEST")  # under pytest nothing records
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {**kept, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"}

    def manage(self, *arguments: str) -> str:
        return run([str(self.python), "manage.py", *arguments], cwd=self.folder, env=self.environment)

    def append(self, path: str, text: str) -> None:
        with (self.folder / path).open("a") as file:
            file.write(text)

    @contextlib.contextmanager
    def serving(self, *command: str, **environment: str) -> Iterator[int]:
        """Run a server (``{port}`` in its arguments is filled in) until the block ends; gives its port."""
        port = free_port()
        arguments = [argument.format(port=port) for argument in command]
        with (self.folder / "server.txt").open("w+") as output:
            process = subprocess.Popen(
                [str(self.python), *arguments],
                cwd=self.folder,
                env={**self.environment, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                wait_for(port, process, output.name)
                yield port
            finally:
                process.terminate()
                process.wait(timeout=PATIENCE_S)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[bytes], output: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"The server ended with {process.returncode}:\n{Path(output).read_text()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"Nothing answers on port {port}:\n{Path(output).read_text()}")


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body of a page, asked for as a browser on this machine would."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()
