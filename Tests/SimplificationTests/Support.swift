import Execution
import Foundation
import ModelGraph
import Operators
@testable import Simplification
import Tensors
import TestSupport
import Testing

extension Model {
    /// A model of these nodes. Inputs are FLOAT unless their name begins with "i" (INT64) or "b" (BOOL); a dim of -1 is the symbol N.
    static func of(
        _ nodes: [Node], _ initializers: [Tensor] = [], inputs: KeyValuePairs<Name, [Int64]> = ["x": [2, 3, 4, 4]], outputs: [Name] = ["y"], opset: Int64 = 17,
        ir: Int64 = 8, functions: [Function] = []
    ) -> Model {
        func type(_ name: Name, _ dims: [Int64]) -> ValueType {
            let element: ElementType = name.text.hasPrefix("i") ? .int64 : name.text.hasPrefix("b") ? .bool : .float
            return .tensor(element, Shape(dims.map { $0 < 0 ? Dimension(.symbol("N")) : Dimension(.value($0)) }))
        }
        return Model(
            irVersion: ir, opsetImports: [OpsetImport(version: opset)] + (functions.isEmpty ? [] : [OpsetImport(domain: "local", version: 1)]),
            graph: Graph(
                name: "g", nodes: nodes, inputs: inputs.map { ValueInfo(name: $0, type: type($0, $1)) },
                outputs: outputs.map { ValueInfo(name: $0, type: ValueType(.tensor(elementType: nil, shape: nil))) }, initializers: initializers),
            functions: functions)
    }

    /// Operators of the main graph in order.
    var operators: [String] { graph.nodes.map { $0.opType?.text ?? "" } }

    func simplified(_ passes: String...) throws -> Model { try simplify(self, options: .init(passes: passes.isEmpty ? nil : passes)).model }

    /// What it gives for inputs that depend on their names only; a symbol is 5.
    func outputs() throws -> [Value] {
        let session = try Session(self, options: .init(threads: 1))
        var inputs: [Name: Value] = [:]
        for info in session.inputs {
            guard case .tensor(let type, let shape?)? = info.type?.kind, let name = info.name else { continue }
            let dims = shape.dims.map { dim in if case .value(let size) = dim.size { Int(size) } else { 5 } }
            let count = dims.reduce(1, *)
            var random = SeededRandom(seed: name.bytes.reduce(7) { $0 &* 31 &+ UInt64($1) })
            switch type {
            case .int64?: inputs[name] = .tensor(.ints(nil, dims, (0..<count).map { _ in Int64(random.next() % 3) }))
            case .bool?: inputs[name] = .tensor(Tensor(.bool, dims: dims, bytes: TensorBytes((0..<count).map { _ in UInt8(random.next() % 2) })))
            default: inputs[name] = .tensor(.floats(nil, dims, (0..<count).map { _ in Float(random.next() % 2000) / 1000 - 1 }))
            }
        }
        return try session.run(inputs)
    }
}

struct SeededRandom {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }
}

/// Simplifies and runs both: names and order of inputs and outputs, types, dims and values must be the same, values to 1e-5 of the largest. A second run
/// finds nothing to do, and the result has no errors.
@discardableResult
func checked(_ model: Model, _ passes: String..., sourceLocation: SourceLocation = #_sourceLocation) throws -> Model {
    var options = SimplificationOptions(passes: passes.isEmpty ? nil : passes)
    options.checksWholeModel = true
    let simple = try simplify(model, options: options).model
    #expect(simple.graph.inputs.map(\.name) == model.graph.inputs.map(\.name), sourceLocation: sourceLocation)
    #expect(simple.graph.outputs == model.graph.outputs, sourceLocation: sourceLocation)
    #expect(checkModel(simple).errors == [], sourceLocation: sourceLocation)
    #expect(try simplify(simple, options: options).model == simple, "a second run changes something", sourceLocation: sourceLocation)
    for (index, (before, after)) in zip(try model.outputs(), try simple.outputs()).enumerated() {
        guard case .tensor(let a) = before, case .tensor(let b) = after else { continue }
        #expect(a.elementType == b.elementType && a.dims == b.dims, "output \(index)", sourceLocation: sourceLocation)
        guard a.elementType == .float else { #expect(try a.plainBytes() == b.plainBytes(), sourceLocation: sourceLocation); continue }
        let x = Array(try a.elements(as: Float.self)), y = Array(try b.elements(as: Float.self))
        let largest = x.map(abs).max() ?? 0
        #expect(zip(x, y).allSatisfy { $0 == $1 || abs($0 - $1) <= 1e-5 * largest }, "output \(index)", sourceLocation: sourceLocation)
    }
    return simple
}

extension Tensor {
    /// FLOATs that look like weights.
    static func weights(_ name: Name, _ dims: [Int], seed: UInt64 = 1) -> Tensor {
        var random = SeededRandom(seed: seed)
        return .floats(name, dims, (0..<dims.reduce(1, *)).map { _ in Float(random.next() % 1000) / 500 - 1 })
    }

    /// FLOATs from 0.5 to 1.5.
    static func positive(_ name: Name, _ dims: [Int], seed: UInt64 = 1) -> Tensor {
        var random = SeededRandom(seed: seed)
        return .floats(name, dims, (0..<dims.reduce(1, *)).map { _ in Float(random.next() % 1000) / 1000 + 0.5 })
    }
}
