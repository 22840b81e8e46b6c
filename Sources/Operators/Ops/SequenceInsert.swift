package import Tensors

package enum SequenceInsert: Runnable {
    package static let name: Name = "SequenceInsert"

    package static func run(_ call: Call) throws -> [Value?] {
        var values = try call.sequence(0)
        let count = values.count
        var position = try call.optionalTensor(2)?.wholeNumber("input 2, the position,") ?? count
        guard position >= -count, position <= count else {
            throw ModelError(.invalidGraph, "position \(position) of a sequence of \(count), \(-count) to \(count) exist")
        }
        if position < 0 { position += count }
        values.insert(.tensor(try call.tensor(1)), at: position)
        return [.sequence(values)]
    }
}
