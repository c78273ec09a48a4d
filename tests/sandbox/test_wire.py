"""The wire protocol: what is packed comes back, and nothing else is believed."""

import contextlib
import math
import random
import socket
import struct
import threading
import time
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.worker import wire
from tests.patience import PATIENCE, cheap

ENCODE = msgspec.msgpack.encode
NOISE = random.Random(7).randbytes(999)


def no_objects(value):
    raise wire.ProtocolError("no objects here")


def there_and_back(value):
    return wire.unpack(*wire.pack(value, no_objects), no_objects)


def unpack(tree, blob=b""):
    return wire.unpack(msgspec.Raw(ENCODE(tree)), blob, no_objects)


def safetensors_blob(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


KEYS = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.tuples(st.text(), st.integers())
VALUES = st.recursive(
    KEYS | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner) | st.sets(st.integers()),
    max_leaves=20,
)


@given(VALUES)
@settings(deadline=None)
def test_data_comes_back_as_it_was(value):
    back = there_and_back(value)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("dtype", wire._DTYPES.values())
@pytest.mark.parametrize("shape", [(), (0,), (3, 7), (1, 0, 2)])
def test_tensors_come_back_to_the_bit(dtype, shape):
    tensor = (torch.randn(shape) * 3).to(dtype)
    back = there_and_back([tensor, tensor])
    assert [item.dtype for item in back] == [dtype, dtype]
    assert torch.equal(back[0], tensor)
    assert torch.equal(back[1], tensor)


def test_views_and_arrays_come_back_by_value():
    matrix = torch.arange(12.0).reshape(3, 4)
    assert torch.equal(there_and_back(matrix.T), matrix.T)
    assert torch.equal(there_and_back(matrix[:, ::2]), matrix[:, ::2])
    assert np.array_equal(there_and_back(np.arange(6)[::-2]), np.arange(6)[::-2])


def test_a_path_comes_back_as_a_path_and_a_long_one_is_refused():
    assert there_and_back([Path("/tmp/adapter")]) == [Path("/tmp/adapter")]
    with pytest.raises(wire.ProtocolError):
        unpack({"$path": "a" * 5000})


def test_numbers_that_are_no_numbers_come_back():
    assert math.isnan(there_and_back(float("nan")))
    assert there_and_back([math.inf, -math.inf, 2**64, -(2**200)]) == [math.inf, -math.inf, 2**64, -(2**200)]


def test_a_dict_that_looks_like_a_tag_is_a_dict():
    assert there_and_back({"$tensor": 0}) == {"$tensor": 0}


@pytest.mark.parametrize(
    "value",
    [torch.empty(2, device="meta"), torch.eye(2).to_sparse(), object(), print, (lambda a: (a.append(a), a)[1])([])],
    ids=["meta", "sparse", "object", "function", "cycle"],
)
def test_what_is_no_data_is_refused_where_it_is_packed(value):
    with pytest.raises(wire.ProtocolError):
        wire.pack(value, no_objects)


@given(st.binary(max_size=300), st.binary(max_size=300))
@settings(max_examples=500, deadline=None)
def test_random_bytes_are_refused_or_are_data(body, blob):
    for tree in (body, ENCODE({"id": 1})[:-1] + body):
        try:
            reply = msgspec.msgpack.decode(tree, type=wire.Reply)
        except (msgspec.DecodeError, ValueError, RecursionError):
            continue
        with_refusals(reply.value, blob)
    with_refusals(msgspec.Raw(body or b"\xc0"), blob)


def with_refusals(tree, blob):
    with contextlib.suppress(wire.ProtocolError):
        wire.unpack(tree, blob, no_objects)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_tree_with_changed_bytes_is_refused_or_is_data(data):
    tree, blob = wire.pack({"a": [1, (2.5, "x")], "b": torch.ones(2, 3), ("c", 1): {4, 5}, "d": 10**30}, no_objects)
    changed = [bytearray(tree), bytearray(blob)]
    for _ in range(data.draw(st.integers(1, 4))):
        part = changed[data.draw(st.integers(0, 1))]
        part[data.draw(st.integers(0, len(part) - 1))] = data.draw(st.integers(0, 255))
    with_refusals(msgspec.Raw(bytes(changed[0])), bytes(changed[1]))


