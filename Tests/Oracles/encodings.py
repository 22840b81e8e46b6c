"""Decodes code streams and affine tensors with NumPy. Reads one JSON list of cases, writes one JSON list of results (hex bytes)."""
import json
import sys

import numpy as np


def codes(data, bits, signed, count):
    bit = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: count * bits].reshape(count, bits).astype(np.int64)
    value = (bit << np.arange(bits)).sum(axis=1)
    if signed:
        value = np.where(value >= 1 << (bits - 1), value - (1 << bits), value)
    return value


def floats(data, kind):
    if kind == "FLOAT":
        return np.frombuffer(data, "<f4")
    if kind == "FLOAT16":
        return np.frombuffer(data, "<f2").astype(np.float32)
    if kind == "BFLOAT16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    if kind == "FLOAT8E8M0":
        return np.float32(2.0) ** (np.frombuffer(data, np.uint8).astype(np.int32) - 127).astype(np.float32)
    return np.frombuffer(data, {"UINT8": "u1", "INT8": "i1", "UINT16": "<u2", "INT16": "<i2"}[kind]).astype(np.float32)


def convert(values, kind):
    if kind == "FLOAT16":
        return values.astype("<f2")
    if kind == "DOUBLE":
        return values.astype("<f8")
    if kind == "BFLOAT16":
        u = values.view(np.uint32)
        return ((u + 0x7FFF + (u >> 16 & 1)) >> 16).astype("<u2")
    return values.astype("<f4")


def affine(case):
    dims = case["dims"]
    q = codes(bytes.fromhex(case["codes"]), case["bits"], case["signed"], int(np.prod(dims))).reshape(dims)
    block = case["block"]
    if block is None:
        index = tuple(np.zeros(dims, int) for _ in range(0))
        grid = []
    else:
        block = [b or d for b, d in zip(block, dims)]
        grid = [-(-d // b) for b, d in zip(block, dims)]
        index = np.ix_(*[np.arange(d) // b for b, d in zip(block, dims)])
    scale = floats(bytes.fromhex(case["scale"]), case["scaleType"]).reshape(grid)[index]
    zero = floats(bytes.fromhex(case["zero"]), case["zeroType"]).reshape(grid)[index] if case["zero"] else np.float32(0)
    with np.errstate(over="ignore"):
        return convert((q.astype(np.float32) - zero) * scale, case["type"])


def result(case):
    if case["kind"] == "codes":
        return codes(bytes.fromhex(case["codes"]), case["bits"], case["signed"], case["count"]).astype("<i4")
    if case["kind"] == "convert":
        with np.errstate(over="ignore"):
            return convert(np.frombuffer(bytes.fromhex(case["values"]), "<f4"), case["type"])
    return affine(case)


with open(sys.argv[1]) as source:
    results = [result(case).tobytes().hex() for case in json.load(source)]
with open(sys.argv[2], "w") as target:
    json.dump(results, target)
