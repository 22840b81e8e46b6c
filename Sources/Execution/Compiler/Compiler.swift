internal import ModelGraph
internal import Operators
internal import Tensors

/// How the elements of a value follow each other in memory.
enum Layout: Hashable, Sendable {
    /// As ONNX says: the last axis is the fastest.
    case plain
    /// [batch, channels, spatial…] kept as [batch, spatial…, channels]: a window then reads runs of channels (see `Lowering`).
    case channelsLast

    /// Dims in the order of memory.
    func physical(_ dims: [Int]) -> [Int] {
        guard self == .channelsLast, dims.count >= 3 else { return dims }
        return [dims[0]] + dims[2...] + [dims[1]]
    }

    /// True if both layouts of such a value are the same bytes.
    static func isFree(_ dims: [Int]) -> Bool {
        dims.count < 3 || dims[1] == 1 || dims[2...].allSatisfy { $0 == 1 }
    }
}

/// Makes a program of an unfolded plan: decides what each node becomes, where values lie and in which layout.
///
/// Nodes are taken in order. Each operator with a `Lowering` may become a step of fast kernels; chains of elementwise nodes become
/// one step or the end of the step before; everything else stays a generic step. A value may exist in several forms; conversions
/// are added where somebody needs another form than there is.
final class Compiler {
    /// A buffer before it has its place.
    struct Draft {
        var home: Buffer.Home
        let elementType: ElementType
        let dims: [Int]
        let byteCount: Int
        var isTouched = false
        /// Its bytes must outlive the arena's use: an output, or an input of a generic kernel.
        var escapes = false
        /// The step that wrote it last.
        var maker: Int?
    }

    struct DraftStep {
        var step: any Step
        var nodes: [Plan.Step]
        var reads: [BufferID]
        var writes: [BufferID]
    }

    /// The buffers that hold one value.
    private struct Forms {
        /// Its own element type and the plain layout.
        var exact: BufferID?
        /// Its own element type, channels last: of bytes.
        var exactChannelsLast: BufferID?
        /// The same where it is a part of the channels of another value.
        var pixels: Pixels?
        /// Numbers to compute with (binary32 for the narrower floats), by layout.
        var plain: BufferID?
        var channelsLast: BufferID?
        /// Made of these when somebody wants it in another form.
        var codes: QuantizedValue?
    }

    /// Bytes, channels last, whose pixels may lie further apart than they have channels.
    struct Pixels {
        let buffer: BufferID
        /// Bytes from one pixel to the next.
        let stride: Int
    }

    let unfolding: Unfolding
    let packs: PackCache
    let batch: PackBatch
    private let run: Run
    private let isMain: Bool
    var threads: Int { run.threads }
    private(set) var drafts: [Draft] = []
    private(set) var steps: [DraftStep] = []
    private(set) var scratchByteCount = 0
    private var forms: [Forms]
    private(set) var groups: ElementwiseGroups
    /// Items whose work is part of a step of an item before them.
    private var isDone: [Bool]
    let readers: Readers
    private let chains: NormalizationChains
    private let attentions: AttentionChains

    private init(_ unfolding: Unfolding, _ run: Run, isMain: Bool) {
        self.unfolding = unfolding
        self.run = run
        self.isMain = isMain
        packs = run.packs
        batch = PackBatch(run.packs)
        forms = [Forms](repeating: Forms(), count: unfolding.values.count)
        readers = Readers(unfolding)
        chains = NormalizationChains(unfolding, readers)
        attentions = AttentionChains(unfolding, readers)
        let (chains, attentions) = (chains.members, attentions.members)
        groups = ElementwiseGroups(unfolding, readers) { chains.contains($0) || attentions.contains($0) }
        isDone = [Bool](repeating: false, count: unfolding.items.count)
    }

    static func compile(_ plan: Plan, inputs: [Fact?], captures: [Fact], run: Run) throws -> Program {
        let unfolding = try Unfolding(plan, inputs: inputs, captures: captures, environment: run)
        return try Compiler(unfolding, run, isMain: plan.isMain).compile()
    }

