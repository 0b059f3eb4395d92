"""The settings of the service: the environment variable `PRETRAIN_<NAME>` sets each. README.md lists them."""

import ipaddress
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import ByteSize, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from jobs.validation.field_errors import FieldError, field_errors
from jobs.validation.quoting import quoted

HOST_NAME = re.compile(r"[a-z0-9._-]+")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

Seconds = Annotated[float, Field(gt=0, le=100_000_000)]
"""A duration that clocks and timeouts can handle: three years at most, and no infinity."""

SILENCE_SHARE = 2 / 3
"""Of a lease: how long a worker may send no heartbeat, and how long after its last renewal a trainer may
run."""

LAST_PORT = 65535

MAX_DATASET_BYTES = 20 * 2**30
"""The default."""

MAX_MODEL_BYTES = 20 * 2**30
"""The default."""

SECRET = {"database_url", "redis_url"}
"""Settings whose values no message quotes: they may have passwords."""

DATABASE_URL_MESSAGE = (
    "must be a URL such as postgresql+psycopg://user:password@host/name, or sqlite:////folder/file.sqlite3"
)


def split_entries(value: Any) -> list[str]:
    """The entries of a text with commas between them, or of a list."""
    if isinstance(value, str):
        return [entry.strip() for entry in value.split(",") if entry.strip()]
    if isinstance(value, list | tuple):
        return [str(entry) for entry in value]
    raise ValueError("must be entries with commas between them")


