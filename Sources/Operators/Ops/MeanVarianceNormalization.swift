package import Tensors

package enum MeanVarianceNormalization: Inferring, Runnable {
    package static let name: Name = "MeanVarianceNormalization"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.tensor(0).elementType == .double ? run(call, Double.self) : run(call, Float.self)
    }

    private static func run<T: RealElement>(_ call: Call, _: T.Type) throws -> [Value?] {
        let x = try call.tensor(0)
        let standard = [0, 2, 3].filter { $0 < x.dims.count }
        guard x.elementCount != 0 else { return [.tensor(x)] }
        let axes = Set(try call.axes(call.ints("axes") ?? standard, rank: x.dims.count))
        // Which of the kept rows each element belongs to.
        let kept = x.dims.indices.filter { !axes.contains($0) }
        let strides = denseStrides(kept.map { x.dims[$0] }), dense = denseStrides(x.dims)
        let rows = kept.reduce(1) { $0 * x.dims[$1] }
        let values = try T.load(x, "the input"), y = try call.newElements(x.dims, T.self)
        guard values.count > 0 else { return [.tensor(x)] }
        func row(_ index: Int) -> Int {
            var result = 0
            for (place, axis) in kept.enumerated() { result += index / dense[axis] % x.dims[axis] * strides[place] }
            return result
        }
        var means = [T](repeating: 0, count: rows), squares = means
        let count = T(max(1, values.count / max(1, rows)))
        for index in 0..<values.count { means[row(index)] += values[index] / count }
        for index in 0..<values.count { let d = values[index] - means[row(index)]; squares[row(index)] += d * d / count }
        let deviations = squares.map { $0.squareRoot() + 1e-9 }
        for index in 0..<values.count { let at = row(index); y[index] = (values[index] - means[at]) / deviations[at] }
        return [.tensor(try T.store(y, as: x.elementType, x.dims))]
    }
}
