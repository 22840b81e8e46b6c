internal import CKernels
internal import Tensors

extension Quantity {
    var described: thimble_quantity { thimble_quantity(scale: scale, zero: zero) }
    var integer: thimble_integer { isSigned ? THIMBLE_S8 : THIMBLE_U8 }
}

extension ProgramRun {
    /// Calls `body` with ranges that make up `0..<count` elements of a pass over memory.
    func shareElements(_ count: Int, _ body: (_ first: Int, _ count: Int) -> Void) {
        let chunk = 1 << 14
        unsafe share(ceilDivide(count, chunk)) { first, last, _ in body(first * chunk, min(last * chunk, count) - first * chunk) }
    }

    func bytes(_ buffer: BufferID) -> UnsafeMutablePointer<UInt8> { unsafe self[buffer].assumingMemoryBound(to: UInt8.self) }

    private func ceilDivide(_ count: Int, _ chunk: Int) -> Int { count / chunk + (count % chunk > 0 ? 1 : 0) }
}

/// Codes to numbers.
struct DequantizeStep: Step {
    let source: BufferID
    let target: BufferID
    let quantity: Quantity
    let count: Int

    func run(_ run: ProgramRun) throws {
        let from = unsafe run.bytes(source), to = unsafe run.floats(target)
        run.shareElements(count) { first, count in
            unsafe thimble_dequantize(thimble_processor(), from + first, count, quantity.scale, quantity.zero, quantity.integer, to + first)
        }
    }
}

/// Numbers to codes.
struct QuantizeStep: Step {
    let source: BufferID
    let target: BufferID
    let quantity: Quantity
    let count: Int

    func run(_ run: ProgramRun) throws {
        let from = unsafe run.floats(source), to = unsafe run.bytes(target)
        run.shareElements(count) { first, count in
            unsafe thimble_quantize(thimble_processor(), from + first, count, quantity.scale, quantity.zero, quantity.integer, to + first)
        }
    }
}

/// Any function of one byte.
struct ByteTableStep: Step {
    let source: BufferID
    let target: BufferID
    let table: [UInt8]
    let count: Int

    func run(_ run: ProgramRun) throws {
        let from = unsafe run.bytes(source), to = unsafe run.bytes(target)
        unsafe table.withUnsafeBufferPointer { table in
            nonisolated(unsafe) let table = table.baseAddress
            run.shareElements(count) { first, count in unsafe thimble_q8_lookup(table, from + first, count, to + first) }
        }
    }
}

/// Sums or products of codes.
struct ByteArithmeticStep: Step {
    let isProduct: Bool
    let left: BufferID
    let right: BufferID
    /// The right operand is one element for all.
    let isScalar: Bool
    let target: BufferID
    let quantities: (left: Quantity, right: Quantity, result: Quantity)
    let limits: (low: Int32, high: Int32)
    let count: Int

    func run(_ run: ProgramRun) throws {
        let a = unsafe run.bytes(left), b = unsafe run.bytes(right), c = unsafe run.bytes(target)
        let function = unsafe isProduct ? thimble_q8_multiply : thimble_q8_add
        run.shareElements(count) { first, count in
            unsafe function(
                thimble_processor(), quantities.result.isSigned, a + first, quantities.left.described, isScalar ? b : b + first, isScalar ? 0 : 1,
                quantities.right.described, c + first, quantities.result.described, limits.low, limits.high, count)
        }
    }
}

/// The mean of each channel of an image.
struct ByteMeanStep: Step {
    let kernel: KernelBox<thimble_q8_average>
    let source: BufferID
    let target: BufferID
    let units: Int

    func run(_ run: ProgramRun) throws {
        let from = unsafe run[source], to = unsafe run[target]
        unsafe run.share(units) { first, last, _ in unsafe thimble_q8_average_run(kernel.pointer, from, to, first, last) }
    }
}

/// The largest code of each window.
struct BytePoolingStep: Step {
    let kernel: KernelBox<thimble_pooling>
    let source: BufferID
    let target: BufferID
    let units: Int

    func run(_ run: ProgramRun) throws {
        let from = unsafe run[source], to = unsafe run[target]
        unsafe run.share(units) { first, last, scratch in unsafe thimble_pooling_run(kernel.pointer, from, to, first, last, scratch) }
    }
}

/// A convolution or a product of codes.
@safe
struct Int8ProductStep: WeightedStep {
    let kernel: KernelBox<thimble_int8_conv>
    let source: BufferID
    let weights: PackedWeights
    let target: BufferID
    let units: Int

    func run(_ run: ProgramRun) throws {
        let from = unsafe run[source], to = unsafe run[target], packed = unsafe try run.address(of: weights)
        unsafe run.share(units) { first, last, scratch in
            unsafe thimble_int8_run(kernel.pointer, from, packed, nil, to, first, last, scratch)
        }
    }
}
