"""A lab's image at work: JupyterLab, labkit and the whole notebook, without a network and on a read-only root."""

import re

import pytest

from tests import rotation
from tests.patience import eventually

HEALTHY_SECONDS = 180


@pytest.fixture(scope="module", params=rotation.labs(), ids=lambda lab: lab.id)
def lab(request):
    return request.param


@pytest.fixture(scope="module")
def jupyter(start_for_all, lab):
    """A container with a JupyterLab that answers, for the tests that do not stop it."""
    container = start_for_all(f"llm101/lab-{lab.lesson}:cpu", environment={"JUPYTER_TOKEN": "secret-of-this-test"})
    wait_until_healthy(container)
    return container


def test_jupyter_answers_to_its_token_alone(jupyter):
    answers = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).status)"
    url = "http://127.0.0.1:8888/api/contents?token="
    status, told = jupyter.exec_run(["python", "-c", answers, f"{url}secret-of-this-test"])
    assert (status, told.strip()) == (0, b"200")
    status, told = jupyter.exec_run(["python", "-c", answers, f"{url}guessed"])
    assert status != 0
    assert b"403" in told


def test_it_serves_the_starter_notebooks(jupyter, lab):
    listed = jupyter.exec_run(["ls", f"/course/work/{lab.id}"]).output.decode().split()
    assert {f"{name}.ipynb" for name in lab.notebooks} <= set(listed)


def test_it_is_not_healthy_without_jupyter(start, image):
    container = start(image, ["sleep", "60"])
    status, told = container.exec_run(["healthcheck.py"])
    assert (status, told.decode().startswith("JupyterLab does not answer")) == (1, True)


def test_without_a_token_it_makes_one_and_says_so(start, image):
    container = start(image)
    wait_until_healthy(container)
    assert re.search(rb"JupyterLab: http://\S+\?token=[0-9a-f]{32}", container.logs())


def test_it_stops_when_told_to(start, image):
    container = start(image)
    wait_until_healthy(container)
    container.stop(timeout=60)
    assert container.wait()["StatusCode"] in (0, 143)  # 137: it was killed in the end


def test_nothing_runs_as_root(jupyter):
    assert {row[1] for row in jupyter.top(ps_args="-eo pid,uid,comm")["Processes"]} == {"1000"}


def test_student_code_cannot_change_what_it_runs_on(output, image):
    # Without read_only: the files' owner alone must be enough.
    attempt = "touch /opt/llm101/bin/x /course/assignments/x /etc/x 2>&1 | grep -c 'denied'"
    assert output(image, ["bash", "-c", attempt], read_only=False).strip() == "3"


def test_labkit_works_without_a_network(output, image):
    code = """
from labkit.models import load_smollm2, load_tokenizer
tokenizer, model = load_tokenizer(), load_smollm2()
ids = tokenizer("The capital of France is", return_tensors="pt")
print(tokenizer.decode(model.generate(**ids, max_new_tokens=1, do_sample=False)[0]))
"""
    assert output(image, ["python", "-c", code]).strip().endswith("Paris")


def test_plots_have_a_font_with_chinese_characters(output, image):
    code = "from labkit import plots; plots.style(); import matplotlib; print(matplotlib.rcParams['font.family'])"
    assert "WenQuanYi Micro Hei" in output(image, ["python", "-c", code])


def test_lab_status_knows_this_lab(output, lab, image):
    assert f" {lab.lesson} " in output(image, ["lab", "status"])


@pytest.mark.parametrize(("lab", "name"), rotation.notebooks(), ids=lambda one: getattr(one, "id", one))
def test_a_notebook_runs_top_to_bottom_with_the_reference(output, lab, name, image, solved):
    """Every cell, plots and training included: the notebook as a student runs it, but with a tenth of the steps."""
    folder = f"/course/work/{lab.id}"
    command = ["jupyter", "nbconvert", "--to=notebook", "--execute", "--inplace", "--ExecutePreprocessor.timeout=1200"]
    command += [f"{name}.ipynb"]
    mount = {str(solved): {"bind": folder, "mode": "rw"}}
    owner = f"{solved.stat().st_uid}:{solved.stat().st_gid}"  # as compose has it
    output(image, command, working_dir=folder, volumes=mount, user=owner)
    assert '"output_type": "error"' not in (solved / f"{name}.ipynb").read_text()


def wait_until_healthy(container):
    def healthy():
        container.reload()
        assert container.status == "running", container.logs(tail=20).decode()
        return container.attrs["State"]["Health"]["Status"] == "healthy"

    assert eventually(healthy, HEALTHY_SECONDS), container.logs(tail=20).decode()
