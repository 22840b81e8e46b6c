"""Random ONNX models that use every field of every message, for tests of losslessness.

random_models.py make FOLDER SEED COUNT   writes FOLDER/0.onnx, FOLDER/1.onnx, … and checks that Python's protobuf reads each
random_models.py compare FOLDER COUNT     compares FOLDER/N.onnx with FOLDER/N.back.onnx as messages, unknown fields included

The messages are filled by what the descriptors say, so that a field which a newer ONNX adds is used too. They are valid as far as
a reader can ask without knowing operators: names where something could not be used without, values that fit data types. What
the specification leaves open is drawn: unset or empty, odd numbers, NaNs. The wire format is drawn too: order of fields, packed
or not, earlier occurrences that the last one overrides, messages in two parts, other members of a oneof, unknown fields.
"""
import random
import struct
import sys

import onnx
from google.protobuf.descriptor import FieldDescriptor as F

TEXTS = ["", "a", "a\0b", "\0", "é", "e\u0301", "Å", "\u212b", "名前", "x\u202ey", "a\\b'c\"", "\n", "🦔",
         "a text that is longer than the small strings of Swift", "a text that is longer than the small strings of Swift\0"]
INTS = [0, 1, -1, 127, 128, 2**31 - 1, -2**31, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**63 - 1, -2**63]
FLOATS = [0, 0x80000000, 0x3f800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7fc00001, 0xffc00000, 0x7f800001, 0xffbfffff, 1, 0x7f7fffff]
DOUBLES = [0, 1 << 63, 0x3ff << 52, 0x7ff << 52, 0x7ff8 << 48, (0x7ff8 << 48) + 1, (0x7ff << 52) + 1, 1]
VARINTS = {F.TYPE_INT32, F.TYPE_INT64, F.TYPE_UINT32, F.TYPE_UINT64, F.TYPE_ENUM, F.TYPE_BOOL}
FIXED = {F.TYPE_FLOAT: ("<I", 5), F.TYPE_DOUBLE: ("<Q", 1)}
BITS = {"FLOAT": 32, "UINT8": 8, "INT8": 8, "UINT16": 16, "INT16": 16, "INT32": 32, "INT64": 64, "BOOL": 8, "FLOAT16": 16,
        "DOUBLE": 64, "UINT32": 32, "UINT64": 64, "COMPLEX64": 64, "COMPLEX128": 128, "BFLOAT16": 16, "FLOAT8E4M3FN": 8,
        "FLOAT8E4M3FNUZ": 8, "FLOAT8E5M2": 8, "FLOAT8E5M2FNUZ": 8, "UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "FLOAT8E8M0": 8,
        "UINT2": 2, "INT2": 2, "FLOAT6E2M3": 6, "FLOAT6E3M2": 6}
DTYPES = onnx.TensorProto.DataType
# The values of an attribute's `type` and the fields that go with them.
ATTRIBUTE_FIELDS = {"FLOAT": "f", "INT": "i", "STRING": "s", "TENSOR": "t", "GRAPH": "g", "SPARSE_TENSOR": "sparse_tensor",
                    "TYPE_PROTO": "tp", "FLOATS": "floats", "INTS": "ints", "STRINGS": "strings", "TENSORS": "tensors",
                    "GRAPHS": "graphs", "SPARSE_TENSORS": "sparse_tensors", "TYPE_PROTOS": "type_protos"}


