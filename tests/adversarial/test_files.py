"""The file system that student code sees: an empty one to write in, a read-only system, and nothing of ours."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

import autograder
from autograder import source
from autograder.lab import REPOSITORY

pytestmark = pytest.mark.isolation
WRITABLE = {"/tmp", "/home/student", "/dev/shm"}


def test_nothing_of_the_repository_can_be_opened(probe, grader):
    ours = [
        source.source_path(grader.lab, "mini"), *grader.lab.hidden.glob("*.py"), *grader.lab.misconceptions.values(),
        grader.lab.folder / ".traces", Path(autograder.__file__), REPOSITORY / "pyproject.toml", REPOSITORY / ".git",
        REPOSITORY / "solutions", REPOSITORY / "assignments", REPOSITORY / "work", REPOSITORY / "cohorts",
    ]  # fmt: skip
    assert probe("return [path for path in args[0] if os.path.lexists(path)]", [str(path) for path in ours]) == []


HOST = [str(Path.home()), "/root", "/etc/passwd", "/var", "/run", "/sys", tempfile.gettempdir()]


def test_no_folder_of_the_host_is_there_under_its_name(probe):
    """An image has folders of the same names: they are others."""
    inside = probe("return {p: (os.stat(p).st_dev, os.stat(p).st_ino) for p in args[0] if os.path.lexists(p)}", HOST)
    outside = {path: (os.stat(path).st_dev, os.stat(path).st_ino) for path in HOST}
    assert not inside.items() & outside.items()


def test_bubblewrap_shows_no_other_folders_at_all(bubblewrap, probe):
    seen = set(probe("return [path for path in args[0] if os.path.lexists(path)]", HOST)) - {tempfile.gettempdir()}
    assert seen <= {str(Path.home()), "/root"}  # folders on the way to the interpreter, empty but for it
    for path in seen:
        (only,) = probe("return os.listdir(args[0])", path)
        assert only in sys.base_prefix.split("/")


def test_nothing_of_the_grader_has_been_imported(probe):
    body = """
return [name for name in sys.modules if name.split(".")[0] in ("autograder", "pytest", "nbgrader", "nbformat")]
"""
    assert probe(body) == []


def test_only_scratch_folders_can_be_written(probe):
    body = """
import stat
written = set()
for folder, folders, files in os.walk("/"):
    if folder.startswith(("/proc", "/usr/lib", "/usr/share")) or folder.count("/") > 5:
        folders.clear()
        continue
    try:
        with open(folder + "/probe", "w"):
            written.add(folder)
    except OSError:
        pass
return sorted(written)
"""
    assert set(probe(body, seconds=30)) == WRITABLE


@pytest.mark.parametrize("folder", sorted(WRITABLE))
def test_scratch_is_bounded_in_bytes_and_in_files(probe, folder):
    body = """
import errno
written = 0
try:
    with open(args[0] + "/huge", "wb") as file:
        while True:
            written += file.write(bytes(1 << 20))
            file.flush()
except OSError as error:
    full = errno.errorcode[error.errno]
os.unlink(args[0] + "/huge")
files = 0
try:
    while True:
        open(f"{args[0]}/{files}", "w").close()
        files += 1
except OSError as error:
    return written >> 20, files, full, errno.errorcode[error.errno]
"""
    megabytes, files, *errors = probe(body, folder, seconds=30)
    assert megabytes <= 17
    assert files <= 4096
    assert errors == ["ENOSPC", "ENOSPC"]


def test_a_file_has_a_largest_size(probe):
    assert probe("f = open('/tmp/sparse', 'wb')\nf.truncate(60 << 20)\nreturn True") is True
    with pytest.raises(Exception, match="File too large"):
        probe("f = open('/tmp/sparse', 'wb')\nf.truncate(65 << 20)")


def test_the_library_cannot_be_changed(probe):
    body = """