    private func compile() throws -> Program {
        let inputs = unfolding.inputs.map { entry($0) }
        let captures = unfolding.captures.map { entry($0) }
        for (index, item) in unfolding.items.enumerated() {
            try within(item.node.label) { try lower(item, index) }
        }
        let outputs = try unfolding.outputs.map { id -> GenericStep.Operand in try id.map { try exact($0) } ?? .none }
        return try finish(inputs: inputs, captures: captures, outputs: outputs)
    }

    /// The buffer that an input's value is put in.
    private func entry(_ id: ValueID) -> BufferID? {
        guard id >= 0, !unfolding.isConstant(id), unfolding.values[id].uses > 0 else { return nil }
        return forms[id].exact ?? given(id)
    }

    private func lower(_ item: Item, _ index: Int) throws {
        if isDone[index] { return }
        if chains.members.contains(index) { return try chains.chain(at: index).map(lowerNormalization) ?? () }
        if attentions.members.contains(index) { return try attentions.chain(at: index).map(lowerAttention) ?? () }
        if let done = try ShuffleLowering.lower(item, self) ?? QuantizedPattern.lower(item, self) {
            for other in done { isDone[other] = true }
            return
        }
        switch groups.role(of: index) {
        case .inner: return
        case .root(let members): if try lowerElementwise(members, root: index) { return }
        case .none: break
        }
        if let lowering = item.operation.lowering, try lowering.lower(item, self) { return }
        try lowerGenerically(item)
    }

    // MARK: facts

    func fact(_ id: ValueID) -> Fact { unfolding.values[id].fact }
    /// Nil unless all dims are known.
    func dims(_ id: ValueID) -> [Int]? { unfolding.values[id].dims }
    /// FLOAT, FLOAT16 or BFLOAT16, which are computed with as binary32.
    func isFloat(_ id: ValueID) -> Bool { Self.isFloat(unfolding.values[id].fact.elementType) }
    static func isFloat(_ type: ElementType?) -> Bool { type == .float || type == .float16 || type == .bfloat16 }
    func isConstant(_ id: ValueID) -> Bool { unfolding.isConstant(id) }

    /// A value of the program that is none of the graph.
    func newValue(_ type: ElementType, _ dims: [Int]) -> ValueID {
        forms.append(Forms())
        return unfolding.addValue(Fact(type, fixed: dims))
    }

    // MARK: buffers

    func newBuffer(_ type: ElementType, _ dims: [Int], home: Buffer.Home = .arena(0)) throws -> BufferID {
        guard let count = elementCount(of: dims), let size = type.byteCount(elements: count) else {
            throw ModelError(.limit, "a value of dims \(dims) is too large")
        }
        drafts.append(Draft(home: home, elementType: type, dims: dims, byteCount: size))
        return drafts.count - 1
    }

    func constantBuffer(_ bytes: TensorBytes, _ type: ElementType, _ dims: [Int]) -> BufferID {
        drafts.append(Draft(home: .constant(bytes), elementType: type, dims: dims, byteCount: bytes.count, isTouched: true))
        return drafts.count - 1
    }

    /// A buffer for a value that comes from outside.
    private func given(_ id: ValueID) -> BufferID {
        let fact = fact(id), dims = dims(id)
        let size = dims.flatMap { elementCount(of: $0) }.flatMap { fact.elementType?.byteCount(elements: $0) }
        drafts.append(Draft(home: .given, elementType: fact.elementType ?? .undefined, dims: dims ?? [], byteCount: size ?? 0))
        forms[id].exact = drafts.count - 1
        return drafts.count - 1
    }

    /// The buffer itself, or what it is part of.
    func root(_ id: BufferID) -> BufferID {
        if case .part(let whole, _) = drafts[id].home { whole } else { id }
    }

    // MARK: forms of values

