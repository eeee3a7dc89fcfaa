"""From a file as it is stored to blocks of UTF-8: counts and hashes, unpacks, transcodes. Knows nothing of lines.

What cannot be unpacked any further ends the stream and is kept as its fault; everything before it is delivered.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, Literal, TypeAlias

from audit.errors import InputError

Compression: TypeAlias = Literal["gzip", "zstd"]
READ_BYTES: Final = 1 << 18
"""Bytes of packed data read at once; a few times as much comes out."""

_MAGIC: Final[tuple[tuple[bytes, Compression], ...]] = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))
_FOREIGN: Final = (
    (b"PK\x03\x04", "a zip archive"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\x00", "compressed with xz"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
)


class Blocks:
    """Blocks of bytes that can be looked at before they are taken."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._ahead = b""

    def head(self, size: int, until: bytes | None = None) -> bytes:
        """The next bytes, at least ``size`` unless the end comes first, without taking them.

        With ``until``, reading ahead also stops at the first block that holds it.
        """
        pieces, length = [self._ahead], len(self._ahead)
        found = until is not None and until in self._ahead
        while length < size and not found:
            block = next(self._source, None)
            if block is None:
                break
            pieces.append(block)
            length += len(block)
            found = until is not None and until in block
        self._ahead = b"".join(pieces)
        return self._ahead

    def skip(self, size: int) -> None:
        """Drop bytes that ``head`` has shown."""
        self._ahead = self._ahead[size:]

    def __iter__(self) -> Iterator[bytes]:
        if self._ahead:
            block, self._ahead = self._ahead, b""
            yield block
        yield from self._source


class Stored:
    """The bytes of a source as they are stored, counted and hashed on their way."""

    def __init__(self, stream: BinaryIO, path: str) -> None:
        self._stream = stream
        self._path = path
        self._hash = hashlib.sha256()
        self._ahead = b""
        self.bytes = 0

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, b"" at the end. Raises InputError when the system cannot read on."""
        if self._ahead:
            block, self._ahead = self._ahead[:size], self._ahead[size:]
            return block
        try:
            block = self._stream.read(size)
        except OSError as error:
            raise InputError(f"cannot read {self._path}: {error.strerror or error}") from error
        self.bytes += len(block)
        self._hash.update(block)
        return block

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes (fewer at the end) without taking them."""
        while len(self._ahead) < size:
            kept, self._ahead = self._ahead, b""
            block = self.read(size)
            self._ahead = kept + block
            if not block:
                break
        return self._ahead[:size]

    def drain(self) -> None:
        """Read to the end, so that count and hash cover the whole file."""
        while self.read(1 << 20):
            pass

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()

    @property
    def sha256(self) -> str:
        """The hash of what has been read so far, in hexadecimal digits."""
        return self._hash.hexdigest()


def compression_of(stored: Stored, path: str) -> Compression | None:
    """How the bytes are packed, by their first bytes. Raises InputError for archives that are not read."""
    head = stored.peek(6)
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            raise InputError(f"{path} is {name}", hint="unpack it first: gzip and zstandard are read directly")
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


