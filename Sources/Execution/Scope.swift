internal import Tensors

/// The names that nodes of one graph can read, and what they stand for. Names of the graphs around it are found too; what is read
/// of them gets a slot of its own, filled when the graph starts.
final class Scope {
    private let outer: Scope?
    private var operands: [Name: Plan.Operand] = [:]
    private(set) var slotCount = 0
    private(set) var captures: [Plan.Capture] = []

    init(outer: Scope?) {
        self.outer = outer
    }

    /// A new slot for a value of this graph; nil if the name is taken.
    func declare(_ name: Name) -> Int? {
        guard operands[name] == nil else { return nil }
        operands[name] = .slot(slotCount)
        slotCount += 1
        return slotCount - 1
    }

    /// False if the name is taken.
    func declare(_ name: Name, _ constant: Constant) -> Bool {
        guard operands[name] == nil else { return false }
        operands[name] = .constant(constant)
        return true
    }

    /// What `name` stands for here; nil if nothing around has that name.
    func resolve(_ name: Name) -> Plan.Operand? {
        if let known = operands[name] { return known }
        guard let found = outer?.resolve(name) else { return nil }
        guard case .slot(let slot) = found else {
            operands[name] = found
            return found
        }
        captures.append(Plan.Capture(outer: slot, inner: slotCount))
        operands[name] = .slot(slotCount)
        slotCount += 1
        return operands[name]
    }
}
