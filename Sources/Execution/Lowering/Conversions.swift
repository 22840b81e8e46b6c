internal import CKernels
internal import Operators
internal import Tensors

/// Between binary32 and the narrower floats.
struct CastStep: Step {
    let source: BufferID
    let target: BufferID
    let sourceType: ElementType
    let targetType: ElementType
    let byteCounts: (source: Int, target: Int)

    func run(_ run: ProgramRun) throws {
        let from = unsafe UnsafeRawBufferPointer(start: run[source], count: byteCounts.source)
        let to = unsafe UnsafeMutableRawBufferPointer(start: run[target], count: byteCounts.target)
        if targetType == .float {
            unsafe FloatConversion.toFloat(from, sourceType, into: to.bindMemory(to: Float.self))
        } else {
            unsafe FloatConversion.fromFloat(from.bindMemory(to: Float.self), targetType, into: to)
        }
    }
}

/// Between [batch, channels, spatial…] and [batch, spatial…, channels].
struct LayoutStep: Step {
    let source: BufferID
    let target: BufferID
    let rows: Int
    let columns: Int
    let batch: Int
    /// Bytes of an element.
    let width: Int

    init(source: BufferID, target: BufferID, dims: [Int], from layout: Layout, width: Int) {
        self.width = width
        (self.source, self.target, batch) = (source, target, dims[0])
        let (channels, positions) = (dims[1], dims[2...].reduce(1, *))
        (rows, columns) = layout == .plain ? (channels, positions) : (positions, channels)
    }

    func run(_ run: ProgramRun) throws {
        let size = width * rows * columns
        for item in 0..<batch {
            unsafe thimble_transpose(
                (run[source] + item * size).assumingMemoryBound(to: UInt8.self), rows, columns, columns,
                (run[target] + item * size).assumingMemoryBound(to: UInt8.self), rows, UInt32(width))
        }
    }
}
