internal import CKernels
internal import Tensors

/// An elementwise program that the kernel before it applies to what it just wrote.
@safe
struct ElementwiseEpilogue: Sendable {
    let kernel: KernelBox<thimble_epilogue_program>
    /// Of the program's second input on; the first is the kernel's result.
    let inputs: [BufferID]

    /// Calls `body` with the context of the function; it holds for the call only.
    fileprivate func lend(_ run: ProgramRun, _ body: (UnsafeRawPointer) -> Void) {
        unsafe withUnsafeTemporaryAllocation(of: UnsafeRawPointer?.self, capacity: inputs.count + 1) { pointers in
            unsafe pointers[0] = nil
            for (index, input) in inputs.enumerated() { unsafe pointers[index + 1] = UnsafeRawPointer(run[input]) }
            var context = unsafe kernel.pointer.pointee
            unsafe context.inputs = unsafe UnsafePointer(pointers.baseAddress)
            unsafe withUnsafePointer(to: &context) { unsafe body(UnsafeRawPointer($0)) }
        }
    }
}

/// A kernel whose blocks another function may change while they are near.
protocol EpilogueKernel {
    mutating func end(with function: @escaping thimble_epilogue, _ context: UnsafeRawPointer)
}

extension thimble_matmul: @unsafe EpilogueKernel {
    mutating func end(with function: @escaping thimble_epilogue, _ context: UnsafeRawPointer) { unsafe (epilogue, self.context) = (function, context) }
}

extension thimble_codes: @unsafe EpilogueKernel {
    mutating func end(with function: @escaping thimble_epilogue, _ context: UnsafeRawPointer) { unsafe (epilogue, self.context) = (function, context) }
}

extension thimble_conv: @unsafe EpilogueKernel {
    mutating func end(with function: @escaping thimble_epilogue, _ context: UnsafeRawPointer) {
        unsafe (epilogue, self.context) = (function, context)
        // A convolution that is a product hands its end on.
        unsafe flat.end(with: function, context)
    }
}

extension KernelBox where T: EpilogueKernel {
    /// Calls `body` with the kernel as it is to run: with the epilogue, if there is one.
    func with(_ epilogue: ElementwiseEpilogue?, _ run: ProgramRun, _ body: (UnsafePointer<T>) -> Void) {
        guard let epilogue else { return unsafe body(pointer) }
        unsafe epilogue.lend(run) { context in
            var ended = unsafe pointer.pointee
            unsafe ended.end(with: thimble_elementwise_epilogue, context)
            unsafe withUnsafePointer(to: &ended) { unsafe body($0) }
        }
    }
}
