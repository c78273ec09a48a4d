"""An arm64 machine where there is none: QEMU, and a base image that is unpacked but not configured."""

import hashlib
import io
import json
import os
import platform
import shutil
import sys
import tarfile
from pathlib import Path

import docker
import pytest

from tests.containers import engine as engines

PARENT = "llm101-test-base:arm64"
# What the lab's Dockerfile finds in llm101/requirements-lab, but for the packages: torch under emulation takes an hour.
PARENT_DOCKERFILE = """
FROM llm101-test-base:arm64-unpacked
RUN python3 -m venv --without-pip /opt/llm101 && useradd --create-home --uid 1000 --user-group student
ENV PATH=/opt/llm101/bin:$PATH
"""


@pytest.fixture(scope="session")
def arm64_parent(engine: docker.DockerClient) -> str:
    """An arm64 image on which a lab's Dockerfile builds, and an engine that can run it."""
    if platform.machine() != "x86_64" or sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.skip("arm64 is emulated by root on Debian for x86-64 only")
    register_qemu()
    if not engine.images.list(PARENT):
        unpack(engine)
        engine.images.build(fileobj=io.BytesIO(PARENT_DOCKERFILE.encode()), tag=PARENT, platform="linux/arm64")
    return PARENT


def register_qemu() -> None:
    """Has the kernel run arm64 programs by QEMU, in containers too."""
    if not shutil.which("qemu-aarch64-static"):
        engines.apt("update", "-qq")
        engines.apt(
            "install", "-y", "-qq", "--no-install-recommends", "qemu-user-static", "binfmt-support", "arch-test"
        )
    if not Path("/proc/sys/fs/binfmt_misc/register").exists():
        engines.run("mount", "-t", "binfmt_misc", "binfmt_misc", "/proc/sys/fs/binfmt_misc")
    engines.run("update-binfmts", "--enable", "qemu-aarch64")


def unpack(engine: docker.DockerClient) -> None:
    """Loads Debian's arm64 packages as an image. `docker import` would note the wrong architecture down."""
    engines.CACHE.mkdir(parents=True, exist_ok=True)
    rootfs = engines.CACHE / "arm64.tar"
    packages = "--include=base-files,bash,coreutils,dash,findutils,libc-bin,passwd,python3,python3-venv"
    engines.run("mmdebstrap", "--quiet", "--variant=extract", "--arch=arm64", packages, "bookworm", str(rootfs))
    digest = hashlib.file_digest(rootfs.open("rb"), "sha256").hexdigest()
    config = json.dumps({
        "architecture": "arm64", "variant": "v8", "os": "linux",
        "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }).encode()  # fmt: skip
    name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = [{"Config": name, "RepoTags": [f"{PARENT}-unpacked"], "Layers": ["layer.tar"]}]
    archive = rootfs.with_suffix(".image.tar")
    with tarfile.open(archive, "w") as tar:
        tar.add(rootfs, "layer.tar")
        for path, content in ((name, config), ("manifest.json", json.dumps(manifest).encode())):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    with archive.open("rb") as file:
        engine.images.load(file)
    archive.unlink()
    rootfs.unlink()
