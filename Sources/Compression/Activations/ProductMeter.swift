internal import Execution
internal import ModelGraph
internal import Operators
internal import Tensors

/// What products lose when both operands become codes of 8 bits, measured on rows of activations: the products are computed in floats of the rounded values.
struct ProductMeter {
    /// [inputs, outputs], row-major.
    struct Matrix {
        let rows: Int
        let columns: Int
        let values: [Float]
    }

    private let rows: RowSamples.Rows
    private let weights: [Matrix]
    private let elementType: ElementType
    private let session: Session
    private let expected: [Elements<Float>]
    private let signals: [Double]

    init(_ rows: RowSamples.Rows, _ weights: [Matrix], _ elementType: ElementType, threads: Int) throws {
        (self.rows, self.weights, self.elementType) = (rows, weights, elementType)
        let type = ValueType.tensor(.float)
        let graph = Graph(
            name: "product", nodes: [Node("MatMul", inputs: ["x", "w"], outputs: ["y"])],
            inputs: [ValueInfo(name: "x", type: type), ValueInfo(name: "w", type: type)], outputs: [ValueInfo(name: "y", type: type)])
        session = try Session(Model(irVersion: 8, opsetImports: [OpsetImport(version: 13)], graph: graph), options: .init(threads: threads))
        var expected: [Elements<Float>] = [], signals: [Double] = []
        for weight in weights {
            let result = try Self.product(rows.values, weight, weight.values, session)
            signals.append(result.reduce(0) { $0 + Double($1) * Double($1) })
            expected.append(result)
        }
        (self.expected, self.signals) = (expected, signals)
    }

    private static func product(_ x: [Float], _ weight: Matrix, _ values: [Float], _ session: Session) throws -> Elements<Float> {
        let a = try NewElements(x).tensor(.float, [x.count / weight.rows, weight.rows]), b = try NewElements(values).tensor(.float, [weight.rows, weight.columns])
        guard case .tensor(let y) = try session.run(["x": .tensor(a), "w": .tensor(b)])[0] else { throw ModelError(.internalFault, "a product is no tensor") }
        return try y.floats("a product")
    }

    /// Noise by signal of (X / s) (s W) with rounded operands, the mean over the products.
    func noise(_ factors: [Float]) throws -> Double {
        var x = rows.values
        for index in x.indices { x[index] /= factors[index % rows.channels] }
        var histogram = ActivationHistogram()
        unsafe x.withUnsafeBufferPointer { unsafe histogram.add($0) }
        let grid = RangeSearch(histogram: histogram).grid(.mse, elementType), low = Float(grid.lowest - grid.zero), high = Float(grid.highest - grid.zero)
        for index in x.indices { x[index] = min(max((x[index] / grid.scale).rounded(.toNearestOrEven), low), high) * grid.scale }
        var total = 0.0, count = 0.0
        for (number, weight) in weights.enumerated() where signals[number] > 0 {
            let found = try Self.product(x, weight, Self.rounded(weight, factors), session), expected = expected[number]
            var noise = 0.0
            for index in 0..<found.count {
                let error = Double(found[index]) - Double(expected[index])
                noise += error * error
            }
            total += noise / signals[number]
            count += 1
        }
        return count > 0 ? total / count : 0
    }

    /// s W with a scale for each output.
    private static func rounded(_ weight: Matrix, _ factors: [Float]) -> [Float] {
        var values = weight.values, scales = [Float](repeating: 0, count: weight.columns)
        for row in 0..<weight.rows {
            for column in 0..<weight.columns {
                values[row * weight.columns + column] *= factors[row]
                scales[column] = max(scales[column], abs(values[row * weight.columns + column]))
            }
        }
        for column in scales.indices { scales[column] /= 127 }
        for row in 0..<weight.rows {
            for column in 0..<weight.columns where scales[column] > 0 {
                let index = row * weight.columns + column
                values[index] = (values[index] / scales[column]).rounded(.toNearestOrEven) * scales[column]
            }
        }
        return values
    }
}
