"""What runs a lab, and what is said when it cannot; `docker` is a double where the real one would have to be broken.

The real engine is asked in tests/containers.
"""

import json
import os
import platform
import shutil
import stat
import sys
from collections import namedtuple
from pathlib import Path

import pytest
import typer

from launcher import cli, container, engine, hand_in, runtime
from launcher.container import Container, Running
from launcher.engine import Engine, NoContainers
from launcher.workspace import LabError, Workspace

IMAGE = "llm101/lab-05:cpu"
INFO = {"DockerRootDir": "/nowhere", "SecurityOptions": [], "ClientInfo": {"Plugins": [{"Name": "compose"}]}}


class Double:
    """A `docker` on the PATH that answers from files and notes its calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.says("info", json.dumps(INFO))
        self.says("context", "unix:///var/run/docker.sock")
        script = folder / "docker"
        script.write_text(
            f'#!/bin/sh\ncd {folder}\necho "$@" >> calls\n'
            'case "$*" in *" up "*) answer=up;; *" config "*) answer=config;; *) answer=$1;; esac\n'
            '[ ! -f "$answer.sh" ] || . "./$answer.sh"\n[ ! -f "$answer" ] || cat "$answer"\n'
        )
        script.chmod(0o755)

    def says(self, command: str, text: str) -> None:
        (self.folder / command).write_text(text)

    def does(self, command: str, shell: str) -> None:
        """Before it answers `command`: "info", "context", "image" (inspect), "up", "config", or docker's own name."""
        (self.folder / f"{command}.sh").write_text(shell)

    def calls(self, word: str) -> list[str]:
        return [call for call in (self.folder / "calls").read_text().splitlines() if word in call]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Double:
    """An engine that answers, has compose, and lists no container; nothing else is on the PATH but the system."""
    folder = tmp_path / "double"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    for name in ("LAB_RUNTIME", "VARIANT", "LLM101_REGISTRY", "LLM101_SOLUTIONS"):
        monkeypatch.delenv(name, raising=False)
    return Double(folder)


@pytest.fixture
def box(docker: Double, workspace: Workspace) -> Container:
    """Lab 05 of the small course, started, in the CPU variant."""
    lab = workspace.find("05")
    workspace.start(lab, "en")
    return Container(workspace, lab, Engine.find(), "cpu", "en")


# ---- is there an engine? --------------------------------------------------------------------------------


def test_without_docker_a_lab_runs_in_the_virtual_environment_and_nothing_is_said(workspace, monkeypatch, capsys):
    monkeypatch.delenv("LAB_RUNTIME")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert cli._container(workspace, workspace.find("05"), "en") is None
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("command", "trouble", "line"),
    [
        ("info", "echo 'Cannot connect to the Docker daemon' >&2; echo {}; exit 1", "No Docker engine answers"),
        ("info", "echo 'permission denied while trying to connect' >&2; exit 1", "You may not use the Docker engine"),
        ("info", f"echo '{json.dumps({**INFO, 'ClientInfo': {'Plugins': None}})}'; exit", "Docker lacks its compose"),
        ("context", "echo ssh://teacher@far.away; exit", "The Docker engine is on another machine"),
    ],
)
def test_an_engine_that_is_no_use_is_told_in_a_line_with_its_cure_or_gone_without(
    docker, workspace, monkeypatch, capsys, command, trouble, line
):
    docker.does(command, trouble)
    assert cli._container(workspace, workspace.find("05"), "en") is None
    assert capsys.readouterr().out.startswith(f"{line}")
    monkeypatch.setenv("LAB_RUNTIME", "container")
    with pytest.raises(LabError, match=rf"^{line}.*: .*LAB_RUNTIME=venv\.$"):
        cli._container(workspace, workspace.find("05"), "en")


