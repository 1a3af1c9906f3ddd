"""Find the programs that tests read exports with; `python tests/programs.py` installs what is missing, with apt."""

import os
import shutil
import subprocess
import sys

PACKAGES = {"dot": "graphviz", "rsvg-convert": "librsvg2-bin"}  # by program, Debian's
INSTALL_WITHIN_S = 600


class ProgramMissing(RuntimeError):
    """A program that tests need is not on PATH; the message says what to install."""


def find_program(name: str) -> str:
    """The path of a program. Raises `ProgramMissing`, so that a test without it fails, and is never skipped."""
    found = shutil.which(name)
    if found is None:
        package = PACKAGES[name]
        raise ProgramMissing(f"{name} is not on PATH. Install it (Debian: `apt-get install {package}`).")
    return found


def run_program(name: str, *arguments: str, stdin: str = "") -> bytes:
    """What a program writes when it is given a text. A program that complains is an error."""
    done = subprocess.run([find_program(name), *arguments], input=stdin.encode(), capture_output=True, timeout=120)
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode or said:
        raise RuntimeError(f"{name} ended with {done.returncode}: {said}")
    return done.stdout


def provide_programs() -> None:
    """Install what is missing. Where that can't be done, nothing happens: the tests say what they need."""
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if not missing or shutil.which("apt-get") is None:
        return
    sys.stderr.write(f"Installing {' '.join(missing)}\n")
    become_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-q", "-y", *missing]):
        try:
            subprocess.run([*become_root, *command], stdout=sys.stderr, env=environment, timeout=INSTALL_WITHIN_S)
        except (OSError, subprocess.TimeoutExpired) as error:  # no sudo, or apt waits for another one
            sys.stderr.write(f"{error}\n")


if __name__ == "__main__":
    provide_programs()
