"""The faults that the service must survive, what it promises for each, and how a test keeps count."""

from dataclasses import dataclass, field

PROMISES: dict[int, tuple[str, str]] = {
    1: ("trainer killed at random moments", "resumed from the last checkpoint, bit for bit"),
    2: ("killed at the Nth fsync, rename or commit", "old or new state, never half"),
    3: ("API killed between commit and publish", "published by the relay, runs once, within 60 s"),
    4: ("worker killed right after the claim", "lease runs out, next attempt"),
    5: ("killed between last checkpoint and success", "finishes without training again"),
    6: ("supervisor alone killed", "no orphan; fenced"),
    7: ("SIGTERM in mid-training", "checkpoints and hands back, no failure"),
    8: ("a message delivered 10 times at once", "one claim, nine no-ops"),
    9: ("supervisor stopped past its lease, continued", "fenced: the stale attempt writes nothing"),
    10: ("trainer hangs", "ended by the watchdog, stalled, retried"),
    11: ("Redis restarted 10 times", "training goes on, the queue drains"),
    12: ("Redis emptied", "queue rebuilt from SQL, all finish"),
    13: ("Redis accepts and never answers", "POST within 10 s, stored, runs later"),
    14: ("database gone", "contiguous history; reaper waits a lease"),
    15: ("database out of reach of one worker", "old trainer stopped before the new one starts"),
    16: ("disk full at a checkpoint", "earlier ones intact; paused, resumes when there is room"),
    17: ("newest checkpoint damaged", "found by checksum, the one before is used"),
    18: ("a host's clock an hour off", "nothing changes"),
    19: ("out of memory on every attempt", "out_of_memory, not repeated; the queue moves on"),
    20: ("loss becomes NaN or infinite", "diverged with the step; valid JSON"),
    21: ("cancel at any time, and with Redis down", "one terminal status"),
    22: ("32 readers and 8 writers on SQLite", "never locked, no 5xx"),
    23: ("killed in a migration; newer schema", "starts, or refuses and says why"),
    24: ("1,000 jobs and 20 real ones, workers killed", "all finish, each once"),
    25: ("generation worker killed or stopped", "askers hear within 10 s; seen in 30 s; another starts"),
    26: ("a panic, no memory or a damaged file", "that prompt alone fails, at once, with the reason"),
    27: ("50 clients hang up at once", "the work ends within a second; nothing left in Redis"),
    28: ("checkpoint replaced or job deleted", "the newest is used, or 404; no path of the server"),
    29: ("10,000 tokens beside one", "the short request waits for a few tokens at most"),
    30: ("Redis restarted or emptied under prompts", "askers hear within 10 s; the next is answered"),
    31: ("a crowd at the door", "light requests under 200 ms at p99, plots drawn"),
    32: ("any text, prompt or name", "an answer or a 4xx; no process ends"),
    33: ("worker killed while it prepares a text", "another goes on, to the same token file"),
    34: ("worker killed while it trains a tokenizer", "another goes on, to the same file"),
    35: ("API, worker or database restarted under a stream", "each event once, in order"),
}


@dataclass
class Fault:
    """One of the faults, as a test injects it: how often, and what was not as promised."""

    number: int
    injected: int = 0
    violations: list[str] = field(default_factory=list)

    def inject(self, times: int = 1) -> None:
        """Count injections that were really made."""
        self.injected += times

    def expect(self, kept: bool, promise: str) -> None:
        """Note a violation unless the promise was kept. The test fails at its end, and the table counts."""
        if not kept:
            self.violations.append(promise)


def table(faults: list[Fault]) -> list[str]:
    """A line for each fault that was injected, with all its tests added up."""
    lines = [f"{'':>3}  {'fault':<46} {'promise':<56} {'injected':>8} {'violations':>10}"]
    for number, (name, promise) in PROMISES.items():
        of_number = [fault for fault in faults if fault.number == number]
        if of_number:
            injected = sum(fault.injected for fault in of_number)
            violations = sum(len(fault.violations) for fault in of_number)
            lines.append(f"{number:>3}  {name:<46} {promise:<56} {injected:>8} {violations:>10}")
    return lines