import labkit, errno
refused = []
for path in (wire.__file__, labkit.__file__, torch.__file__, sys.executable, os.__file__):
    for act in (lambda p: open(p, "a"), lambda p: os.chmod(p, 0o777), os.utime, os.unlink):
        try:
            act(path)
        except OSError as error:
            refused.append(errno.errorcode[error.errno])
return refused
"""
    refused = probe(body)
    assert len(refused) == 20
    assert set(refused) <= {"EROFS", "EACCES", "EPERM", "EBUSY"}


def test_proc_tells_and_takes_nothing(probe):
    body = """
written = []
for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory",
             "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger", "/proc/sys/user/max_user_namespaces",
             "/proc/1/oom_score_adj", "/proc/sys/kernel/shmmax", "/proc/self/uid_map", "/proc/self/setgroups"):
    try:
        with open(path, "w") as file:
            file.write("-1000" if "oom" in path else "|/tmp/x")
        written.append(path)
    except OSError:
        pass
return written
"""
    assert probe(body) == []


def test_the_environment_is_not_the_parent_s(probe, monkeypatch):
    os.environ["LLM101_TEST_TOKEN"] = "do not tell"
    body = """
texts = [str(dict(os.environ))]
for process in Path("/proc").glob("[0-9]*"):
    for name in ("environ", "cmdline"):
        try:
            texts.append((process / name).read_text())
        except OSError:
            pass
return "\\n".join(texts)
"""
    try:
        text = probe(body)
    finally:
        del os.environ["LLM101_TEST_TOKEN"]
    assert "do not tell" not in text
    assert not {"SHELL=", "USER=", "SSH", "TOKEN", "PYTEST", "VIRTUAL_ENV"} & set(text.split())


def test_a_mount_does_not_bring_anything_back(probe):
    body = """
libc = ctypes.CDLL(None, use_errno=True)
open_tree, mount_setattr = 428, 442
return [
    libc.mount(b"proc", b"/tmp", b"proc", 0, None), libc.mount(b"/", b"/tmp", None, 4096, None),
    libc.umount2(b"/tmp", 2), libc.umount2(b"/proc", 2), libc.chroot(b"/tmp"),
    libc.unshare(0x10000000), libc.unshare(0x00020000), libc.setns(os.open("/proc/self/ns/mnt", os.O_RDONLY), 0),
    libc.syscall(open_tree, -100, b"/", 1), libc.syscall(mount_setattr, 0, b"", 0, 0, 0),
]
"""
    assert set(probe(body)) == {-1}


DISRUPTIONS = {
    "fills the scratch folders": """
for folder in ("/tmp", "/home/student", "/dev/shm"):
    try:
        with open(folder + "/x", "wb") as file:
            while True: file.write(bytes(1 << 20))
    except OSError:
        pass
""",
    "takes every inode": """
try:
    for i in range(100_000): open(f"/tmp/{i}", "w").close()
except OSError:
    pass
""",
    "locks its folders": "for folder in ('/tmp', '/home/student', '/dev/shm'): os.chmod(folder, 0)",
    "nests folders deeply": """
try:
    for _ in range(3000):
        os.mkdir("d")
        os.chdir("d")
except OSError:
    pass
""",
    "leaves strange entries": """
os.mkfifo("/tmp/fifo"); os.symlink("/tmp", "/tmp/self"); os.symlink("/nowhere", "/tmp/broken")
socket.socket(socket.AF_UNIX).bind("/tmp/socket")
os.mkdir("/tmp/locked"); open("/tmp/locked/x", "w").close(); os.chmod("/tmp/locked", 0)
open(b"/tmp/\\xff\\n", "w").close()
""",
    "moves its working directory away": "os.mkdir('/tmp/a'); os.chdir('/tmp/a'); os.rmdir('/tmp/a')",
    "leaves no descriptor free": """
try:
    while True: os.dup(0)
except OSError:
    pass
""",
}


@pytest.mark.parametrize("disruption", DISRUPTIONS)
def test_a_worker_s_files_do_not_disturb_the_next_problem(arena, disruption):
    arena.disrupt(DISRUPTIONS[disruption])
