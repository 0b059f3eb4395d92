# Two images of one application: `api` (also the keeper; no torch) and `worker`.
#
#   docker build --target api -t pretrain-api .
#   docker build --target worker -t pretrain-worker .
#
# PIP_OPTIONS goes to every `pip install`: an index of your own, or one with PyTorch's builds for the CPU,
# which are a tenth of the size of the default (CUDA) ones.

FROM docker.io/library/python:3.11-slim-bookworm AS base
ARG PIP_OPTIONS=""
ENV PYTHONUNBUFFERED=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv
# The user exists and owns the data folder before a volume is mounted there: a new volume takes over its owner.
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin pretrain \
    && install -d -o pretrain -g pretrain -m 0750 /var/lib/pretrain
ENV PRETRAIN_DATA_DIR=/var/lib/pretrain PRETRAIN_LOG_FORMAT=json

# The dependencies are installed for a project without code, so that a change to the code leaves them cached.
FROM base AS manifest
COPY pyproject.toml ./
RUN touch README.md LICENSE

FROM base AS wheel
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip pip wheel $PIP_OPTIONS --no-deps --wheel-dir /wheels .

FROM manifest AS api
RUN --mount=type=cache,target=/root/.cache/pip pip install $PIP_OPTIONS '.[api]'
COPY --from=wheel /wheels /wheels
RUN pip install --no-deps --force-reinstall /wheels/*.whl
USER pretrain
CMD ["python", "-m", "api"]

FROM base AS worker
# What `training.compile` makes its kernels with.
RUN apt-get update && apt-get install --yes --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
COPY --from=manifest /srv ./
RUN --mount=type=cache,target=/root/.cache/pip pip install $PIP_OPTIONS '.[worker]'
COPY --from=wheel /wheels /wheels
RUN pip install --no-deps --force-reinstall /wheels/*.whl
USER pretrain
# Process 1 watches the worker, which is its child: it passes signals on, and starts another if that dies or hangs.
CMD ["python", "-m", "worker", "train"]
