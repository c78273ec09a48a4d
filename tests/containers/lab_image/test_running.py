"""A lab's image at work: JupyterLab, labkit and the whole notebook, without a network and on a read-only root."""

import re
import time

HEALTHY_SECONDS = 90


def test_jupyter_answers_and_becomes_healthy(start, lab, image):
    container = start(image, environment={"JUPYTER_TOKEN": "secret-of-this-test"})
    wait_until_healthy(container)
    answers = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).status)"
    url = "http://127.0.0.1:8888/api/contents?token="
    status, told = container.exec_run(["python", "-c", answers, f"{url}secret-of-this-test"])
    assert (status, told.strip()) == (0, b"200")
    status, told = container.exec_run(["python", "-c", answers, f"{url}guessed"])
    assert status != 0
    assert b"403" in told


def test_it_serves_the_starter_notebooks(start, lab, image):
    container = start(image, environment={"JUPYTER_TOKEN": "t"})
    wait_until_healthy(container)
    listed = container.exec_run(["ls", f"/course/work/{lab.id}"]).output.decode().split()
    assert {f"{name}.ipynb" for name in lab.notebooks} <= set(listed)


def test_it_is_not_healthy_without_jupyter(start, image):
    container = start(image, ["sleep", "60"])
    status, told = container.exec_run(["healthcheck.py"])
    assert (status, told.decode().startswith("JupyterLab does not answer")) == (1, True)


def test_without_a_token_it_makes_one_and_says_so(start, image):
    container = start(image)
    wait_until_healthy(container)
    assert re.search(rb"JupyterLab: http://\S+\?token=[0-9a-f]{32}", container.logs())


def test_it_stops_at_once_when_told_to(start, image):
    container = start(image, environment={"JUPYTER_TOKEN": "t"})
    wait_until_healthy(container)
    began = time.monotonic()
    container.stop(timeout=30)
    assert time.monotonic() - began < 20
    assert container.wait()["StatusCode"] in (0, 143)


def test_nothing_runs_as_root(start, image):
    container = start(image, environment={"JUPYTER_TOKEN": "t"})
    wait_until_healthy(container)
    assert {row[1] for row in container.top(ps_args="-eo pid,uid,comm")["Processes"]} == {"1000"}


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


def test_the_notebooks_run_top_to_bottom_with_the_reference(output, lab, image, solved):
    """Every cell, plots and training included: the whole lab as a student runs it, but with a tenth of the steps."""
    folder = f"/course/work/{lab.id}"
    command = ["jupyter", "nbconvert", "--to=notebook", "--execute", "--inplace", "--ExecutePreprocessor.timeout=1200"]
    command += [f"{name}.ipynb" for name in lab.notebooks]
    mount = {str(solved): {"bind": folder, "mode": "rw"}}
    owner = f"{solved.stat().st_uid}:{solved.stat().st_gid}"  # as compose has it
    output(image, command, working_dir=folder, volumes=mount, user=owner)
    for name in lab.notebooks:
        assert '"output_type": "error"' not in (solved / f"{name}.ipynb").read_text()


def wait_until_healthy(container):
    deadline = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < deadline:
        container.reload()
        if container.attrs["State"]["Health"]["Status"] == "healthy":
            return
        assert container.status == "running", container.logs(tail=20).decode()
        time.sleep(0.5)
    raise AssertionError(container.logs(tail=20).decode())
