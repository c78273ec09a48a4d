"""The channel between the grader and the sandbox: frames, and the values that may cross.

A frame is two little-endian unsigned 32-bit lengths, a MessagePack body and a blob of safetensors bytes:

    | body length | blob length | body (MessagePack) | blob (safetensors, may be empty) |

Only data crosses. Plain values travel as MessagePack; what MessagePack lacks travels as a one-key map whose key
starts with `$` (`{"$tuple": [...]}`, `{"$tensor": 0}`: tensor "0" of the blob). A dict always travels as
`{"$dict": [[key, value], ...]}`, so a student's own `{"$tensor": 0}` cannot be taken for a tag.

The sandbox side is hostile: `Channel.receive` bounds every length before it allocates, and `unpack` builds nothing
but the types listed in it, from Raw MessagePack one level at a time. A reply is a claim, never a verdict.
"""

import math
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath
from typing import Any, cast

import msgspec
import numpy as np
import safetensors
import torch
from safetensors.torch import save as save_tensors

from labkit.i18n import Bilingual, BilingualError

MAX_REQUEST = 16 << 20  # bytes of a request's body: the cells of a notebook, at most
MAX_REPLY = 2 << 20  # bytes of a reply's body
MAX_BLOB = 256 << 20  # bytes
MAX_HEADER = 1 << 20  # bytes of a blob that are not values: names, types and shapes of its tensors
MAX_VALUES = 250_000  # in one tree: a list of 100,000 numbers is fine, a second's work for us is not
MAX_EQUAL_HASHES = 8  # among the keys of a dict; honest ones hardly ever share one
MAX_DEPTH = 32
MAX_INTEGER_DIGITS = 400
MAX_PATH = 4096  # characters
MAX_ITEMS = 10_000  # of an iterator that the student returns

_LENGTHS = struct.Struct("<II")

# safetensors' names of the element types that may cross.
_DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32,
    "I64": torch.int64, "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64,
}  # fmt: skip
_DTYPE_NAMES = {str(dtype).removeprefix("torch."): dtype for dtype in _DTYPES.values()}


_list = msgspec.msgpack.Decoder(list[msgspec.Raw])
# Only text for keys: numbers and tuples can be chosen to have one hash, and then a map of them takes minutes to build.
_map = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_NOTHING = msgspec.Raw(msgspec.msgpack.encode(None))


class ProtocolError(BilingualError):
    """The other side broke the protocol: wrong lengths, types, nesting or shapes."""


class FrameTooLarge(ProtocolError):
    """A frame is larger than the channel allows."""


class Closed(Exception):
    """The other side has closed the channel."""


