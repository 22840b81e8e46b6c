package import Tensors

package enum SequenceInsert: Inferring, Runnable {
    package static let name: Name = "SequenceInsert"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        // Of a sequence that is known to be empty only the type is known: it says nothing of the dims.
        return [.sequence(of: .common(try call.element(0), try call.tensor(1).withoutValue))]
    }

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