    /// The layout in which the value is there without a conversion; plain if in both.
    func layout(_ id: ValueID) -> Layout {
        if let codes = codes(id), isOnlyCodes(id) { return exactLayout(codes.codes) }
        if Self.isByte(fact(id).elementType) { return exactLayout(id) }
        return forms[id].channelsLast != nil && forms[id].plain == nil && !(forms[id].exact != nil && fact(id).elementType == .float) ? .channelsLast : .plain
    }

    /// The numbers of a float value in that layout, for a kernel to read.
    func read(_ id: ValueID, _ layout: Layout = .plain) throws -> BufferID {
        let buffer = try form(id, layout)
        drafts[root(buffer)].isTouched = true
        return buffer
    }

    private func form(_ id: ValueID, _ layout: Layout) throws -> BufferID {
        if let known = layout == .plain ? forms[id].plain : forms[id].channelsLast { return known }
        guard let dims = dims(id) else { throw ModelError(.internalFault, "a value of unknown dims is lowered") }
        let made: BufferID
        if let other = layout == .plain ? forms[id].channelsLast : forms[id].plain {
            made = Layout.isFree(dims) ? try part(of: other, dims: layout.physical(dims)) : try convert(other, dims, to: layout)
        } else if isConstant(id) {
            let plain = try constantFloats(id)
            made = layout == .plain || Layout.isFree(dims) ? plain : try convert(plain, dims, to: layout)
        } else if let exact = forms[id].exact {
            forms[id].plain = fact(id).elementType == .float ? exact : try widen(exact, id)
            return try form(id, layout)
        } else if let codes = forms[id].codes {
            try dequantize(codes, to: id)
            return try form(id, layout)
        } else {
            throw ModelError(.internalFault, "a value is read before it is made")
        }
        if layout == .plain { forms[id].plain = made } else { forms[id].channelsLast = made }
        return made
    }

    /// The buffer of a form that is there, or that costs no step; nil if it would have to be converted.
    func existing(_ id: ValueID, _ layout: Layout) -> BufferID? {
        guard let dims = dims(id), !isOnlyCodes(id) else { return nil }
        if let known = layout == .plain ? forms[id].plain : forms[id].channelsLast { return known }
        let isFree = isConstant(id) ? layout == .plain || Layout.isFree(dims) : isFloat(id) && (Layout.isFree(dims) || layout == .plain && fact(id).elementType == .float && forms[id].exact != nil)
        if isConstant(id), !isFloat(id) { return try? readExact(id) }
        if !isFloat(id) { return forms[id].exact }
        return isFree ? try? read(id, layout) : nil
    }

    /// A new buffer for the numbers of a float value that a kernel is about to make.
    func make(_ id: ValueID, _ layout: Layout = .plain) throws -> BufferID {
        guard let dims = dims(id) else { throw ModelError(.internalFault, "a value of unknown dims is lowered") }
        let buffer = try newBuffer(.float, layout.physical(dims))
        drafts[buffer].isTouched = true
        define(id, as: buffer, layout)
        return buffer
    }

    /// The value's numbers are, or will be, in `buffer`.
    func define(_ id: ValueID, as buffer: BufferID, _ layout: Layout) {
        if layout == .plain { forms[id].plain = buffer } else { forms[id].channelsLast = buffer }
        if layout == .plain, fact(id).elementType == .float, drafts[buffer].dims == dims(id) ?? [] { forms[id].exact = buffer }
    }

    /// A value of any element type in the plain layout, for kernels that move elements.
    func readExact(_ id: ValueID, _ layout: Layout = .plain) throws -> BufferID {
        if layout == .channelsLast { return try readExactChannelsLast(id) }
        guard case .buffer(let buffer) = try exactBuffer(id) else { throw ModelError(.internalFault, "a constant has no buffer") }
        drafts[root(buffer)].isTouched = true
        return buffer
    }

    /// A new buffer for a value of any element type.
    func makeExact(_ id: ValueID, _ layout: Layout = .plain) throws -> BufferID {
        let fact = fact(id)
        guard let dims = dims(id), let type = fact.elementType else { throw ModelError(.internalFault, "a value of unknown dims is lowered") }
        let buffer = try newBuffer(type, layout.physical(dims))
        drafts[buffer].isTouched = true
        defineExact(id, as: buffer, layout)
        return buffer
    }

