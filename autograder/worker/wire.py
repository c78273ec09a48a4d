"""The channel between the grader and the sandbox: frames, and the values that may cross.

A frame is two little-endian unsigned 32-bit lengths, a MessagePack body and a blob of safetensors bytes:

    | body length | blob length | body (MessagePack) | blob (safetensors, may be empty) |

Only data crosses. Plain values travel as MessagePack; what MessagePack lacks travels as a one-key map whose key
starts with `$` (`{"$tuple": [...]}`, `{"$tensor": 0}`: tensor "0" of the blob). A dict always travels as
`{"$dict": [[key, value], ...]}`, so a student's own `{"$tensor": 0}` cannot be taken for a tag.

The sandbox side is hostile: `Channel.receive` bounds every length before it allocates, and `unpack` builds nothing
but the types listed in it. A reply is a claim, never a verdict.
"""

import math
import socket
import struct
import time
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, cast

import msgspec
import numpy as np
import safetensors
import torch
from safetensors.torch import save as save_tensors

MAX_BODY = 2 << 20  # bytes; an empty map is 1 byte on the wire and 64 in memory, so this bounds both
MAX_BLOB = 256 << 20  # bytes
MAX_DEPTH = 32
MAX_INTEGER_DIGITS = 400
MAX_ITEMS = 10_000  # of an iterator that the student returns

_LENGTHS = struct.Struct("<II")

# safetensors' names of the element types that may cross.
_DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32,
    "I64": torch.int64, "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64,
}  # fmt: skip
_DTYPE_NAMES = {str(dtype).removeprefix("torch."): dtype for dtype in _DTYPES.values()}


class ProtocolError(Exception):
    """The other side broke the protocol: wrong lengths, types, nesting or shapes."""


class FrameTooLarge(ProtocolError):
    """A frame is larger than the channel allows."""


class Closed(Exception):
    """The other side has closed the channel."""


