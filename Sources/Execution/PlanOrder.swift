internal import ModelGraph
internal import Tensors

/// Steps of one graph as the file lists them, to be brought into an order that can be done.
struct PlanOrder {
    private let steps: [Plan.Step]
    private let slotCount: Int

    /// The steps so that each comes after those whose values it reads.
    static func sorted(_ steps: [Plan.Step], slotCount: Int) throws -> [Plan.Step] {
        let order = PlanOrder(steps: steps, slotCount: slotCount)
        return try order.indices(order.makers()).map { steps[$0] }
    }

    /// The step that makes each slot, -1 for inputs and captures.
    private func makers() -> [Int] {
        var makers = [Int](repeating: -1, count: slotCount)
        for (index, step) in steps.enumerated() { for case let slot? in step.outputs { makers[slot] = index } }
        return makers
    }

    /// Always the earliest step of the file that is ready (Kahn 1962).
    private func indices(_ makers: [Int]) throws -> [Int] {
        let reads = steps.map(\.reads)
        var waiting = [Int](repeating: 0, count: steps.count), readers = [[Int]](repeating: [], count: steps.count)
        for (index, slots) in reads.enumerated() {
            for slot in slots where makers[slot] >= 0 {
                readers[makers[slot]].append(index)
                waiting[index] += 1
            }
        }
        var ready = LowestFirst(steps.indices.filter { waiting[$0] == 0 }), order: [Int] = []
        while let next = ready.removeLowest() {
            order.append(next)
            for reader in readers[next] {
                waiting[reader] -= 1
                if waiting[reader] == 0 { ready.insert(reader) }
            }
        }
        if let stuck = waiting.firstIndex(where: { $0 > 0 }) {
            throw ModelError(.invalidGraph, "waits for a value that is made of its own output: the graph has a cycle", at: [steps[stuck].node.label])
        }
        return order
    }
}

/// A binary heap of numbers, the lowest on top.
private struct LowestFirst {
    private var heap: [Int] = []

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
        guard let lowest = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return lowest }
        heap[0] = last
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { return lowest }
            let child = left + 1 < heap.count && heap[left + 1] < heap[left] ? left + 1 : left
            guard heap[child] < heap[parent] else { return lowest }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
