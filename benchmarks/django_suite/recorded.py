"""Runs Django's runtests.py as `python runtests.py` would, with the recorder on: recorded.py FACTS LOG runtests.py ...

FACTS is a file for the recorder's state in the end, as JSON; LOG is the address of its log. The recorder is not
switched on by INSTALLED_APPS, which Django's tests change all the time.
"""

import json
import os
import runpy
import sys
from pathlib import Path

from signalgraph import recorder
from signalgraph.recorder import faults


def facts() -> dict[str, object]:
    state = recorder.state()
    return {
        "recording": state.recording,
        "faults": {str(where): count for where, count in faults.counted.items()},
        "error": state.error,
    }


def main(path: Path, log: str, program: str) -> None:
    process = os.getpid()
    sys.argv[:] = sys.argv[3:]
    sys.path[0] = str(Path(program).parent)
    recorder.start(log, process_label="Django's own tests")
    try:
        runpy.run_path(program, run_name="__main__")
    finally:
        if os.getpid() == process:  # a child that a test forks passes by here too
            path.write_text(json.dumps(facts()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
