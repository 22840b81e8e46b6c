internal import ModelGraph
internal import Tensors

/// Operators of a model that this version cannot run, each with its first node.
struct UnsupportedOperators {
    private struct Entry {
        let name: String
        let firstNode: Name?
        let opset: Int
        var nodes = 1
    }

    private static let listLimit = 50
    private var entries: [Entry] = []
    private var indices: [String: Int] = [:]

    mutating func add(_ node: Node, opset: Int) {
        let domain = Domain.canonical(node.domain)
        let op = node.opType?.description ?? "no op_type"
        let name = domain.isEmpty ? op : "\(domain).\(op)"
        if let index = indices[name] {
            entries[index].nodes += 1
        } else {
            indices[name] = entries.count
            entries.append(Entry(name: name, firstNode: node.name.flatMap { $0.isEmpty ? nil : $0 } ?? node.outputs.first, opset: opset))
        }
    }

    /// Throws if there are any, naming all.
    func check() throws {
        guard !entries.isEmpty else { return }
        let list = entries.prefix(Self.listLimit).map { entry in
            let node = entry.firstNode.map { "node '\($0)'" } ?? "unnamed node"
            let more = entry.nodes > 1 ? " and \(entry.nodes - 1) more" : ""
            return "\(entry.name) (\(node)\(more), opset \(entry.opset))"
        }
        let rest = entries.count > list.count ? ", and \(entries.count - list.count) more" : ""
        let count = entries.count == 1 ? "1 operator is" : "\(entries.count) operators are"
        throw ModelError(.unsupported, "\(count) not supported: \(list.joined(separator: ", "))\(rest)")
    }
}
