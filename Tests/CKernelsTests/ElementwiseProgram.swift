import CKernels

/// Memory of exactly so many elements, so that a sanitizer sees what is read or written beyond them.
final class Cells<Element: BitwiseCopyable> {
    let start: UnsafeMutableBufferPointer<Element>

    init(_ elements: [Element]) {
        start = .allocate(capacity: elements.count)
        _ = start.initialize(from: elements)
    }

    deinit { start.deallocate() }

    var elements: [Element] { Array(start) }
    var raw: UnsafeMutableRawPointer { UnsafeMutableRawPointer(start.baseAddress!) }
}

/// Keeps objects alive to the end of a scope, for pointers into their memory: `defer { keep(x) }`.
func keep(_ objects: Any...) { withExtendedLifetime(objects) {} }

/// Scratch as kernels want it: aligned to 64 bytes, full of NaN.
final class Scratch {
    let raw: UnsafeMutableRawPointer

    init(_ bytes: Int) {
        raw = .allocate(byteCount: max(64, bytes), alignment: 64)
        raw.initializeMemory(as: UInt8.self, repeating: 0xff, count: bytes)
    }

    deinit { raw.deallocate() }
}

/// An elementwise program over one shape.
final class ElementwiseProgram {
    var kernel = thimble_elementwise()

    init(_ dims: [Int], family: UInt32) { thimble_elementwise_begin(&kernel, family, dims, dims.count) }

    func input(_ strides: [Int], _ type: thimble_type = THIMBLE_TYPE_F32) -> UInt32 { thimble_elementwise_input(&kernel, type, strides) }

    func constant(_ number: Float) -> UInt32 { thimble_elementwise_constant(&kernel, number) }

    func apply(_ op: thimble_op, _ a: UInt32, _ b: UInt32 = 0, _ c: UInt32 = 0, p: Float = 0, q: Float = 0) -> UInt32 {
        thimble_elementwise_apply(&kernel, op, a, b, c, p, q)
    }

    func output(_ value: UInt32, _ strides: [Int], _ type: thimble_type = THIMBLE_TYPE_F32) {
        thimble_elementwise_output(&kernel, type, strides, value)
    }

    func prepare() -> Bool { thimble_elementwise_prepare(&kernel) }

    /// Runs all units, the second half before the first.
    func run(_ inputs: [UnsafeMutableRawPointer], _ outputs: [UnsafeMutableRawPointer]) {
        let units = thimble_elementwise_units(&kernel), scratch = Scratch(thimble_elementwise_scratch(&kernel))
        defer { keep(scratch) }
        let from = inputs.map { UnsafeRawPointer($0) as UnsafeRawPointer? }, to = outputs.map { $0 as UnsafeMutableRawPointer? }
        thimble_elementwise_run(&kernel, from, to, units / 2, units, scratch.raw)
        thimble_elementwise_run(&kernel, from, to, 0, units / 2, scratch.raw)
    }

    /// One operator on vectors.
    static func map(_ op: thimble_op, _ operands: [[Float]], p: Float = 0, q: Float = 0, family: UInt32) -> [Float] {
        let program = ElementwiseProgram([operands[0].count], family: family)
        let values = operands.map { _ in program.input([1]) }
        let result = program.apply(op, values[0], values.count > 1 ? values[1] : 0, values.count > 2 ? values[2] : 0, p: p, q: q)
        program.output(result, [1])
        guard program.prepare() else { return [] }
        let inputs = operands.map { Cells($0) }, output = Cells([Float](repeating: .nan, count: operands[0].count))
        defer { keep(inputs, output) }
        program.run(inputs.map(\.raw), [output.raw])
        return output.elements
    }
}
