// touch-one FILE.thimble: opens it and adds up the bytes of its first weight that is at most 1 MB, as an app would use one layer.
import ModelGraph
import Tensors
import ThimbleFile

let contents = try ThimbleFile.read(CommandLine.arguments[1])
for tensor in contents.model.graph.initializers {
    guard case .plain(let bytes) = tensor.encoding, bytes.count > 1024, bytes.count <= 1 << 20 else { continue }
    let sum = try bytes.withBytes { span in (0..<span.byteCount).reduce(0) { $0 + Int(span.unsafeLoad(fromByteOffset: $1, as: UInt8.self)) } }
    print(tensor.name?.text ?? "unnamed", sum)
    break
}