def test_an_engine_that_hangs_costs_seconds(docker, monkeypatch):
    monkeypatch.setattr(engine, "ANSWER_SECONDS", 0.3)
    docker.does("info", "exec sleep 60")
    with pytest.raises(NoContainers, match="No Docker engine answers"):  # after a minute it would be one that does
        Engine.find()


def test_a_runtime_that_there_is_not_is_refused(monkeypatch):
    monkeypatch.setenv("LAB_RUNTIME", "podman")
    with pytest.raises(LabError, match=r"^LAB_RUNTIME takes container or venv, not 'podman'\.$"):
        runtime.asked()


# ---- which variant? -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gpus", "machine", "variant"),
    [("GPU 0: RTX 4090", "x86_64", "cuda"), ("", "arm64", "arm64"), ("", "aarch64", "arm64"), ("", "x86_64", "cpu")],
)
def test_the_variant_fits_the_machine(docker, monkeypatch, gpus, machine, variant):
    smi = docker.folder / "nvidia-smi"
    smi.write_text(f"#!/bin/sh\necho '{gpus}'")
    smi.chmod(0o755)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert container.choose_variant() == variant


def test_variant_overrides_the_choice_but_not_the_facts(docker, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setenv("VARIANT", "cpu")
    assert container.choose_variant() == "cpu"
    monkeypatch.setenv("VARIANT", "cuda")
    with pytest.raises(LabError, match=r"no NVIDIA GPU is visible.*VARIANT=cpu"):
        container.choose_variant()
    monkeypatch.setenv("VARIANT", "rocm")
    with pytest.raises(LabError, match=r"^VARIANT takes cpu, cuda, arm64, not 'rocm'\.$"):
        container.choose_variant()


@pytest.mark.parametrize(
    ("variant", "service", "line"),
    [
        ("cpu", "vllm", r"^--with vllm needs VARIANT=cuda; this is VARIANT=cpu\.$"),
        ("arm64", "ollama", r"^ollama runs on the Mac itself"),
    ],
)
def test_a_service_that_the_variant_does_not_have_is_refused(box, variant, service, line):
    with pytest.raises(LabError, match=line):
        Container(box.workspace, box.lab, box.engine, variant, "en", (service,))


def test_services_need_containers(workspace):
    with pytest.raises(LabError, match="--with needs containers"):
        cli._container(workspace, workspace.find("05"), "en", ("tensorboard",))


# ---- the image ------------------------------------------------------------------------------------------


@pytest.fixture
def absent(docker: Double, box: Container) -> Double:
    """The engine does not have the lab's image."""
    docker.does("image", "exit 1")
    docker.says("config", f"{IMAGE}\n")
    return docker


def test_an_image_that_is_here_is_neither_pulled_nor_built(box, docker):
    docker.says("config", f"{IMAGE}\n")
    box.ensure_images()
    assert docker.calls("image inspect") == [f"image inspect {IMAGE}"]
    assert docker.calls("pull") == []


def test_an_absent_image_is_pulled_from_the_registry_that_is_named_and_from_no_other(absent, box, monkeypatch):
    with pytest.raises(NoContainers, match=f"The image {IMAGE} is not here: set LLM101_REGISTRY"):
        box.ensure_images()
    assert absent.calls("pull") == []
    monkeypatch.setenv("LLM101_REGISTRY", "registry.example/")
    absent.says("config", f"registry.example/{IMAGE}\n")
    box.ensure_images()
    assert absent.calls("pull") == [f"pull registry.example/{IMAGE}"]


def test_a_pull_that_fails_is_told_in_a_line(absent, box, monkeypatch):
    monkeypatch.setenv("LLM101_REGISTRY", "registry.example")
    absent.does("pull", "exit 1")
    with pytest.raises(LabError, match=f"^The image {IMAGE} could not be pulled: see above"):
        box.ensure_images()


def test_an_absent_image_is_built_where_the_images_are_described(absent, box, tmp_path):
    script = box.workspace.root / "images" / "build.py"
    script.parent.mkdir()
    script.write_text(f"import sys\nopen({str(tmp_path / 'built')!r}, 'w').write(' '.join(sys.argv[1:]))")
    box.ensure_images()
    assert (tmp_path / "built").read_text() == "05 --variant cpu"
    script.write_text("raise SystemExit(1)")
    with pytest.raises(LabError, match=f"^The image {IMAGE} could not be built: see above"):
        box.ensure_images()


def test_a_disk_that_is_too_small_is_noticed_before_a_pull(absent, workspace, tmp_path, monkeypatch):
    monkeypatch.setenv("LLM101_REGISTRY", "registry.example")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(29 * 10**9))
    here = Engine(tmp_path, rootless=False)
    with pytest.raises(LabError, match=f"x/lab-05:cuda needs 30 GB and {tmp_path} has 29 GB free: make room"):
        here.ensure_image("x/lab-05:cuda", workspace.root)
    assert absent.calls("pull") == []
    here.ensure_image("x/lab-05:cpu", workspace.root)
    assert absent.calls("pull") == ["pull x/lab-05:cpu"]