class Maker:
    """Draws messages as lists of (field, value); values of message fields are such lists, of others what goes on the wire."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def chance(self, percent):
        return self.r.randrange(100) < percent

    def text(self, empty=True):
        text = self.r.choice(TEXTS) if self.chance(40) else f"n{self.r.randrange(40)}"
        return (text if empty or text else "x").encode()

    def integer(self):
        return self.r.choice(INTS) if self.chance(60) else self.r.randrange(-2**63, 2**63)

    def scalar(self, field):
        if field.type == F.TYPE_STRING:
            return self.text()
        if field.type == F.TYPE_BYTES:
            return self.r.randbytes(self.r.choice([0, 1, 5, 63, 65, 5000])) if self.chance(50) else self.text()
        if field.type == F.TYPE_FLOAT:
            return self.r.choice(FLOATS) if self.chance(50) else self.r.getrandbits(32)
        if field.type == F.TYPE_DOUBLE:
            return self.r.choice(DOUBLES) if self.chance(50) else self.r.getrandbits(64)
        if field.type == F.TYPE_ENUM:
            return self.r.choice(field.enum_type.values).number
        if field.type in (F.TYPE_INT32, F.TYPE_UINT32):
            return self.r.choice([0, 1, -1, 2**31 - 1, -2**31, self.r.randrange(-2**31, 2**31)])
        assert field.type in VARINTS, f"a type of field that is new: {field.full_name}"
        return self.integer()

    def value(self, field, depth):
        return self.message(field.message_type, depth + 1) if field.message_type else self.scalar(field)

    def some(self, field, depth):
        """The occurrences of a field."""
        if not field.is_repeated:
            return [self.value(field, depth)] if self.chance(50) else []
        count = self.r.choice([0, 0, 1, 2, 3]) if field.message_type or not self.chance(5) else self.r.choice([64, 65, 200])
        return [self.value(field, depth) for _ in range(count)]

    def message(self, descriptor, depth):
        special = getattr(self, descriptor.name, None)
        return special(descriptor, depth) if special else self.plain(descriptor, depth)

    def plain(self, descriptor, depth, without=(), **given):
        """`given` fields have these values, those in `without` are left to the caller; the others are drawn."""
        result = []
        chosen = [self.r.choice([None, *oneof.fields]) for oneof in descriptor.oneofs]
        for field in descriptor.fields:
            if field.name in without:
                continue
            if field.name in given:
                result += [(field, v) for v in given[field.name]]
            elif field.containing_oneof:
                if field in chosen and not (self.is_deep(field, depth)):
                    result.append((field, self.value(field, depth)))
            elif not self.is_deep(field, depth):
                result += [(field, v) for v in self.some(field, depth)]
        return result

    def is_deep(self, field, depth):
        """Messages that lead to themselves end."""
        recursive = {"GraphProto": 4, "TypeProto": 14, "NodeProto": 6, "FunctionProto": 1, "AttributeProto": 7}
        return field.message_type is not None and depth > recursive.get(field.message_type.name, 100)

    # What the rules of ONNX ask of some messages.

    def ModelProto(self, d, depth):
        return self.plain(d, depth, graph=[self.message(d.fields_by_name["graph"].message_type, 1)])

    def NodeProto(self, d, depth):
        return self.plain(d, depth, op_type=[self.text(empty=False)])

    def ValueInfoProto(self, d, depth):
        return self.plain(d, depth, name=[self.text(empty=False)])

    def GraphProto(self, d, depth):
        tensor, sparse = d.fields_by_name["initializer"].message_type, d.fields_by_name["sparse_initializer"].message_type
        return self.plain(
            d, depth, initializer=[self.TensorProto(tensor, depth + 1, named=True) for _ in range(self.r.randrange(4))],
            sparse_initializer=[self.SparseTensorProto(sparse, depth + 1, named=True) for _ in range(self.r.randrange(2))])

    def SparseTensorProto(self, d, depth, named=False):
        given = {"dims": [self.r.randrange(2**20) for _ in range(self.r.randrange(3))]}
        if named:
            given["values"] = [self.TensorProto(d.fields_by_name["values"].message_type, depth + 1, named=True)]
        return self.plain(d, depth, **given)

    def AttributeProto(self, d, depth):
        types = {v.name: v.number for v in d.enum_types_by_name["AttributeType"].values}
        assert set(types) == set(ATTRIBUTE_FIELDS) | {"UNDEFINED"}, "an attribute type that is new"
        deep = depth > 6
        kinds = [k for k in ATTRIBUTE_FIELDS if not (deep and k in ("GRAPH", "GRAPHS"))]
        kind = self.r.choice([*kinds, *kinds, "UNDEFINED"])
        given = {name: [] for name in ATTRIBUTE_FIELDS.values()}
        given["name"] = [self.text(empty=False)]
        is_reference = self.chance(15)
        given["ref_attr_name"] = [self.text()] if is_reference else []
        if kind != "UNDEFINED" and not (is_reference and self.chance(80)):
            field = d.fields_by_name[ATTRIBUTE_FIELDS[kind]]
            count = 1 if not field.is_repeated else self.r.choice([0, 1, 2, 3, 3] + ([] if field.message_type else [64, 65, 300]))
            scalar_may_miss = not field.is_repeated and not field.message_type and self.chance(15)
            given[field.name] = [] if scalar_may_miss else [self.value(field, depth) for _ in range(count)]
        has_value = any(given[name] for name in ATTRIBUTE_FIELDS.values())
        given["type"] = [types[kind]] if not has_value or self.chance(85) else []
        if not has_value and self.chance(10):
            given["type"] = []
        return self.plain(d, depth, **given)

    def TensorProto(self, d, depth, named=False):
        names = [v.name for v in d.enum_types_by_name["DataType"].values if v.name != "UNDEFINED"]
        assert set(names) == set(BITS) | {"STRING"}, "a data type that is new"
        dtype = self.r.choice(names)
        dims = [self.r.choice([0, 1, 1, 2, 3, 5, 8]) for _ in range(self.r.choice([0, 0, 1, 1, 2, 3, 64]))]
        while len(dims) > 3 and sum(x > 1 for x in dims) > 4:
            dims = [x if self.chance(10) else 1 for x in dims]
        if self.chance(3):
            dims = [self.r.choice([100, 4096, 20000]), self.r.choice([1, 3])]
        count = 1
        for x in dims:
            count *= x
        given = {"dims": dims, "data_type": [DTYPES.Value(dtype)], "data_location": [0] if self.chance(20) else [], "segment": []}
        if named:
            given["name"] = [self.text(empty=False)]
        for name in ("raw_data", "float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data"):
            given[name] = []
        field, values = self.values(dtype, count)
        given[field] = values
        return self.plain(d, depth, **given)

    def values(self, dtype, count):
        """The field that holds `count` elements, and its entries."""
        if dtype == "STRING":
            return "string_data", [self.r.choice([b"", b"\xff\xfe", self.text(), self.r.randbytes(9)]) for _ in range(count)]
        bits = BITS[dtype]
        if self.chance(50) or count > 1000:
            size = (count * bits + 7) // 8
            return "raw_data", [self.r.randbytes(size) if self.chance(70) else bytes(size)] if count > 0 or self.chance(50) else []
        r = self.r.randrange
        if dtype in ("FLOAT", "COMPLEX64"):
            return "float_data", [self.r.choice([r(2**32), *FLOATS]) for _ in range(count * (bits // 32))]
        if dtype in ("DOUBLE", "COMPLEX128"):
            return "double_data", [self.r.choice([r(2**64), *DOUBLES]) for _ in range(count * (bits // 64))]
        if dtype == "INT64":
            return "int64_data", [self.integer() for _ in range(count)]
        if dtype in ("UINT32", "UINT64"):
            return "uint64_data", [self.r.choice([0, 1, 2**bits - 1, r(2**bits)]) for _ in range(count)]
        low, high = {"INT32": (-2**31, 2**31), "INT16": (-2**15, 2**15), "INT8": (-128, 128)}.get(dtype, (0, 2 ** max(bits, 8) if bits != 6 else 64))
        entries = (count * bits + 7) // 8 if bits < 6 else count
        return "int32_data", [self.r.choice([low, high - 1, r(low, high)]) for _ in range(entries)]


class Encoder:
    """Puts drawn messages on the wire, in one of the many ways that mean the same."""

    def __init__(self, maker):
        self.maker, self.r = maker, maker.r

    def varint(self, value):
        value &= 2**64 - 1
        out = bytearray()
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)
        return bytes(out)

    def longer_varint(self, value):
        out = bytearray(self.varint(value))
        if self.r.randrange(20) == 0:
            for _ in range(self.r.randrange(10 - len(out) + 1)):
                out[-1] |= 128
                out.append(0)
        return bytes(out)

    def key(self, number, wire_type):
        return self.varint(number << 3 | wire_type)

    def delimited(self, number, content):
        return self.key(number, 2) + self.varint(len(content)) + content

    def bare(self, field, value):
        if field.type in FIXED:
            return struct.pack(FIXED[field.type][0], value)
        return self.longer_varint(value)

    def one(self, field, value):
        """One occurrence, or several that merge to it."""
        if field.message_type:
            # Only one message can come in parts; in a list each part would be an element.
            if not field.is_repeated and self.r.randrange(10) == 0:
                cut = self.r.randrange(len(value) + 1)
                return [self.delimited(field.number, self.message(part, field.message_type)) for part in (value[:cut], value[cut:])]
            return [self.delimited(field.number, self.message(value, field.message_type))]
        if field.type in (F.TYPE_STRING, F.TYPE_BYTES):
            return [self.delimited(field.number, value)]
        return [self.key(field.number, FIXED[field.type][1] if field.type in FIXED else 0) + self.bare(field, value)]

    def runs(self, field, values):
        """A list of numbers, in packed and single pieces."""
        pieces, rest, mode = [], list(values), self.r.randrange(3)
        while rest:
            count = len(rest) if mode == 0 else 1 if mode == 1 else self.r.randrange(1, len(rest) + 1)
            part, rest = rest[:count], rest[count:]
            if mode == 1 or (mode == 2 and self.r.randrange(3) == 0):
                for value in part:
                    pieces += self.one(field, value)
            else:
                pieces.append(self.delimited(field.number, b"".join(self.bare(field, v) for v in part)))
        if self.r.randrange(10) == 0:
            pieces.insert(self.r.randrange(len(pieces) + 1), self.delimited(field.number, b""))
        return pieces

    def unknown(self, descriptor, depth=0):
        number = self.r.choice([n for n in (17, 18, 19, 27, 99, 1000, 15999, 536870911) if n not in descriptor.fields_by_number])
        kind = self.r.randrange(5 if depth < 3 else 4)
        if kind == 0:
            return self.key(number, 0) + self.longer_varint(self.maker.integer())
        if kind == 1:
            return self.key(number, 1) + self.r.randbytes(8)
        if kind == 2:
            return self.delimited(number, self.r.randbytes(self.r.choice([0, 1, 40])))
        if kind == 3:
            return self.key(number, 5) + self.r.randbytes(4)
        return self.key(number, 3) + b"".join(self.unknown(descriptor, depth + 1) for _ in range(self.r.randrange(3))) + self.key(number, 4)

    def message(self, fields, descriptor):
        queues = []  # pieces in an order that must be kept: those of one field, those of one oneof, the unknown ones
        by_field = {}
        for field, value in fields:
            by_field.setdefault(field, []).append(value)
        for field, values in by_field.items():
            if field.is_repeated and (field.type in VARINTS or field.type in FIXED):
                queues.append(self.runs(field, values))
            else:
                pieces = [piece for value in values for piece in self.one(field, value)]
                if not field.is_repeated and self.r.randrange(12) == 0:
                    pieces = self.overridden(field) + pieces
                queues.append(pieces)
        queues.append([self.unknown(descriptor) for _ in range(self.r.randrange(1, 4))] if self.r.randrange(6) == 0 else [])
        # A file in the usual order now and then, else shuffled.
        if self.r.randrange(3) == 0:
            return b"".join(piece for queue in queues for piece in queue)
        order = [i for i, queue in enumerate(queues) for _ in queue]
        self.r.shuffle(order)
        at = [iter(queue) for queue in queues]
        return b"".join(next(at[i]) for i in order)

    def overridden(self, field):
        """Something that stands before a singular field and must leave no trace."""
        if field.containing_oneof:
            other = self.r.choice(field.containing_oneof.fields)
            # The same message would merge.
            if other is field or (other.message_type and other.message_type.name == "TypeProto"):
                return []
            return self.one(other, self.maker.value(other, 100))
        # A oneof of the schema is one of fields; other messages merge.
        return [] if field.message_type else self.one(field, self.maker.scalar(field))


def make(folder, seed, count):
    for index in range(count):
        maker = Maker(seed + index)
        encoder = Encoder(maker)
        descriptor = onnx.ModelProto.DESCRIPTOR
        content = encoder.message(maker.message(descriptor, 0), descriptor)
        if maker.chance(25):
            content += encoder.message(maker.message(descriptor, 0), descriptor)
        onnx.ModelProto.FromString(content)
        with open(f"{folder}/{index}.onnx", "wb") as file:
            file.write(content)


def compare(folder, count):
    from compare_models import difference

    for index in range(count):
        models = []
        for path in (f"{folder}/{index}.onnx", f"{folder}/{index}.back.onnx"):
            with open(path, "rb") as file:
                models.append(onnx.ModelProto.FromString(file.read()))
        if models[0].SerializeToString(deterministic=True) != models[1].SerializeToString(deterministic=True):
            print(f"{index}: {difference(*models)}")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        compare(sys.argv[2], int(sys.argv[3]))
