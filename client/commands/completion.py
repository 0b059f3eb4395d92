"""What the shell completes besides commands and options, which it knows from typer: presets, and the fields
of a spec. Neither asks the service."""


def complete_preset(begun: str) -> list[str]:
    from jobs.spec.presets import PRESETS

    return [preset for preset in PRESETS if preset.startswith(begun)]


def complete_field(begun: str) -> list[str]:
    from client.spec.fields import SpecFields

    return [f"{path}=" for path in SpecFields().paths() if path.startswith(begun)]