@pytest.mark.parametrize(
    "tree",
    [
        {}, {"a": 1, "b": 2}, {1: 2}, {"$unknown": 1}, {"$tensor": 0}, {"$tensor": "x"}, {"$tensor": math.inf},
        {"$tensor": None}, {"$tuple": 1}, {"$dict": [[1]]}, {"$dict": [[1, 2, 3]]}, {"$dict": [1]},
        {"$dict": [[[], 1]]}, {"$set": [[]]}, {"$dtype": "object"}, {"$dtype": []},
        {"$int": "1" * 401}, {"$int": "x"}, {"$int": 1}, {"$handle": 1}, msgspec.msgpack.Ext(5, b"x"),
    ],
    ids=lambda tree: type(tree).__name__ if isinstance(tree, msgspec.msgpack.Ext) else str(tree),
)  # fmt: skip
def test_a_malformed_tree_is_refused(tree):
    with pytest.raises(wire.ProtocolError):
        unpack(tree)


def test_a_tensor_can_be_taken_once():
    _, blob = wire.pack(torch.ones(1000), no_objects)
    with pytest.raises(wire.ProtocolError):
        unpack([{"$tensor": 0}] * 2, blob)


@cache
def tuples_of_one_hash(count: int) -> list[tuple[int, int]]:
    """Pairs (a, b) with equal hashes: CPython's tuple hash (xxHash) solved for b."""
    prime_1, prime_2, prime_5 = 11400714785074694791, 14029467366897019727, 2870177450012600261
    word = 1 << 64

    def turn(x: int, bits: int) -> int:
        return (x << bits | x >> 64 - bits) % word

    pairs = []
    a = 0
    while len(pairs) < count:
        a += 1
        after_a = turn((prime_5 + a * prime_2) % word, 31) * prime_1 % word
        b = (turn(12345 * pow(prime_1, -1, word) % word, 33) - after_a) * pow(prime_2, -1, word) % word
        if b < 2**61 - 1:
            pairs.append((a, b))
    assert len({hash(pair) for pair in pairs}) == 1
    return pairs


@pytest.mark.parametrize("tag", ["$dict", "$set", "a map", "integers"])
def test_keys_chosen_to_have_one_hash_are_refused_before_they_cost_anything(tag):
    pairs = [list(pair) for pair in tuples_of_one_hash(20_000)]
    tuples = [{"$tuple": pair} for pair in pairs]
    if tag == "a map":
        tree = b"\xdf" + struct.pack(">I", len(pairs)) + b"".join(ENCODE(pair) + b"\xc0" for pair in pairs)
    elif tag == "integers":
        tree = ENCODE({"$set": [{"$int": str((2**61 - 1) * number)} for number in range(10, 20_000)]})
    else:
        tree = ENCODE({tag: tuples if tag == "$set" else [[key, None] for key in tuples]})
    with cheap(2), pytest.raises(wire.ProtocolError, match="not a value" if tag == "a map" else "the same hash"):
        wire.unpack(msgspec.Raw(tree), b"", no_objects)


def test_a_tree_of_very_many_values_is_refused():
    with pytest.raises(wire.ProtocolError, match="values"):
        wire.unpack(msgspec.Raw(b"\xdd" + struct.pack(">I", 1_000_000) + b"\x90" * 1_000_000), b"", no_objects)


def test_nesting_is_bounded_alike_on_both_sides():
    value = 1
    for _ in range(wire.MAX_DEPTH - 1):
        value = [value]
    assert there_and_back(value) == value
    with pytest.raises(wire.ProtocolError):
        wire.pack([value], no_objects)
    with pytest.raises(wire.ProtocolError):
        unpack([value])