def test_a_copy_of_the_course_without_images_runs_in_the_virtual_environment_and_says_so(absent, box, capsys):
    assert cli._container(box.workspace, box.lab, "en") is None
    assert capsys.readouterr().out == f"The image {IMAGE} is not here: using the virtual environment.\n"


# ---- the container --------------------------------------------------------------------------------------


def test_a_gpu_that_docker_cannot_reach_is_told_with_its_cure_and_the_container_is_kept_for_its_log(box, docker):
    docker.does("up", "echo 'Error: could not select device driver \"nvidia\"' >&2; exit 1")
    with pytest.raises(LabError, match="Docker cannot reach the GPU: install the NVIDIA Container Toolkit"):
        box.serve(port=None, browser=False, announce=print)
    assert docker.calls(" stop") and not docker.calls(" down")


def test_a_container_that_ends_at_once_is_told_by_its_last_words(box, docker):
    labels = {"org.llm101.lab": "lab-05-lora", "org.llm101.variant": "cpu", "org.llm101.page": "lab"}
    state = {"Running": False, "Status": "exited"}
    config = {"Labels": labels, "Env": ["JUPYTER_TOKEN=x"]}
    docker.says("ps", "c0ffee\n")
    docker.says(
        "inspect", json.dumps([{"Id": "c0ffee", "Config": config, "State": state, "NetworkSettings": {"Ports": {}}}])
    )
    docker.says("logs", "Traceback\nPermissionError: work\n")
    with pytest.raises(LabError, match=r"^Lab 05 does not run: PermissionError: work \(`make logs-05` shows all\)$"):
        box.serve(port=None, browser=False, announce=print)


def test_the_container_runs_as_the_owner_of_the_folder_unless_the_engine_is_rootless(box):
    folder = box.workspace.folder(box.lab)
    if os.geteuid() == 0:
        os.chown(folder, 1234, 1235)
    owner = folder.stat()
    assert box._variables()["OWNER"] == f"{owner.st_uid}:{owner.st_gid}"
    rootless = Container(box.workspace, box.lab, Engine(Path("/nowhere"), rootless=True), "cpu", "en")
    assert rootless._variables()["OWNER"] == "0:0"


def test_two_checkouts_do_not_meet(workspace, tmp_path):
    assert container.checkout_id(workspace) != container.checkout_id(Workspace(tmp_path / "other"))