class Failure(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An exception that student code raised, as text; `line` and `text` are the student's own, in `cell`.

    `chinese` is the message in Chinese where it is a sentence of ours.
    """

    type: str
    message: str
    chinese: str = ""
    line: int | None = None
    text: str = ""
    cell: str = ""


class Request(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What the grader asks: an operation of `objects.Objects` or `child.Keeper`, with packed arguments."""

    id: int
    op: str
    args: msgspec.Raw = _NOTHING


class Reply(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What the sandbox answers, a packed value. `id` repeats the request's; 0 marks a message nobody asked for.

    `exited` tells the wait status of a worker that ended; `progress` the index of the cell that is being loaded.
    """

    id: int
    value: msgspec.Raw = _NOTHING
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
        if len(body) > _max_body(type(message)) or len(blob) > MAX_BLOB:
            raise FrameTooLarge(Bilingual(f"{len(body) + len(blob):,} bytes", f"{len(body) + len(blob):,} 字节"))
        self._limit(deadline)
        self.sock.sendall(_LENGTHS.pack(len(body), len(blob)) + body + blob)

    def receive(self, message: type[Request] | type[Reply], deadline: float | None = None) -> tuple[Any, bytearray]:
        """The next frame: its decoded body and its blob.

        Raises Closed, TimeoutError (the deadline is for the whole frame, so drip-feeding gains nothing),
        FrameTooLarge and ProtocolError.
        """
        body_length, blob_length = _LENGTHS.unpack(self._read(_LENGTHS.size, deadline))
        if body_length > _max_body(message) or blob_length > MAX_BLOB:
            raise FrameTooLarge(
                Bilingual(f"{body_length + blob_length:,} bytes", f"{body_length + blob_length:,} 字节")
            )
        body = self._read(body_length, deadline)
        blob = self._read(blob_length, deadline)
        try:
            return msgspec.msgpack.decode(body, type=message), blob
        except (msgspec.DecodeError, RecursionError, ValueError, OverflowError) as error:
            raise ProtocolError(
                Bilingual(f"not a message: {type(error).__name__}", f"不是一条消息：{type(error).__name__}")
            ) from None

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


def _max_body(message: type[Request] | type[Reply]) -> int:
    return MAX_REQUEST if message is Request else MAX_REPLY


def pack(value: Any, refer: Callable[[Any], dict[str, Any]]) -> tuple[msgspec.Raw, bytes]:
    """A value as (MessagePack tree, safetensors blob). `refer` gives the tag of an object that is not data.

    Raises ProtocolError for what cannot cross: nesting deeper than MAX_DEPTH, a tensor without storage (meta, sparse).
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = _pack(value, tensors, refer, MAX_DEPTH)
    return msgspec.Raw(msgspec.msgpack.encode(tree)), save_tensors(tensors) if tensors else b""


def _pack(value: Any, tensors: dict[str, torch.Tensor], refer: Callable[[Any], dict[str, Any]], depth: int) -> Any:
    if depth == 0:
        raise ProtocolError(
            Bilingual(f"the value is nested more than {MAX_DEPTH} levels deep", f"返回的值嵌套超过 {MAX_DEPTH} 层")
        )
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
    if isinstance(value, PurePath):
        return {"$path": str(value)[:MAX_PATH]}
    if isinstance(value, torch.device):
        return str(value)
    return refer(value)


def _add_tensor(tensor: torch.Tensor, tensors: dict[str, torch.Tensor]) -> int:
    tensor = tensor.detach()
    if tensor.is_meta or tensor.layout is not torch.strided:
        raise ProtocolError(
            Bilingual(
                f"a tensor without values ({tensor.device}, {tensor.layout}) cannot be graded",
                f"没有数值的张量无法评分（{tensor.device}，{tensor.layout}）",
            )
        )
    index = len(tensors)
    # A copy, because safetensors refuses tensors that share memory.
    tensors[str(index)] = tensor.to("cpu").clone(memory_format=torch.contiguous_format)
    return index


def unpack(tree: msgspec.Raw, blob: bytes | bytearray, resolve: Callable[[Any], Any]) -> Any:
    """The inverse of `pack`; strict. `resolve` maps the content of a `$handle` to the object.

    Raises ProtocolError for anything that `pack` does not write.
    """
    return _Unpacker(_read_tensors(blob), resolve).value(tree, MAX_DEPTH)


class _Unpacker:
    """Builds one value from its tree. Each tensor is there once, as `pack` writes it: no tensor a thousand times."""

    def __init__(self, tensors: dict[str, torch.Tensor], resolve: Callable[[Any], Any]) -> None:
        self.tensors, self.resolve = tensors, resolve
        self.left = MAX_VALUES

    def value(self, raw: msgspec.Raw, depth: int) -> Any:
        if depth == 0:
            raise ProtocolError(Bilingual("nested too deeply", "嵌套过深"))
        level = self.level(raw)
        if type(level) is list:
            return self.items(level, depth)
        if type(level) is not dict:
            return level
        if len(level) != 1:
            raise ProtocolError(Bilingual("an unknown type of value", "未知的值类型"))
        ((tag, content),) = level.items()
        try:
            return self.tagged(tag, content, depth)
        except (KeyError, TypeError, ValueError, OverflowError) as error:  # unhashable keys, unknown names, no number
            raise ProtocolError(
                Bilingual(
                    f"a malformed {tag[:20]}: {type(error).__name__}", f"{tag[:20]} 的格式不对：{type(error).__name__}"
                )
            ) from None

    def level(self, raw: msgspec.Raw) -> Any:
        """One level of a tree; what is further down stays undecoded."""
        kind = memoryview(raw)[0]
        try:
            if 0x90 <= kind <= 0x9F or kind in (0xDC, 0xDD):
                return _list.decode(raw)
            if 0x80 <= kind <= 0x8F or kind in (0xDE, 0xDF):
                return _map.decode(raw)
            value = msgspec.msgpack.decode(raw)
        except (msgspec.DecodeError, ValueError) as error:
            raise ProtocolError(
                Bilingual(f"not a value: {type(error).__name__}", f"不是一个值：{type(error).__name__}")
            ) from None
        if value is not None and type(value) not in (bool, int, float, str, bytes):  # times and extensions
            raise ProtocolError(Bilingual("an unknown type of value", "未知的值类型"))
        return value

    def items(self, raws: list[msgspec.Raw], depth: int) -> list[Any]:
        self.left -= len(raws)
        if self.left < 0:
            raise ProtocolError(Bilingual(f"more than {MAX_VALUES:,} values", f"超过 {MAX_VALUES:,} 个值"))
        return [self.value(raw, depth - 1) for raw in raws]

    def tagged(self, tag: str, raw: msgspec.Raw, depth: int) -> Any:
        match tag:
            case "$tensor":
                return self.tensors.pop(str(int(self.level(raw))))
            case "$array":
                return self.tensors.pop(str(int(self.level(raw)))).numpy()
            case "$tuple":
                return tuple(self.list_of(raw, depth))
            case "$dict":
                pairs = self.list_of(raw, depth + 1)  # a pair does not count as a level
                _check_keys(key for key, _ in pairs)
                return dict(pairs)
            case "$set":
                _check_keys(items := self.list_of(raw, depth))
                return set(items)
            case "$dtype":
                return _DTYPE_NAMES[self.level(raw)]
            case "$int" if len(text := self.level(raw)) <= MAX_INTEGER_DIGITS:
                return int(text)
            case "$path" if len(text := self.level(raw)) <= MAX_PATH:
                return Path(text)
            case "$handle":
                return self.resolve(self.value(raw, depth))
        raise ProtocolError(Bilingual("an unknown tag", "未知的标签"))

    def list_of(self, raw: msgspec.Raw, depth: int) -> list[Any]:
        level = self.level(raw)
        if type(level) is not list:
            raise ProtocolError(Bilingual("a list was expected", "这里应当是列表"))
        return self.items(level, depth)


def _check_keys(keys: Iterable[Any]) -> None:
    """Raises ProtocolError when many keys have one hash, with which a dict takes a time quadratic in its size."""
    hashes = Counter(map(hash, keys))
    if hashes and max(hashes.values()) > MAX_EQUAL_HASHES:
        raise ProtocolError(Bilingual("too many keys with the same hash", "哈希值相同的键太多"))


def _read_tensors(blob: bytes | bytearray) -> dict[str, torch.Tensor]:
    """Tensors of a safetensors blob. The library checks the header's offsets against the bytes; we check shapes too."""
    if not blob:
        return {}
    if int.from_bytes(blob[:8], "little") > MAX_HEADER:
        raise ProtocolError(Bilingual("too many tensors", "张量太多"))
    tensors = {}
    try:
        for name, entry in safetensors.deserialize(bytes(blob)):
            dtype, shape, data = _DTYPES[entry["dtype"]], cast("list[int]", entry["shape"]), entry["data"]
            if math.prod(shape) * dtype.itemsize != len(data) or len(shape) > 16 or max(shape, default=0) > MAX_BLOB:
                raise ProtocolError(Bilingual("a tensor's shape does not fit its bytes", "张量的形状与字节数不符"))
            if dtype == torch.bool and data.strip(b"\0\1"):  # torch trusts these bytes when it counts and selects
                raise ProtocolError(Bilingual("a truth value is neither true nor false", "有布尔值既不是真也不是假"))
            flat = torch.frombuffer(data, dtype=dtype) if len(data) else torch.empty(0, dtype=dtype)
            tensors[name] = flat.reshape(shape)
    except ProtocolError:
        raise
    except Exception as error:  # SafetensorError, KeyError of an unknown element type, an overflow in reshape
        raise ProtocolError(
            Bilingual(f"malformed tensors: {type(error).__name__}", f"张量的格式不对：{type(error).__name__}")
        ) from None
    return tensors