class Failure(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An exception that student code raised, as text.

    `kind` is "student" for the student's own code, "argument" where the reply could not be turned into data.
    """

    type: str
    message: str
    line: int | None = None
    text: str = ""
    cell: str = ""


class Request(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What the grader asks: an operation of `objects.Objects` or `child.Keeper`, with packed arguments."""

    id: int
    op: str
    args: Any = None


class Reply(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What the sandbox answers. `id` repeats the request's; 0 marks a message nobody asked for.

    `exited` tells the wait status of a worker that ended; `progress` the index of the cell that is being loaded.
    """

    id: int
    value: Any = None
    error: Failure | None = None
    exited: int | None = None
    progress: int | None = None


class Channel:
    """Frames over a connected stream socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def send(self, message: Request | Reply, blob: bytes = b"", deadline: float | None = None) -> None:
        """Sends one frame. Raises FrameTooLarge before anything is sent, TimeoutError after `deadline` (monotonic)."""
        body = msgspec.msgpack.encode(message)
        if len(body) > MAX_BODY or len(blob) > MAX_BLOB:
            raise FrameTooLarge(f"{len(body) + len(blob):,} bytes")
        self._limit(deadline)
        self.sock.sendall(_LENGTHS.pack(len(body), len(blob)) + body + blob)

    def receive(self, message: type[Request] | type[Reply], deadline: float | None = None) -> tuple[Any, bytearray]:
        """The next frame: its decoded body and its blob.

        Raises Closed, TimeoutError (the deadline is for the whole frame, so drip-feeding gains nothing),
        FrameTooLarge and ProtocolError.
        """
        body_length, blob_length = _LENGTHS.unpack(self._read(_LENGTHS.size, deadline))
        if body_length > MAX_BODY or blob_length > MAX_BLOB:
            raise FrameTooLarge(f"{body_length + blob_length:,} bytes")
        body = self._read(body_length, deadline)
        blob = self._read(blob_length, deadline)
        try:
            return msgspec.msgpack.decode(body, type=message), blob
        except (msgspec.DecodeError, RecursionError, ValueError, OverflowError) as error:
            raise ProtocolError(f"not a message: {type(error).__name__}") from None

    def _read(self, length: int, deadline: float | None) -> bytearray:
        """Exactly `length` bytes. The buffer grows with what arrives, not with what was announced."""
        data = bytearray()
        while len(data) < length:
            self._limit(deadline)
            chunk = self.sock.recv(min(length - len(data), 1 << 20))
            if not chunk:
                raise Closed
            data += chunk
        return data

    def _limit(self, deadline: float | None) -> None:
        if deadline is None:
            self.sock.settimeout(None)
            return
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self.sock.settimeout(remaining)


def pack(value: Any, refer: Callable[[Any], dict[str, Any]]) -> tuple[Any, bytes]:
    """A value as (MessagePack-able tree, safetensors blob). `refer` gives the tag of an object that is no data.

    Raises ProtocolError for what cannot cross: nesting deeper than MAX_DEPTH, a tensor without storage (meta, sparse).
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = _pack(value, tensors, refer, MAX_DEPTH)
    return tree, save_tensors(tensors) if tensors else b""


def _pack(value: Any, tensors: dict[str, torch.Tensor], refer: Callable[[Any], dict[str, Any]], depth: int) -> Any:
    if depth == 0:
        raise ProtocolError(f"the value is nested more than {MAX_DEPTH} levels deep")
    if value is None or isinstance(value, (bool, str, bytes)):
        return value
    if isinstance(value, (float, np.floating)):
        return float(value)
    if isinstance(value, (int, np.integer)):
        number = int(value)
        return number if -(2**63) <= number < 2**63 else {"$int": str(number)[: MAX_INTEGER_DIGITS + 1]}
    if isinstance(value, torch.Tensor):
        return {"$tensor": _add_tensor(value, tensors)}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return {"$array": _add_tensor(torch.from_numpy(np.ascontiguousarray(value)), tensors)}

    def recurse(item: Any) -> Any:
        return _pack(item, tensors, refer, depth - 1)

    if isinstance(value, dict):
        return {"$dict": [[recurse(key), recurse(item)] for key, item in value.items()]}
    if isinstance(value, (list, range)):
        return [recurse(item) for item in value]
    if isinstance(value, tuple):
        return {"$tuple": [recurse(item) for item in value]}
    if isinstance(value, (set, frozenset)):
        return {"$set": [recurse(item) for item in value]}
    if isinstance(value, torch.dtype):
        return {"$dtype": str(value).removeprefix("torch.")}
    if isinstance(value, (torch.device, PurePath)):
        return str(value)
    return refer(value)


def _add_tensor(tensor: torch.Tensor, tensors: dict[str, torch.Tensor]) -> int:
    tensor = tensor.detach()
    if tensor.is_meta or tensor.layout is not torch.strided:
        raise ProtocolError(f"a tensor without values ({tensor.device}, {tensor.layout}) cannot be graded")
    index = len(tensors)
    # A copy, because safetensors refuses tensors that share memory.
    tensors[str(index)] = tensor.to("cpu").clone(memory_format=torch.contiguous_format)
    return index


def unpack(tree: Any, blob: bytes | bytearray, resolve: Callable[[Any], Any]) -> Any:
    """The inverse of `pack`; strict. `resolve` maps what stands behind `$handle` to the object.

    Raises ProtocolError for anything that `pack` does not write.
    """
    return _unpack(tree, _read_tensors(blob), resolve, MAX_DEPTH)


def _unpack(tree: Any, tensors: dict[str, torch.Tensor], resolve: Callable[[Any], Any], depth: int) -> Any:
    if depth == 0:
        raise ProtocolError("nested too deeply")
    if tree is None or type(tree) in (bool, int, float, str, bytes):
        return tree

    def recurse(item: Any) -> Any:
        return _unpack(item, tensors, resolve, depth - 1)

    if type(tree) is list:
        return [recurse(item) for item in tree]
    if type(tree) is not dict or len(tree) != 1:
        raise ProtocolError("an unknown type of value")
    ((tag, content),) = tree.items()
    try:
        match tag:
            case "$tensor":
                return tensors[str(int(content))]
            case "$array":
                return tensors[str(int(content))].numpy()
            case "$tuple":
                return tuple(recurse(item) for item in _list(content))
            case "$dict":
                return {recurse(key): recurse(item) for key, item in _list(content)}
            case "$set":
                return {recurse(item) for item in _list(content)}
            case "$dtype":
                return _DTYPE_NAMES[content]
            case "$int" if type(content) is str and len(content) <= MAX_INTEGER_DIGITS:
                return int(content)
            case "$handle":
                return resolve(content)
    except (KeyError, TypeError, ValueError) as error:  # unhashable keys, unknown names, no number
        raise ProtocolError(f"a malformed {tag}: {type(error).__name__}") from None
    raise ProtocolError("an unknown tag")


def _list(content: Any) -> list[Any]:
    if type(content) is not list:
        raise ProtocolError("a list was expected")
    return content


def _read_tensors(blob: bytes | bytearray) -> dict[str, torch.Tensor]:
    """Tensors of a safetensors blob. The library checks the header's offsets against the bytes; we check shapes too."""
    if not blob:
        return {}
    tensors = {}
    try:
        for name, entry in safetensors.deserialize(bytes(blob)):
            dtype, shape, data = _DTYPES[entry["dtype"]], cast("list[int]", entry["shape"]), entry["data"]
            if math.prod(shape) * dtype.itemsize != len(data) or len(shape) > 16 or max(shape, default=0) > MAX_BLOB:
                raise ProtocolError("a tensor's shape does not fit its bytes")
            flat = torch.frombuffer(data, dtype=dtype) if len(data) else torch.empty(0, dtype=dtype)
            tensors[name] = flat.reshape(shape)
    except ProtocolError:
        raise
    except Exception as error:  # SafetensorError, KeyError of an unknown element type, an overflow in reshape
        raise ProtocolError(f"malformed tensors: {type(error).__name__}") from None
    return tensors
