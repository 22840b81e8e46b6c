"""read_metadata.py GENERATED FILE: reads the metadata block in FILE with the classes that `flatc --python` put in the folder
GENERATED, and prints what it says as JSON."""
import json
import sys

sys.path.insert(0, sys.argv[1])
from thimble.v1.Thimble import Thimble  # noqa: E402

root = Thimble.GetRootAs(open(sys.argv[2], "rb").read(), 0)


def text(value):
    return None if value is None else value.decode()


model = root.Models(0)
graph = model.Graph()
nodes = [graph.Nodes(i) for i in range(graph.NodesLength())]
print(json.dumps({
    "strings": [text(root.Strings(i)) for i in range(root.StringsLength())],
    "requires": [text(root.Requires(i)) for i in range(root.RequiresLength())],
    "ops": [text(root.Ops(i).Type()) for i in range(root.OpsLength())],
    "dims": [[root.Payloads(i).Dims(j) for j in range(root.Payloads(i).DimsLength())] for i in range(root.PayloadsLength())],
    "dtypes": [root.Payloads(i).Dtype() for i in range(root.PayloadsLength())],
    "nodes": [text(root.Ops(n.Op()).Type()) for n in nodes],
    "inputs": [[text(root.Strings(n.Inputs(j))) for j in range(n.InputsLength())] for n in nodes],
    "attributes": [[text(n.Attributes(j).Name()) for j in range(n.AttributesLength())] for n in nodes],
    "producer": text(model.ProducerName()),
    "ir_version": model.IrVersion(),
}))
