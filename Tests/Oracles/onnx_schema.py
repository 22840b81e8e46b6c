"""Facts of the wire format, one a line, sorted: those that the Python package `onnx` was made with, or, given the path of a
FileDescriptorSet, those of that file. With --with-data those of onnx-data.proto (sequences, maps, optionals) come too.

    ModelProto 1 ir_version optional int64 - -          message number name label type packed oneof
    enum TensorProto.DataType FLOAT 1
"""
import sys

from google.protobuf import descriptor_pb2
from onnx import onnx_data_pb2, onnx_ml_pb2

FIELD = descriptor_pb2.FieldDescriptorProto


def facts(file):
    def enum(prefix, e):
        for value in e.value:
            yield f"enum {prefix}{e.name} {value.name} {value.number}"

    def message(prefix, m):
        name = prefix + m.name
        for f in m.field:
            label = "repeated" if f.label == FIELD.LABEL_REPEATED else "optional"
            kind = f.type_name.removeprefix(".onnx.") or FIELD.Type.Name(f.type).removeprefix("TYPE_").lower()
            packed = "packed" if f.options.packed else "-"
            oneof = m.oneof_decl[f.oneof_index].name if f.HasField("oneof_index") else "-"
            yield f"{name} {f.number} {f.name} {label} {kind} {packed} {oneof}"
        for e in m.enum_type:
            yield from enum(name + ".", e)
        for inner in m.nested_type:
            yield from message(name + ".", inner)

    for m in file.message_type:
        yield from message("", m)
    for e in file.enum_type:
        yield from enum("", e)


if sys.argv[1:] not in ([], ["--with-data"]):
    with open(sys.argv[1], "rb") as source:
        descriptor = descriptor_pb2.FileDescriptorSet.FromString(source.read()).file[0]
else:
    descriptor = descriptor_pb2.FileDescriptorProto()
    onnx_ml_pb2.DESCRIPTOR.CopyToProto(descriptor)
lines = list(facts(descriptor))
if "--with-data" in sys.argv:
    data = descriptor_pb2.FileDescriptorProto()
    onnx_data_pb2.DESCRIPTOR.CopyToProto(data)
    lines += facts(data)
print("\n".join(sorted(lines)))
