"""The seccomp filter of student code: it allows all system calls but those that reach the kernel without need.

The namespaces already take away files, processes and the network. The filter takes away what namespaces do not cover
(bpf, io_uring, perf, keyrings, vsock), what would make new ones, and memory that outlives a process or that no
process shows (System V, memfd, shared anonymous).
"""

import errno
import tempfile
from functools import cache

from autograder.errors import GraderError
from autograder.worker import kernel

_DENIED = (
    "memfd_create", "shmget", "msgget", "semget", "vmsplice",
    "bpf", "perf_event_open", "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd",
    "memfd_secret", "add_key", "keyctl", "request_key", "ptrace", "process_vm_readv", "process_vm_writev",
    "process_madvise", "kcmp", "pidfd_getfd", "mount", "umount2", "pivot_root", "chroot", "setns", "unshare",
    "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "open_by_handle_at",
    "name_to_handle_at", "fanotify_init", "quotactl", "quotactl_fd", "lookup_dcookie", "init_module",
    "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "acct",
    "syslog", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname",
    "personality", "vhangup", "iopl", "ioperm", "modify_ldt", "move_pages", "migrate_pages",
)  # fmt: skip

_NAMESPACE_FLAGS = (
    kernel.CLONE_NEWNS, kernel.CLONE_NEWUTS, kernel.CLONE_NEWIPC,
    kernel.CLONE_NEWUSER, kernel.CLONE_NEWPID, kernel.CLONE_NEWNET, 0x02000000,
)  # fmt: skip
_SHARED_ANONYMOUS = 0x01 | 0x20  # of mmap: stays when it is unmapped in part, and then no process shows it
_SOCKET_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6: all inside the child's own empty network namespace


@cache
def compiled_filter() -> bytes:
    """The filter compiled to BPF for this machine. Raises GraderError where libseccomp is absent."""
    try:
        import pyseccomp as seccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise GraderError(f"libseccomp is missing ({error}): install it with `apt-get install libseccomp2`") from None
    rules = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
    refuse = seccomp.ERRNO(errno.EPERM)
    for name in _DENIED:
        if seccomp.resolve_syscall(seccomp.Arch.NATIVE, name) != -1:  # unknown to this libseccomp or architecture
            rules.add_rule(refuse, name)
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags are behind a pointer; glibc falls back to clone
    for flag in _NAMESPACE_FLAGS:
        rules.add_rule(refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
    rules.add_rule(refuse, "mmap", seccomp.Arg(3, seccomp.MASKED_EQ, _SHARED_ANONYMOUS, _SHARED_ANONYMOUS))
    for family in set(range(max(_SOCKET_FAMILIES))) - set(_SOCKET_FAMILIES):
        rules.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", seccomp.Arg(0, seccomp.EQ, family))
    above = seccomp.Arg(0, seccomp.GT, max(_SOCKET_FAMILIES))
    rules.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", above)
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()