    /// The layout in which bytes are there without a conversion; plain if in both.
    func exactLayout(_ id: ValueID) -> Layout {
        forms[id].exact == nil && (forms[id].exactChannelsLast != nil || forms[id].pixels != nil) ? .channelsLast : .plain
    }

    private func readExactChannelsLast(_ id: ValueID) throws -> BufferID {
        if let known = forms[id].exactChannelsLast { return known }
        guard let dims = dims(id) else { throw ModelError(.internalFault, "a value of unknown dims is lowered") }
        let made: BufferID
        if let pixels = forms[id].pixels {
            made = try gather(pixels, dims, fact(id).elementType ?? .uint8, in: .channelsLast)
        } else {
            let plain = try readExact(id)
            made = Layout.isFree(dims) ? try part(of: plain, dims: Layout.channelsLast.physical(dims)) : try convert(plain, dims, to: .channelsLast)
        }
        drafts[root(made)].isTouched = true
        forms[id].exactChannelsLast = made
        return made
    }

    /// Bytes, channels last, for a kernel that takes pixels at any distance.
    func readPixels(_ id: ValueID) throws -> Pixels {
        if forms[id].exactChannelsLast == nil, let pixels = forms[id].pixels { return pixels }
        return Pixels(buffer: try readExact(id, .channelsLast), stride: dims(id)?[1] ?? 0)
    }

    /// The value's bytes lie among those of another.
    func definePixels(_ id: ValueID, as pixels: Pixels) { forms[id].pixels = pixels }

    /// A part of the channels of another value as a value of its own.
    private func gather(_ pixels: Pixels, _ dims: [Int], _ type: ElementType, in layout: Layout) throws -> BufferID {
        let target = try newBuffer(type, layout.physical(dims))
        drafts[target].isTouched = true
        // As a value of three axes: positions are one.
        let box = [dims[0], dims[1], dims[2...].reduce(1, *)]
        let from = Cells(buffer: pixels.buffer, cell: 1, steps: [box[2] * pixels.stride, 1, pixels.stride])
        guard let part = part(box, from: from, to: cells(target, 1, box, layout)) else { throw ModelError(.internalFault, "a value of three axes has too many") }
        emit(MoveStep(parts: [part], target: target), for: [], reads: [pixels.buffer], writes: [target])
        return target
    }

    /// What a float value is made of if it is the quantized form of numbers and not yet computed with in another.
    func codes(_ id: ValueID) -> QuantizedValue? { forms[id].codes }

    private func isOnlyCodes(_ id: ValueID) -> Bool {
        forms[id].codes != nil && forms[id].exact == nil && forms[id].plain == nil && forms[id].channelsLast == nil
    }

    /// The float value is (code - zero) * scale; computed when somebody reads it.
    func defineCodes(_ id: ValueID, as codes: QuantizedValue) { forms[id].codes = codes }

    func defineExact(_ id: ValueID, as buffer: BufferID, _ layout: Layout = .plain) {
        if layout == .channelsLast { return forms[id].exactChannelsLast = buffer }
        forms[id].exact = buffer
        if fact(id).elementType == .float { forms[id].plain = buffer }
    }

    /// Other dims for the same bytes.
    func part(of buffer: BufferID, offset: Int = 0, dims: [Int]) throws -> BufferID {
        var (whole, start) = (buffer, offset)
        if case .part(let outer, let before) = drafts[buffer].home { (whole, start) = (outer, before + offset) }
        let part = try newBuffer(drafts[buffer].elementType, dims, home: .part(of: whole, offset: start))
        drafts[whole].isTouched = true
        precondition(start >= 0 && drafts[part].byteCount <= drafts[whole].byteCount - start, "a part outside its whole")
        return part
    }

    /// A FLOAT16 or BFLOAT16 value that came from outside, as binary32.
    private func widen(_ buffer: BufferID, _ id: ValueID) throws -> BufferID {
        let wide = try newBuffer(.float, drafts[buffer].dims)
        emitCast(from: buffer, to: wide)
        return wide
    }

