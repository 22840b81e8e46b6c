internal import Tensors

/// The names that nodes of one graph can read, and what they stand for. Names of the graphs around it are found too; what is read
/// of them gets a slot of its own, filled when the graph starts.
final class Scope {
    private let outer: Scope?
    private var names: NameTable<Plan.Operand>
    private(set) var slotCount = 0
    private(set) var captures: [Plan.Capture] = []
    /// Slots that are not made yet where names are looked up, and whether one of them was asked for.
    var ahead = 0..<0
    private(set) var readsAhead = false

    /// `expected`: how many names will be declared, about.
    init(outer: Scope?, expected: Int) {
        self.outer = outer
        names = NameTable(expected)
    }

    /// What an initializer is. The last of several with one name counts.
    func declare(_ name: Name, _ initializer: Constant) {
        let (entry, _) = names.insert(name, .constant(initializer))
        names[entry] = .constant(initializer)
    }

    /// A slot for an input, and the initializer of that name, which is its value where none is given; nil if there is such an input already.
    /// To be called when all initializers are declared.
    func declareInput(_ name: Name) -> (slot: Int, standard: Constant?)? {
        let (entry, isNew) = names.insert(name, .slot(slotCount))
        var standard: Constant?
        if !isNew {
            guard case .constant(let constant) = names[entry] else { return nil }
            standard = constant
            names[entry] = .slot(slotCount)
        }
        slotCount += 1
        return (slotCount - 1, standard)
    }

    /// A new slot for a value of this graph; nil if the name is taken.
    func declare(_ name: Name) -> Int? {
        guard names.insert(name, .slot(slotCount)).isNew else { return nil }
        slotCount += 1
        return slotCount - 1
    }

    /// A node's output that is a constant; false if the name is taken.
    func declareOutput(_ name: Name, _ constant: Constant) -> Bool { names.insert(name, .constant(constant)).isNew }

    /// What `name` stands for here; nil if nothing around has that name.
    func resolve(_ name: Name) -> Plan.Operand? {
        if let entry = names.find(name) {
            let found = names[entry]
            if case .slot(let slot) = found, ahead.contains(slot) { readsAhead = true }
            return found
        }
        guard var found = outer?.resolve(name) else { return nil }
        if case .slot(let slot) = found {
            captures.append(Plan.Capture(outer: slot, inner: slotCount))
            found = .slot(slotCount)
            slotCount += 1
        }
        _ = names.insert(name, found)
        return found
    }
}
