"""Every command of the README, the tutorial and the guides is run, in its document's order, against a real
service."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Collection
from pathlib import Path

import pytest

from tests.backends import PostgresServer, free_port, running_redis
from tests.client.running import ROOT, Running, environment_on
from tests.docs.blocks import blocks_of, script_of
from tests.docs.conftest import FEW_PROCESSES, Run, reader_of, service
from tests.docs.documents import OPEN, POSTGRESQL, WITH_TOKENS
from tests.waiting import PATIENCE_S, wait_until


@pytest.mark.slow
@pytest.mark.parametrize("name", OPEN)
def test_the_commands_work(name: str, up: Running, tmp_path: Path) -> None:
    run_all(name, reader_of(tmp_path, up.environment, up.url))


@pytest.mark.slow
def test_the_readmes_python_works(up: Running, tmp_path: Path) -> None:
    run = reader_of(tmp_path, up.environment, up.url)
    [block] = blocks_of(ROOT / "README.md", "python")
    ran = run(f"python - <<'END'\n{block.text}END\n")
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert re.search(r"^status .*succeeded", ran.stdout, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_TOKENS)
def test_the_commands_that_make_tokens_work(name: str, fresh: Running, tmp_path: Path) -> None:
    run_all(name, reader_of(tmp_path / "reader", fresh.environment, fresh.url))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite", POSTGRESQL])
def test_a_backup_brings_back_jobs_which_go_on(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    variables = {}
    if backend == POSTGRESQL:
        server: PostgresServer = request.getfixturevalue("postgres")
        variables = {
            "PRETRAIN_DATABASE_URL": server.make_database(),
            "PATH": f"{server.tools}{os.pathsep}{os.environ['PATH']}",
        }
    environment = environment_on(tmp_path / "data", **FEW_PROCESSES, PRETRAIN_PORT="0", **variables)
    printed = run_all(
        "docs/how-to/backup.md", reader_of(tmp_path / "reader", environment), marks={"", backend}
    )
    [step] = re.findall(r"^step +([\d,]+)/", printed, re.MULTILINE)
    assert int(step.replace(",", "")) > 0, "the job as it was restored"
    assert ": succeeded (finished on request at step " in printed.splitlines()[-1]


@pytest.mark.slow
def test_processes_that_share_a_database_a_broker_and_a_folder_are_a_service(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    postgres: PostgresServer = request.getfixturevalue("postgres")
    with running_redis(standalone=True) as broker:
        port = free_port()
        environment = environment_on(
            tmp_path / "data",
            **FEW_PROCESSES,
            PRETRAIN_PORT=str(port),
            PRETRAIN_DATABASE_URL=postgres.make_database(),
            PRETRAIN_REDIS_URL=broker.url,
            PRETRAIN_ARTIFACTS_URL=str(tmp_path / "artifacts"),
        )
        run = reader_of(tmp_path / "reader", environment, f"http://127.0.0.1:{port}")
        assert "succeeded" in run_all("docs/how-to/several-workers.md", run)


@pytest.mark.slow
def test_the_service_works_behind_nginx_with_tls_and_below_a_path(tmp_path: Path) -> None:
    nginx = shutil.which("nginx")
    if nginx is None:
        pytest.skip("nginx is not on PATH: Debian's package has it")
    name = socket.gethostname()
    variables = {"PRETRAIN_ALLOWED_HOSTS": name, "PRETRAIN_TRUSTED_PROXIES": "127.0.0.1"}
    port = free_port()
    with service(tmp_path / "data", **variables) as running:
        certificate, key = certificate_for(name, tmp_path)
        trust = dict.fromkeys(("SSL_CERT_FILE", "CURL_CA_BUNDLE"), str(certificate))
        reader = reader_of(tmp_path / "reader", {**running.environment, **trust})

        def run(script: str) -> subprocess.CompletedProcess[str]:
            return reader(script.replace("pretrain.example", f"{name}:{port}"))

        configuration = tmp_path / "nginx.conf"
        configuration.write_text(nginx_configuration(tmp_path, name, port, certificate, key, running.url))
        proxy = subprocess.Popen([nginx, "-p", str(tmp_path), "-c", str(configuration)])
        try:
            wait_until(lambda: accepts(port), "nginx listens")
            printed = run_all("docs/how-to/proxy.md", run)
        finally:
            proxy.terminate()
            proxy.wait(PATIENCE_S)
    assert "succeeded" in printed


def nginx_configuration(folder: Path, name: str, port: int, certificate: Path, key: Path, url: str) -> str:
    """The guide's, with what is another here."""
    [server] = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs/how-to/proxy.md").read_text(), re.DOTALL)
    for documented, real in {
        "443": str(port),
        "pretrain.example": name,
        "/etc/ssl/pretrain.pem": str(certificate),
        "/etc/ssl/pretrain.key": str(key),
        "http://127.0.0.1:8000": url,
    }.items():
        server = server.replace(documented, real)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    return (
        f"daemon off; pid {folder}/nginx.pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {folders}\n{server} }}\n"
    )


def certificate_for(name: str, folder: Path) -> tuple[Path, Path]:
    """A certificate that a machine of this name has signed itself, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    request = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        f"/CN={name}",
    ]
    names = ["-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *names], check=True, capture_output=True)
    return certificate, key


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def run_all(name: str, run: Run, marks: Collection[str] = ("",)) -> str:
    """Run the document's blocks that have one of the marks; what they have printed."""
    blocks = [block for block in blocks_of(ROOT / name) if block.mark in marks]
    assert blocks
    ran = run(script_of(ROOT / name, blocks))
    assert ran.returncode == 0, f"{name}: {ran.stderr[-3000:]}\n{ran.stdout[-3000:]}"
    return ran.stdout