def parse_network(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError as error:
        raise ValueError(
            f"{quoted(entry)} is no address and no network, whose bits behind its prefix are 0; "
            "such as: 127.0.0.1,10.0.0.0/8"
        ) from error


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there; a name but localhost may be anything."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="PRETRAIN_", use_attribute_docstrings=True, frozen=True, env_ignore_empty=True
    )

    data_dir: Path = Path(".pretrain")
    """Folder of everything that has no place of its own: database, artifacts, logs, the service's URL."""

    database_url: str | None = None
    """SQLAlchemy URL. Default: SQLite in `data_dir`. PostgreSQL: postgresql+psycopg://user:password@host/name."""

    redis_url: str | None = None
    """Redis or Valkey URL. `pretrain up` starts an embedded Valkey when this is unset."""

    artifacts_url: str | None = None
    """Folder of data sets and checkpoints, shared by API and workers. Default: `artifacts` in `data_dir`."""

    host: str = "127.0.0.1"
    """Address that the API listens on."""

    port: int = 8000
    """Port that the API listens on; 0: any that is free."""

    # NoDecode: a list is written with commas, not as JSON.
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Names, separated by commas, that the API answers to besides localhost, IP addresses and `host`."""

    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    """Addresses or networks, separated by commas, whose `X-Forwarded-*` headers the API believes."""

    publish: str | None = None
    """Address at which the port is published, where the API is in a container. Default: `host`. Beyond
    loopback every request needs a token."""

    session_s: Seconds = 7 * 24 * 3600
    """Seconds after which a browser in which somebody has signed in is asked for a token again."""

    audit_s: Seconds = 90 * 24 * 3600
    """Seconds for which it is kept who has changed what."""

    webhook_allow_private: Annotated[tuple[Network, ...], NoDecode] = ()
    """Addresses or networks, separated by commas, that webhooks may reach besides public ones."""

    dataset_mirror: str | None = None
    """Folder or URL that holds the files of the built-in data sets, asked instead of their public address."""

    max_job_memory: ByteSize | None = None
    """Jobs estimated to need more memory are refused, such as 16GiB. Default: only those that none of
    their queue's live workers has the memory for."""

    reserved_memory: ByteSize = ByteSize(768 * 2**20)
    """Memory that a training worker leaves to the rest of the service and whatever else runs on its machine.
    Not on a GPU that has memory of its own."""

    max_steps: int = Field(10_000_000, ge=1)
    """Jobs of more optimizer steps are refused."""

    max_samples: int = Field(10_000, ge=1)
    """Jobs that would write more samples, of all their prompts together, are refused."""

    max_dataset_bytes: ByteSize = ByteSize(MAX_DATASET_BYTES)
    """Largest body with a text that `POST /datasets` takes. In JSON a text may have 1 MiB at most."""

    max_model_bytes: ByteSize = ByteSize(MAX_MODEL_BYTES)
    """Most bytes that all files of a model together may have that `POST /models` takes."""

    requests_per_minute: int = Field(6000, ge=0, le=1_000_000)
    """Requests that a token may make; after a quiet minute as many at once. 0: any number."""

    generations_at_once: int = Field(64, ge=0)
    """Generations and texts to score that a token may have unanswered. 0: any number."""

    max_queued_jobs: int = Field(1000, ge=0)
    """Jobs that an owner may have in the queue. 0: any number. Without a token nobody is counted."""

    max_stored_bytes: ByteSize = ByteSize(0)
    """Bytes that all data sets, models and checkpoints of an owner may have. 0: any number."""

    threads: int | None = Field(None, ge=1)
    """CPU threads of a trainer. Default: PyTorch's choice, one for each core."""

    spare_trainer: bool = True
    """Whether a training worker keeps a process ready for the next job, so that it begins at once."""

    calibrate: bool = True
    """Whether a training worker measures its machine's speed, once and while it and the machine are idle,
    for estimates of time."""

    lease_s: Seconds = 30
    """Seconds without a sign of life after which a worker's job is given to another."""

    renew_s: Seconds = Field(5, validate_default=True)
    """Seconds between a worker's signs of life. Less than two thirds of `lease_s`."""

    keeper_s: Seconds = 5
    """Seconds between the keeper's looks for jobs that wait beside idle workers, or whose worker is lost."""

    stall_s: Seconds = 600
    """Seconds without a report from a trainer after which it counts as hung."""

    stop_grace_s: Seconds = 60
    """Seconds that a trainer has to finish its step and write a checkpoint before it is killed."""

    checkpoint_s: Seconds = 180
    """Seconds of training after which a checkpoint is written if the spec has asked for none before."""

    disk_retry_s: Seconds = 60
    """Seconds after which a job that was paused because the disk was full is tried again, if it now fits."""

    generate_timeout_s: Seconds = 120
    """Seconds after which a generation is answered with the text so far, or with 503 if there is none."""

    max_score_tokens: int = Field(32_768, ge=1)
    """Texts of more tokens are not scored: a request has one time limit, however long its text is."""

    loaded_models: int = Field(2, ge=1)
    """Models that a generation worker keeps in memory."""

    prompts_at_once: int = Field(8, ge=1, le=256)
    """Prompts for one model that a generation worker continues as one batch; more than that take turns."""

    generate_int8: bool = False
    """Whether a generation worker without a GPU rounds the weights to 8 bits, of which tokens come faster."""

    log_format: Literal["text", "json"] = "text"
    """`text` for people, `json` for machines."""

    @field_validator("port")
    @classmethod
    def check_port(cls, port: int) -> int:
        if not 0 <= port <= LAST_PORT:
            # A port is a name more than a number, and is written without separators.
            raise ValueError(f"must be a port, from 1 to {LAST_PORT}, or 0 for any that is free")
        return port

    @field_validator("data_dir")
    @classmethod
    def make_absolute(cls, folder: Path) -> Path:
        return folder.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def check_database_url(cls, url: str | None) -> str | None:
        if url is not None:
            # Slow to import, and needed only where this is set.
            from sqlalchemy import make_url
            from sqlalchemy.exc import ArgumentError

            try:
                parsed = make_url(url)
            except (ArgumentError, ValueError) as error:
                raise ValueError(DATABASE_URL_MESSAGE) from error
            if parsed.drivername not in ("postgresql+psycopg", "sqlite") or not parsed.database:
                raise ValueError(DATABASE_URL_MESSAGE)
        return url

    @field_validator("redis_url")
    @classmethod
    def check_redis_url(cls, url: str | None) -> str | None:
        if url is not None:
            try:
                parts = urlsplit(url)
                is_valid = parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0
            except ValueError:
                is_valid = False
            if not is_valid:
                raise ValueError("must be a URL such as redis://:password@host:6379/0")
        return url

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def parse_host_names(cls, value: Any) -> Any:
        names = tuple(name.lower().removesuffix(".") for name in split_entries(value))
        for name in names:
            if not HOST_NAME.fullmatch(name):
                raise ValueError(f"{quoted(name)} is no host's name; such as: pretrain.example,gpu-box")
        return names

    @field_validator("trusted_proxies", "webhook_allow_private", mode="before")
    @classmethod
    def parse_networks(cls, value: Any) -> Any:
        return tuple(parse_network(entry) for entry in split_entries(value))

    @field_validator("renew_s")
    @classmethod
    def check_renewal(cls, renew_s: float, others: ValidationInfo) -> float:
        lease_s = others.data.get("lease_s")  # missing where it is wrong itself
        if lease_s is not None and renew_s >= SILENCE_SHARE * lease_s:
            raise ValueError(
                f"must be less than two thirds of PRETRAIN_LEASE_S, which is {lease_s:g}: a worker that is "
                "silent for so long counts as lost, and its trainer stops"
            )
        return renew_s

    @field_validator("artifacts_url")
    @classmethod
    def check_artifacts_url(cls, url: str | None) -> str | None:
        if url is not None and "://" in url and not url.startswith("file://"):
            raise ValueError("only a folder or a file:// URL is supported yet")
        return url

    @property
    def database(self) -> str:
        if self.database_url:
            return self.database_url
        # In a URL these begin an escape and the options: the database would lie in another folder.
        path = str(self.data_dir / "pretrain.sqlite3").replace("%", "%25").replace("?", "%3F")
        return f"sqlite:///{path}"

    @property
    def redis(self) -> str:
        return self.redis_url or "redis://127.0.0.1:6379/0"

    @property
    def artifacts(self) -> Path:
        if self.artifacts_url is None:
            return self.data_dir / "artifacts"
        return Path(self.artifacts_url.removeprefix("file://")).expanduser().absolute()

    @property
    def is_public(self) -> bool:
        """Whether other machines may reach the API: by where it is published, else by where it listens."""
        return not is_loopback(self.publish or self.host)


class WrongSettings(ValueError):
    """Environment variables are wrong; the message names each on a line of its own."""


def load_settings() -> Settings:
    """The settings in this process's environment. raises WrongSettings"""
    try:
        return Settings()
    except ValidationError as invalid:
        raise WrongSettings("\n".join(map(describe_wrong_variable, field_errors(invalid)))) from invalid


def describe_wrong_variable(error: FieldError) -> str:
    variable = f"PRETRAIN_{error.field.upper()}"
    if error.field not in SECRET:
        variable += f"={quoted(str(error.value))}"
    return f"{variable}: {error.message}"


def load_settings_or_exit() -> Settings:
    """The settings of a process that cannot run without; what is wrong is printed, and the exit status is
    1."""
    try:
        return load_settings()
    except WrongSettings as error:
        sys.exit(str(error))
