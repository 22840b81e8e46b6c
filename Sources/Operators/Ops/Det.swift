package import Tensors

package enum Det: Inferring, Runnable {
    package static let name: Name = "Det"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let x = try call.tensor(0)
        if let rank = x.rank, rank < 2 { throw ModelError(.invalidGraph, "the input is \(x), square matrices are needed") }
        return [Fact(x.elementType, x.dims.map { Array($0.dropLast(2)) })]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0)
        guard x.dims.count >= 2, let n = x.dims.last, x.dims[x.dims.count - 2] == n else {
            throw ModelError(.invalidGraph, "the input has dims \(x.dims), square matrices are needed")
        }
        let values = try Double.load(x, "the input"), dims = Array(x.dims.dropLast(2))
        let y = try call.newElements(dims, Double.self)
        for index in 0..<y.count { y[index] = determinant(Array(values[index * n * n..<(index + 1) * n * n]), n) }
        return [.tensor(try Double.store(y, as: x.elementType, dims))]
    }

    /// By elimination with the largest pivot.
    private static func determinant(_ matrix: [Double], _ n: Int) -> Double {
        var a = matrix, result = 1.0
        for column in 0..<n {
            var pivot = column
            for row in column..<n where abs(a[row * n + column]) > abs(a[pivot * n + column]) { pivot = row }
            let value = a[pivot * n + column]
            if value == 0 { return 0 }
            if pivot != column {
                for k in 0..<n { a.swapAt(pivot * n + k, column * n + k) }
                result.negate()
            }
            result *= value
            for row in (column + 1)..<max(n, column + 1) {
                let factor = a[row * n + column] / value
                for k in column..<n { a[row * n + k] -= factor * a[column * n + k] }
            }
        }
        return result
    }
}
