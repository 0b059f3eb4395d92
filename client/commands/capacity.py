"""Commands that show what the service has and allows: workers, limits."""

from client.commands.options import AsJson, Url, connect
from client.display.capacity_tables import print_limits, print_workers
from client.display.messages import print_result


def workers(as_json: AsJson = False, url: Url = None) -> None:
    """List the workers: what each is at, and which are hung or lost."""
    with connect(url) as client:
        print_result(client.workers(), as_json, print_workers)


def limits(as_json: AsJson = False, url: Url = None) -> None:
    """Show what the service allows and has: sizes, steps, memory, disk."""
    with connect(url) as client:
        print_result(client.limits(), as_json, print_limits)
