"""`python -m dashboard.child <module> [arguments]`: runs a module, and ends with whoever holds the other end of stdin.

So nothing outlives the demo, even when the demo itself is killed and can end nobody.
"""

import os
import runpy
import signal
import sys
import threading


def end_with_parent() -> None:
    """Wait for the end of stdin, then ask this process to end as if somebody had told it."""
    while os.read(sys.stdin.fileno(), 1):  # not sys.stdin.read: its lock must be free when Python ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, name="end-with-parent", daemon=True).start()
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