    /// A value that was computed with as binary32, in its own element type.
    private func narrow(_ buffer: BufferID, _ id: ValueID) throws -> BufferID {
        let narrow = try newBuffer(fact(id).elementType ?? .float, drafts[buffer].dims)
        emitCast(from: buffer, to: narrow)
        return narrow
    }

    private func emitCast(from source: BufferID, to target: BufferID) {
        drafts[root(source)].isTouched = true
        drafts[target].isTouched = true
        emit(
            CastStep(source: source, target: target, sourceType: drafts[source].elementType, targetType: drafts[target].elementType, byteCounts: (drafts[source].byteCount, drafts[target].byteCount)),
            for: [], reads: [source], writes: [target])
    }

    /// The same value in the other layout.
    private func convert(_ buffer: BufferID, _ dims: [Int], to layout: Layout) throws -> BufferID {
        let other: Layout = layout == .plain ? .channelsLast : .plain
        let target = try newBuffer(drafts[buffer].elementType, layout.physical(dims))
        drafts[target].isTouched = true
        drafts[root(buffer)].isTouched = true
        let width = drafts[buffer].elementType.storageWidth
        // As a value of three axes: positions are one.
        let box = [dims[0], dims[1], dims[2...].reduce(1, *)]
        guard let part = part(box, from: cells(buffer, width, box, other), to: cells(target, width, box, layout)) else {
            throw ModelError(.internalFault, "a value of three axes has too many")
        }
        emit(MoveStep(parts: [part], target: target), for: [], reads: [buffer], writes: [target])
        return target
    }

    /// As a generic kernel or the caller gets it.
    private func exact(_ id: ValueID) throws -> GenericStep.Operand {
        if case .constant(let constant) = unfolding.values[id].source { return .constant(constant) }
        let operand = try exactBuffer(id)
        if case .buffer(let buffer) = operand { drafts[root(buffer)].escapes = true }
        return operand
    }

    private func exactBuffer(_ id: ValueID) throws -> GenericStep.Operand {
        if let known = forms[id].exact { return .buffer(known) }
        let made: BufferID
        if isConstant(id) {
            let tensor = try unfolding.tensor(id).inPlace()
            guard case .plain(let bytes) = tensor.encoding else { throw ModelError(.internalFault, "a constant that has no bytes") }
            made = constantBuffer(bytes, tensor.elementType, tensor.dims)
        } else if let last = forms[id].exactChannelsLast, let dims = dims(id) {
            made = Layout.isFree(dims) ? try part(of: last, dims: dims) : try convert(last, dims, to: .plain)
        } else if let pixels = forms[id].pixels, let dims = dims(id) {
            made = try gather(pixels, dims, fact(id).elementType ?? .uint8, in: .plain)
        } else if fact(id).elementType == .float {
            made = try form(id, .plain)
        } else {
            made = try narrow(form(id, .plain), id)
        }
        forms[id].exact = made
        return .buffer(made)
    }

    private func constantFloats(_ id: ValueID) throws -> BufferID {
        let tensor = try unfolding.tensor(id)
        return constantBuffer(try tensor.float32Bytes(), .float, tensor.dims)
    }

    /// A constant made ready for a kernel, once per session where the constant is the model's own. `form` says how: equal forms of one
    /// constant are equal bytes. `pack` finds floats, at any address: pieces of the constant one after the other, each a number of whole `unit`s of
    /// elements, except that the last one may end within a unit.
    /// It may do so on another thread, and later, when a step needs it.
    func packed(
        _ id: ValueID, form: [Int], byteCount: Int, unit: Int, _ pack: @escaping (UnsafeRawPointer, Range<Int>, UnsafeMutableRawPointer) -> Void
    ) throws -> PackedWeights {
        // All memory has a base.
        guard case .constant(let constant) = unfolding.values[id].source else {
            let numbers = try unfolding.floats(id)
            return try batch.made(nil, byteCount: byteCount) { memory in
                unsafe numbers.withUnsafeBuffer { unsafe pack(UnsafeRawPointer($0.baseAddress!), 0..<numbers.count, memory.bytes.baseAddress!) }
            }
        }
        // The constant alone: who waits for a step keeps nothing else alive.
        return try batch.weights(PackCache.Key(constants: [constant.number], form: form), byteCount: byteCount, areFloats: true) { memory, buffers in
            try unsafe constant.forEachPiece(unit: unit, buffers) { numbers, range in unsafe pack(numbers, range, memory.bytes.baseAddress!) }
        }
    }

