"""Rounds float64 numbers to the small float types with ml_dtypes and NumPy.

Usage: float_formats.py NUMBERS CODES. NUMBERS: little-endian float64. CODES: for each type of TYPES one code per number, for
float16 and bfloat16 two bytes; types of 8 bits twice, without and with saturation.
"""
import sys

import ml_dtypes
import numpy as np

EIGHT = ["float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"]
SMALLER = ["float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn"]

numbers = np.fromfile(sys.argv[1], "<f8")
with open(sys.argv[2], "wb") as out:
    for name in EIGHT:
        kind = np.dtype(getattr(ml_dtypes, name))
        info = ml_dtypes.finfo(kind)
        out.write(numbers.astype(kind).tobytes())
        out.write(np.clip(numbers, float(info.min), float(info.max)).astype(kind).tobytes())
    for name in SMALLER:
        out.write(numbers.astype(getattr(ml_dtypes, name)).tobytes())
    with np.errstate(all="ignore"):
        out.write(numbers.astype("<f2").tobytes())
