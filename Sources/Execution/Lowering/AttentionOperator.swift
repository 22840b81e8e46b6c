internal import CKernels
internal import Operators
internal import Tensors

/// ONNX's Attention without a past: one step that reads heads where they lie, as for attention in single nodes.
enum AttentionOperatorLowering: Lowering {
    static let operators = ["Attention"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        func input(_ index: Int) -> ValueID? { index < item.inputs.count ? item.inputs[index] : nil }
        // What comes behind the mask: a past, and lengths without padding.
        guard let q = input(0), let k = input(1), let v = input(2), !item.inputs.dropFirst(4).contains(where: { $0 != nil }), let y = item.outputs.first ?? nil,
            !item.outputs.dropFirst().contains(where: { $0 != nil }), item.integer("is_causal", 0) == 0, item.float("softcap", 0) == 0,
            item.integer("left_window_size", -1) < 0, item.integer("right_window_size", -1) < 0,
            [q, k, v, y].allSatisfy({ compiler.fact($0).elementType == .float }), let query = Operand(q, item.integer("q_num_heads", 0), compiler),
            let key = Operand(k, item.integer("kv_num_heads", 0), compiler), let value = Operand(v, item.integer("kv_num_heads", 0), compiler),
            query.batch == key.batch, key.batch == value.batch, key.heads == value.heads, key.length == value.length, query.depth == key.depth,
            query.heads % key.heads == 0, let result = Operand(y, query.heads, compiler)
        else { return false }
        let scores = [query.batch, query.heads, query.length, key.length]
        var kernel = thimble_attention()
        kernel.family = thimble_processor()
        (kernel.batch, kernel.heads, kernel.key_heads) = (query.batch, query.heads, key.heads)
        (kernel.queries, kernel.keys, kernel.depth, kernel.value_depth) = (query.length, key.length, query.depth, value.depth)
        kernel.scale = item.float("scale", 1 / Float(query.depth).squareRoot())
        guard kernel.scale.isFinite else { return false }
        (kernel.q, kernel.k, kernel.v, kernel.out) = (query.steps, key.steps, value.steps, result.steps)
        let mask = input(3)
        if let mask {
            guard compiler.fact(mask).elementType == .float, let own = compiler.dims(mask), (1...4).contains(own.count), own.last == key.length,
                let strides = Compiler.strides(of: own, in: .plain, as: scores, .plain)
            else { return false }
            kernel.mask = thimble_head_steps(batch: strides[0], head: strides[1], row: strides[2], element: 1)
        }
        let box = KernelBox(kernel)
        unsafe thimble_attention_prepare(box.pointer)
        let sources = try [q, k, v].map { try compiler.read($0) }, bias = try mask.map { try compiler.read($0) }, target = try compiler.make(y)
        let step = AttentionStep(
            kernel: box, q: sources[0], k: sources[1], v: sources[2], mask: bias, result: target, units: unsafe thimble_attention_units(box.pointer))
        compiler.emit(step, for: [item.step], reads: sources + (bias.map { [$0] } ?? []), writes: [target], scratch: unsafe thimble_attention_scratch(box.pointer))
        return true
    }

    /// [batch, heads, length, depth], or [batch, length, heads · depth].
    private struct Operand {
        let batch: Int
        let heads: Int
        let length: Int
        let depth: Int
        let steps: thimble_head_steps

        init?(_ id: ValueID, _ stated: Int, _ compiler: Compiler) {
            guard let dims = compiler.dims(id), !dims.contains(0) else { return nil }
            if dims.count == 4 {
                (batch, heads, length, depth) = (dims[0], dims[1], dims[2], dims[3])
                steps = thimble_head_steps(batch: heads * length * depth, head: length * depth, row: depth, element: 1)
            } else {
                guard dims.count == 3, stated > 0, dims[2] % stated == 0 else { return nil }
                (batch, heads, length, depth) = (dims[0], stated, dims[1], dims[2] / stated)
                steps = thimble_head_steps(batch: length * dims[2], head: depth, row: dims[2], element: 1)
            }
        }
    }
}
