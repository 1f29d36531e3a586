"""Reads CTranslate2's model.bin (binary version 6) with nothing but the standard library.

The format, little-endian throughout: u32 version, string name of the specification, u32 its revision,
u32 number of variables; for each variable a string name, u8 rank, u32 each dimension, u8 type, u32 length
in bytes, and the values in row-major order. Aliases follow. A string is a u16 length that counts a closing
zero byte, and its bytes.
Source: `model_spec.py` and `models/model.cc` of CTranslate2 (github.com/OpenNMT/CTranslate2).
"""

import math
import struct
from dataclasses import dataclass

FLOAT16 = 4
BYTES_PER_VALUE = {0: 4, 1: 1, 2: 2, 3: 4, FLOAT16: 2}


class FormatError(Exception):
    pass


@dataclass
class Tensor:
    """`shape` is row-major; `data` are the raw bytes of its values."""

    shape: tuple
    type: int
    data: memoryview

    def rows(self, start, end):
        """The rows from `start` up to `end` of the first dimension."""
        row_bytes = len(self.data) // self.shape[0]
        return Tensor((end - start, *self.shape[1:]), self.type, self.data[start * row_bytes : end * row_bytes])

    def floats(self):
        if self.type != FLOAT16:
            raise FormatError(f"expected 16-bit floats, found type {self.type}")
        return struct.unpack(f"<{math.prod(self.shape)}e", self.data)

    def integer(self):
        """The value of a tensor without dimensions, such as the number of attention heads."""
        return int.from_bytes(self.data, "little", signed=True)


class _Cursor:
    def __init__(self, data):
        self.data = memoryview(data)
        self.at = 0

    def take(self, length):
        if self.at + length > len(self.data):
            raise FormatError(f"the file ends at byte {len(self.data)}, in the middle of a value")
        taken = self.data[self.at : self.at + length]
        self.at += length
        return taken

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def string(self):
        return bytes(self.take(self.number(2))[:-1]).decode("utf-8")


def read(data):
    """The variables of a model by name, from the bytes of its file."""
    cursor = _Cursor(data)
    version, specification = cursor.number(4), cursor.string()
    if (version, specification) != (6, "WhisperSpec"):
        raise FormatError(f"expected WhisperSpec in version 6, found {specification} in version {version}")
    cursor.number(4)
    tensors = {}
    for _ in range(cursor.number(4)):
        name = cursor.string()
        shape = tuple(cursor.number(4) for _ in range(cursor.number(1)))
        kind, length = cursor.number(1), cursor.number(4)
        if length != math.prod(shape) * BYTES_PER_VALUE.get(kind, 0):
            raise FormatError(f"{name}: {length} bytes do not fit shape {shape} of type {kind}")
        tensors[name] = Tensor(shape, kind, cursor.take(length))
    return tensors