def test_an_unhealthy_container_is_told_from_one_that_starts(docker):
    labels = {"org.llm101.lab": "lab-05-lora", "org.llm101.variant": "cpu", "org.llm101.page": "lab/tree/lora.ipynb"}
    answer = {
        "Id": "c0ffee",
        "Config": {"Labels": labels, "Env": ["HOME=/home/student", "JUPYTER_TOKEN=a=b"]},
        "State": {"Running": True, "Status": "running", "Health": {"Status": "unhealthy"}},
        "NetworkSettings": {"Ports": {"8888/tcp": [{"HostIp": "127.0.0.1", "HostPort": "9123"}]}},
    }
    running = Running.read(answer)
    assert (running.state, running.ended) == ("unhealthy", False)
    assert running.url == "http://127.0.0.1:9123/lab/tree/lora.ipynb?token=a=b"


# ---- without containers ---------------------------------------------------------------------------------


def test_the_virtual_environment_is_completed_by_set_up_and_its_failure_is_ours(tmp_path, monkeypatch):
    script = tmp_path / "requirements" / "setup_env.py"
    script.parent.mkdir()
    script.write_text(f"import sys\nopen({str(tmp_path / 'asked')!r}, 'w').write(' '.join(sys.argv[1:])); sys.exit(2)")
    runtime.set_up_venv(tmp_path, "05", "lab")  # this Python is not the checkout's
    assert not (tmp_path / "asked").exists()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    with pytest.raises(SystemExit) as end:
        runtime.set_up_venv(tmp_path, "05", "lab")
    assert end.value.code == 2
    assert (tmp_path / "asked").read_text() == "05 lab"


def test_checks_in_the_virtual_environment_have_it_completed_first(workspace, monkeypatch):
    workspace.start(workspace.find("05"), "en")
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(cli, "Workspace", lambda: workspace)
    monkeypatch.setattr(runtime, "set_up_venv", lambda root, *names: asked.append(names))
    monkeypatch.setattr(cli.subprocess, "run", lambda *_, **__: cli.subprocess.CompletedProcess([], 0))
    with pytest.raises(typer.Exit) as end:
        cli.check("05")
    assert (end.value.exit_code, asked) == (0, [("05", "lab")])


# ---- the public checks in a container -------------------------------------------------------------------


def test_checks_run_in_a_container_of_their_own_as_locked_up_as_the_labs(box, docker, monkeypatch):
    docker.does("run", "exit 1")
    assert cli._checked_in(box) == 1
    (call,) = docker.calls("run --rm")
    for word in ("--rm", "--pull=never", "--network=none", "--read-only", "--cap-drop=ALL", "no-new-privileges"):
        assert word in call
    assert f"--volume={box.workspace.folder(box.lab)}:/course/work/lab-05-lora" in call
    assert f"--user={box._variables()['OWNER']}" in call
    assert call.endswith(f"{IMAGE} lab check 05 --lang en")


def test_checks_run_in_the_labs_container_while_it_runs(box, docker):
    labels = {"org.llm101.lab": "lab-05-lora", "org.llm101.variant": "cpu", "org.llm101.page": "lab"}
    state = {"Running": True, "Status": "running"}
    config = {"Labels": labels, "Env": ["JUPYTER_TOKEN=x"]}
    docker.says("ps", "c0ffee\n")
    docker.says(
        "inspect", json.dumps([{"Id": "c0ffee", "Config": config, "State": state, "NetworkSettings": {"Ports": {}}}])
    )
    assert cli._checked_in(box) == 0
    assert docker.calls("exec") == ["exec c0ffee lab check 05 --lang en"]
    assert docker.calls("run ") == []


def test_checks_that_do_not_come_to_an_end_are_told_in_a_line(box, docker):
    docker.does("run", "exit 137")
    with pytest.raises(LabError, match=r"^The container that ran the checks ended \(exit status 137\)\.$"):
        cli._checked_in(box)


def test_checks_need_no_package_of_the_lab_here_where_they_run_in_a_container(box, docker, monkeypatch):
    monkeypatch.setenv("LAB_RUNTIME", "container")
    monkeypatch.setattr(cli, "Workspace", lambda: box.workspace)
    monkeypatch.setattr(runtime, "set_up_venv", lambda *_: pytest.fail("set-up was called"))
    with pytest.raises(typer.Exit) as end:
        cli.check("05")
    assert end.value.exit_code == 0
    assert docker.calls("lab check 05")


