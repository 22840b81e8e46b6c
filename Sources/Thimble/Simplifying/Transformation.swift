public import ModelGraph
public import Simplification
internal import Tensors

/// What a conversion does to a model on the way, and what came of it.
struct Transformation {
    var model: Model
    var simplification: SimplificationReport?
    var strip: StripReport?

    /// True if the model is no longer the one that was read.
    var isChange: Bool { simplification != nil || strip != nil }

    init(_ source: Model, _ options: ConversionOptions) throws {
        model = source
        let wanted = options.simplification ?? (options.quantization?.activations == nil ? nil : .beforeIntegers)
        if let wanted { (model, simplification) = try simplify(model, options: wanted) }
        if options.strips {
            let before = model.textShare
            model = Simplification.strip(model)
            strip = StripReport(before: before, after: model.textShare)
        }
    }
}

/// What `--strip` took away.
public struct StripReport: Sendable, Equatable {
    /// Kinds of text with the bytes that went.
    public var removed: TextShare
    public var byteCount: Int { removed.byteCount }

    init(before: TextShare, after: TextShare) {
        removed = before
        removed.kinds = before.kinds.compactMap { kind in
            let rest = after.kinds.first { $0.name == kind.name }
            let left = TextShare.Kind(name: kind.name, count: kind.count - (rest?.count ?? 0), byteCount: kind.byteCount - (rest?.byteCount ?? 0))
            return left.byteCount > 0 ? left : nil
        }
        removed.absolutePaths = before.absolutePaths.filter { path in !after.absolutePaths.contains { $0.utf8.elementsEqual(path.utf8) } }
        removed.absolutePathCount = before.absolutePathCount - after.absolutePathCount
    }
}

extension Model {
    /// All text in it that no runtime needs.
    var textShare: TextShare {
        var visitor = TextVisitor()
        visitor.collector.add(self)
        visit(&visitor)
        return visitor.collector.share
    }
}

private struct TextVisitor: ModelVisitor {
    var collector = TextCollector()

    mutating func enter(_ graph: Graph, at place: Place) { collector.add(graph) }
    mutating func enter(_ function: Function, at place: Place) { collector.add(function) }
    mutating func enter(_ node: Node, at place: Place) { collector.add(node) }
    mutating func visit(_ tensor: Tensor, at place: Place) { collector.add(tensor) }
}

extension Thimble {
    /// The model with fewer nodes and bytes that computes the same, and what was done: see `Simplification.simplify`.
    public static func simplify(_ model: Model, options: SimplificationOptions = .init()) throws -> (model: Model, report: SimplificationReport) {
        try Simplification.simplify(model, options: options)
    }

    /// The model without text that no runtime needs: see `Simplification.strip`.
    public static func strip(_ model: Model) -> Model { Simplification.strip(model) }
}

extension SimplificationOptions {
    /// What integer products cannot do without: scales and paddings that stand alone would each need codes of their own.
    fileprivate static let beforeIntegers = SimplificationOptions(
        passes: ["constants-to-initializers", "fold-constants", "remove-identities", "fold-batch-normalization", "fold-scale-and-bias", "fold-padding", "remove-dead-code"],
        // Weights become codes, and nobody can give others then.
        freezesDefaults: true)
}
