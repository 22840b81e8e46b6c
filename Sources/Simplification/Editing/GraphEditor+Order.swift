internal import ModelGraph
internal import Tensors

/// The order of computation. What a subgraph reads counts as read by the node that holds it.
extension GraphEditor {
    /// The living nodes of a graph so that each comes after those whose values it reads: in the order of their positions where that is
    /// one, else the lowest position first that is ready (Kahn 1962). Throws if there is none.
    func order(of graph: GraphID) throws -> [NodeID] {
        let living = graphs[graph].nodes.filter { nodes[$0].isAlive }
        let sorted = living.sorted { (nodes[$0].position, $0) < (nodes[$1].position, $1) }
        var ranks: [NodeID: Int] = [:]
        ranks.reserveCapacity(sorted.count)
        for (rank, node) in sorted.enumerated() { ranks[node] = rank }
        var edges: [(from: Int, to: Int)] = [], isSorted = true
        for (rank, node) in sorted.enumerated() {
            for output in nodes[node].outputs where output >= 0 {
                for use in values[output].users {
                    let place = use.node >= 0 ? nodes[use.node].graph : use.graph
                    guard let reader = use.node >= 0 && place == graph ? use.node : lifted(place, to: graph), let other = ranks[reader] else { continue }
                    if other <= rank { isSorted = false }
                    edges.append((rank, other))
                }
            }
        }
        return isSorted ? sorted : try arrange(sorted, edges)
    }

    private func arrange(_ sorted: [NodeID], _ edges: [(from: Int, to: Int)]) throws -> [NodeID] {
        var waiting = [Int](repeating: 0, count: sorted.count), readers = [[Int]](repeating: [], count: sorted.count)
        for edge in edges {
            waiting[edge.to] += 1
            readers[edge.from].append(edge.to)
        }
        var ready = NumberHeap(sorted.indices.filter { waiting[$0] == 0 }), order: [NodeID] = []
        while let rank = ready.removeLowest() {
            order.append(sorted[rank])
            for reader in readers[rank] {
                waiting[reader] -= 1
                if waiting[reader] == 0 { ready.insert(reader) }
            }
        }
        if let stuck = waiting.firstIndex(where: { $0 > 0 }) {
            throw ModelError(.internalFault, "waits for a value that is made of its own output", at: [label(sorted[stuck])])
        }
        return order
    }

    /// All living nodes, each after those whose values it reads; nodes of subgraphs before the node that holds them.
    func orderOfAll() throws -> [NodeID] {
        var result: [NodeID] = []
        result.reserveCapacity(nodes.count)
        try appendOrder(of: root, to: &result)
        return result
    }

    private func appendOrder(of graph: GraphID, to result: inout [NodeID]) throws {
        for node in try order(of: graph) {
            for subgraph in nodes[node].subgraphs { try appendOrder(of: subgraph.graph, to: &result) }
            result.append(node)
        }
    }

    /// How messages call a node.
    func label(_ node: NodeID) -> String { written(node).label }

    /// The node with the names of its inputs and outputs.
    func written(_ node: NodeID) -> Node {
        var result = nodes[node].node
        result.inputs = nodes[node].inputs.map { $0 >= 0 ? values[$0].name : "" }
        result.outputs = nodes[node].outputs.map { $0 >= 0 ? values[$0].name : "" }
        return result
    }
}

/// A binary heap of numbers, the lowest on top.
struct NumberHeap {
    private var heap: [Int]

    /// `sorted` in ascending order, which is a heap.
    init(_ sorted: [Int]) { heap = sorted }

    mutating func insert(_ value: Int) {
        heap.append(value)
        var child = heap.count - 1
        while child > 0, heap[(child - 1) / 2] > heap[child] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeLowest() -> Int? {
        guard let lowest = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return lowest }
        heap[0] = last
        var parent = 0
        while 2 * parent + 1 < heap.count {
            let left = 2 * parent + 1
            let child = left + 1 < heap.count && heap[left + 1] < heap[left] ? left + 1 : left
            guard heap[child] < heap[parent] else { break }
            heap.swapAt(child, parent)
            parent = child
        }
        return lowest
    }
}
