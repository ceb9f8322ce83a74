"""Writes the trained networks as a diffusers folder that the family's pipeline loads."""

import json


def drop_machine_paths(folder):
    """Configs remember where they were loaded from; the exported ones must not."""
    for config in folder.rglob("*.json"):
        content = json.loads(config.read_text("utf-8"))
        if isinstance(content, dict) and "_name_or_path" in content:
            del content["_name_or_path"]
            config.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def export(folder, family, vae, networks, tokenizers):
    """All weights in half precision; returns the size of the folder's files in bytes."""
    halves = {name: network.half() for name, network in networks.items()}
    pipeline = family.build_pipeline(vae.half(), halves, tokenizers)
    pipeline.save_pretrained(folder, safe_serialization=True)
    drop_machine_paths(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        path.chmod(0o644)  # safetensors writes files that only their owner can read
    return sum(path.stat().st_size for path in files)
