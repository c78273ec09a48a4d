"""Attacks on the channel: a submission that writes what it likes where the grader listens loses the test it is in."""

import os

import pytest

from autograder.grading import session

# Body of a call, and the outcomes it may have. The honest reply still follows, where nothing ends the process.
REPLIES = {
    "a forged value": ("reply(1.0)", {"failed", "crashed"}),
    "a forged true": ("reply(True)", {"failed", "crashed"}),
    "a forged tensor of NaN": (
        "reply({'$tensor': 0}, wire.pack(torch.full((3, 7), float('nan')), None)[1])",
        {"failed", "crashed"},
    ),
    "a handle for a value": ("reply({'$handle': [0, 'Tensor']})", {"failed", "crashed"}),
    "a handle of a huge number": ("reply({'$handle': [2**63, 'Tensor']})", {"crashed"}),
    "an early reply": ("forge(id=request_id() + 1, value=1.0)", {"crashed"}),
    "replies to every question to come": ("for _ in range(1000): reply(1.0)", {"failed", "crashed"}),
    "garbage": ("send(os.urandom(1 << 16))", {"crashed", "output_limit"}),
    "zeros": ("send(bytes(1 << 16))", {"crashed"}),
    "text": ("send(b'{\"score\": 100}\\n' * 1000)", {"output_limit", "crashed"}),
    "a length of 4 GiB": ("send(b'\\xff' * 8)\nos._exit(0)", {"output_limit"}),
    "a length that never comes": ("send(struct.pack('<II', 1 << 20, 1 << 27))\ntime.sleep(60)", {"timeout"}),
    "half a frame and an end": ("send(struct.pack('<II', 1000, 0) + bytes(500))\nos._exit(0)", {"crashed", "timeout"}),
    "a reply in drips": (
        "for byte in struct.pack('<II', 1000, 0) + bytes(1000):\n    send(bytes([byte]))\n    time.sleep(0.02)",
        {"timeout"},
    ),
    "a body nested a million deep": ("send(frame(b'\\x81\\xa5value' + b'\\x91' * 1_000_000))", {"crashed"}),
    "a value nested a thousand deep": ("v = 1\nfor _ in range(100): v = [v]\nreply(v)", {"crashed"}),
    "two million lists": (
        "head = msgspec.msgpack.encode({'id': request_id()})[1:]\n"
        "send(frame(b'\\x82' + head + b'\\xa5value\\xdd' + struct.pack('>I', 2_000_000) + b'\\x90' * 2_000_000))",
        {"crashed"},
    ),
    "unknown fields": ("forge(id=request_id(), value=1.0, score=100)", {"crashed"}),
    "a list for a reply": ("send(frame(msgspec.msgpack.encode([1, 2, 3])))", {"crashed"}),
    "an id of text": ("forge(id='1', value=1.0)", {"crashed"}),
    "an unknown tag": ("reply({'$pickle': b'cos\\nsystem'})", {"crashed"}),
    "a map of many keys": ("reply({'a': 1, 'b': 2})", {"crashed"}),
    "an infinite index": ("reply({'$tensor': float('inf')})", {"crashed"}),
    "a time": ("import datetime\nreply(datetime.datetime.now(datetime.timezone.utc))", {"crashed"}),
    "an end that is none": ("forge(id=0, exited=0)\ntime.sleep(60)", {"crashed", "timeout"}),
    "an end by an odd signal": ("forge(id=0, exited=-(2**63))\nos._exit(0)", {"crashed"}),
    "progress in a call": ("forge(id=request_id(), progress=2**63)", {"failed", "crashed"}),
    "a huge name of an error": (
        "forge(id=request_id(), error={'type': 'A' * 1_000_000, 'message': 'B' * 900_000})",
        {"error", "crashed"},
    ),
    "a negative line": (
        "forge(id=request_id(), error={'type': 'E', 'message': '', 'line': -(2**63)})",
        {"error", "crashed"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", REPLIES)
def test_a_forged_reply_costs_its_own_test_only(arena, attack):
    body, expected = REPLIES[attack]
    assert arena.outcomes(arena.disrupt(body)) <= expected


# Tensors as safetensors bytes: dtype, shape, offsets, data.
LYING_TENSORS = {
    "a shape larger than the bytes": ("F32", [3, 7], [0, 4], 4),
    "a shape of 2**62": ("F32", [1 << 62], [0, 4], 4),
    "a shape whose product overflows": ("F32", [1 << 32, 1 << 32, 0], [0, 0], 0),
    "a product of zero from huge sides": ("F32", [0, 1 << 63], [0, 0], 0),
    "a hundred axes": ("F32", [1] * 100, [0, 4], 4),
    "negative sides": ("F32", [-3, -7], [0, 84], 84),
    "offsets beyond the end": ("F32", [3, 7], [0, 84], 0),
    "offsets that go backwards": ("F32", [3, 7], [84, 0], 84),
    "an unknown type": ("F8_E5M2", [3, 7], [0, 21], 21),
    "truth values of 2": ("BOOL", [3, 7], [0, 21], 21),
}


@pytest.mark.parametrize("lie", LYING_TENSORS)
def test_a_tensor_that_lies_is_refused(arena, lie):
    dtype, shape, offsets, length = LYING_TENSORS[lie]
    body = f"""
import json
header = json.dumps({{"0": {{"dtype": {dtype!r}, "shape": {shape}, "data_offsets": {offsets}}}}}).encode()
reply({{"$tensor": 0}}, struct.pack("<Q", len(header)) + header + b"\\2" * {length})
"""
    assert arena.outcomes(arena.disrupt(body)) == {"crashed"}


# What a call returns, honestly packed.
RESULTS = {
    "meta": "torch.empty(3, 7, device='meta')",
    "sparse": "torch.eye(3).to_sparse()",
    "quantized": "torch.quantize_per_tensor(torch.ones(3, 7), 0.1, 0, torch.qint8)",
    "complex": "torch.ones(3, 7, dtype=torch.complex64)",
    "nested": "torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])",
    "expanded": "torch.ones(1).expand(1 << 30)",
    "of objects": "numpy.array([object()])",
    "a cycle": "(lambda a: (a.append(a), a)[1])([])",
    "an endless iterator": "iter(int, 1)",
    "a huge number": "10 ** 100_000",
    "not a number": "x * float('nan')",
    "infinite": "x * float('inf')",
    "a tensor in text": "str(x)",
    "text that is no Unicode": "'\\ud800'",
    "half a gigabyte": "torch.ones(1 << 27)",
}


@pytest.mark.parametrize("result", RESULTS)
def test_a_result_of_a_strange_kind_fails_like_any_wrong_one(arena, result):
    report = arena.disrupt(softmax=f"def softmax(x, dim):\n    return {RESULTS[result]}")
    assert "passed" not in arena.outcomes(report)


def test_loading_that_reports_progress_without_end_is_a_timeout(arena):
    # It also claims to be in another cell than it is, so nothing of it can be saved.
    at_load = """
progress = frame(msgspec.msgpack.encode({"id": request_id(), "progress": 0}))
while True:
    send(progress)
"""
    arena.cheat(at_load)


ENDS = [
    "os.close(3)",
    "os.dup2(os.open('/dev/zero', os.O_RDWR), 3)",
    "socket.socket(fileno=3).shutdown(socket.SHUT_RDWR)",
    "ctypes.string_at(0)",
]


@pytest.mark.parametrize("act", ENDS)
@pytest.mark.parametrize("at_load", [False, True], ids=["in a call", "at load"])
def test_a_closed_channel_ends_the_test_at_once(arena, act, at_load):
    report = arena.disrupt(at_load=act) if at_load else arena.disrupt(act)
    assert arena.outcomes(report) <= {"crashed", "error", "timeout"}


def test_what_all_replies_together_may_take_is_bounded(arena, monkeypatch):
    monkeypatch.setattr(session, "MAX_RECEIVED", 1 << 20)
    flood = "import torch\ndef softmax(x, dim):\n    return torch.ones(1 << 17)"
    report = arena.grade(arena.notebook(solved=True, cells={"softmax-solution": flood}))
    assert arena.outcomes(report) == {"failed", "output_limit"}


def test_a_late_exit_costs_one_problem_at_most(arena):
    assert arena.disrupt("threading.Timer(0.01, os._exit, [0]).start()").score >= 12


def test_a_thread_of_the_keeper_that_writes_on_the_channel_gains_nothing(arena):
    chatter = """
def chatter():
    while True:
        try:
            os.write(3, os.urandom(16))
        except OSError:
            pass
        time.sleep(0.05)
threading.Thread(target=chatter, daemon=True).start()
"""
    arena.cheat(chatter)


def test_a_thread_of_the_keeper_that_reads_the_channel_gains_nothing(arena):
    arena.cheat("threading.Thread(target=lambda: [os.read(3, 1) for _ in range(10**9)]).start()")


def test_descriptors_sent_along_do_not_pile_up_in_the_grader(arena):
    before = len(os.listdir("/proc/self/fd"))
    arena.disrupt("sock = socket.socket(fileno=os.dup(3))\nsocket.send_fds(sock, [b'x'], [3] * 200)")
    assert len(os.listdir("/proc/self/fd")) <= before + 3
