"""What the rules find in the traffic of a drive, in the project's own process."""

from __future__ import annotations

SLOW_MS = 1_000.0  # far above anything there: how busy the machine is must not be a finding of the test


def found_by_rules() -> dict[str, str]:
    """The sentence of each run-time finding, by its key; rules that failed stand there too."""
    from signalgraph import findings, recorder
    from signalgraph.findings.traffic import read_traffic
    from signalgraph.index import Index
    from signalgraph.log import open_log

    recorder.flush()
    log = open_log(recorder.state().log_url or "", writer=False)
    found = findings.find_run(read_traffic(Index(log), slow_ms=SLOW_MS))
    log.close()
    return {each.key: each.sentence for each in found} | dict.fromkeys(findings.failed, "failed")
