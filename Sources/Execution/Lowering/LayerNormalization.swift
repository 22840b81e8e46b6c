internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Normalizations of the last axes: ONNX's own, ONNX Runtime's with a skip connection before them.
enum LayerNormalizationLowering: Lowering {
    static let operators = [
        "LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization", "com.microsoft:SkipLayerNormalization",
        "com.microsoft:SkipSimplifiedLayerNormalization",
    ]

    /// Inputs and outputs by their part in the kernel.
    struct Operands {
        var x: ValueID
        var skip: ValueID?
        var bias: ValueID?
        var scale: ValueID?
        var shift: ValueID?
        var y: ValueID?
        var means: ValueID?
        var inverses: ValueID?
        var sum: ValueID?
    }

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        func input(_ index: Int) -> ValueID? { index < item.inputs.count ? item.inputs[index] : nil }
        func output(_ index: Int) -> ValueID? { index < item.outputs.count ? item.outputs[index] : nil }
        guard let x = input(0), let dims = compiler.dims(x) else { return false }
        var operands = Operands(x: x, y: output(0))
        var epsilon = item.float("epsilon", 1e-5), isRoot = true, axis = item.integer("axis", -1)
        switch item.operatorName {
        case "LayerNormalization":
            (operands.scale, operands.shift, operands.means, operands.inverses, isRoot) = (input(1), input(2), output(1), output(2), false)
        case "com.microsoft:SkipLayerNormalization":
            (operands.skip, operands.scale, operands.shift, operands.bias) = (input(1), input(2), input(3), input(4))
            (operands.means, operands.inverses, operands.sum, isRoot, axis) = (output(1), output(2), output(3), false, -1)
            epsilon = item.float("epsilon", 1e-12)
        case "com.microsoft:SkipSimplifiedLayerNormalization":
            (operands.skip, operands.scale, operands.bias) = (input(1), input(2), input(3))
            (operands.means, operands.inverses, operands.sum, axis) = (output(1), output(2), output(3), -1)
        default: (operands.scale, operands.inverses) = (input(1), output(1))
        }
        // The kernel makes no means of what has none.
        if isRoot, operands.means != nil { return false }
        guard let first = RowsLowering.axis(axis, rank: dims.count), suits(operands, dims, first, compiler) else { return false }
        try emit(operands, dims, first, epsilon: epsilon, isRoot: isRoot, nodes: [item.step], compiler)
        return true
    }

    /// True if all operands are floats of the shapes that the kernel reads.
    static func suits(_ operands: Operands, _ dims: [Int], _ axis: Int, _ compiler: Compiler) -> Bool {
        guard !dims.contains(0), compiler.isFloat(operands.x), let y = operands.y, compiler.isFloat(y), compiler.dims(y) == dims else { return false }
        let columns = dims[axis...].reduce(1, *)
        for case let id? in [operands.bias, operands.scale, operands.shift] {
            guard compiler.isFloat(id), let own = compiler.dims(id), own.reduce(1, *) == columns, own.count <= dims.count - axis || own.dropLast(dims.count - axis).allSatisfy({ $0 == 1 })
            else { return false }
        }
        for case let id? in [operands.skip, operands.sum] { guard compiler.isFloat(id), compiler.dims(id) == dims else { return false } }
        for case let id? in [operands.means, operands.inverses] {
            guard compiler.fact(id).elementType == .float, let own = compiler.dims(id), own.reduce(1, *) * columns == dims.reduce(1, *) else { return false }
        }
        return true
    }

    static func emit(_ operands: Operands, _ dims: [Int], _ axis: Int, epsilon: Float, isRoot: Bool, nodes: [Plan.Step], _ compiler: Compiler) throws {
        let kernel = KernelBox(
            thimble_layer_norm(
                family: thimble_processor(), rows: dims[..<axis].reduce(1, *), columns: dims[axis...].reduce(1, *), epsilon: epsilon, root_mean_square: isRoot))
        func read(_ id: ValueID?) throws -> BufferID? { try id.map { try compiler.read($0) } }
        func make(_ id: ValueID?) throws -> BufferID? { try id.map { try compiler.make($0) } }
        let step = LayerNormalizationStep(
            kernel: kernel, x: try compiler.read(operands.x), skip: try read(operands.skip), bias: try read(operands.bias), scale: try read(operands.scale),
            shift: try read(operands.shift), y: try make(operands.y), sum: try make(operands.sum), means: try make(operands.means),
            inverses: try make(operands.inverses), units: unsafe thimble_layer_norm_units(kernel.pointer))
        compiler.emit(
            step, for: nodes, reads: [step.x] + [step.skip, step.bias, step.scale, step.shift].compactMap { $0 },
            writes: [step.y, step.sum, step.means, step.inverses].compactMap { $0 })
    }
}

extension Compiler {
    /// A normalization that is written out as many nodes.
    func lowerNormalization(_ chain: NormalizationChains.Chain) throws {
        guard let dims = dims(chain.x) else { throw ModelError(.internalFault, "a value of unknown dims is lowered") }
        let operands = LayerNormalizationLowering.Operands(x: chain.x, scale: chain.scale, shift: chain.shift, y: chain.y)
        try LayerNormalizationLowering.emit(operands, dims, chain.axis, epsilon: chain.epsilon, isRoot: false, nodes: chain.members.map { unfolding.items[$0].step }, self)
    }
}

struct LayerNormalizationStep: Step {
    let kernel: KernelBox<thimble_layer_norm>
    let x: BufferID
    let skip: BufferID?
    let bias: BufferID?
    let scale: BufferID?
    let shift: BufferID?
    let y: BufferID?
    let sum: BufferID?
    let means: BufferID?
    let inverses: BufferID?
    let units: Int

    func run(_ run: ProgramRun) throws {
        func source(_ id: BufferID?) -> UnsafePointer<Float>? { if let id { unsafe UnsafePointer(run.floats(id)) } else { nil } }
        func target(_ id: BufferID?) -> UnsafeMutablePointer<Float>? { if let id { unsafe run.floats(id) } else { nil } }
        var operands = unsafe thimble_layer_norm_operands(
            x: source(x), skip: source(skip), bias: source(bias), scale: source(scale), shift: source(shift), y: target(y), sum: target(sum),
            means: target(means), inverses: target(inverses))
        unsafe withUnsafePointer(to: &operands) { operands in
            nonisolated(unsafe) let operands = unsafe operands
            unsafe run.share(units) { first, last, _ in unsafe thimble_layer_norm_run(kernel.pointer, operands, first, last) }
        }
    }
}
