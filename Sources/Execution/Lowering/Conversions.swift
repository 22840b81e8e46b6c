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

