internal import Tensors

/// For each step of a plan the slots that nobody reads after it. Found out when a run node by node asks for the first time; programs know better.
final class LastUses: @unchecked Sendable {
    private let lock = Lock()
    private var known: [[Int]]?

    func of(_ plan: Plan) -> [[Int]] {
        lock.locked {
            if let known { return known }
            let found = Self.find(plan)
            known = found
            return found
        }
    }

    private static func find(_ plan: Plan) -> [[Int]] {
        var last = [Int](repeating: -1, count: plan.slotCount)
        for (position, step) in plan.steps.enumerated() {
            for slot in step.reads { last[slot] = position }
            for case let slot? in step.outputs { last[slot] = max(last[slot], position) }
        }
        for case .slot(let slot) in plan.outputs { last[slot] = -1 }
        var releases = [[Int]](repeating: [], count: plan.steps.count)
        for (slot, position) in last.enumerated() where position >= 0 { releases[position].append(slot) }
        return releases
    }
}