@pytest.mark.parametrize(
    "header",
    [
        b'{"0":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}',
        b'{"0":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}',
        b'{"0":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
        b'{"0":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}',
        b'{"0":{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]}}',
        b'{"0":{"dtype":"F32","shape":[%s],"data_offsets":[0,4]}}' % b",".join([b"1"] * 17),
        b'{"0":{"dtype":"F32","shape":[0,1073741824],"data_offsets":[0,0]}}',
        b"{",
        b"[]",
        b"",
    ],
)
def test_a_malformed_blob_is_refused(header):
    with pytest.raises(wire.ProtocolError):
        unpack(None, safetensors_blob(header, b"\2\0\0\0"))


def test_a_header_of_very_many_tensors_is_refused_before_it_is_read(monkeypatch):
    entries = b",".join(b'"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % n for n in range(100_000))
    monkeypatch.setattr(wire.safetensors, "deserialize", lambda _: pytest.fail("the header was read"))
    with pytest.raises(wire.ProtocolError, match="too many tensors"):
        unpack(None, safetensors_blob(b"{" + entries + b"}"))


@pytest.fixture
def channels():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield wire.Channel(ours), theirs


def soon():
    """A deadline that is to be missed."""
    return time.monotonic() + 0.3


def late():
    """A deadline that is not."""
    return time.monotonic() + PATIENCE


def test_a_frame_comes_through_in_pieces(channels):
    ours, theirs = channels
    body = ENCODE(wire.Reply(id=7, value=msgspec.Raw(ENCODE("x"))))
    data = struct.pack("<II", len(body), 3) + body + b"abc"

    def drip():
        for byte in data:
            theirs.sendall(bytes([byte]))

    threading.Thread(target=drip).start()
    reply, blob = ours.receive(wire.Reply, late())
    assert (reply.id, wire.unpack(reply.value, b"", no_objects), blob) == (7, "x", b"abc")


@pytest.mark.parametrize("lengths", [(wire.MAX_REPLY + 1, 0), (0, wire.MAX_BLOB + 1), (2**32 - 1, 2**32 - 1)])
def test_a_length_beyond_the_bounds_is_refused_before_anything_is_read(channels, lengths):
    ours, theirs = channels
    theirs.sendall(struct.pack("<II", *lengths))
    with pytest.raises(wire.FrameTooLarge):
        ours.receive(wire.Reply, late())


def test_an_announced_length_takes_no_memory(channels):
    ours, theirs = channels
    theirs.sendall(struct.pack("<II", 0, wire.MAX_BLOB))
    before = resident()
    with pytest.raises(TimeoutError):
        ours.receive(wire.Reply, soon())
    assert resident() - before < 32 << 20


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_a_frame_has_one_deadline_however_slowly_it_drips(channels):
    ours, theirs = channels
    stop = threading.Event()

    def drip():
        theirs.sendall(struct.pack("<II", 1000, 0))
        for _ in range(1000):  # to the end of the frame, which is refused and no timeout
            theirs.sendall(b"x")
            if stop.wait(0.02):
                break

    thread = threading.Thread(target=drip)
    thread.start()
    with pytest.raises(TimeoutError):
        ours.receive(wire.Reply, soon())
    stop.set()
    thread.join()


def test_a_channel_nobody_reads_is_a_timeout_and_not_a_wait(channels):
    ours, _ = channels
    with pytest.raises(TimeoutError):
        ours.send(wire.Request(id=1, op="call"), bytes(64 << 20), soon())


def test_a_closed_channel_says_so(channels):
    ours, theirs = channels
    theirs.sendall(b"\1\0")
    theirs.close()
    with pytest.raises(wire.Closed):
        ours.receive(wire.Reply, late())


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc0", b"\x90", b"\x81\xa2id\xa11", ENCODE({"id": 1, "x": 1}), b"\x91" * 100_000, NOISE],
)
def test_what_is_no_reply_is_refused(channels, body):
    ours, theirs = channels
    threading.Thread(target=theirs.sendall, args=[struct.pack("<II", len(body), 0) + body]).start()
    with pytest.raises(wire.ProtocolError):
        ours.receive(wire.Reply, late())
