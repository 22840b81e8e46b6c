internal import Tensors

extension InferenceCall {
    /// Y, Y_h and, if `hasCell`, Y_c of RNN, GRU and LSTM, as `Recurrent` makes them.
    func recurrent(hasCell: Bool) throws -> [Fact] {
        let x = try tensor(0), w = try tensor(1), r = try tensor(2)
        for fact in [x, w, r] {
            if let rank = fact.rank, rank != 3 { throw ModelError(.invalidGraph, "X is \(x), W is \(w), R is \(r); 3 dimensions of each are needed") }
        }
        let type = try commonType(0..<3), direction = try string("direction", "forward").lowercased()
        guard ["forward", "reverse", "bidirectional"].contains(direction) else {
            throw ModelError(.invalidGraph, "'direction' is '\(printable(direction))', forward, reverse or bidirectional is needed")
        }
        let directions: Dim = direction == "bidirectional" ? 2 : 1
        let stated = try int("hidden_size").map(Dim.value)
        let hidden = try same(r.dims?[2] ?? .unknown, stated ?? .unknown, "'hidden_size' is not what R says").asSize
        let isBatchFirst = try bool("layout")
        let steps = (x.dims?[isBatchFirst ? 1 : 0] ?? .unknown).asSize, batch = (x.dims?[isBatchFirst ? 0 : 1] ?? .unknown).asSize
        let state = Fact(type, isBatchFirst ? [batch, directions, hidden] : [directions, batch, hidden])
        return [Fact(type, isBatchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden]), state] + (hasCell ? [state] : [])
    }
}
