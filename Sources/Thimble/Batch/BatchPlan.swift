internal import Tensors

/// Which file of a folder becomes which file of another.
struct BatchPlan: Equatable {
    struct Item: Equatable, Sendable {
        /// Relative to the two folders.
        var input: String
        var output: String
        /// Why the file cannot be converted at all; nil if it can be tried.
        var refusal: String?
        /// `input` is for people already, as it is no UTF-8.
        var isEscaped = false
    }

    var items: [Item] = []

    /// `target` nil: the kind that the files are not; `.onnx` files where a folder holds both. Given: every model file becomes that kind.
    init(_ files: FolderListing, to target: FileKind?) throws {
        let models = files.files.compactMap { file in FileKind(ending: file.path).map { (file, $0) } }
        let source = models.contains { $0.1 == .onnx } ? FileKind.onnx : .thimble
        for (file, kind) in models where target != nil || kind == source {
            let output = String(file.path.dropLast(kind.ending.count)) + (target ?? kind.other).ending
            items.append(Item(input: file.path, output: output, refusal: file.refusal))
        }
        for path in files.unreadable { items.append(Item(input: path.path, output: "", refusal: path.reason, isEscaped: true)) }
        items.sort { Name($0.input) < Name($1.input) }
        refuseCollisions()
    }

    /// Two inputs for one output: neither is converted, because which one won would be chance.
    private mutating func refuseCollisions() {
        var users: [Name: [Int]] = [:]
        for index in items.indices where items[index].refusal == nil { users[Name(items[index].output), default: []].append(index) }
        for index in items.indices {
            guard items[index].refusal == nil, let others = users[Name(items[index].output)], others.count > 1 else { continue }
            let other = others.first { $0 != index }.map { items[$0].input } ?? ""
            items[index].refusal = "would become '\(printable(items[index].output))', as '\(printable(other))' would; convert them apart"
        }
    }
}
