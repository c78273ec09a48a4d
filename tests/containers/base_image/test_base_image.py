"""What every image inherits: the student, the init, and nothing left behind by the build."""

import pytest

BASE = "llm101/base:cpu"
FOLDER = "/course/work/lab"


def test_it_starts_as_the_student(images, output):
    assert output(BASE, ["id", "-un"]).strip() == "student"
    user = images.images.get(BASE).attrs["Config"]["User"]
    assert user == "1000:1000"  # a number, so that Kubernetes can see that it is not root


def test_tini_is_the_first_process(output):
    assert output(BASE, ["cat", "/proc/1/comm"]).strip() == "tini"


def test_another_user_has_a_name_and_a_home(output):
    told = output(BASE, ["bash", "-c", "id -un; echo $HOME; touch $HOME/file && echo written"], user="4321:4321")
    assert told.split() == ["student", "/home/student", "written"]


@pytest.mark.parametrize("tool", ["gcc", "cc", "g++", "make", "ld"])
def test_no_compiler_is_left(output, tool):
    assert output(BASE, ["bash", "-c", f"command -v {tool} || echo none"]).strip() == "none"


@pytest.mark.parametrize("image", [BASE, "llm101/requirements-lab:cpu", "llm101/lab-05:cpu", "llm101/grader:cpu"])
def test_no_cache_is_left(output, image):
    find = "find /root /home /var/lib/apt/lists /var/cache/apt /tmp -type f -size +64k 2>/dev/null || true"
    assert output(image, ["bash", "-c", find], user="0:0", entrypoint="", tmpfs={}) == ""


def test_started_as_root_it_steps_down_to_the_owner_of_the_work(output, tmp_path):
    tmp_path.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    output("llm101/base:cpu", ["chown", "4321:4321", FOLDER], **as_root(work), environment={"LAB_FOLDER": "/none"})
    told = output(
        BASE, ["bash", "-c", f"id -u; touch {FOLDER}/file"], **as_root(work), environment={"LAB_FOLDER": FOLDER}
    )
    assert told.strip() == "4321"
    assert (work / "file").stat().st_uid == 4321


def test_work_of_somebody_else_is_refused_with_the_cure(start, tmp_path):
    tmp_path.chmod(0o755)
    mount = {str(tmp_path): {"bind": FOLDER, "mode": "rw"}}
    container = start(BASE, ["true"], user="4321:4321", volumes=mount, environment={"LAB_FOLDER": FOLDER})
    assert container.wait()["StatusCode"] == 2
    assert "start this container with --user " in container.logs().decode()


def as_root(work):
    """Root with the capabilities that `docker run --user root` leaves it."""
    return {"user": "0:0", "cap_drop": [], "volumes": {str(work): {"bind": FOLDER, "mode": "rw"}}}
