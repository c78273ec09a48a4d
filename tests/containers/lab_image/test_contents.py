"""What is in a lab's image, layer by layer, and what must not be."""

import re

import pytest

MEBIBYTE = 1 << 20
BUDGET = 2850  # MiB: what the README's table says, with some room for the packages' next patch versions
TEACHERS = re.compile(r"(^|/)(solutions|hidden|misconceptions|autograder|\.secret|\.traces)(/|$)")


def test_no_layer_has_a_file_of_the_teacher_s(layers, image):
    paths = [path for layer in layers[image].values() for path in layer.paths]
    assert any(path.endswith(".ipynb") for path in paths)
    assert [path for path in paths if TEACHERS.search(path)] == []


def test_no_file_of_the_course_has_a_passage_of_a_solution(output, lab, image):
    sources = [(lab.folder / f"{name}.py").read_text() for name in lab.notebooks]
    regions = [
        part for text in sources for part in re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", text, re.S)
    ]
    passages = {passage for region in regions for passage in passages_of(region)}
    assert len(passages) > 20
    course = output(image, ["bash", "-c", "find /course -type f -not -name '*.pyc' | xargs cat"], tmpfs={"/tmp": ""})
    assert set(passages_of(course)) & passages == set()


def passages_of(text):
    """Three lines in a row, of a program or of a notebook's JSON: one alone may stand where students see it, too."""
    bare = (line.strip().strip('",').removesuffix("\\n").replace('\\"', '"') for line in text.splitlines())
    lines = [line.strip(' ",') for line in bare]
    lines = [line for line in lines if line]
    rows = zip(lines, lines[1:], lines[2:], strict=False)
    return ["\n".join(row) for row in rows if sum(map(len, row)) > 40]


def test_the_image_s_own_layers_are_small(layers, image):
    own = [layer for name, layer in layers[image].items() if name not in shared(layers, image)]
    assert sum(layer.size for layer in own) <= 20 * MEBIBYTE


def test_all_labs_together_cost_little_more_than_one(layers):
    distinct = {name: layer.size for image in layers.values() for name, layer in image.items()}
    largest = max(sum(layer.size for layer in image.values()) for image in layers.values())
    assert sum(distinct.values()) <= 1.6 * largest


def test_sizes_are_within_their_budgets(layers, capsys):
    sizes = {image: sum(layer.size for layer in found.values()) // MEBIBYTE for image, found in layers.items()}
    with capsys.disabled():
        print("\n| image | MiB | of these its own |\n|---|---|---|")
        for image, size in sorted(sizes.items()):
            own = sum(layer.size for name, layer in layers[image].items() if name not in shared(layers, image))
            print(f"| `{image}` | {size} | {own / MEBIBYTE:.1f} |")
    assert {image for image, size in sizes.items() if size > BUDGET} == set()


def shared(layers, image):
    """The layers that came with the parent: all up to the requirement layer's packages."""
    names = list(layers[image])
    packages = max(
        number for number, name in enumerate(names) if any("site-packages/peft" in p for p in layers[image][name].paths)
    )
    return names[: packages + 1]


@pytest.mark.parametrize("key", ["version", "revision", "source", "licenses", "title", "vendor"])
def test_oci_labels(images, image, key):
    assert f"org.opencontainers.image.{key}" in images.images.get(image).labels


def test_the_lesson_is_a_label(images, lab, image):
    labels = images.images.get(image).labels
    assert (labels["org.llm101.lesson"], labels["org.llm101.lab"]) == (lab.lesson, lab.id)
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels["org.opencontainers.image.revision"])
