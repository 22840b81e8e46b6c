internal import Tensors

/// A type that operators on floats compute in: Double for DOUBLE, Float for the rest, which is rounded once at the end.
protocol RealElement: Multipliable, Real {
    /// The elements of a tensor of a float type; `what` names it in the error.
    static func load(_ tensor: Tensor, _ what: String) throws -> Elements<Self>
    /// The tensor of type `type` that has these values.
    static func store(_ values: NewElements<Self>, as type: ElementType, _ dims: [Int]) throws -> Tensor
}

extension Float: RealElement {
    static func load(_ tensor: Tensor, _ what: String) throws -> Elements<Float> { try tensor.floats(what) }

    static func store(_ values: NewElements<Float>, as type: ElementType, _ dims: [Int]) throws -> Tensor {
        try Tensor.rounding(values, to: type, dims)
    }
}

extension Double: RealElement {
    static func load(_ tensor: Tensor, _ what: String) throws -> Elements<Double> {
        if tensor.elementType == .double { return try tensor.elements() }
        return try NewElements(tensor.floats(what).map { Double($0) }).finished
    }

    static func store(_ values: NewElements<Double>, as type: ElementType, _ dims: [Int]) throws -> Tensor {
        if type == .double { return values.tensor(.double, dims) }
        let floats = try NewElements<Float>(values.count)
        for index in 0..<values.count { floats[index] = Float(values[index]) }
        return try Tensor.rounding(floats, to: type, dims)
    }
}

extension Call {
    /// New elements for an output of `dims`, after its size was held against the limits.
    func newElements<T: Element>(_ dims: [Int], _ type: T.Type = T.self) throws -> NewElements<T> {
        guard let count = elementCount(of: dims), let size = checkedMultiply(count, MemoryLayout<T>.stride) else {
            throw ModelError(.limit, "a result of \(dims) is too large for a tensor")
        }
        return NewElements<T>(try environment.memory(size), count)
    }

    /// All numbers of a float input as an array, or nil if it is left out; throws unless there are `count` of them.
    func vector<T: RealElement>(_ index: Int, count: Int, _ what: String, _ type: T.Type = T.self) throws -> [T]? {
        guard let tensor = try optionalTensor(index) else { return nil }
        let values = try T.load(tensor, what)
        guard values.count == count else { throw ModelError(.invalidGraph, "\(what) has dims \(tensor.dims), \(count) numbers are needed") }
        return Array(values)
    }
}

extension Elements {
    /// For loops whose bounds were checked before. There is a base even if there are no elements.
    func withPointer<R>(_ body: (UnsafePointer<T>) throws -> R) rethrows -> R {
        unsafe try withUnsafeBuffer { unsafe try body($0.baseAddress!) }
    }
}

extension NewElements {
    /// For loops whose bounds were checked before. There is a base even if there are no elements.
    func withPointer<R>(_ body: (UnsafeMutablePointer<T>) throws -> R) rethrows -> R {
        unsafe try withUnsafeBuffer { unsafe try body($0.baseAddress!) }
    }
}
