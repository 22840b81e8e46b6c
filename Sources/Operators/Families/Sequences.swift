internal import Tensors

extension Call {
    /// A sequence that an input holds.
    func sequence(_ index: Int) throws -> [Value] {
        let value = try value(index)
        guard case .sequence(let values) = value else { throw ModelError(.invalidGraph, "input \(index) is \(value.summary), a sequence is needed") }
        return values
    }

    /// A position in a sequence of `count`, counted from the end if negative; nil if the input is left out.
    func position(_ index: Int, in count: Int) throws -> Int? {
        guard let position = try optionalTensor(index)?.wholeNumber("input \(index), the position,") else { return nil }
        guard position >= -count, position < count else {
            throw ModelError(.invalidGraph, "position \(position) of a sequence of \(count), \(-count) to \(count - 1) exist")
        }
        return position < 0 ? position + count : position
    }
}
