internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

extension Compiler {
    /// An attention that is written out as many nodes: heads are read and written where they lie.
    func lowerAttention(_ chain: AttentionChains.Chain) throws {
        func steps(_ heads: AttentionChains.Heads) -> thimble_head_steps {
            let strides = denseStrides(dims(heads.value) ?? [1, 1, 1, 1])
            return thimble_head_steps(batch: strides[heads.axes[0]], head: strides[heads.axes[1]], row: strides[heads.axes[2]], element: strides[heads.axes[3]])
        }
        let (heads, queries, depth) = (chain.dims[1], chain.dims[2], chain.valueDepth)
        var kernel = thimble_attention()
        kernel.family = thimble_processor()
        (kernel.batch, kernel.heads, kernel.key_heads) = (chain.dims[0], heads, heads)
        (kernel.queries, kernel.keys, kernel.depth, kernel.value_depth) = (queries, chain.dims[3], chain.depth, depth)
        kernel.scale = chain.scale
        (kernel.q, kernel.k, kernel.v) = (steps(chain.q), steps(chain.k), steps(chain.v))
        kernel.out = chain.isTransposed
            ? thimble_head_steps(batch: queries * heads * depth, head: depth, row: heads * depth, element: 1)
            : thimble_head_steps(batch: queries * heads * depth, head: queries * depth, row: depth, element: 1)
        if let mask = chain.mask, let own = dims(mask), let strides = Self.strides(of: own, in: .plain, as: chain.dims, .plain) {
            kernel.mask = thimble_head_steps(batch: strides[0], head: strides[1], row: strides[2], element: 1)
        }
        let box = KernelBox(kernel)
        unsafe thimble_attention_prepare(box.pointer)
        let q = try read(chain.q.value), k = try read(chain.k.value), v = try read(chain.v.value), mask = try chain.mask.map { try read($0) }
        let y = try make(chain.y)
        let step = AttentionStep(kernel: box, q: q, k: k, v: v, mask: mask, result: y, units: unsafe thimble_attention_units(box.pointer))
        emit(
            step, for: chain.members.map { unfolding.items[$0].step }, reads: [q, k, v] + (mask.map { [$0] } ?? []), writes: [y],
            scratch: unsafe thimble_attention_scratch(box.pointer))
    }
}

struct AttentionStep: Step {
    let kernel: KernelBox<thimble_attention>
    let q: BufferID
    let k: BufferID
    let v: BufferID
    let mask: BufferID?
    let result: BufferID
    let units: Int

    func run(_ run: ProgramRun) throws {
        let mask: UnsafePointer<Float>? = if let mask { unsafe UnsafePointer(run.floats(mask)) } else { nil }
        let (query, key, value, target) = unsafe (run.floats(q), run.floats(k), run.floats(v), run.floats(result))
        unsafe run.share(units) { first, last, scratch in unsafe thimble_attention_run(kernel.pointer, query, key, value, mask, target, first, last, scratch) }
    }
}
