internal import ModelGraph
internal import Tensors

/// Which values between the nodes of two graphs stand for the same thing: those of one name; and between them, where names differ,
/// the outputs of nodes of one operator that stand in the same order.
struct LayerPairs {
    struct Pair {
        /// In the reference's nodes.
        let node: Int
        let reference: Name
        let candidate: Name
        let isByName: Bool
        /// The candidate's node is another one, reads other constants, or reads what only the candidate has.
        var isChanged = false
    }

    private(set) var pairs: [Pair] = []
    /// Names of the reference that have no partner.
    private(set) var unmatched = 0
    /// The nodes that `Pair.node` counts.
    let nodes: [Node]
    /// The longest runs of nodes that are aligned: the time grows with the product.
    private static let alignmentLimit = 4_000_000

    init(_ reference: Graph, _ candidate: Graph) {
        let a = reference.nodes.filter { !$0.isPlainConstant }, b = candidate.nodes.filter { !$0.isPlainConstant }
        nodes = a
        var places: [Name: Int] = [:]
        for (index, node) in b.enumerated() { for name in node.outputs where !name.isEmpty { places[name] = index } }
        // Nodes that meet by a name part both lists; those between are aligned.
        var start = (a: 0, b: 0)
        for (index, node) in a.enumerated() {
            let known = node.outputs.filter { places[$0] != nil }
            guard let place = known.compactMap({ places[$0] }).first else { continue }
            if place >= start.b {
                align(a, start.a..<index, b, start.b..<place, known: places)
                start = (index + 1, place + 1)
            }
            for name in known { pairs.append(Pair(node: index, reference: name, candidate: name, isByName: true)) }
        }
        align(a, start.a..<a.count, b, start.b..<b.count, known: places)
        markChanges(Constants(reference), Constants(candidate), b)
        unmatched = a.reduce(0) { $0 + $1.outputs.count { !$0.isEmpty } } - pairs.count
    }

    private mutating func markChanges(_ a: Constants, _ b: Constants, _ others: [Node]) {
        var makers: [Name: Node] = [:]
        for node in others { for name in node.outputs where !name.isEmpty { makers[name] = node } }
        let partners = Set(pairs.map(\.candidate))
        for index in pairs.indices {
            let node = nodes[pairs[index].node]
            guard let other = makers[pairs[index].candidate] else { continue }
            let reads = node.inputs.count == other.inputs.count && zip(node.inputs, other.inputs).allSatisfy { name, otherName in
                if let tensor = a[name] { return b[otherName].map { tensor.isEqual(to: $0) } ?? false }
                return b[otherName] == nil && (makers[otherName] == nil || partners.contains(otherName))
            }
            pairs[index].isChanged = !reads || !node.isOfOneKind(with: other) || node.attributes != other.attributes
        }
    }

    /// The longest common subsequence of operators (Wagner and Fischer 1974).
    private mutating func align(_ a: [Node], _ x: Range<Int>, _ b: [Node], _ y: Range<Int>, known: [Name: Int]) {
        let own = Set(a.lazy.flatMap(\.outputs))
        let x = x.filter { index in !a[index].outputs.contains { known[$0] != nil } }, y = y.filter { index in !b[index].outputs.contains { own.contains($0) && !$0.isEmpty } }
        guard !x.isEmpty, !y.isEmpty, x.count * y.count <= Self.alignmentLimit else { return }
        var length = [[Int32]](repeating: [Int32](repeating: 0, count: y.count + 1), count: x.count + 1)
        for i in x.indices.reversed() {
            for j in y.indices.reversed() {
                length[i][j] = a[x[i]].isOfOneKind(with: b[y[j]]) ? length[i + 1][j + 1] + 1 : max(length[i + 1][j], length[i][j + 1])
            }
        }
        var (i, j) = (0, 0)
        while i < x.count, j < y.count {
            if a[x[i]].isOfOneKind(with: b[y[j]]) {
                for (name, other) in zip(a[x[i]].outputs, b[y[j]].outputs) where !name.isEmpty && !other.isEmpty {
                    pairs.append(Pair(node: x[i], reference: name, candidate: other, isByName: false))
                }
                (i, j) = (i + 1, j + 1)
            } else if length[i + 1][j] >= length[i][j + 1] {
                i += 1
            } else {
                j += 1
            }
        }
    }
}

extension Node {
    /// A run has no step for it.
    fileprivate var isPlainConstant: Bool { opType == "Constant" && Domain.canonical(domain).isEmpty }

    fileprivate func isOfOneKind(with other: Node) -> Bool {
        opType == other.opType && Domain.canonical(domain) == Domain.canonical(other.domain)
    }
}

extension Tensor {
    /// The same values, whatever the names.
    fileprivate func isEqual(to other: Tensor) -> Bool { elementType == other.elementType && dims == other.dims && encoding == other.encoding }
}

/// The tensors of a graph by name.
private struct Constants {
    private var tensors: [Name: Tensor] = [:]

    init(_ graph: Graph) {
        for tensor in graph.initializers { if let name = tensor.name { tensors[name] = tensor } }
        for node in graph.nodes where node.isPlainConstant {
            if case .tensor(let tensor)? = node.attribute("value")?.value, let name = node.outputs.first { tensors[name] = tensor }
        }
    }

    subscript(name: Name) -> Tensor? { tensors[name] }
}