class Unpacked:
    """Unpacked blocks. ``fault`` says after the end why there was no more, None when the data was whole.

    ``again`` opens the stored bytes once more; where it is given, nothing that could be unpacked before a fault is
    lost (Arrow's zstandard reader drops what it had of the block in which it fails).
    """

    def __init__(
        self,
        stored: Stored,
        compression: Compression | None,
        block_bytes: int,
        again: Callable[[], BinaryIO] | None = None,
    ) -> None:
        self.fault: str | None = None
        self._stored = stored
        self._size = block_bytes
        self._again = again
        self._blocks = {None: self._plain, "gzip": self._gzip, "zstd": self._zstd}[compression]

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks()

    def _plain(self) -> Iterator[bytes]:
        while block := self._stored.read(self._size):
            yield block

    def _gzip(self) -> Iterator[bytes]:
        unpack = zlib.decompressobj(wbits=31)
        begun = finished = False
        while packed := self._stored.read(READ_BYTES):
            packed = packed.lstrip(b"\0") if finished and not begun else packed  # tar and tape pad with zeros
            while packed:
                begun = True
                before = unpack.copy()
                try:
                    block = unpack.decompress(packed, READ_BYTES * 4)
                except zlib.error as error:
                    yield from _bytewise(before, packed)
                    return self._stop(f"the gzip data is damaged: {error}")
                if block:
                    yield block
                packed = unpack.unconsumed_tail
                if unpack.eof:
                    packed = unpack.unused_data
                    if packed.strip(b"\0") and not packed.startswith(b"\x1f"):
                        return self._stop("other bytes follow the gzip data")
                    unpack, begun, finished = zlib.decompressobj(wbits=31), False, True
                    packed = packed.lstrip(b"\0")
        if begun:
            if block := unpack.flush():
                yield block
            if not unpack.eof:
                self._stop("the gzip data ends early: the file was cut")

    def _zstd(self) -> Iterator[bytes]:
        delivered = 0
        for block in self._zstd_blocks(_Readable(self._stored), READ_BYTES * 4):
            delivered += len(block)
            yield block
        if self.fault is not None and self._again is not None:
            fault = self.fault
            with self._again() as stream:
                yield from _after(self._zstd_blocks(stream, READ_BYTES * 4, small_after=delivered), delivered)
            self.fault = fault
        self._stored.drain()

    def _zstd_blocks(
        self, stream: BinaryIO | io.RawIOBase, size: int, small_after: int | None = None
    ) -> Iterator[bytes]:
        import pyarrow as pa

        unpacked = pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd")
        read = 0
        while True:
            step = size if small_after is None or read + size <= small_after else max(small_after - read, 1)
            try:
                block = unpacked.read(step)
            except OSError as error:
                self.fault = f"the zstandard data is damaged or cut: {error}"
                return
            if not block:
                return
            read += len(block)
            yield block

    def _stop(self, fault: str) -> None:
        self.fault = fault
        self._stored.drain()


def _bytewise(unpack: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
    """What can be unpacked before the byte at which unpacking fails."""
    for at in range(len(packed)):
        try:
            block = unpack.decompress(packed[at : at + 1])
        except zlib.error:
            return
        if block:
            yield block


def _after(blocks: Iterator[bytes], skip: int) -> Iterator[bytes]:
    for block in blocks:
        if skip < len(block):
            yield block[skip:]
        skip = max(0, skip - len(block))


class _Readable(io.RawIOBase):
    """A readable file over Stored, for libraries that want one."""

    def __init__(self, stored: Stored) -> None:
        super().__init__()
        self._stored = stored

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._stored.read(size if size >= 0 else 1 << 20)


# ----------------------------------------------------------------------------- encodings

_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def encoding_of(head: bytes) -> tuple[str, int]:
    """(encoding, bytes of its byte order mark) of a file by its first bytes.

    Without a mark, UTF-16 and UTF-32 show by the zero bytes around the first two characters, which are ASCII in every
    JSON text (RFC 4627 section 3).
    """
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name, len(mark)
    zeros = tuple(byte == 0 for byte in head[:4])
    by_zeros: dict[tuple[bool, ...], str] = {
        (False, True, True, True): "utf-32-le",
        (True, True, True, False): "utf-32-be",
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }
    return by_zeros.get(zeros, "utf-8"), 0


def _keep_bad(error: UnicodeError) -> tuple[str, int]:
    """Keep what is not text visible: a half pair as it is, anything else as U+DCFF; neither is valid in UTF-8."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    unit = error.object[error.start : error.end]
    try:
        return unit.decode(error.encoding, "surrogatepass"), error.end
    except UnicodeDecodeError:
        return "\udcff", error.end


codecs.register_error("audit.keep-bad", _keep_bad)


def to_utf8(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """UTF-8 of blocks in UTF-16 or UTF-32. A sequence that is no text becomes bytes that are not valid UTF-8 either,
    so that the line it stands in is found and nothing else changes."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="audit.keep-bad")
    for block in blocks:
        text = decoder.decode(block)
        if text:
            yield text.encode("utf-8", "surrogatepass")
    text = decoder.decode(b"", final=True)
    if text:
        yield text.encode("utf-8", "surrogatepass")
