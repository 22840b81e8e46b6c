import TestSupport

/// Values in memory of exactly their size, so that the address sanitizer sees each read and write outside.
final class ExactMemory<Value> {
    let base: UnsafeMutablePointer<Value>
    let count: Int

    init(_ count: Int, _ value: Value) {
        self.count = count
        let raw = UnsafeMutableRawPointer.allocate(byteCount: max(1, count * MemoryLayout<Value>.stride), alignment: 64)
        base = raw.bindMemory(to: Value.self, capacity: count)
        base.initialize(repeating: value, count: count)
    }

    convenience init(_ values: [Value]) {
        self.init(values.count, values.first!)
        for (index, value) in values.enumerated() { base[index] = value }
    }

    deinit { base.deallocate() }

    subscript(_ index: Int) -> Value { base[index] }
    var values: [Value] { Array(UnsafeBufferPointer(start: base, count: count)) }
}

extension ExactMemory<Float> {
    static func random(_ count: Int, in range: ClosedRange<Float> = -1...1, _ random: inout SeededRandom) -> ExactMemory {
        ExactMemory((0..<max(1, count)).map { _ in Float.random(in: range, using: &random) })
    }
}

/// Hands units out in pieces of random size, as threads would.
func inPieces(_ units: Int, _ random: inout SeededRandom, _ body: (Int, Int) -> Void) {
    var starts = [0]
    while starts.last! < units { starts.append(min(units, starts.last! + .random(in: 1...max(1, units), using: &random))) }
    for (first, last) in zip(starts, starts.dropFirst()).shuffled(using: &random) { body(first, last) }
}