# ---- grading in a container -----------------------------------------------------------------------------


def test_the_grader_is_given_closed_copies_and_the_checkouts_secret(box, docker, tmp_path, monkeypatch):
    solutions = tmp_path / "private"
    (solutions / "lab-05-lora" / ".traces").mkdir(parents=True)
    (solutions / "lab-05-lora" / "lora.py").write_text("reference")
    (solutions / "lab-05-lora" / "lora.py").chmod(0o600)
    (solutions / ".secret").write_bytes(b"s" * 32)
    monkeypatch.setenv("LLM101_SOLUTIONS", str(solutions))
    docker.does(
        "run",
        f"cp -r {solutions}/.traces/grading-*/ {tmp_path}/seen; stat -c %a {solutions}/.traces > {tmp_path}/mode;"
        "echo '{\"score\": 1}'",
    )
    submission = box.workspace.hand_in(box.lab)
    done = hand_in.in_container(box.workspace, box.lab, submission, box.engine, "en")
    assert json.loads(done.stdout) == {"score": 1}
    seen = tmp_path / "seen"
    assert (seen / "solutions" / ".secret").read_bytes() == b"s" * 32
    assert stat.S_IMODE((seen / "solutions" / "lab-05-lora" / "lora.py").stat().st_mode) == 0o644
    assert (seen / "submission" / "lora.ipynb").is_file()
    assert (tmp_path / "mode").read_text() == "700\n"
    assert [folder.name for folder in (solutions / ".traces").iterdir()] == ["lab-05-lora"]  # the copies are gone


def test_the_grader_has_no_network_no_capabilities_and_its_own_seccomp_profile(box, docker, tmp_path, monkeypatch):
    monkeypatch.setenv("LLM101_SOLUTIONS", str(tmp_path / "private"))
    (tmp_path / "private" / "lab-05-lora").mkdir(parents=True)
    hand_in.in_container(box.workspace, box.lab, box.workspace.hand_in(box.lab), box.engine, "en")
    (call,) = docker.calls("run")
    for word in ("--network=none", "--read-only", "--cap-drop=ALL", "no-new-privileges", "--user=1001:1001"):
        assert word in call
    assert f"seccomp={box.workspace.root}/images/grader/seccomp.json" in call
    assert call.endswith("llm101/grader:cpu grade 05 /submission --lang en --json")
    assert "docker.sock" not in call and "--privileged" not in call


def test_without_sources_or_profile_nothing_is_graded_in_a_container(box, docker):
    submission = box.workspace.hand_in(box.lab)
    assert cli._grade_in_container(box.workspace, box.lab, submission, "en") is None
    assert docker.calls("run") == []


def test_a_grader_that_was_asked_for_in_a_container_is_not_replaced_by_another(box, docker, monkeypatch):
    docker.does("image", "exit 1")
    profile = hand_in.seccomp_profile(box.workspace)
    profile.parent.mkdir(parents=True)
    profile.write_text("{}")
    (box.workspace.root / "solutions" / "lab-05-lora").mkdir(parents=True)
    submission = box.workspace.hand_in(box.lab)
    assert cli._grade_in_container(box.workspace, box.lab, submission, "en") is None
    monkeypatch.setenv("LAB_RUNTIME", "container")
    with pytest.raises(NoContainers, match="llm101/grader:cpu is not here"):
        cli._grade_in_container(box.workspace, box.lab, submission, "en")


def test_secrets_are_made_once(tmp_path):
    from autograder.grading.secret import local_secret

    secret = local_secret(tmp_path)
    assert len(secret) == 32
    assert local_secret(tmp_path) == secret
    assert stat.S_IMODE((tmp_path / ".secret").stat().st_mode) == 0o600