    /// The same for several constants that are packed into one; `pack` finds their numbers in the order of `ids`. `others` are packed too,
    /// by themselves.
    func packed(
        _ ids: [ValueID], with others: [Int] = [], form: [Int], byteCount: Int, _ pack: ([Elements<Float>], UnsafeMutableRawPointer) throws -> Void
    ) throws -> PackedWeights {
        let constants = ids.compactMap { id in if case .constant(let constant) = unfolding.values[id].source { constant.number } else { nil } }
        let key = constants.count == ids.count ? PackCache.Key(constants: constants + others, form: form) : nil
        return try batch.made(key, byteCount: byteCount) { memory in
            // posix_memalign gave it a base.
            try unsafe pack(try ids.map { try unfolding.floats($0) }, memory.bytes.baseAddress!)
            for id in ids { unfolding.release(id) }
        }
    }

    /// The same of weights that are bytes.
    func packedBytes(
        _ id: ValueID, form: [Int], byteCount: Int, _ pack: @escaping (UnsafeRawPointer, UnsafeMutableRawPointer) -> Void
    ) throws -> PackedWeights {
        func fill(_ tensor: Tensor?, _ memory: OwnedMemory, _ buffers: PackBuffers) throws {
            guard case .plain(let bytes)? = try tensor?.inPlace().encoding else { throw ModelError(.internalFault, "weights that have no bytes") }
            try unsafe buffers.withBytes(0..<bytes.count, of: bytes) { bytes in
                guard let address = bytes.baseAddress else { throw ModelError(.internalFault, "weights that have no bytes") }
                // All memory has a base.
                unsafe pack(address, memory.bytes.baseAddress!)
            }
        }
        guard case .constant(let constant) = unfolding.values[id].source else {
            let tensor = try unfolding.tensor(id)
            return try batch.weights(nil, byteCount: byteCount, areFloats: false) { try fill(tensor, $0, $1) }
        }
        return try batch.weights(PackCache.Key(constants: [constant.number], form: form), byteCount: byteCount, areFloats: false) { memory, buffers in
            try fill(constant.value.tensor, memory, buffers)
        }
    }

    // MARK: steps

    /// Adds a step. Buffers that it writes have their first value from it.
    func emit(_ step: any Step, for nodes: [Plan.Step], reads: [BufferID], writes: [BufferID], scratch: Int = 0) {
        for buffer in writes { drafts[root(buffer)].maker = steps.count }
        steps.append(DraftStep(step: step, nodes: nodes, reads: reads, writes: writes))
        scratchByteCount = max(scratchByteCount, scratch)
    }

    func replaceStep(at index: Int, with step: any Step, adding nodes: [Plan.Step], reads: [BufferID], writes: [BufferID], scratch: Int = 0) {
        steps[index].step = step
        steps[index].nodes += nodes
        steps[index].reads += reads
        steps[index].writes = writes
        for buffer in writes { drafts[root(buffer)].maker = index }
        scratchByteCount = max(scratchByteCount, scratch)
    }

    /// Takes a step away whose only reader does its work itself.
    func withdrawStep(at index: Int) { steps.remove(at: index) }

    /// The step that wrote a buffer last; nil for constants and what is given.
    func maker(of buffer: BufferID) -> Int? { drafts[root(buffer)].maker }

