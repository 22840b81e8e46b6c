internal import Tensors

/// The input of a learned model: rows of features. A vector is one row, as ONNX Runtime reads it.
struct FeatureMatrix<T: Element & BinaryFloatingPoint> {
    let rows: Int
    let columns: Int
    let elements: Elements<T>

    init(_ tensor: Tensor) throws {
        switch tensor.dims.count {
        case 1: (rows, columns) = (1, tensor.dims[0])
        case 2: (rows, columns) = (tensor.dims[0], tensor.dims[1])
        default: throw ModelError(.invalidGraph, "the input has dims \(tensor.dims); [rows, features] or [features] is needed")
        }
        elements = try tensor.numbers("the input")
    }

    /// `x · wᵀ` for weights of shape [outputs, columns], which were checked to be as many.
    func product(_ weights: [T], outputs: Int, into result: NewElements<T>) {
        precondition(weights.count >= outputs * columns && result.count == rows * outputs, "a product of shapes that do not fit")
        unsafe elements.withUnsafeBuffer { x in
            unsafe weights.withUnsafeBufferPointer { w in
                for row in 0..<rows {
                    for output in 0..<outputs {
                        var sum: T = 0
                        for column in 0..<columns { unsafe sum += x[row &* columns &+ column] * w[output &* columns &+ column] }
                        result[row * outputs + output] = sum
                    }
                }
            }
        }
    }
}
