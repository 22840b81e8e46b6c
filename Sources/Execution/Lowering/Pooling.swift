internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Pools of one or two spatial axes in binary32, channels last; the global ones also where the value lies plain.
enum PoolingLowering: Lowering {
    static let operators = ["MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard let x = item.inputs.first ?? nil, let y = item.outputs.first ?? nil, compiler.unfolding.readsFirstOnly(item),
            compiler.isFloat(x), compiler.isFloat(y), let dims = compiler.dims(x), let result = compiler.dims(y), !dims.contains(0), !result.contains(0),
            (3...4).contains(dims.count), result.count == dims.count, result.prefix(2) == dims.prefix(2)
        else { return false }
        let isMax = item.operatorName.hasSuffix("MaxPool")
        if item.operatorName.hasPrefix("Global"), compiler.layout(x) == .plain { return try reduceRows(item, x, y, dims, isMax, compiler) }
        guard let axes = axes(item, dims, result) else { return false }

        var pooling = thimble_pooling()
        (pooling.kind, pooling.family) = (UInt32(isMax ? THIMBLE_POOLING_MAX : THIMBLE_POOLING_AVERAGE), thimble_processor())
        (pooling.images, pooling.channels) = (dims[0], dims[1])
        let (height, width) = (axes[0], axes[1])
        (pooling.in_height, pooling.out_height, pooling.kernel_height) = (height.input, height.output, height.kernel)
        (pooling.stride_height, pooling.dilation_height, pooling.pad_top, pooling.pad_bottom) = (height.stride, height.dilation, height.before, height.after)
        (pooling.in_width, pooling.out_width, pooling.kernel_width) = (width.input, width.output, width.kernel)
        (pooling.stride_width, pooling.dilation_width, pooling.pad_left, pooling.pad_right) = (width.stride, width.dilation, width.before, width.after)
        pooling.count_include_pad = item.integer("count_include_pad", 0) != 0
        pooling.in = .dense(channels: dims[1], width: width.input, height: height.input)
        pooling.out = .dense(channels: dims[1], width: width.output, height: height.output)
        unsafe thimble_pooling_prepare(&pooling)
        let input = try compiler.read(x, .channelsLast), output = try compiler.make(y, .channelsLast)
        let step = PoolingStep(kernel: KernelBox(pooling), input: input, result: output)
        compiler.emit(step, for: [item.step], reads: [input], writes: [output], scratch: step.scratch)
        return true
    }

    /// A global pool of planes that lie in a row each.
    private static func reduceRows(_ item: Item, _ x: ValueID, _ y: ValueID, _ dims: [Int], _ isMax: Bool, _ compiler: Compiler) throws -> Bool {
        var rows = thimble_rows()
        (rows.family, rows.op) = (thimble_processor(), UInt8((isMax ? THIMBLE_ROWS_MAX : THIMBLE_ROWS_MEAN).rawValue))
        (rows.outer, rows.axis, rows.inner) = (dims[0] * dims[1], dims[2...].reduce(1, *), 1)
        let input = try compiler.read(x), output = try compiler.make(y)
        compiler.emit(PlaneStep(kernel: KernelBox(rows), input: input, output: output), for: [item.step], reads: [input], writes: [output])
        return true
    }

    private struct Axis {
        var input = 1, output = 1, kernel = 1, stride = 1, dilation = 1, before = 0, after = 0

        /// Every window has a cell of the input.
        var isCovered: Bool {
            guard output * kernel <= 1 << 24 else { return false }
            return (0..<output).allSatisfy { position in
                let start = position * stride - before
                return (0..<kernel).contains { (0..<input).contains(start + $0 * dilation) }
            }
        }
    }

    /// Height and width; one axis is the width of height 1.
    private static func axes(_ item: Item, _ dims: [Int], _ result: [Int]) -> [Axis]? {
        let count = dims.count - 2
        var axes: [Axis] = []
        if item.operatorName.hasPrefix("Global") {
            axes = dims[2...].map { Axis(input: $0, kernel: $0) }
        } else {
            let node = Attributes(node: item.node, opset: item.opset)
            guard let kernel = item.integers("kernel_shape"), kernel.count == count,
                let rule = try? WindowRule(node, kernel: kernel, rounding: item.integer("ceil_mode", 0) != 0)
            else { return nil }
            for axis in 0..<count {
                guard let place = try? rule.positions(axis, of: dims[axis + 2]), place.count == result[axis + 2] else { return nil }
                axes.append(
                    Axis(
                        input: dims[axis + 2], output: place.count, kernel: kernel[axis], stride: rule.strides[axis], dilation: rule.dilations[axis],
                        before: place.before, after: place.after))
            }
        }
        guard axes.allSatisfy(\.isCovered) else { return nil }
        return count == 2 ? axes : [Axis()] + axes
    }
}

/// A node's attributes as the operators' own rules read them.
private struct Attributes: AttributeReader {
    let node: Node
    let opset: Int
}

extension thimble_image_steps {
    /// Channels side by side, pixels, rows and images without gaps. Elements.
    static func dense(channels: Int, width: Int, height: Int) -> thimble_image_steps {
        thimble_image_steps(pixel: channels, row: channels * width, image: channels * width * height)
    }
}

struct PoolingStep: PixelWriter {
    let kernel: KernelBox<thimble_pooling>
    let input: BufferID
    var result: BufferID

    var scratch: Int { unsafe thimble_pooling_scratch(kernel.pointer) }

    func writing(to result: BufferID, pixelStride: Int) -> (step: any Step, scratch: Int)? {
        var pooling = unsafe kernel.pointer.pointee
        pooling.out = .dense(channels: pixelStride, width: pooling.out_width, height: pooling.out_height)
        unsafe thimble_pooling_prepare(&pooling)
        let step = PoolingStep(kernel: KernelBox(pooling), input: input, result: result)
        return (step, step.scratch)
    }

    func run(_ run: ProgramRun) throws {
        let source = unsafe run[input], target = unsafe run[result]
        unsafe run.share(thimble_pooling_units(kernel.pointer)) { first, last, scratch in
            unsafe thimble_pooling_run(kernel.pointer, source, target, first, last, scratch)
        }
    }
}

/// Each row of a value becomes one number.
struct PlaneStep: Step {
    let kernel: KernelBox<thimble_rows>
    let input: BufferID
    let output: BufferID

    func run(_ run: ProgramRun) throws {
        let source = unsafe run.floats(input), target = unsafe run[output]
        unsafe run.share(thimble_rows_units(kernel.pointer)) { first, last, _ in unsafe thimble_rows_run(kernel.pointer, source, target, first, last) }
    }
}