    func lowerGenerically(_ item: Item) throws {
        let operands = try item.inputs.map { id in try id.map { try exact($0) } ?? .none }
        let subgraphs = try item.subgraphs.mapValues { plan, captures in
            GenericStep.Subgraph(plan: plan, captures: try captures.map { try exact($0) })
        }
        let outputs = item.outputs.map { id in id.map { given($0) } }
        var reads: [BufferID] = []
        for operand in operands + subgraphs.values.flatMap(\.captures) { if case .buffer(let buffer) = operand { reads.append(buffer) } }
        let step = GenericStep(
            node: item.node, opset: item.opset, kernel: item.kernel, operands: operands, outputs: outputs, subgraphs: subgraphs)
        emit(step, for: [item.step], reads: reads, writes: outputs.compactMap { $0 })
    }

    // MARK: the end

    private func finish(inputs: [BufferID?], captures: [BufferID?], outputs: [GenericStep.Operand]) throws -> Program {
        for index in steps.indices { steps[index].step = try steps[index].step.finished(self) }
        var last = [Int](repeating: -1, count: drafts.count), first = [Int](repeating: -1, count: drafts.count)
        for (position, step) in steps.enumerated() {
            for buffer in step.reads + step.writes { last[root(buffer)] = position }
            for buffer in step.writes where first[root(buffer)] < 0 { first[root(buffer)] = position }
        }
        var isKept = [Bool](repeating: false, count: drafts.count)
        for case .buffer(let buffer) in outputs { isKept[root(buffer)] = true }

        // The plan of an arena takes time by the square of its pieces.
        let isLarge = drafts.count > 10_000
        var pieces: [ArenaPlan.Piece] = [], owners: [BufferID] = []
        var makes = [[BufferID]](repeating: [], count: steps.count), releases = makes
        for id in drafts.indices {
            switch drafts[id].home {
            case .arena where first[id] < 0: drafts[id].home = .fresh
            case .arena where drafts[id].escapes || isLarge:
                drafts[id].home = .fresh
                makes[first[id]].append(id)
                if !isKept[id] { releases[last[id]].append(id) }
            case .arena:
                owners.append(id)
                pieces.append(ArenaPlan.Piece(byteCount: drafts[id].byteCount, first: first[id], last: last[id]))
            case .given: if !isKept[id], last[id] >= 0 { releases[last[id]].append(id) }
            case .fresh, .constant, .part: break
            }
        }
        // Weights that are made for one step lie among its values, where those of other steps were or will be.
        let moment = batch.moment(threads: threads, mayPass: run.isOnly && isMain && !isLarge)
        let passing = moment == .passing ? packs.making.locked { steps.map { $0.step.packedWeights.map(PackBuffers.place) ?? 0 } } : []
        for (position, byteCount) in passing.enumerated() where byteCount > 0 {
            pieces.append(ArenaPlan.Piece(byteCount: byteCount, first: position, last: position))
        }
        let arena = try ArenaPlan(pieces)
        for (id, offset) in zip(owners, arena.offsets) { drafts[id].home = .arena(offset) }
        // The limit is on values; weights are as large as the file has them.
        try run.checkAllocation(arena.byteCount - (passing.max() ?? 0))
        let memory = try RunMemory(arena: arena.byteCount, scratch: scratchByteCount, run)
        if moment == .before { try unsafe batch.make(threads: threads, pool: run.pool, lending: memory.whole) }
        let buffers = drafts.map { Buffer(home: $0.home, elementType: $0.elementType, dims: $0.dims, byteCount: $0.byteCount, isTouched: $0.isTouched) }
        var places = arena.offsets.dropFirst(owners.count)
        let placed = steps.indices.map { position in
            let byteCount = passing.isEmpty ? 0 : passing[position], place = byteCount > 0 ? places.removeFirst() : 0
            return PlacedStep(
                step: steps[position].step, nodes: steps[position].nodes, makes: makes[position], releases: releases[position],
                passing: byteCount > 0 ? place..<place + byteCount : nil)
        }
        return Program(
            buffers: buffers, steps: placed, inputs: inputs, captures: captures, outputs: outputs, arenaByteCount: arena.byteCount,
            scratchByteCount: scratchByteCount, weights: batch.weights, memory: memory, maker: self)
    }
}
