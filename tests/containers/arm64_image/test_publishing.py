"""What is pushed to a registry: here a real one, from Debian, on the loopback."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers import engine as engines
from tests.patience import eventually

ROOT = Path(__file__).resolve().parents[3]
CONFIG = """
version: 0.1
storage: {filesystem: {rootdirectory: ROOT}}
http: {addr: "127.0.0.1:PORT"}
"""


@pytest.fixture
def registry(engine, tmp_path):
    """The address of an empty registry."""
    if shutil.which("docker-registry") is None:
        engines.apt("install", "-y", "-qq", "--no-install-recommends", "docker-registry")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "config.yml"
    config.write_text(CONFIG.replace("ROOT", str(tmp_path / "data")).replace("PORT", str(port)))
    server = subprocess.Popen(
        ["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def answers():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    assert eventually(answers)
    yield f"127.0.0.1:{port}"
    server.terminate()
    server.wait()


def publish(*arguments):
    return subprocess.run([sys.executable, "images/publish.py", *arguments], cwd=ROOT, capture_output=True, text=True)


def test_latest_is_one_tag_for_amd64_and_arm64(engine, images, arm64_parent, registry):
    small = images.images.get("llm101/base:cpu")
    small.tag("llm101/published", "cpu")
    engine.images.get(arm64_parent).tag("llm101/published", "arm64")
    done = publish(registry, "published")
    assert done.returncode == 0, done.stderr
    shown = ["docker", "buildx", "imagetools", "inspect", "--raw", f"{registry}/llm101/published:latest"]
    manifest = json.loads(subprocess.run(shown, capture_output=True, check=True).stdout)
    for tag in ("llm101/published", f"{registry}/llm101/published"):
        for variant in ("cpu", "arm64"):
            engine.images.remove(f"{tag}:{variant}")
    assert {entry["platform"]["architecture"] for entry in manifest["manifests"]} == {"amd64", "arm64"}


def test_an_image_that_was_not_built_is_named(engine):
    done = publish("registry.invalid", "nothing-of-this-name")
    assert done.returncode == 2
    assert (
        done.stderr.strip() == "There is no llm101/nothing-of-this-name here: build it first, e.g. with `make images`."
    )
