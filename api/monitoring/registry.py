"""What this process counts and measures, for Prometheus: one registry for all applications."""

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Info, ProcessCollector

REGISTRY = CollectorRegistry()

ProcessCollector(registry=REGISTRY)
Info("pretrain_build", "The version that answers.", registry=REGISTRY).info({"version": version("pretrain")})
