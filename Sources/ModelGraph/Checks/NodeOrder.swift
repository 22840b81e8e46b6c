/// Which nodes of one graph need which others, and whether an order exists.
struct NodeOrder {
    /// `value` goes from one node to another; the numbers are indices of nodes.
    struct Edge {
        var value: Int32
        var from: Int32
        var to: Int32
    }

    private(set) var edges: [Edge] = []
    /// The first edge against the order of the nodes. Without one the nodes are sorted.
    private(set) var firstBackward: Edge?

    mutating func add(value: Int32, from: Int32, to: Int32) {
        let edge = Edge(value: value, from: from, to: to)
        if from >= to, firstBackward == nil { firstBackward = edge }
        edges.append(edge)
    }

    /// The edges of one cycle, in the direction of the data from the lowest node on, or nil if there is none (Kahn 1962).
    func cycle(nodeCount: Int) -> [Edge]? {
        var waiting = [Int32](repeating: 0, count: nodeCount)
        var starts = [Int](repeating: 0, count: nodeCount + 1)
        for edge in edges {
            waiting[Int(edge.to)] += 1
            starts[Int(edge.from) + 1] += 1
        }
        for node in 0..<nodeCount { starts[node + 1] += starts[node] }
        var slots = starts, targets = [Int32](repeating: 0, count: edges.count)
        for edge in edges {
            targets[slots[Int(edge.from)]] = edge.to
            slots[Int(edge.from)] += 1
        }
        var ready = (0..<nodeCount).filter { waiting[$0] == 0 }
        while let node = ready.popLast() {
            for target in targets[starts[node]..<starts[node + 1]] {
                waiting[Int(target)] -= 1
                if waiting[Int(target)] == 0 { ready.append(Int(target)) }
            }
        }
        guard let stuck = waiting.firstIndex(where: { $0 > 0 }) else { return nil }
        return cycle(upstreamOf: stuck, among: waiting)
    }

    /// Each node that waits has an edge from another one that waits: going up such edges must come back.
    private func cycle(upstreamOf node: Int, among waiting: [Int32]) -> [Edge] {
        var cause = [Int](repeating: -1, count: waiting.count)
        for (index, edge) in edges.enumerated() where waiting[Int(edge.from)] > 0 && waiting[Int(edge.to)] > 0 && cause[Int(edge.to)] < 0 {
            cause[Int(edge.to)] = index
        }
        var seen = [Bool](repeating: false, count: waiting.count), current = node
        while !seen[current] {
            seen[current] = true
            current = Int(edges[cause[current]].from)
        }
        var path: [Edge] = [], end = current
        repeat {
            let edge = edges[cause[end]]
            path.append(edge)
            end = Int(edge.from)
        } while end != current
        path.reverse()
        let first = path.indices.min { path[$0].from < path[$1].from } ?? 0
        return Array(path[first...] + path[..<first])
    }
}
