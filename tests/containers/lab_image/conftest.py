"""The labs that are built, their images, and what is in every layer of these."""

import json
import os
import re
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import docker
import nbformat
import pytest

from autograder import source
from autograder.lab import REPOSITORY, Lab

LABS = Lab.all()
# Training in the notebooks is cut to a tenth of its steps, and to less where lab.toml says so; this asks for the whole.
WHOLE_NOTEBOOKS = "LLM101_WHOLE_NOTEBOOKS" in os.environ


@dataclass
class Layer:
    """One layer of an image: bytes in it, and the paths."""

    size: int = 0
    paths: list[str] = field(default_factory=list)


@pytest.fixture(params=LABS, ids=lambda lab: lab.id)
def lab(request: pytest.FixtureRequest) -> Lab:
    return request.param


@pytest.fixture
def image(lab: Lab) -> str:
    return image_of(lab)


@pytest.fixture
def solved(lab: Lab, tmp_path: Path) -> Path:
    """A folder with the release and the reference's notebooks in it, as a student might have written them."""
    folder = shutil.copytree(REPOSITORY / "assignments" / "en" / lab.id, tmp_path / lab.id)
    for name in lab.notebooks:
        notebook = source.reference(lab, name)
        for cell in notebook.cells:
            if not WHOLE_NOTEBOOKS and cell.cell_type == "code":
                cell.source = shortened(cell.source, lab.short.get(name, {}))
        nbformat.write(notebook, folder / f"{name}.ipynb")
    for path in (tmp_path, folder):
        path.chmod(0o777)
    return folder


@pytest.fixture(scope="session")
def layers(images: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Layer]]:
    """Lab image -> its layers by name, from `docker save`; a layer that images share has one name."""
    tags = [image_of(lab) for lab in LABS]
    archive = tmp_path_factory.mktemp("saved") / "images.tar"
    with archive.open("wb") as file:
        for chunk in images.api.get_image(tags[0]) if len(tags) == 1 else _save(images, tags):
            file.write(chunk)
    found: dict[str, Layer] = {}
    with tarfile.open(archive) as outer:
        for member in outer:
            if member.name.endswith("layer.tar"):
                found[member.name] = _read_layer(cast(IO[bytes], outer.extractfile(member)))
        manifest = json.load(cast(IO[bytes], outer.extractfile("manifest.json")))
    archive.unlink()
    return {tag: {name: found[name] for name in entry["Layers"]} for entry in manifest for tag in entry["RepoTags"]}


def shortened(source: str, short: Mapping[str, str]) -> str:
    """A cell with a tenth of its steps, and with what its lab says is to be shorter."""
    for text, shorter in short.items():
        source = source.replace(text, shorter)
    return re.sub(r'"steps": (\d+)', lambda n: f'"steps": {max(4, int(n[1]) // 10)}', source)


def image_of(lab: Lab) -> str:
    return f"llm101/lab-{lab.lesson}:cpu"


def _save(engine: docker.DockerClient, tags: list[str]):
    """`docker save` of several images, which the SDK has no call for."""
    api = engine.api
    response = api._get(api._url("/images/get"), params={"names": tags}, stream=True)
    return api._stream_raw_result(response, 1 << 21, False)


def _read_layer(file: IO[bytes]) -> Layer:
    layer = Layer()
    with tarfile.open(fileobj=file) as inner:
        for member in inner:
            layer.size += member.size
            layer.paths.append(member.name)
    return layer
