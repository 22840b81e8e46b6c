internal import Tensors

/// The programs of a plan, by the types and dims of what they run on.
final class ProgramCache: @unchecked Sendable {
    /// Programs that one plan keeps; the one that was not used for longest makes room.
    private static let capacity = 8
    /// A plan whose inputs change so often is better run without programs.
    private static let maximumCompilations = 64

    enum Entry {
        case program(Program)
        /// Run it node by node.
        case none
    }

    private let lock = Lock()
    private var entries: [(key: [Int], program: Program)] = []
    private var compilations = 0
    private var isGivenUp = false

    func find(_ key: [Int], compile: () throws -> Program) throws -> Entry {
        try lock.locked {
            if isGivenUp { return .none }
            if let index = entries.firstIndex(where: { $0.key == key }) {
                if index > 0 { entries.swapAt(index, index - 1) }
                return .program(entries[max(0, index - 1)].program)
            }
            compilations += 1
            if compilations > Self.maximumCompilations { return .none }
            let program = try compile()
            if entries.count == Self.capacity { entries.removeLast() }
            entries.append((key, program))
            return .program(program)
        }
    }

    func giveUp() { lock.locked { isGivenUp = true } }
}

extension Value {
    /// Numbers that are equal for values that one program serves.
    func appendKey(to key: inout [Int]) {
        guard case .tensor(let tensor) = self else { return key.append(-2) }
        key.append(Int(tensor.elementType.rawValue))
        key.append(tensor.dims.count)
        key += tensor.dims
    }
}
