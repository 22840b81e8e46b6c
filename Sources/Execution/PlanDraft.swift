internal import ModelGraph
internal import Tensors

/// Steps of one graph as the file lists them, to be brought into an order.
struct PlanDraft {
    final class Step {
        let node: Node
        let opset: Int
        let action: Plan.Action
        let operands: [Plan.Operand]
        let outputs: [Int?]
        let subgraphs: [Name: Plan]

        init(node: Node, opset: Int, action: Plan.Action, operands: [Plan.Operand], outputs: [Int?], subgraphs: [Name: Plan]) {
            self.node = node
            self.opset = opset
            self.action = action
            self.operands = operands
            self.outputs = outputs
            self.subgraphs = subgraphs
        }

        /// Slots that it or one of its subgraphs reads.
        var reads: [Int] {
            var slots: [Int] = []
            for operand in operands { if case .slot(let slot) = operand { slots.append(slot) } }
            for plan in subgraphs.values { slots += plan.captures.map(\.outer) }
            return slots
        }
    }

    let scope: Scope
    private var steps: [Step] = []
    private var reads: [[Int]] = []

    init(scope: Scope) {
        self.scope = scope
    }

    mutating func add(_ step: Step) {
        steps.append(step)
        reads.append(step.reads)
    }

    func finish(inputs: [Plan.Input], outputs: [Plan.Operand], outputNames: [Name]) throws -> Plan {
        let order = try self.order()
        let releases = self.releases(order, keeping: outputs)
        let planned = zip(order, releases).map { index, releases in Plan.Step(steps[index], releases: releases) }
        return Plan(
            inputs: inputs, outputs: outputs, outputNames: outputNames, captures: scope.captures, steps: planned, slotCount: scope.slotCount)
    }

    /// Indices of the steps so that each comes after those whose values it reads; the file's order where that is one
    /// (Kahn 1962, always the earliest step of the file that is ready).
    private func order() throws -> [Int] {
        var makers = [Int](repeating: -1, count: scope.slotCount)
        for (index, step) in steps.enumerated() { for case let slot? in step.outputs { makers[slot] = index } }
        let isSorted = reads.indices.allSatisfy { index in reads[index].allSatisfy { makers[$0] < index } }
        if isSorted { return Array(steps.indices) }

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

    /// For each step of the order the slots that it is the last to read or make.
    private func releases(_ order: [Int], keeping outputs: [Plan.Operand]) -> [[Int]] {
        var last = [Int](repeating: -1, count: scope.slotCount)
        for (position, index) in order.enumerated() {
            for slot in reads[index] { last[slot] = position }
            for case let slot? in steps[index].outputs { last[slot] = max(last[slot], position) }
        }
        for case .slot(let slot) in outputs { last[slot] = -1 }
        var releases = [[Int]](repeating: [], count: order.count)
        for (slot, position) in last.enumerated() where position >= 0 { releases[position].append(slot) }
        return releases
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
