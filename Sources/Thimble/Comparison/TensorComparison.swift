internal import ModelGraph
internal import Tensors

extension Comparison {
    /// Compares the values of all tensors; the n-th of several of one name at one place meets the n-th.
    mutating func compareTensors(_ a: ModelFile, _ b: ModelFile, threads: Int) throws {
        let before = TensorList.of(a.model), after = TensorList.of(b.model)
        var pairs: [(before: TensorList.Entry?, after: TensorList.Entry?)] = []
        var list = DifferenceList(limit: 0)
        list.pairs(before, after, key: \.key) { _, _, before, after in pairs.append((before, after)) }
        let results = ComparedTensors(count: pairs.count)
        let work = pairs
        try concurrently(pairs.count, threads: threads) { index in
            guard let x = work[index].before, let y = work[index].after else { return }
            // Small differences of names and notes count as structure; values are compared here.
            results.set(index, try within(x.row.label) { try ValueComparison(x.tensor, y.tensor).run() })
        }
        tensors = pairs.enumerated().map { index, pair in
            let result = results[index]
            return TensorChange(before: pair.before?.row, after: pair.after?.row, isIdentical: result?.isIdentical ?? false, error: result?.error)
        }
        for pair in pairs {
            guard let x = pair.before, let y = pair.after else { continue }
            addNotes(x, y)
        }
    }

    /// What a tensor has beside its values.
    private mutating func addNotes(_ a: TensorList.Entry, _ b: TensorList.Entry) {
        var list = DifferenceList(limit: 10)
        let place = a.row.place + (a.row.name.map { ["initializer '\($0)'"] } ?? [])
        list.text("doc_string", at: place, a.tensor.docString, b.tensor.docString)
        list.metadata(a.tensor.metadata, b.tensor.metadata, at: place)
        let (x, y) = (a.tensor.origin, b.tensor.origin)
        if x.field != y.field { list.add("stored in", at: place, x.field.spelling, y.field.spelling) } else if x != y {
            list.add("stored in", at: place, x.field.spelling, "\(y.field.spelling), with other notes")
        }
        differences += list.items
    }
}

/// The tensors of a model with their rows and what tells them from one another.
enum TensorList {
    struct Entry: Sendable {
        let key: Name
        let row: Inspection.TensorRow
        let tensor: Tensor
    }

    static func of(_ model: Model) -> [Entry] {
        var entries: [Entry] = []
        model.forEachTensor { tensor, place in
            let row = Inspection.TensorRow(tensor, byteCount: tensor.storedByteCount, at: place)
            entries.append(Entry(key: Name((row.place + [tensor.name?.text ?? ""]).joined(separator: "\u{1}")), row: row, tensor: tensor))
        }
        return entries
    }
}

/// Sets the values of two tensors against each other, a piece at a time.
struct ValueComparison {
    struct Result: Sendable {
        var isIdentical: Bool
        var error: ValueError?
    }

    private let a: Tensor
    private let b: Tensor

    init(_ a: Tensor, _ b: Tensor) {
        self.a = a
        self.b = b
    }

    func run() throws -> Result {
        if a.elementType == b.elementType, a.dims == b.dims, a.encoding == b.encoding { return Result(isIdentical: true) }
        if case .strings = a.encoding { return Result(isIdentical: false) }
        guard a.dims == b.dims, a.elementType.isNumber, b.elementType.isNumber, a.elementCount != nil else { return Result(isIdentical: false) }
        let x = try a.plainBytes(), y = try b.plainBytes()
        guard let needA = a.plainByteCount, let needB = b.plainByteCount, x.count >= needA, y.count >= needB else { return Result(isIdentical: false) }
        if a.elementType == b.elementType, x == y { return Result(isIdentical: true) }
        var sums = ErrorSums()
        try sums.add(a, b)
        return Result(isIdentical: false, error: sums.result)
    }
}

/// Results of threads, by index.
private final class ComparedTensors: @unchecked Sendable {
    private let lock = Lock()
    private var results: [ValueComparison.Result?]

    init(count: Int) { results = Array(repeating: nil, count: count) }

    func set(_ index: Int, _ result: ValueComparison.Result) { lock.locked { results[index] = result } }
    subscript(index: Int) -> ValueComparison.Result? { lock.locked { results[index] } }
}
