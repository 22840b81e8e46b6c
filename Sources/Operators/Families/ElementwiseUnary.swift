internal import Tensors

/// A function of one number, for integers and floats.
protocol NumberFunction: Sendable {
    func apply<T: Number>(_ x: T) -> T
}

/// A function of one real number.
protocol RealFunction: Sendable {
    func apply<T: Real>(_ x: T) -> T
}

/// A question about one real number.
protocol RealPredicate: Sendable {
    func apply<T: Real>(_ x: T) -> Bool
}

extension Call {
    /// Input 0, `function` applied to each element.
    func map(_ function: some NumberFunction) throws -> [Value?] {
        let input = try tensor(0)
        return [.tensor(try input.elementType.withNumbers(NumberMap(input: input, function: function)))]
    }

    func mapReals(_ function: some RealFunction) throws -> [Value?] { [.tensor(try tensor(0).mapReals(function))] }

    /// The same as BOOL; the 8-bit floats are looked at as binary32.
    func mapReals(_ predicate: some RealPredicate) throws -> [Value?] {
        let input = try tensor(0)
        let type = FloatFormat(input.elementType) == nil ? input.elementType : .float
        return [.tensor(try type.withReals(RealTest(input: input, predicate: predicate)))]
    }
}

extension Tensor {
    /// `function` of each element, which are real numbers.
    func mapReals(_ function: some RealFunction) throws -> Tensor {
        try elementType.withReals(RealMap(input: self, function: function))
    }
}

private struct NumberMap<F: NumberFunction>: NumberWork {
    let input: Tensor
    let function: F

    func run<T: Number>(_ type: T.Type) throws -> Tensor {
        let source = try T.elements(of: input), result = try NewElements<T>(source.count)
        fill(result, from: source) { function.apply($0) }
        return try T.tensor(result, input.elementType, input.dims)
    }
}

private struct RealMap<F: RealFunction>: RealWork {
    let input: Tensor
    let function: F

    func run<T: Real>(_ type: T.Type) throws -> Tensor {
        let source = try T.elements(of: input), result = try NewElements<T>(source.count)
        fill(result, from: source) { function.apply($0) }
        return try T.tensor(result, input.elementType, input.dims)
    }
}

private struct RealTest<P: RealPredicate>: RealWork {
    let input: Tensor
    let predicate: P

    func run<T: Real>(_ type: T.Type) throws -> Tensor {
        let source = try T.elements(of: input), result = try NewElements<UInt8>(source.count)
        fill(result, from: source) { predicate.apply($0) ? 1 : 0 }
        return result.tensor(.bool, input.dims)
    }
}
