"""What can go wrong for the person at the command line. Every message stands alone: cause, then remedy."""


class ClientError(Exception):
    """A request or a local service failed; exit status 1."""


class UsageError(ClientError):
    """The command was given something it cannot use; exit status 2."""
